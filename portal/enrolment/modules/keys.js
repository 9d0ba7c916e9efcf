// The keys that this browser holds. A private key is made here and cannot be taken out: not by this page, not by another,
// not by the portal. It signs for pages of this site, in this browser alone.

import { concat, equal, fromBase64, hex, sha256 } from './bytes.js';

const KEYS = 'keys';
const ACTS = 'acts';

function finished(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function open() {
  const request = indexedDB.open('nanotrace', 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(KEYS, { keyPath: 'fingerprint' });
    request.result.createObjectStore(ACTS, { keyPath: 'act' });
  };
  return finished(request);
}

async function within(store, mode, act) {
  const database = await open();
  try {
    return await finished(act(database.transaction(store, mode).objectStore(store)));
  } finally {
    database.close();
  }
}

const spkiOf = async (publicKey) => new Uint8Array(await crypto.subtle.exportKey('spki', publicKey));

// Makes a key and keeps it.
export async function makeKey() {
  // Otherwise a browser that runs out of room may forget it.
  await navigator.storage?.persist?.();
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify']);
  const fingerprint = hex(await sha256(await spkiOf(pair.publicKey)));
  const { privateKey, publicKey } = pair;
  await within(KEYS, 'readwrite', (store) => store.put({ fingerprint, privateKey, publicKey }));
  return pair;
}

// The key of this fingerprint (SHA-256 of its SubjectPublicKeyInfo), if this browser has it.
export const keyOf = (fingerprint) => within(KEYS, 'readonly', (store) => store.get(fingerprint));

// A certificate (PEM) of this key; another key's is refused.
export async function checkCertificate(key, certificate) {
  const body = certificate.match(/^-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/);
  if (!body) throw new Error('The certificate cannot be read.');
  const der = fromBase64(body[1].replace(/\s/g, ''));
  const spki = await spkiOf(key.publicKey);
  const holds = der.some((_, at) => equal(der.subarray(at, at + spki.length), spki));
  if (!holds) throw new Error("The certificate is not of this browser's key.");
}

// A proposal that was signed here: what comes back for it is held against it, also by a page that was loaded later.
export const rememberProposal = (act, proposal) =>
  within(ACTS, 'readwrite', (store) => store.put({ act, proposal: concat(proposal) }));

const signed = (act) => within(ACTS, 'readonly', (store) => store.get(act));

export const isSigned = async (act) => (await signed(act)) !== undefined;

export async function rememberedProposal(act) {
  const found = await signed(act);
  if (!found) throw new Error('This browser has signed no such step. If another one has, go on there.');
  return found.proposal;
}

export const forgetProposal = (act) => within(ACTS, 'readwrite', (store) => store.delete(act));
