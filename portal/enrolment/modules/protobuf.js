// Protocol buffers as far as Fabric's messages need them, read strictly: bytes that two readers could read in two ways are
// refused. So there is no field that is not named, none twice, and no number in more bytes than it needs.

import { concat, text, utf8 } from './bytes.js';

const VARINT = 0;
const LENGTH = 2;

// The wire type of each kind of field, and what it is where it is absent.
const KINDS = {
  number: [VARINT, () => 0n],
  bytes: [LENGTH, () => new Uint8Array()],
  text: [LENGTH, () => ''],
  list: [LENGTH, () => []],
};

// Reads a message. A schema is { number of the field: [its name, its kind] }; a list holds the bytes of each element.
export function read(bytes, schema, what) {
  const refuse = (reason) => { throw new Error(`${what}: ${reason}`); };
  const message = {};
  for (const [name, kind] of Object.values(schema)) message[name] = KINDS[kind][1]();
  const seen = new Set();
  let at = 0;

  function varint() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (at >= bytes.length) refuse('it ends within a number');
      const byte = bytes[at];
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0n) refuse('a number has more bytes than it needs');
        if (value >> 64n !== 0n) refuse('a number is too large');
        return value;
      }
    }
    return refuse('a number is too long');
  }

  function content() {
    const length = varint();
    if (length > BigInt(bytes.length - at)) refuse('a field is longer than the message');
    const start = at;
    at += Number(length);
    return bytes.subarray(start, at);
  }

  while (at < bytes.length) {
    const tag = varint();
    const [name, kind] = schema[tag >> 3n] ?? refuse(`it has the field ${tag >> 3n}, which nobody here knows`);
    if (Number(tag & 7n) !== KINDS[kind][0]) refuse(`its field ${name} is of another type`);
    if (kind === 'list') {
      message[name].push(content());
      continue;
    }
    if (seen.has(name)) refuse(`it has its field ${name} twice`);
    seen.add(name);
    if (kind === 'number') message[name] = varint();
    else message[name] = kind === 'text' ? text(content()) : content();
  }
  return message;
}

function varintOf(value) {
  const bytes = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

// Writes a field of bytes or text; one that is empty is left out.
export function field(number, value) {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  if (bytes.length === 0) return new Uint8Array();
  return concat(varintOf(number * 8 + LENGTH), varintOf(bytes.length), bytes);
}
