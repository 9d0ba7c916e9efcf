// The dialog that shows what a person is about to sign, and how a page's forms are sent.

import { text } from './bytes.js';

export const signing = document.querySelector('[data-signing]');

export async function post(form, path, fields) {
  const body = new URLSearchParams({ ...fields, form_token: form.elements.form_token.value });
  const answer = await fetch(path, { method: 'POST', body, redirect: 'manual' });
  if (answer.type === 'opaqueredirect') throw new Error('You are logged out. Log in again, and go on under "Your steps".');
  const isJson = answer.headers.get('content-type') === 'application/json';
  const said = isJson ? await answer.json() : {};
  if (!answer.ok) throw new Error(said.problem ?? `The portal did not take it (${answer.status}). Load the page again.`);
  return said;
}

// Shows what the bytes say that are about to be signed, and waits for the person.
export function agree(proposal, notes, kind = 'step') {
  if (signing.open) throw new Error('Something else waits for your answer.');
  for (const words of signing.querySelectorAll('[data-of]')) words.hidden = words.dataset.of !== kind;
  const [name, ...inputs] = proposal.arguments.map(text);
  const facts = [['Channel', proposal.channel], ['Chaincode', proposal.chaincode], ['Function', name],
    ...inputs.map((input, index) => [`Argument ${index + 1}`, input]), ...notes, ['Transaction', proposal.transactionId]];
  signing.querySelector('dl').replaceChildren(...facts.map(fact));
  // The Escape key closes it without an answer, and an earlier one stays until then.
  signing.returnValue = '';
  signing.showModal();
  return new Promise((resolve) => {
    signing.addEventListener('close', () => resolve(signing.returnValue === 'sign'), { once: true });
  });
}

function fact([term, description]) {
  const [row, dt, dd] = ['div', 'dt', 'dd'].map((name) => document.createElement(name));
  dt.textContent = term;
  dd.textContent = description;
  dd.className = 'wrap';
  row.append(dt, dd);
  return row;
}
