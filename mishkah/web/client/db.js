// What an application has in its hands: rows that are read at once, writes that are kept.

import { Link, TICK_MS } from "./link.js";
import { Lost, Machine, opsOf } from "./machine.js";
import { Refused } from "./refused.js";
import { blank, judge } from "./rules.js";
import { isWrite, Shelf } from "./shelf.js";
import { CLOSED, IN_USE, NO_ANSWER, NOT_JSON, STATES } from "./words.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Op} Op */
/** @typedef {import("./types.js").Errand} Errand */
/** @typedef {import("./types.js").Change} Change */
/** @typedef {import("./types.js").Command} Command */
/** @typedef {import("./types.js").Cursor} Cursor */
/** @typedef {{ref?: string, base?: boolean | Cursor, add?: Record<string, number>}} How */
/** @typedef {Row | ((row: any) => boolean)} Filter */

/** How long a question waits for a connection. */
const PATIENCE_MS = 15_000;
/** Using a page keeps its session alive; a socket alone does not. */
const RENEW_MS = 3_600_000;
/** Frames are not drawn for pages that nobody sees. */
const UNSEEN_MS = 200;

export class Db {
  /** What the status was when it was told last. */
  #told = "";
  #toldPending = 0;
  #closed = false;
  #begun = false;
  #drawing = false;
  #learning = false;
  #renewed = 0;
  #clock = Date.now() - performance.now();
  /** @type {any} */
  #tick = 0;
  /** @type {[resolve: () => void, reject: (error: Error) => void][]} */
  #ready = [];
  /** @type {(() => void)[]} */
  #flushing = [];
  /** @type {Map<string, Set<(event: any) => void>>} */
  #listeners = new Map();
  /** @type {Map<string, Set<(changes: Change[]) => void>>} */
  #watchers = new Map();
  #away = new AbortController();

  /** @param {import("./mishkah.js").Options} options */
  constructor({ branchId, moduleId, token, tables, outbox = true, url, user, lang = "en" }) {
    const { host, path, socket } = address(url);
    this.api = `${host}/api/v1`;
    this.token = token;
    this.lang = lang;
    this.startedAs = user;
    this.asked = { branch: branchId, module: moduleId, tables };
    const shown = typeof token === "string" ? digest(token) : "";
    this.shelf = new Shelf(`mishkah ${host}${path} ${branchId} ${moduleId}`, outbox, shown, () => this.#moved());
    this.socket = socket;
    /** @type {Machine} */
    this.machine = new Machine(this.asked, "", newRef, (table) => blank(this.shelf.schema, table));
    this.link = new Link(this.machine, socket, (again) => this.#credentials(again), () => this.#moved());
  }

  /** Show what is stored, then connect. */
  async open() {
    const { machine, shelf } = this;
    machine.client = await shelf.open(newRef(), this.startedAs);
    machine.lang = this.lang;
    machine.leads = () => shelf.tabs?.leads ?? true;
    machine.onWelcome = (user) => this.#welcomed(user);
    machine.onTime = (now) => this.#heardTime(now);
    await shelf.load(machine, shelf.user);
    this.#begun = true;
    this.#moved();
    this.link.open();
    this.#attend();
  }

  // --- reading

  /** Wait until there are rows to show. */
  async ready() {
    const { machine } = this;
    if (machine.screen.replica.cursor) return;
    if (machine.failure) throw machine.failure;
    await /** @type {Promise<void>} */ (new Promise((...both) => this.#ready.push(both)));
  }

  /** @param {string} table @param {Filter} [filter] @returns {Row[]} */
  list(table, filter) {
    const rows = this.machine.screen.rows(table);
    return filter ? rows.filter(test(filter)) : rows;
  }

  /** @param {string} table @param {string} id */
  get(table, id) {
    return this.machine.screen.row(table, id) ?? null;
  }

  /** @param {string} table @param {string} id */
  isPending(table, id) {
    return this.machine.screen.overlay.covers(table, id);
  }

  /** @param {string} table @param {(rows: any[], changes: any[]) => void} told @param {Filter} [filter] */
  subscribe(table, told, filter) {
    const holds = filter && test(filter);
    return added(this.#watchers, table, (/** @type {Change[]} */ changes) => {
      const ours = holds
        ? changes.filter((one) => (one.old && holds(one.old)) || (one.new && holds(one.new)))
        : changes;
      if (ours.length) told(this.list(table, filter), ours);
    });
  }

  /** @param {string} event @param {(told: any) => void} told */
  on(event, told) {
    return added(this.#listeners, event, told);
  }

  get cursor() {
    return this.machine.screen.replica.cursor;
  }

  get pending() {
    return this.waiting().length;
  }

  waiting() {
    const some = [...this.machine.outbox.values()].filter(isWrite);
    return some.map(({ ref, command, n }) => ({ ref, command, saved: n !== undefined }));
  }

  get status() {
    const { machine, shelf } = this;
    const { failure } = machine;
    const out = failure?.code.startsWith("AUTH") ? "signed out" : "refused";
    const away = globalThis.navigator?.onLine === false ? "offline" : "waiting";
    let state = /** @type {string} */ (machine.state);
    if (this.#closed) state = "closed";
    else if (!this.#begun) state = "starting";
    else if (failure) state = out;
    else if (state === "waiting") state = away;
    const full = shelf.state === "full" || (shelf.state === "none" && this.pending);
    const text = (full && STATES.full) || (state === "refused" && failure?.text) || STATES[state];
    const code = failure?.code ?? this.link.lost?.code ?? "";
    const user = shelf.user === "?" ? null : shelf.user;
    return { state, text, code, storage: shelf.state, others: shelf.others, user };
  }

  /** The server's time, as far as this device can tell. */
  now() {
    return new Date(Date.now() + this.shelf.ahead).toISOString();
  }

  /** @param {string} [prefix] */
  id(prefix = "") {
    return prefix + newRef();
  }

  // --- writing

  /** @param {string} table @param {Row} data @param {How} [how] */
  insert(table, data, how) {
    return this.#do({ type: "INSERT", table, data }, how);
  }

  /** @param {string} table @param {any} id or the row @param {any} [changes] @param {How} [how] */
  update(table, id, changes, how) {
    return this.#do(...this.#update(table, id, changes, how));
  }

  /** @param {string} table @param {any} id or the row @param {How} [how] */
  delete(table, id, how) {
    return this.#do({ type: "DELETE", table, id: this.#idOf(table, id) }, how);
  }

  /** @param {string} table @param {Row} row @param {How} [how] */
  save(table, row, how) {
    const there = this.get(table, this.#idOf(table, row));
    return there ? this.update(table, row, how) : this.insert(table, row, how);
  }

  /** @param {Op[] | ((tx: any) => void)} asked @param {How} [how] */
  transaction(asked, how) {
    /** @type {Command[]} */
    const ops = Array.isArray(asked) ? asked : [];
    if (typeof asked === "function") {
      asked({
        insert: (/** @type {string} */ table, /** @type {Row} */ data) => ops.push({ type: "INSERT", table, data }),
        update: (/** @type {string} */ table, /** @type {any[]} */ ...rest) =>
          ops.push(this.#update(table, rest[0], rest[1], rest[2])[0]),
        delete: (/** @type {string} */ table, /** @type {any} */ id) =>
          ops.push({ type: "DELETE", table, id: this.#idOf(table, id) }),
      });
    }
    return this.#do({ type: "TRANSACTION", ops: /** @type {Op[]} */ (ops) }, how);
  }

  /** @param {string} table @param {string} field @param {number} [count] */
  next(table, field, count = 1) {
    return this.#ask({ type: "NEXT", table, field, count });
  }

  /** @param {string} table @param {Row} [asked] */
  query(table, asked) {
    return this.#ask(/** @type {Command} */ ({ type: "QUERY", table, ...asked }));
  }

  /** Writes that were refused after they had been taken. */
  rejected() {
    return [...this.shelf.parked.values()].map(({ ref, command, error: { code, text, details, more, current } }) => ({
      ref,
      command,
      error: new Refused(code, text, details, { more, current }),
      send: (/** @type {Command} */ { base, epoch, ...edited } = command) =>
        this.#do(edited, { ref, base: base !== undefined }, true),
      discard: () => this.shelf.discard(ref),
    }));
  }

  /** Wait until each write has its answer. */
  async flush() {
    if (this.pending) await /** @type {Promise<void>} */ (new Promise((resolve) => this.#flushing.push(resolve)));
  }

  /** Be who `token` says, or, without one, who the cookie says now.
   * @param {import("./mishkah.js").Token} [token] */
  signIn(token) {
    if (token) this.token = token;
    if (this.machine.greeted) this.link.hello();
    else this.link.open();
  }

  /** @param {{forget?: boolean}} [how] */
  async close({ forget = false } = {}) {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#tick);
    this.#away.abort();
    await (forget ? this.shelf.forget() : this.shelf.save());
    this.link.stop();
    this.shelf.close();
    this.#moved();
  }

  // --- the older names

  watch = this.subscribe;
  merge = this.update;
  remove = this.delete;

  // --- inside

  /** @param {string} table @param {any} row */
  #idOf(table, row) {
    return typeof row === "object" ? row?.[this.machine.screen.replica.keyOf(table)] : row;
  }

  /** @param {string} table @param {any} id @param {any} changes @param {How} [how]
   * @returns {[Command, How | undefined]} */
  #update(table, id, changes, how) {
    if (typeof id === "object") {
      const { [this.machine.screen.replica.keyOf(table)]: key, ...rest } = id;
      return this.#update(table, key, rest, changes);
    }
    const { add } = how ?? {};
    return [{ type: "UPDATE", table, id, changes: changes ?? (add ? undefined : {}), add }, how];
  }

  /** @param {Command} command @param {How} [how] @param {boolean} [again] whether it was parked
   * @returns {Promise<any> & {ref: string, saved: Promise<boolean>}} */
  #do(command, { ref = newRef(), base = false } = {}, again = false) {
    let saved = Promise.resolve(false);
    /** @type {Promise<any>} */
    const answer = new Promise((resolve, reject) => {
      const { machine, shelf } = this;
      const asked = plain(command);
      const seen = base === true ? this.cursor : base;
      if (seen) Object.assign(asked, { base: seen.seq, epoch: seen.epoch });
      if (this.#closed) throw new Refused("CLOSED", CLOSED);
      if (machine.outbox.has(ref)) throw new Refused("REF_REUSED", IN_USE);
      const current = !machine.greeted || !machine.rulesChanged;
      const row = (/** @type {string} */ table, /** @type {string} */ id) => machine.screen.row(table, id);
      const no = shelf.schema && current && judge(shelf.schema, opsOf(asked), !!asked.ops, row);
      if (no) throw no;
      shelf.parked.delete(ref);
      /** @type {Errand} */
      const errand = { ref, command: asked, mine: true, ready: false, sent: false };
      errand.told = (result) => {
        if (!(result instanceof Refused)) return resolve(this.#outcome(asked, result));
        // It is parked: nothing is lost when nobody listens.
        answer.catch(() => {});
        reject(result);
      };
      machine.put(errand);
      saved = shelf.keep(errand, again);
      this.#moved();
    });
    return Object.assign(answer, { ref, saved });
  }

  /** @param {Command} command @param {import("./types.js").Ack} answer */
  #outcome({ type, table = "", id = "", data }, { rows, numbers, next, seq }) {
    if (type === "NEXT") return numbers;
    if (type === "QUERY") return { rows, next: next ?? null, seq };
    if (type === "TRANSACTION") return rows ?? [];
    return rows?.[0] ?? this.get(table, type === "INSERT" ? this.#idOf(table, data) : id);
  }

  /** Ask what is only of use to this page. @param {Command} command @returns {Promise<any>} */
  #ask(command) {
    const asked = this.#do(command);
    const { machine } = this;
    setTimeout(() => {
      const errand = machine.outbox.get(asked.ref);
      // Numbers that were asked for may have been taken: their answer is worth waiting for.
      if (!errand || (errand.sent && command.type === "NEXT")) return;
      machine.settle(asked.ref, new Refused("UNREACHABLE", NO_ANSWER));
      this.#moved();
    }, PATIENCE_MS);
    return asked;
  }

  /** @param {string} user as the server knows us */
  async #welcomed(user) {
    const { machine, shelf, link } = this;
    const { connections, greeted } = machine;
    if (!shelf.schema) machine.rulesChanged = true;
    if (user !== shelf.user) {
      // What is still said here is said to who was here before.
      if (greeted) link.again(new Lost("another user"));
      await shelf.load(machine, user);
    }
    if (connections !== machine.connections || machine.greeted || greeted) return;
    machine.begin();
    this.#moved();
  }

  /** @param {string} now */
  #heardTime(now) {
    this.shelf.ahead = (Date.parse(now) || Date.now()) - Date.now();
    this.shelf.note("ahead", this.shelf.ahead);
  }

  /** @param {boolean} again */
  async #credentials(again) {
    return typeof this.token === "function" ? this.token(again) : this.token;
  }

  /** @param {string} path @returns {Promise<any>} null where there is no answer */
  async #fetch(path) {
    try {
      const token = await this.#credentials(false);
      const headers = /** @type {Record<string, string>} */ (token ? { Authorization: `Bearer ${token}` } : {});
      const answer = await fetch(this.api + path, { headers });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null;
    }
  }

  /** Learn the rules by which writes are judged, now and when there is no connection. */
  async #learn() {
    const { machine, shelf } = this;
    const { user } = shelf;
    this.#learning = true;
    const { branch, module } = this.asked;
    const schema = await this.#fetch(`/branches/${encodeURIComponent(branch)}/modules/${module}/schema`);
    this.#learning = false;
    machine.rulesChanged = false;
    if (user !== shelf.user) return;
    shelf.schema = schema?.sentences ? schema : null;
    shelf.note(`schema ${user}`, shelf.schema ?? undefined);
  }

  /** Notice what the page and the device do. */
  #attend() {
    const { link, shelf } = this;
    const { signal } = this.#away;
    const at = (/** @type {string} */ event, /** @type {() => void} */ act, on = globalThis) =>
      on.addEventListener?.(event, act, { signal });
    at("online", () => link.check());
    at("offline", () => this.#moved());
    at("pageshow", () => link.check());
    at("pagehide", () => shelf.save());
    const page = globalThis.document;
    if (page) at("visibilitychange", () => (page.hidden ? shelf.save() : link.check()), /** @type {any} */ (page));
    this.#tick = setInterval(() => {
      // The device has slept, or its clock was set: nothing is known of the connection, or of the time.
      const clock = Date.now() - performance.now();
      if (Math.abs(clock - this.#clock) > TICK_MS) link.check();
      this.#clock = clock;
      shelf.tend();
      if (performance.now() - this.#renewed > RENEW_MS && this.machine.greeted && !page?.hidden) {
        this.#renewed = performance.now();
        this.#fetch("/auth/me");
      }
    }, TICK_MS);
  }

  /** Tell everybody what is new: people at once, drawings when the next frame is due. */
  #moved() {
    const { machine, shelf } = this;
    this.link.wake();
    for (const errand of machine.settled.splice(0)) {
      shelf.settled(errand);
      if (errand.answer) errand.told?.(errand.answer);
      if (errand.answer instanceof Refused && isWrite(errand)) {
        this.#emit("rejected", this.rejected().find(({ ref }) => ref === errand.ref));
      }
    }
    for (const { data, seq, by } of machine.heard.splice(0)) this.#emit("delta", { ...data, seq, by });
    if (machine.state === "live" && machine.rulesChanged && !this.#learning) this.#learn();
    if (machine.screen.unsaved === true || machine.screen.unsaved.size) shelf.saveSoon();
    const { status, pending } = this;
    const told = JSON.stringify(status);
    if (told !== this.#told) this.#emit("status", status);
    this.#told = told;
    if (pending !== this.#toldPending) this.#emit("pending", pending);
    this.#toldPending = pending;
    if (!pending) for (const resolve of this.#flushing.splice(0)) resolve();
    if (this.cursor || machine.failure) {
      for (const [resolve, reject] of this.#ready.splice(0)) {
        this.cursor ? resolve() : reject(/** @type {Refused} */ (machine.failure));
      }
    }
    if (machine.screen.changes.size && !this.#drawing) this.#draw();
  }

  #draw() {
    this.#drawing = true;
    let timer = setTimeout(() => draw(), UNSEEN_MS);
    const draw = () => {
      if (!this.#drawing) return;
      clearTimeout(timer);
      this.#drawing = false;
      const { screen } = this.machine;
      const changes = [...screen.changes.values()];
      screen.changes = new Map();
      for (const [table, watchers] of this.#watchers) {
        const ours = changes.filter((one) => one.table === table);
        if (ours.length) for (const watcher of [...watchers]) safely(watcher, ours);
      }
    };
    if (globalThis.document?.hidden === false) requestAnimationFrame(draw);
  }

  /** @param {string} event @param {unknown} told */
  #emit(event, told) {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) safely(listener, told);
  }
}

/** A name that no other has; plain pages of a LAN have no randomUUID. */
function newRef() {
  const bytes = crypto.getRandomValues(new Uint8Array(15));
  return [...bytes].map((byte) => byte.toString(36).padStart(2, "0")).join("");
}

/** Return what JSON makes of a command: so the caller may go on changing it. @template T
 * @param {T} value @returns {T} */
function plain(value) {
  const text = JSON.stringify(value, (name, inner) => {
    const kind = typeof inner;
    if (kind === "bigint" || kind === "function" || (kind === "number" && !Number.isFinite(inner))) {
      throw new Refused("BAD_MESSAGE", NOT_JSON, [
        { path: `/${name}`, rule: "type", message: NOT_JSON.en, text: NOT_JSON },
      ]);
    }
    return inner;
  });
  return JSON.parse(text);
}

/** Names a token without holding it. @param {string} token */
function digest(token) {
  let [one, other] = [7, 11];
  for (const char of token) {
    one = Math.imul(one ^ (char.codePointAt(0) ?? 0), 2654435761);
    other = Math.imul(other ^ (char.codePointAt(0) ?? 0), 1597334677);
  }
  return `${one}${other}`;
}

/** @param {string} [url] */
function address(url) {
  const own = /^https?:/.test(import.meta.url) ? new URL("/", import.meta.url).href : undefined;
  const parts = new URL(url ?? own ?? "", globalThis.location?.href);
  if (parts.username || parts.password || parts.searchParams.has("token")) {
    throw new TypeError("URLs end up in logs: no name, password or token belongs in one");
  }
  const secure = /^(https|wss):/.test(parts.protocol) ? "s" : "";
  const { host, pathname: path } = parts;
  return { host: `http${secure}://${host}`, path, socket: `ws${secure}://${host}${path}` };
}

/** @param {Filter} filter @returns {(row: Row) => boolean} */
function test(filter) {
  if (typeof filter === "function") return /** @type {(row: Row) => boolean} */ (filter);
  const wanted = Object.entries(filter);
  return (row) => wanted.every(([name, value]) => row[name] === value);
}

/** Add to a set in a map; return how to take it out. @template T
 * @param {Map<string, Set<T>>} sets @param {string} name @param {T} one */
function added(sets, name, one) {
  const set = sets.get(name) ?? new Set();
  sets.set(name, set.add(one));
  return () => void set.delete(one);
}

/** One listener's mistake is not another's. @template T @param {(told: T) => void} listener @param {T} told */
function safely(listener, told) {
  try {
    listener(told);
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}
