// People who make keys and sign steps on the ledger, each in a browser of its own (headless Chromium). Reads commands from standard
// input, a JSON object a line, and answers each with one: { "said": … }, or { "failed": … }. Argument: a folder for screenshots;
// axe-core looks at each page that is kept, and nothing may be wider than the window. CAMERA=file is what the camera sees.
import { readFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import puppeteer from 'puppeteer-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const [folder] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const camera = process.env.CAMERA;
const filming = ['--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
  `--use-file-for-fake-video-capture=${camera}`];
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync', ...(camera ? filming : [])],
});
const people = new Map();

async function person(name) {
  if (people.has(name)) return people.get(name);
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const problems = [];
  page.on('console', (message) => { if (message.type() === 'error') problems.push(message.text()); });
  page.on('pageerror', (error) => problems.push(String(error)));
  const devtools = await page.createCDPSession();
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', { options: {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true,
    automaticPresenceSimulation: true,
  } });
  // What a hostile portal does: each changes a request before it is answered, or the answer.
  const hostile = { request: null, answer: null };
  await page.setRequestInterception(true);
  page.on('request', async (request) => {
    const path = new URL(request.url()).pathname;
    if (request.method() === 'POST' && hostile.request?.path === path) {
      const body = new URLSearchParams(request.postData());
      hostile.request.change(body);
      return request.continue({ postData: body.toString() });
    }
    if (request.method() === 'POST' && hostile.answer?.path.test(path)) {
      const { answer } = hostile;
      if (answer.body === undefined) return request.abort();
      return request.respond({ status: 200, contentType: 'application/json', body: JSON.stringify(answer.body) });
    }
    return request.continue();
  });
  const found = { page, problems, hostile };
  people.set(name, found);
  return found;
}

async function press(page, selector) {
  await Promise.all([page.waitForNavigation(), page.click(selector)]);
  return new URL(page.url()).pathname;
}

async function look(page, name) {
  const problems = [];
  for (const width of [360, 1000]) {
    await page.setViewport({ width, height: 900 });
    await page.screenshot({ path: `${folder}/${name}-${width}.png`, fullPage: true });
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (overflow > 0) problems.push(`${name}: ${overflow} pixels wider than ${width}`);
  }
  // Not as part of the page, whose policy forbids it.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  for (const { id, nodes } of violations) problems.push(`${name}: ${id} at ${nodes.map((it) => it.target.join(' '))}`);
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

// The portal follows the ledger, and what is on it is a page soon.
async function arrive(page, path) {
  const until = Date.now() + 30_000;
  for (;;) {
    const answer = await page.goto(new URL(path, page.url()).href);
    if (answer.ok()) return;
    if (answer.status() !== 404 || Date.now() > until) throw new Error(`${path}: ${answer.status()}`);
    await new Promise((resolve) => { setTimeout(resolve, 200); });
  }
}

async function fill(page, form, values) {
  for (const [place, value] of values.entries()) {
    const fields = await page.$$(`${form} [data-argument]:not(fieldset), ${form} [data-member]`);
    if (value !== null) await fields[place].evaluate((field, text) => { field.value = text; }, value);
  }
}

// How a press ended: at the page of the step, or with what went wrong.
async function outcome(page, form) {
  const ended = (selector) => (!document.documentElement.dataset.before && document.querySelector('[data-outcome]'))
    || document.querySelector(`${selector} [data-problem]:not([hidden])`);
  for (;;) {
    // A navigation ends the wait, too.
    const found = await page.waitForFunction(ended, { timeout: 60_000 }, form).catch((error) => {
      if (error.name === 'TimeoutError') throw error;
    });
    if (found) break;
  }
  const refused = await page.$(`${form} [data-problem]:not([hidden])`);
  if (refused) return { refused: await refused.evaluate((problem) => problem.textContent) };
  return page.evaluate(() => ({
    outcome: document.querySelector('[data-outcome]').textContent,
    problem: document.querySelector('main > .problem')?.textContent ?? '',
    transaction: document.querySelector('[data-transaction]').textContent,
    path: location.pathname,
  }));
}

const commands = {
  // Comes in by a link of the demonstration, or makes an account, and makes a passkey.
  async enter({ as, link, password }) {
    const { page } = await person(as);
    await page.goto(link);
    if (password) {
      await page.type('input[name="name"]', `${as} of the test`);
      await page.type('input[name="password"]', password);
    }
    await press(page, 'main form button');
    await page.type('form[data-passkey="create"] input[name="name"]', 'A key');
    return press(page, 'form[data-passkey="create"] button');
  },
  async open({ as, path, keep }) {
    const { page } = await person(as);
    await arrive(page, path);
    if (keep) await look(page, keep);
    return page.$eval('main', (main) => main.innerText);
  },
  // What the portal answers to who asks for a page, without waiting for it.
  async status({ as, path }) {
    const { page } = await person(as);
    return (await page.goto(new URL(path, page.url()).href)).status();
  },
  // Follows the link of the card that says this.
  async follow({ as, card }) {
    const { page } = await person(as);
    const links = await page.$$('main .cards li');
    const says = await Promise.all(links.map((it) => it.evaluate((item) => item.innerText)));
    const found = links[says.findIndex((text) => text.includes(card))];
    await Promise.all([page.waitForNavigation(), found.evaluate((item) => item.querySelector('a').click())]);
    return new URL(page.url()).pathname;
  },
  // Makes a passkey for an account that has none.
  async passkey({ as, keep }) {
    const { page } = await person(as);
    await arrive(page, '/account');
    await page.type('form[data-passkey="create"] input[name="name"]', 'A key');
    await press(page, 'form[data-passkey="create"] button');
    if (keep) await look(page, keep);
    return page.$eval('main', (main) => main.innerText);
  },
  // Uploads a file.
  async upload({ as, file, keep }) {
    const { page } = await person(as);
    await arrive(page, '/files');
    const field = await page.$('input[type="file"]');
    await field.uploadFile(file);
    await press(page, 'form[enctype] button');
    if (keep) await look(page, keep);
    return page.$eval('main', (main) => main.innerText);
  },
  // Empties the fields whose names match.
  async clear({ as, names }) {
    const { page } = await person(as);
    await page.$$eval('main input', (fields, pattern) => {
      for (const field of fields) if (new RegExp(pattern).test(field.name)) field.value = '';
    }, names);
    return null;
  },
  // What a field has.
  async value({ as, field }) {
    const { page } = await person(as);
    return page.$eval(`[name="${field}"]`, (found) => found.value);
  },
  // Keeps what somebody sees, as it is.
  async kept({ as, keep }) {
    const { page } = await person(as);
    await look(page, keep);
    return null;
  },
  // Where somebody is.
  async place({ as }) {
    const { page } = await person(as);
    return new URL(page.url()).pathname;
  },
  // Sends a plain form of the page.
  async send({ as, form, fields = {}, keep }) {
    const { page } = await person(as);
    for (const [name, value] of Object.entries(fields)) {
      await page.$eval(`${form} [name="${name}"]`, (field, text) => { field.value = text; }, value);
    }
    if (keep) await look(page, keep);
    await press(page, `${form} button`);
    return page.$eval('main', (main) => main.innerText);
  },
  // Has the camera see an image, in grey, in the middle of its picture.
  async film({ image }) {
    const page = await browser.newPage();
    await page.goto(image);
    const [width, height] = [640, 480];
    const luma = await page.evaluate((wide, high) => {
      const [picture] = document.images;
      const canvas = new OffscreenCanvas(wide, high);
      const context = canvas.getContext('2d');
      context.fillStyle = '#ddd';
      context.fillRect(0, 0, wide, high);
      const scale = Math.min(380 / picture.naturalWidth, 440 / picture.naturalHeight);
      const [x, y] = [picture.naturalWidth * scale, picture.naturalHeight * scale];
      context.drawImage(picture, (wide - x) / 2, (high - y) / 2, x, y);
      const { data } = context.getImageData(0, 0, wide, high);
      return Array.from({ length: wide * high }, (_, index) => data[4 * index + 1]);
    }, width, height);
    const frame = [Buffer.from('FRAME\n'), Buffer.from(luma), Buffer.alloc(width * height / 2, 128)];
    const head = Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`);
    writeFileSync(camera, Buffer.concat([head, ...Array(20).fill(frame).flat()]));
    await page.close();
    return null;
  },
  // Scans what the camera sees, on the page for it; what the page says then, and whether the browser read the code by itself.
  async scan({ as, keep }) {
    const { page } = await person(as);
    await arrive(page, '/look-up');
    const own = await page.evaluate(() => 'BarcodeDetector' in globalThis);
    if (keep) await look(page, `${keep}-before`);
    await Promise.all([page.waitForNavigation({ timeout: 60_000 }), page.click('[data-scan] button')]);
    if (keep) await look(page, keep);
    return { own, text: await page.$eval('main', (main) => main.innerText) };
  },
  // The text of a file that the page links to; not as part of the page, whose policy forbids it.
  async fetch({ as, link }) {
    const { page } = await person(as);
    const address = await page.$eval(link, (it) => it.href);
    const cookie = (await page.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    const answer = await fetch(address, { headers: { cookie } });
    if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
    return answer.text();
  },
  async makeKey({ as, keep }) {
    const { page } = await person(as);
    await page.goto(new URL('/key', page.url()).href);
    await press(page, 'form[data-key-request] button');
    if (keep) await look(page, keep);
    return page.$eval('main', (main) => main.innerText);
  },
  // Takes a step on the page at `path`, where it is not on it; `meanwhile` is what the portal does in between. Returns what the
  // dialog showed, and the end.
  async step({ as, path, name, values, limited = [], keep, decline, meanwhile }) {
    const { page, hostile } = await person(as);
    if (path !== undefined) {
      await arrive(page, path);
      if (keep) await look(page, `${keep}-form`);
    }
    const form = name === undefined ? 'form[data-act]' : `section[aria-labelledby="${name}"] form`;
    if (values) await fill(page, form, values);
    for (const member of limited) {
      await page.$eval(`${form} [data-unlimited="${member}"]`, (box) => { box.checked = false; });
    }
    if (meanwhile?.call) {
      hostile.request = { path: '/acts', change: (body) => {
        const { chaincode, inputs } = meanwhile.call;
        if (chaincode) body.set('chaincode', chaincode);
        if (inputs) body.set('arguments', Buffer.from(JSON.stringify(inputs)).toString('base64'));
      } };
    }
    if (meanwhile?.answer) hostile.answer = { path: new RegExp(meanwhile.answer.path), body: meanwhile.answer.body };
    let shown = null;
    try {
      await page.evaluate(() => { document.documentElement.dataset.before = 'x'; });
      await page.click(`${form} > button`);
      const dialog = await page.waitForFunction((selector) => document.querySelector('dialog[open]')
        || document.querySelector(`${selector} [data-problem]:not([hidden])`), { timeout: 5000 }, form)
        .then((handle) => handle.evaluate((found) => found.tagName), () => 'NONE');
      if (dialog === 'DIALOG') {
        if (keep) await look(page, `${keep}-dialog`);
        shown = await page.$$eval('dialog dl div', (rows) => rows.map((row) => [row.children[0].textContent, row.children[1].textContent]));
        await page.click(decline ? 'dialog button[value="cancel"]' : 'dialog button[value="sign"]');
      }
      return { shown, ...(await outcome(page, form)) };
    } finally {
      hostile.request = null;
      hostile.answer = null;
    }
  },
  // Reads the confidential part of the application at `path`: what the dialog showed, and what the page says then. `answer` is what
  // the portal answers instead.
  async read({ as, path, keep, decline, answer }) {
    const { page, hostile } = await person(as);
    await arrive(page, path);
    if (keep) await look(page, `${keep}-form`);
    if (answer) hostile.answer = { path: new RegExp(answer.path), body: answer.body };
    try {
      await page.click('form[data-read] > button');
      const dialog = await page.waitForSelector('dialog[open]');
      if (keep) await look(page, `${keep}-dialog`);
      const words = await dialog.evaluate((it) => it.innerText);
      const shown = await page.$$eval('dialog dl div', (rows) => rows.map((row) => [row.children[0].textContent, row.children[1].textContent]));
      await page.click(decline ? 'dialog button[value="cancel"]' : 'dialog button[value="sign"]');
      await page.waitForFunction(() => document.querySelector('[data-fields] > *')
        || document.querySelector('form[data-read] [data-problem]:not([hidden])'));
      if (keep) await look(page, keep);
      return { shown, words, said: await page.$eval('section[aria-labelledby="confidential"]', (it) => it.innerText) };
    } finally {
      hostile.answer = null;
    }
  },
  // Chooses one of the confidential fields that were read, to open it; what the form for it says.
  async choose({ as, field, keep }) {
    const { page } = await person(as);
    await page.click(`[data-fields] button[aria-label="Choose this field: ${field}"]`);
    if (keep) await look(page, keep);
    return page.$eval('form[data-open]', (form) => (form.hidden ? '' : form.innerText));
  },
  // Goes back, as the browser keeps the page; what is left of what was read there.
  async back({ as }) {
    const { page } = await person(as);
    await page.goBack();
    return page.evaluate(() => [document.querySelector('[data-fields]')?.innerText ?? '',
      document.querySelector('[name="confidential"]')?.value ?? '']);
  },
  // Sends fields to a page of the step that is shown, as a script would, past ours.
  async post({ as, path, fields }) {
    const { page } = await person(as);
    return page.evaluate(async (name, sent) => {
      const to = `${location.pathname}/${name}`;
      const token = document.querySelector('[name="form_token"]').value;
      const body = new URLSearchParams({ ...sent, form_token: token });
      const answer = await fetch(to, { method: 'POST', body, redirect: 'manual' });
      return { status: answer.status, body: await answer.json().catch(() => null) };
    }, path, fields);
  },
  async problems({ as }) {
    const { problems } = await person(as);
    return problems;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { said: await commands[command.do](command) };
  } catch (error) {
    const { page } = people.get(command.as) ?? {};
    const text = page ? await page.evaluate(() => `${location.href}\n${document.body.innerText}`).catch(() => '') : '';
    answer = { failed: `${error.stack}\n${text}` };
  }
  console.log(JSON.stringify(answer));
}
await browser.close();
