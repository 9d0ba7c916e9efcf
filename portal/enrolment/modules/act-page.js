// Forms that are steps on the ledger: data-act is the step's id where it has begun, data-call the function, and the fields with
// data-argument hold its arguments, in the order of the page. One with data-argument="document" holds a document to decide on;
// the fields with data-member in one with data-argument="members" are the members of a JSON object, those with data-list lists, with
// data-flag yes or no, with data-number numbers. A name with a dot is that of a member's member.

import { perform, signer } from './act.js';
import { canonical, decided } from './canonical.js';
import { agree, post, signing } from './dialog.js';
import { isSigned } from './keys.js';

// One step at a time: there is one dialog, and its answer is of one step.
let isBusy = false;

for (const form of document.querySelectorAll('form[data-act]')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!isBusy) send(form);
  });
}

async function send(form) {
  const button = form.querySelector('button');
  const problem = form.querySelector('[data-problem]');
  button.disabled = true;
  problem.hidden = true;
  isBusy = true;
  const begun = form.dataset.act;
  try {
    // The same step from its signature until it has ended, however often the button is pressed.
    form.dataset.act ||= crypto.randomUUID().replaceAll('-', '');
    const { asked, notes } = await call(form);
    const end = await perform(asked, await signer(signing.dataset), {
      post: (path, fields) => post(form, path, fields),
      agree: (proposal) => agree(proposal, notes),
    });
    if (end.state === 'declined') throw new Error('You did not sign it, and nothing was done.');
    location.assign(`/acts/${form.dataset.act}`);
  } catch (error) {
    // What nobody signed can be typed anew, and is another step then.
    if (!(await isSigned(form.dataset.act))) form.dataset.act = begun;
    problem.textContent = error.message;
    problem.hidden = false;
    button.disabled = false;
    isBusy = false;
  }
}

// What the form asks for, from what it shows.
async function call(form) {
  const { act, call: name } = form.dataset;
  const chaincode = form.elements.chaincode.value;
  const inputs = [name];
  const notes = [];
  for (const field of form.querySelectorAll('[data-argument]')) {
    if (field.dataset.argument === 'document') {
      const { form: canonicalForm, hash } = await decided(JSON.parse(field.value));
      inputs.push(canonicalForm);
      notes.push(['Hash of the document', hash]);
    } else if (field.dataset.argument === 'members') {
      inputs.push(canonical(request(field)));
    } else {
      inputs.push(field.value);
    }
  }
  return { asked: { act, chaincode, channel: signing.dataset.channel, arguments: inputs }, notes };
}

// A JSON object of what was typed; what has no value is left out.
function request(field) {
  const whole = {};
  for (const member of field.querySelectorAll('[data-member]')) {
    const value = typed(field, member);
    if (value === undefined) continue;
    const [name, inner] = member.dataset.member.split('.');
    if (inner === undefined) whole[name] = value;
    else whole[name] = { ...whole[name], [inner]: value };
  }
  return whole;
}

// A list is typed line by line; one that limits something is left out where it is said not to.
function typed(field, member) {
  const { list, flag, number } = member.dataset;
  const label = () => field.querySelector(`label[for="${member.id}"]`).textContent;
  if (flag !== undefined) return member.value === 'yes';
  if (number !== undefined) {
    const digits = member.value.trim();
    if (!/^[0-9]{0,9}$/.test(digits)) throw new Error(`${label()}: write a whole number.`);
    return digits === '' ? undefined : Number(digits);
  }
  if (list === undefined) return member.value;
  const lines = member.value.split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const unlimited = field.querySelector(`[data-unlimited="${member.dataset.member}"]`);
  if (unlimited && unlimited.checked !== (lines.length === 0)) {
    throw new Error(`${label()}: write what they are limited to, or tick "not limited". Not both, and not neither.`);
  }
  return lines.length === 0 ? undefined : lines;
}
