// Looks for a QR code in what the camera sees, and asks for what it says as if it had been typed. The browser's own reader
// (BarcodeDetector) reads it where there is one that knows QR codes, else ours, which is loaded when it is needed.

const scan = document.querySelector('[data-scan]');
const form = document.querySelector('form[data-look-up]');
const start = scan.querySelector('button');
const says = scan.querySelector('[data-says]');
const view = scan.querySelector('video');
const PAUSE = 150;
const PATIENCE = 90_000;

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
    const detector = await reader();
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' }, audio: false });
    view.srcObject = stream;
    view.hidden = false;
    await view.play();
    form.elements.code.value = await found(detector);
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

async function reader() {
  const own = globalThis.BarcodeDetector;
  const formats = await own?.getSupportedFormats().catch(() => []);
  const Reader = formats?.includes('qr_code') ? own : (await import('/qr/decode.js')).BarcodeDetector;
  return new Reader({ formats: ['qr_code'] });
}

async function found(detector) {
  const until = Date.now() + PATIENCE;
  while (Date.now() < until) {
    const [code] = await detector.detect(view);
    if (code) return code.rawValue;
    await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
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
