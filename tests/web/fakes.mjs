// As much of IndexedDB and WebSocket as the client uses, in memory, for tests.

const later = (act, ms) => setTimeout(act, ms);

/** All databases of a browser. `full` refuses every write, each transaction takes `slow` ms, and only `left`
 * more are done; `stores(name)` shows what is kept, `whole` how often all of a store was read. */
export class FakeIndexedDB {
  full = false;
  slow = 0;
  left = Infinity;
  whole = 0;
  opened = [];
  #databases = new Map();

  stores(name) {
    return this.#databases.get(name);
  }

  names() {
    return [...this.#databases.keys()];
  }

  /** Forget all, as people do in settings; tabs go on. */
  clear() {
    this.#databases.clear();
    for (const db of this.opened.splice(0)) db.onversionchange?.();
  }

  open(name) {
    const asked = {};
    later(() => {
      const fresh = !this.#databases.has(name);
      if (fresh) this.#databases.set(name, {});
      asked.result = new FakeDatabase(this, this.#databases.get(name));
      this.opened.push(asked.result);
      if (fresh) asked.onupgradeneeded?.();
      asked.onsuccess?.();
    });
    return asked;
  }
}

class FakeDatabase {
  constructor(browser, stores) {
    Object.assign(this, { browser, stores });
  }

  createObjectStore(name, { keyPath } = {}) {
    this.stores[name] = { keyPath, next: 1, rows: new Map() };
    return new FakeStore({ request: (act) => act() }, this.stores[name]);
  }

  transaction(names, mode) {
    return new FakeTransaction(this, mode);
  }

  close() {}
}

class FakeTransaction {
  requests = [];

  constructor(db, mode) {
    Object.assign(this, { db, mode });
    later(() => this.run(), db.browser.slow);
  }

  objectStore(name) {
    return new FakeStore(this, this.db.stores[name]);
  }

  request(act) {
    const request = { act };
    this.requests.push(request);
    return request;
  }

  run() {
    if (this.db.browser.left-- <= 0) return;
    if (this.mode === "readwrite" && this.db.browser.full) {
      this.error = Object.assign(new Error("full"), { name: "QuotaExceededError" });
      return this.onabort();
    }
    for (let request; (request = this.requests.shift()); request.onsuccess?.({ target: request })) {
      request.result = request.act();
    }
    this.oncomplete();
  }
}

class FakeStore {
  constructor(tx, store) {
    Object.assign(this, { tx, store });
  }

  get(key) {
    return this.tx.request(() => structuredClone(this.store.rows.get(JSON.stringify(key))?.value));
  }

  getAll(range) {
    if (!range) this.tx.db.browser.whole += 1;
    const is = ({ key }) => !range || key[0] === range.lower[0];
    return this.tx.request(() => [...this.store.rows.values()].filter(is).map(({ value }) => structuredClone(value)));
  }

  getAllKeys() {
    return this.tx.request(() => [...this.store.rows.values()].map(({ key }) => key));
  }

  put(given, named) {
    const value = structuredClone(given);
    return this.tx.request(() => {
      const key = named ?? value[this.store.keyPath];
      this.store.rows.set(JSON.stringify(key), { key, value });
      return key;
    });
  }

  add(given) {
    const n = this.store.next++;
    return this.put({ ...given, [this.store.keyPath]: n });
  }

  delete(key) {
    return this.tx.request(() => {
      if (key?.lower) for (const [name, one] of this.store.rows) if (one.key[0] === key.lower[0]) this.store.rows.delete(name);
      this.store.rows.delete(JSON.stringify(key));
    });
  }
}

/** A server's end of each socket that the client opens: `sent` is what it was told. */
export class FakeWebSocket {
  static opened = [];
  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, { url, protocols });
    FakeWebSocket.opened.push(this);
  }

  static get last() {
    return FakeWebSocket.opened.at(-1);
  }

  accept() {
    this.readyState = 1;
    this.onopen();
  }

  say(message) {
    this.onmessage({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  send(frame) {
    this.sent.push(JSON.parse(frame));
  }

  types() {
    return this.sent.map(({ type }) => type);
  }

  close() {
    this.readyState = 3;
  }

  drop(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

/** What a server says to who comes in: WELCOME, and then the rows at `seq`. */
export const welcome = (user) => ({ type: "WELCOME", v: 1, now: "2025-10-29T10:00:00.000Z", limits: {}, user });

export function snapshot(socket, data, { epoch = "e", seq = 1, view = "*" } = {}) {
  const { ref } = socket.sent.findLast(({ type }) => type === "SUBSCRIBE");
  socket.say({ type: "SUBSCRIBED", ref, view, epoch, seq, resumed: false });
  socket.say({ type: "SNAPSHOT", view, epoch, seq, part: 0, last: true, data });
  socket.say({ type: "SYNCED", view, epoch, seq });
}

export const delta = (seq, operation, id, changes, more = {}) => ({
  type: "DELTA", epoch: "e", seq, prev: seq - 1, data: { table: "item", operation, id, changes }, ...more,
});

export const quiet = (ms = 30) => new Promise((resolve) => setTimeout(resolve, ms));
