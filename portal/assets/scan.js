// Looks for a QR code in what the camera sees, and asks for what it says as if it had been typed. The browser's own reader
// (BarcodeDetector) reads it where there is one that knows QR codes; else the portal is sent small grey pictures, until it has read one.

import { toBase64 } from '/modules/bytes.js';

const scan = document.querySelector('[data-scan]');
const form = document.querySelector('form[data-look-up]');
const start = scan.querySelector('button');
const says = scan.querySelector('[data-says]');
const view = scan.querySelector('video');
const PATIENCE = 90_000;
// Of the pictures that the portal reads.
const SIDE = 320;

scan.hidden = false;
if (navigator.mediaDevices?.getUserMedia) {
  start.addEventListener('click', run);
} else {
  start.hidden = true;
  says.textContent = 'This browser lets no page use a camera: type the code, or paste the link.';
}

async function run() {
  start.disabled = true;
  says.textContent = 'Hold the QR code before the camera.';
  let stream;
  try {
    const reader = await readerHere();
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
    view.srcObject = stream;
    view.hidden = false;
    await view.play();
    form.elements.code.value = await found(reader);
    says.textContent = 'Read. It is being looked up.';
    form.requestSubmit();
  } catch (error) {
    says.textContent = explain(error);
    start.disabled = false;
  } finally {
    for (const track of stream?.getTracks() ?? []) track.stop();
    view.srcObject = null;
    view.hidden = true;
  }
}

// What reads the code, and how long it rests before it tries again.
async function readerHere() {
  const formats = await globalThis.BarcodeDetector?.getSupportedFormats().catch(() => []);
  if (!formats?.includes('qr_code')) return { read: readElsewhere, pause: 1500 };
  const detector = new globalThis.BarcodeDetector({ formats: ['qr_code'] });
  return { read: async () => (await detector.detect(view))[0]?.rawValue, pause: 150 };
}

async function readElsewhere() {
  // In the alphabet that a form's encoding leaves as it is.
  const grey = toBase64(middle()).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  const body = new URLSearchParams({ grey, form_token: scan.dataset.scan });
  const answer = await fetch('/look-up/picture', { method: 'POST', body, redirect: 'manual' });
  if (answer.type === 'opaqueredirect') throw new Error('You are logged out: log in again.');
  if (!answer.ok) throw new Error(`The portal did not read the picture (${answer.status}): type the code, or paste the link.`);
  return answer.text();
}

// The middle of what the camera sees, in grey.
function middle() {
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const context = canvas.getContext('2d');
  const side = Math.min(view.videoWidth, view.videoHeight);
  const [left, top] = [(view.videoWidth - side) / 2, (view.videoHeight - side) / 2];
  context.drawImage(view, left, top, side, side, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const light = (_, point) => (data[4 * point] * 299 + data[4 * point + 1] * 587 + data[4 * point + 2] * 114) / 1000;
  return Uint8Array.from({ length: SIDE * SIDE }, light);
}

async function found({ read, pause }) {
  const until = Date.now() + PATIENCE;
  while (Date.now() < until) {
    const code = await read();
    if (code) return code;
    await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
  throw new Error('No QR code was found. Try again with more light, or type the code that is printed with it.');
}

function explain(error) {
  switch (error.name) {
    case 'NotAllowedError': return 'The camera may not be used: allow it in the browser, or type the code.';
    case 'NotFoundError':
    case 'OverconstrainedError': return 'This device has no camera that the browser finds: type the code, or paste the link.';
    case 'NotReadableError': return 'Another program uses the camera: close it, or type the code.';
    case 'Error': return error.message;
    default: return `The camera cannot be used here (${error.name}): type the code, or paste the link.`;
  }
}
