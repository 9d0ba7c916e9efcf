// Links wallets to an account and logs in with them, as a person does in headless Chromium. The wallets are stubs that an extension
// would be: they offer themselves by EIP-6963 and by the wallet standard, and sign with viem and @mysten/sui. Arguments: a folder for the
// screenshots, the portal's address, an account's e-mail address and its password. Keeps screenshots in two widths and lets axe-core
// look at each page; exit 0 if each step led where it should and nothing was found.
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Ed25519Keypair } from '@mysten/sui/keypairs/ed25519';
import { privateKeyToAccount } from 'viem/accounts';
import puppeteer from 'puppeteer-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const [folder, base, email, password] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const problems = [];
const sui = Ed25519Keypair.fromSecretKey(new Uint8Array(32).fill(21));
const ethereum = privateKeyToAccount(`0x${'15'.repeat(32)}`);
let says = 'yes';

function watch(page) {
  page.on('console', (message) => {
    // The browser itself notes a reply that is no success; the one that is tried is meant to be none.
    if (message.type() === 'error' && !message.text().includes('status of 422')) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
}

// What an extension puts into a page before anything else runs.
async function install(page) {
  await page.exposeFunction('stubSui', async (bytes) => (await sui.signPersonalMessage(new Uint8Array(bytes))).signature);
  await page.exposeFunction('stubEthereum', async (method, params) => {
    if (says === 'no') throw new Error('rejected');
    if (method === 'eth_requestAccounts') return [ethereum.address.toLowerCase()];
    if (method === 'eth_chainId') return '0x1';
    return ethereum.signMessage({ message: { raw: params[0] } });
  });
  await page.evaluateOnNewDocument((address) => {
    const provider = { request: async ({ method, params }) => {
      try {
        return await window.stubEthereum(method, params ?? []);
      } catch {
        throw Object.assign(new Error('User rejected the request.'), { code: 4001 });
      }
    } };
    const info = { uuid: '350670db-19fa-4704-a166-e52e178b59d2', name: '<b>Stub</b> of Ethereum', icon: 'data:,', rdns: 'example.stub' };
    const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider }) }));
    window.addEventListener('eip6963:requestProvider', announce);
    const account = { address, publicKey: new Uint8Array(32), chains: ['sui:testnet', 'sui:mainnet'], features: ['sui:signPersonalMessage'] };
    const wallet = {
      version: '1.0.0', name: 'Stub of Sui', icon: 'data:,', chains: ['sui:mainnet', 'sui:testnet'], accounts: [],
      features: {
        'standard:connect': { version: '1.0.0', connect: async () => ({ accounts: [account] }) },
        'sui:signPersonalMessage': { version: '1.1.0',
          signPersonalMessage: async ({ message }) => ({ bytes: '', signature: await window.stubSui(Array.from(message)) }) },
      },
    };
    const register = (api) => api.register(wallet);
    window.dispatchEvent(new CustomEvent('wallet-standard:register-wallet', { detail: register }));
    window.addEventListener('wallet-standard:app-ready', ({ detail }) => register(detail));
  }, sui.toSuiAddress());
}

async function look(page, name) {
  for (const width of [360, 1000]) {
    await page.setViewport({ width, height: 900 });
    await page.screenshot({ path: `${folder}/wallet-${name}-${width}.png`, fullPage: true });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (overflow > 0) problems.push(`${name}: ${overflow} pixels wider than ${width}`);
  }
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const { id, nodes } of violations) problems.push(`${name}: ${id} at ${nodes.map((it) => it.target.join(' '))}`);
}

async function press(page, selector, path) {
  await Promise.all([page.waitForNavigation(), page.click(selector)]);
  const at = new URL(page.url()).pathname;
  if (at !== path) throw new Error(`${selector} led to ${at} instead of ${path}`);
}

const login = 'form[action="/login/wallet"]';
const linking = 'form[action="/account/wallets"]';
const [ofEthereum, ofSui] = ['[data-wallets] button:nth-child(1)', '[data-wallets] button:nth-child(2)'];

// Without a wallet the page says so.
const plain = await browser.newPage();
watch(plain);
await plain.goto(`${base}/login`);
await plain.waitForSelector(`${login} [data-none]:not([hidden])`);
if (await plain.$(`${login} [data-wallets] button`)) problems.push('a button without a wallet');
await look(plain, 'none');
await plain.close();

const page = await browser.newPage();
watch(page);
await install(page);
await page.goto(`${base}/login`);
await page.waitForSelector(`${login} ${ofSui}`);
const offered = await page.$$eval(`${login} [data-wallets] button`, (buttons) => buttons.map((it) => it.textContent));
if (offered.join() !== 'Log in with <b>Stub</b> of Ethereum,Log in with Stub of Sui') problems.push(`offered: ${offered}`);
await look(page, 'login');
says = 'no';
await page.click(`${login} ${ofEthereum}`);
await page.waitForFunction(() => document.body.textContent.includes('It was cancelled.'));
await look(page, 'cancelled');
says = 'yes';
await press(page, `${login} ${ofEthereum}`, '/login/wallet');
await page.waitForFunction(() => document.body.textContent.includes('This wallet is new here'));
await look(page, 'unknown');

await page.goto(`${base}/login`);
await page.type('form[action="/login"] input[name="email"]', email);
await page.type('form[action="/login"] input[name="password"]', password);
await press(page, 'form[action="/login"] button', '/');
await page.goto(`${base}/account`);
for (const [wallet, name] of [[ofEthereum, 'Office'], [ofSui, 'Telephone']]) {
  await page.type(`${linking} input[name="name"]`, name);
  await press(page, `${linking} ${wallet}`, '/account');
}
await look(page, 'account');
for (const wallet of [ofEthereum, ofSui]) {
  await press(page, 'form[action="/logout"] button', '/');
  await page.goto(`${base}/account`);
  await page.waitForSelector(`${login} ${wallet}`);
  await press(page, `${login} ${wallet}`, '/account');
}
if (!(await page.content()).includes('last used')) problems.push('the use of the wallet is not shown');
await browser.close();
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
