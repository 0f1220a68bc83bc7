// The tabs of one browser that show the same store: they tell each other that there is news.
//
// One leads, where the browser has locks: it stores the rows, and sends what the others have left. A
// shop's LAN without TLS has none; there each tab does it, and the names of writes keep them single.

export class Tabs {
  #closed = new AbortController();

  /** @param {string} name @param {() => void} heard is called when there is news */
  constructor(name, heard) {
    this.channel = globalThis.BroadcastChannel && new BroadcastChannel(name);
    if (this.channel) this.channel.onmessage = heard;
    const { locks } = globalThis.navigator ?? {};
    this.leads = !locks;
    const { signal } = this.#closed;
    const hold = () => {
      this.leads = true;
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    };
    locks?.request(name, { signal }, hold).catch(() => {});
  }

  say() {
    this.channel?.postMessage(0);
  }

  close() {
    this.channel?.close();
    this.#closed.abort();
  }
}
