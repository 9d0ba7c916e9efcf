// Opens pages in headless Chromium, keeps screenshots, and lets axe-core look for accessibility defects.
// Arguments: a folder for the screenshots, then name=url pairs. Prints one JSON line a page and width;
// exit 0 if nothing was found and no page needed more width than it had. COOKIE=name=value logs the browser in.
import { readFileSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import puppeteer from 'puppeteer-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const [folder, ...pages] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
let defects = 0;
for (const pair of pages) {
  const at = pair.indexOf('=');
  const [name, url] = [pair.slice(0, at), pair.slice(at + 1)];
  for (const [form, width, scheme] of [['narrow', 320, 'light'], ['wide', 1280, 'light'], ['dark', 800, 'dark']]) {
    const page = await browser.newPage();
    // The page's own policy forbids scripts; the checker is not part of the page.
    await page.setBypassCSP(true);
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    if (process.env.COOKIE) {
      const [name, value] = process.env.COOKIE.split('=');
      await page.setCookie({ name, value, url });
    }
    const response = await page.goto(url, { waitUntil: 'load' });
    await page.screenshot({ path: `${folder}/${name}-${form}.png`, fullPage: true });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    const found = violations.map(({ id, help, nodes }) => ({ id, help, where: nodes.map((node) => node.target.join(' ')) }));
    defects += found.length + (overflow > 0 ? 1 : 0);
    console.log(JSON.stringify({ page: name, form, status: response.status(), overflow: Math.max(overflow, 0), violations: found }));
    await page.close();
  }
}
await browser.close();
process.exit(defects === 0 ? 0 : 1);
