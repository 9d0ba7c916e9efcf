// Reads the confidential part of an application: signs the question in this page, and holds each field of the answer against its hash on
// the ledger. What is read stands in the page alone. Where a form opens one field to somebody, the field that the person chooses goes into it,
// and no other.

import { ask, signer } from './act.js';
import { fromBase64, hex, sha256, text, utf8 } from './bytes.js';
import { canonical } from './canonical.js';
import { agree, post, signing } from './dialog.js';

const opening = document.querySelector('form[data-open]');

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
  if (opening) forget();
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
  if (isRight && opening) item.append(choice(field));
  if (!isRight) add('p', 'The ledger has no such hash: this is not what was handed in.', 'problem');
  add('p', hash, 'quiet wrap');
  return item;
}

function forget() {
  opening.hidden = true;
  opening.elements.confidential.value = '';
}

// What is opened is the field in the very form that was hashed.
function choice(field) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'sign';
  button.textContent = 'Choose this field';
  button.setAttribute('aria-label', `Choose this field: ${field.field}`);
  button.addEventListener('click', () => {
    opening.elements.confidential.value = canonical(field);
    opening.querySelector('[data-chosen]').textContent = field.field;
    opening.hidden = false;
    opening.querySelector('h3').focus();
  });
  return button;
}

// Going back shows the page again, as the browser keeps it: not with the field.
if (opening) window.addEventListener('pagehide', () => { forget(); document.querySelector('[data-fields]').replaceChildren(); });
