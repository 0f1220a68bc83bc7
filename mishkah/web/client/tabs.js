// The tabs of one browser that show the same store: they tell each other that there is news.
//
// Of those that show the same rows to the same user one leads, where the browser has locks: it stores the
// rows, and sends what the others have left. A shop's LAN without TLS has none; there each tab does it, and
// the names of writes keep them single.

export class Tabs {
  leads = false;
  #over = new AbortController();

  /** @param {string} name @param {() => void} heard is called when there is news */
  constructor(name, heard) {
    this.name = name;
    /** @type {BroadcastChannel | undefined} */
    this.channel = globalThis.BroadcastChannel && new BroadcastChannel(name);
    if (this.channel) this.channel.onmessage = heard;
  }

  /** Lead those that show `view`, once nobody else does; and no others any more. @param {string} view */
  lead(view) {
    this.#over.abort();
    const { signal } = (this.#over = new AbortController());
    const locks = globalThis.navigator?.locks;
    this.leads = !locks;
    const hold = () => {
      // It may have been on its way when others became of interest.
      if (signal.aborted) return;
      this.leads = true;
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    };
    locks?.request(`${this.name} ${view}`, { signal }, hold).catch(() => {});
  }

  say() {
    this.channel?.postMessage(0);
  }

  close() {
    this.channel?.close();
    this.channel = undefined;
    this.#over.abort();
  }
}
