// Passkeys: lets the browser's own keys sign, and sends what they signed with the form that the page has.
// A form says in data-passkey what is done ("create" or "get"), and in data-challenge who says what to sign.

for (const form of document.querySelectorAll('form[data-passkey]')) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send(form);
  });
}

async function send(form) {
  const button = form.querySelector('button');
  const problem = form.querySelector('[data-problem]');
  button.disabled = true;
  problem.hidden = true;
  try {
    form.elements.credential.value = JSON.stringify(await credential(form));
    form.submit();
  } catch (error) {
    problem.textContent = explain(error);
    problem.hidden = false;
    button.disabled = false;
  }
}

async function credential(form) {
  const { PublicKeyCredential } = globalThis;
  if (!PublicKeyCredential?.parseCreationOptionsFromJSON) {
    throw new Error('This browser knows no passkeys, or is too old for them.');
  }
  const answer = await fetch(form.dataset.challenge, {
    method: 'POST',
    body: new URLSearchParams({ form_token: form.elements.form_token.value }),
    redirect: 'error',
  });
  if (!answer.ok) throw new Error('The portal did not answer. Load the page again.');
  const options = await answer.json();
  const made = form.dataset.passkey === 'create'
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  return made.toJSON();
}

function explain(error) {
  switch (error.name) {
    case 'NotAllowedError': return 'It was cancelled, or took too long. Nothing was sent; try again.';
    case 'InvalidStateError': return 'This device has a passkey for your account already.';
    case 'Error': return error.message;
    default: return `The portal or the passkey did not answer (${error.name}). Load the page again.`;
  }
}
