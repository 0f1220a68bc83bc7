// What the page and its device do, as far as the connection and what is kept depend on it.

const TICK_MS = 5_000;
/** Using a page keeps its session alive; a socket alone does not. */
const RENEW_MS = 3_600_000;

/**
 * Notice it until `signal` says that it is over.
 * @param {import("./link.js").Link} link
 * @param {import("./shelf.js").Shelf} shelf
 * @param {import("./asking.js").Asking} asking
 * @param {AbortSignal} signal
 */
export function attend(link, shelf, asking, signal) {
  const page = globalThis.document;
  let drift = Date.now() - performance.now();
  let renewed = 0;
  const look = () => (page?.hidden ? shelf.save() : link.check());
  globalThis.addEventListener?.("online", () => link.check(), { signal });
  globalThis.addEventListener?.("offline", link.moved, { signal });
  page?.addEventListener("visibilitychange", look, { signal });
  const tick = setInterval(() => {
    const before = drift;
    drift = Date.now() - performance.now();
    // The device has slept, or its clock was set: nothing is known of the connection, or of the time.
    if (Math.abs(drift - before) > TICK_MS) link.check();
    shelf.tend();
    asking.tend();
    if (page?.hidden || !link.machine.greeted || performance.now() - renewed < RENEW_MS) return;
    renewed = performance.now();
    asking.get("/auth/me");
  }, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(tick));
}
