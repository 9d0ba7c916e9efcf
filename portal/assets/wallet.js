// Wallets: finds those that extensions of this browser offer, lets one sign what the portal asks, and sends it with the form that
// the page has. Ethereum's announce themselves by EIP-6963 or stand at window.ethereum (EIP-1193), Sui's by the wallet standard.
// A form says in data-challenge who says what to sign. Whatever a wallet says of itself is shown as text.

const wallets = [];

for (const form of document.querySelectorAll('form[data-wallet]')) {
  // Enter in a field sends nothing: a wallet's button does.
  form.addEventListener('submit', (event) => event.preventDefault());
}
findEthereum();
findSui();

function findEthereum() {
  const providers = new Set();
  const add = (name, provider) => {
    if (typeof provider?.request !== 'function' || providers.has(provider)) return;
    providers.add(provider);
    offer({ name, connect: () => connectEthereum(provider) });
  };
  window.addEventListener('eip6963:announceProvider', ({ detail }) => add(detail?.info?.name, detail?.provider));
  window.dispatchEvent(new Event('eip6963:requestProvider'));
  // Only where nobody announced itself: it is one of those, or none.
  if (providers.size === 0) add('Ethereum wallet', window.ethereum);
}

async function connectEthereum(provider) {
  const [address] = await provider.request({ method: 'eth_requestAccounts' });
  const chain = BigInt(await provider.request({ method: 'eth_chainId' }));
  const sign = (message) => {
    const bytes = new TextEncoder().encode(message);
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return provider.request({ method: 'personal_sign', params: [`0x${hex}`, address] });
  };
  return { chain: `eip155:${chain}`, address, sign };
}

function findSui() {
  const register = (...offered) => {
    for (const wallet of offered.filter(canSignForSui)) offer({ name: wallet.name, connect: () => connectSui(wallet) });
    return () => {};
  };
  const api = Object.freeze({ register });
  window.addEventListener('wallet-standard:register-wallet', ({ detail }) => detail(api));
  window.dispatchEvent(new CustomEvent('wallet-standard:app-ready', { detail: api }));
}

function isOfSui(chain) {
  return chain.startsWith('sui:');
}

function canSignForSui(wallet) {
  const features = wallet?.features ?? {};
  return wallet?.chains?.some(isOfSui) && 'standard:connect' in features && 'sui:signPersonalMessage' in features;
}

async function connectSui(wallet) {
  const { accounts } = await wallet.features['standard:connect'].connect();
  const account = accounts.find(({ chains }) => chains.some(isOfSui));
  if (!account) throw new Error('The wallet has no account of Sui.');
  const chain = account.chains.includes('sui:mainnet') ? 'sui:mainnet' : account.chains.find(isOfSui);
  const sign = async (text) => {
    const message = new TextEncoder().encode(text);
    const signed = await wallet.features['sui:signPersonalMessage'].signPersonalMessage({ message, account, chain });
    return signed.signature;
  };
  return { chain, address: account.address, sign };
}

// A button for the wallet, in every form.
function offer(wallet) {
  if (wallets.includes(wallet.name)) return;
  wallets.push(wallet.name);
  for (const form of document.querySelectorAll('form[data-wallet]')) {
    const place = form.querySelector('[data-wallets]');
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = `${place.dataset.button} ${String(wallet.name).slice(0, 40)}`;
    button.addEventListener('click', () => send(form, wallet));
    place.append(button);
    form.querySelector('[data-none]').hidden = true;
  }
}

async function send(form, wallet) {
  if (!form.reportValidity()) return;
  const buttons = form.querySelectorAll('button');
  const problem = form.querySelector('[data-problem]');
  for (const button of buttons) button.disabled = true;
  problem.hidden = true;
  try {
    const { chain, address, sign } = await wallet.connect();
    const { nonce, message } = await challenge(form, { chain, address });
    form.elements.nonce.value = nonce;
    form.elements.signature.value = await sign(message);
    form.submit();
  } catch (error) {
    problem.textContent = explain(error);
    problem.hidden = false;
    for (const button of buttons) button.disabled = false;
  }
}

async function challenge(form, asked) {
  const answer = await fetch(form.dataset.challenge, {
    method: 'POST',
    body: new URLSearchParams({ form_token: form.elements.form_token.value, ...asked }),
    redirect: 'error',
  });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.problem ? `Not asked: ${told.problem}.` : 'The portal did not answer. Load the page again.');
  return told;
}

// 4001 is EIP-1193's number for a user who says no; wallets of Sui have none.
function explain(error) {
  if (error?.code === 4001) return 'It was cancelled. Nothing was sent; try again.';
  return error instanceof Error ? error.message : String(error?.message ?? 'The wallet did not answer.');
}
