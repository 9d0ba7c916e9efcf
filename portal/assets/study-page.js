// Watches a computation: says how far it is, and loads the page again once it has ended. Without this, the page's link does.
const progress = document.getElementById('study-progress');
const LONGEST = 15_000;

/** Seconds between two looks grow, so that who forgets a window does not ask all day. */
async function watch(pause) {
  await new Promise((resolve) => setTimeout(resolve, pause));
  const reply = await fetch(progress.dataset.study, { credentials: 'same-origin' }).catch(() => null);
  if (reply?.ok && !reply.redirected) {
    const { state, progress: text } = await reply.json();
    if (state !== 'waiting') return location.reload();
    if (progress.textContent !== text) progress.textContent = text;
  }
  return watch(Math.min(pause * 1.3, LONGEST));
}

if (progress) watch(1_000);
