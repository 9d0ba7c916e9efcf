// The little DER that a key's owner writes: a request for a certificate (PKCS #10, RFC 2986), and ECDSA signatures as
// Fabric takes them, with a low S.

import { concat, toBase64, utf8 } from './bytes.js';

const [INTEGER, BIT_STRING, OBJECT_IDENTIFIER, UTF8_STRING, SEQUENCE, SET, ATTRIBUTES] =
  [0x02, 0x03, 0x06, 0x0c, 0x30, 0x31, 0xa0];

// The order of the curve P-256 (FIPS 186-4, D.1.2.3).
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const COMMON_NAME = [0x55, 0x04, 0x03];
const ECDSA_WITH_SHA_256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

function element(tag, ...contents) {
  const content = concat(...contents);
  const length = [];
  for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
  const header = content.length < 0x80 ? [tag, content.length] : [tag, 0x80 | length.length, ...length];
  return concat(header, content);
}

// A positive number: as many bytes as it needs, the first below 0x80.
function integer(number) {
  let digits = number.toString(16);
  if (digits.length % 2 === 1) digits = `0${digits}`;
  const bytes = digits.match(/../g).map((pair) => Number.parseInt(pair, 16));
  return element(INTEGER, bytes[0] < 0x80 ? bytes : [0, ...bytes]);
}

const number = (bytes) => bytes.reduce((value, byte) => value * 256n + BigInt(byte), 0n);

// WebCrypto signs as r and s beside one another, and half of all its s are high: the other of the two that fit is low.
export function signatureToDer(raw) {
  if (raw.length !== 64) throw new Error('This is no signature of a P-256 key.');
  const [r, s] = [number(raw.subarray(0, 32)), number(raw.subarray(32))];
  return element(SEQUENCE, integer(r), integer(s > ORDER / 2n ? ORDER - s : s));
}

// Signs a message; WebCrypto hashes it.
export async function sign(privateKey, message) {
  const raw = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, message);
  return signatureToDer(new Uint8Array(raw));
}

// A request by which the key's owner shows that it has the private key. It names nobody: whose key it is, the portal knows.
export async function certificateRequest({ privateKey, publicKey }) {
  const subject = element(SEQUENCE, element(SET, element(SEQUENCE,
    element(OBJECT_IDENTIFIER, COMMON_NAME), element(UTF8_STRING, utf8('nanotrace')))));
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));
  const info = element(SEQUENCE, element(INTEGER, [0]), subject, spki, element(ATTRIBUTES));
  const algorithm = element(SEQUENCE, element(OBJECT_IDENTIFIER, ECDSA_WITH_SHA_256));
  const signature = element(BIT_STRING, [0], await sign(privateKey, info));
  return pem('CERTIFICATE REQUEST', element(SEQUENCE, info, algorithm, signature));
}

function pem(label, der) {
  const lines = toBase64(der).match(/.{1,64}/g);
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
