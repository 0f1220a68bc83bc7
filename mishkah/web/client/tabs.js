// The tabs of one browser that show the same store: they tell each other what is new.
//
// One leads, where the browser has locks: it stores the rows, and sends what the others have left. A
// shop's LAN without TLS has none; there each tab does it, and the names of writes keep them single.

export class Tabs {
  leads = true;
  /** @type {BroadcastChannel | null} */
  #channel = null;
  #left = new AbortController();

  /** @param {string} name @param {(said: any) => void} hear */
  constructor(name, hear) {
    if (typeof BroadcastChannel === "function") {
      this.#channel = new BroadcastChannel(name);
      this.#channel.onmessage = ({ data }) => hear(data);
    }
    const locks = globalThis.navigator?.locks;
    if (!locks) return;
    this.leads = false;
    const { signal } = this.#left;
    const hold = () => {
      this.leads = true;
      hear({ leads: true });
      return new Promise((resolve) => signal.addEventListener("abort", resolve));
    };
    locks.request(name, { signal }, hold).catch(() => {});
  }

  /** @param {any} said */
  say(said) {
    this.#channel?.postMessage(said);
  }

  close() {
    this.#channel?.close();
    this.#left.abort();
    this.leads = false;
  }
}
