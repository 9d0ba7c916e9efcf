// Makes an account, its passkey, and logs in with it: as a person does, in headless Chromium with its virtual authenticator.
// Arguments: a folder for the screenshots, the link that makes the account, and its password. Keeps screenshots in two
// widths and lets axe-core look at each page; exit 0 if each step led where it should and nothing was found.
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import puppeteer from 'puppeteer-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const [folder, link, password] = process.argv.slice(2);
const base = new URL(link).origin;
mkdirSync(folder, { recursive: true });

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage();
const problems = [];
page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
page.on('pageerror', (error) => problems.push(String(error)));
const devtools = await page.createCDPSession();
await devtools.send('WebAuthn.enable');
const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: {
  protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
  automaticPresenceSimulation: true,
} });

async function look(name) {
  for (const width of [360, 1000]) {
    await page.setViewport({ width, height: 900 });
    await page.screenshot({ path: `${folder}/passkey-${name}-${width}.png`, fullPage: true });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (overflow > 0) problems.push(`${name}: ${overflow} pixels wider than ${width}`);
  }
  // Not as part of the page, whose policy forbids it.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const { id, nodes } of violations) problems.push(`${name}: ${id} at ${nodes.map((it) => it.target.join(' '))}`);
}

async function press(selector, path) {
  await Promise.all([page.waitForNavigation(), page.click(selector)]);
  const at = new URL(page.url()).pathname;
  if (at !== path) throw new Error(`${selector} led to ${at} instead of ${path}`);
}

const make = 'form[data-passkey="create"]';
const show = 'form[data-passkey="get"]';
await page.goto(link);
await page.type('input[name="name"]', 'Grace Hopper');
await page.type('input[name="password"]', password);
await press('main form button', '/passkey');
await look('gate');
await page.type(`${make} input[name="name"]`, 'Work laptop');

// Nobody is verified: the browser says so, and nothing is sent.
await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false });
await page.click(`${make} button`);
await page.waitForSelector(`${make} [data-problem]:not([hidden])`);
await look('cancelled');
await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true });
await press(`${make} button`, '/account');
await look('account');
await press('form[action="/logout"] button', '/');
await page.goto(`${base}/admin/people`);
await look('login');
await press(`${show} button`, '/admin/people');
await page.goto(`${base}/account`);
if (!(await page.content()).includes('last used')) problems.push('the use of the passkey is not shown');
// The device has one for this account already.
await page.type(`${make} input[name="name"]`, 'Work laptop again');
await page.click(`${make} button`);
await page.waitForFunction(() => document.body.textContent.includes('has a passkey for your account already'));
await browser.close();
for (const problem of problems) console.error(problem);
process.exit(problems.length === 0 ? 0 : 1);
