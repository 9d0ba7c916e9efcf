// Reads the confidential part of an application: signs the question in this page, and holds each field of the answer against its hash on
// the ledger. What is read stands in the page alone.

import { ask, signer } from './act.js';
import { fromBase64, hex, sha256, text, utf8 } from './bytes.js';
import { canonical } from './canonical.js';
import { agree, post, signing } from './dialog.js';

for (const form of document.querySelectorAll('form[data-read]')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    read(form);
  });
}

async function read(form) {
  const button = form.querySelector('button');
  const problem = form.querySelector('[data-problem]');
  const shown = document.querySelector('[data-fields]');
  button.disabled = true;
  problem.hidden = true;
  shown.replaceChildren();
  try {
    const { application } = form.dataset;
    const asked = {
      act: crypto.randomUUID().replaceAll('-', ''),
      chaincode: form.elements.chaincode.value,
      channel: signing.dataset.channel,
      arguments: ['confidential:get', application],
    };
    const end = await ask(asked, await signer(signing.dataset), {
      post: (path, fields) => post(form, path, fields),
      agree: (proposal) => agree(proposal, [], 'question'),
    });
    if (end.state === 'declined') throw new Error('You did not sign it, and nothing was read.');
    if (!end.answer) throw new Error(end.problem || 'It was not answered. Load the page again.');
    const fields = await compared(JSON.parse(text(fromBase64(end.answer))), application, form.dataset.hashes.trim().split(' '));
    shown.replaceChildren(...fields.map(card));
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
  button.disabled = false;
}

// Each hash of the ledger with the field that has it. A field that has none of them, or is of another application, is told.
async function compared(answer, application, hashes) {
  const found = await Promise.all(answer.fields.map(async ({ private: field }) => (
    { field, hash: `sha256:${hex(await sha256(utf8(canonical(field))))}` })));
  const judged = found.map(({ field, hash }) => (
    { field, hash, isRight: field.application === application && hashes.includes(hash) }));
  const missing = hashes.filter((hash) => !found.some((it) => it.hash === hash));
  return [...judged, ...missing.map((hash) => ({ hash }))];
}

function card({ field, hash, isRight }) {
  const item = document.createElement('section');
  const add = (name, content, className) => {
    const element = document.createElement(name);
    element.textContent = content;
    element.className = className;
    item.append(element);
  };
  if (!field) {
    add('p', `The answer lacks the field of the hash ${hash}.`, 'problem wrap');
    return item;
  }
  const { value } = field;
  add('h3', field.field, 'wrap');
  add('p', typeof value === 'string' ? value : JSON.stringify(value, null, 2), 'secret');
  if (isRight) add('p', 'Its hash is on the ledger.', 'saved');
  else add('p', 'The ledger has no such hash: this is not what was handed in.', 'problem');
  add('p', hash, 'quiet wrap');
  return item;
}
