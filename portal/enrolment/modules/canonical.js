// Canonical JSON (RFC 8785): one spelling of a document, so that it has one hash. Its numbers and texts are written as
// ECMAScript writes them, its members in the order of UTF-16, which is that of JavaScript.

import { hex, sha256, utf8 } from './bytes.js';

export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.keys(value).sort().map((name) => `${canonical(name)}:${canonical(value[name])}`);
    return `{${members.join(',')}}`;
  }
  if (typeof value === 'string' && !value.isWellFormed()) throw new Error('A text has half a character.');
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error('A number is too large.');
  return JSON.stringify(value);
}

// What a decision decides on: the canonical form of a document without its proof, and that form's SHA-256.
export async function decided(document) {
  const { proof, ...unsigned } = document;
  const form = canonical(unsigned);
  return { form, hash: `sha256:${hex(await sha256(utf8(form)))}` };
}
