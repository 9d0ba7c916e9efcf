// The page "Your key": makes a key in this browser and sends the request for its certificate; says whether this browser has the
// key that is certified.

import { certificateRequest } from './der.js';
import { signer } from './act.js';
import { makeKey } from './keys.js';

for (const form of document.querySelectorAll('form[data-key-request]')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    request(form);
  });
}

for (const place of document.querySelectorAll('[data-fingerprint]')) say(place);

async function request(form) {
  const button = form.querySelector('button');
  const problem = form.querySelector('[data-problem]');
  button.disabled = true;
  problem.hidden = true;
  try {
    if (!globalThis.crypto?.subtle) throw new Error('This browser makes keys on pages with https:// alone.');
    form.elements.request.value = await certificateRequest(await makeKey());
    form.submit();
  } catch (error) {
    problem.textContent = `No key was made: ${error.message}`;
    problem.hidden = false;
    button.disabled = false;
  }
}

async function say(place) {
  try {
    await signer(place.dataset);
    place.textContent = 'This browser has the key.';
  } catch (error) {
    place.textContent = error.message;
  }
  place.hidden = false;
}
