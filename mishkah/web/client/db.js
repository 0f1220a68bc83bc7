// What an application has in its hands: rows that are read at once, writes that are kept.

import { Asking } from "./asking.js";
import { isWrite, newRef, opsOf, plain } from "./commands.js";
import { Link } from "./link.js";
import { Listeners } from "./listeners.js";
import { asksWho, Machine } from "./machine.js";
import { attend } from "./page.js";
import { Refused } from "./refused.js";
import { blank, CONTROL, judge } from "./rules.js";
import { Shelf } from "./shelf.js";
import { bytes } from "./values.js";
import { STATES } from "./words.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Change} Change */
/** @typedef {import("./types.js").Command} Command */
/** @typedef {import("./mishkah.js").How} How */
/** @typedef {import("./mishkah.js").Filter<any>} Filter */

/** How long a question waits for a connection. */
const PATIENCE_MS = 15_000;

export class Db {
  /** Where it is not the machine that says it. @type {"starting" | "closed" | ""} */
  #now = "starting";
  /** @type {((moved: unknown) => void)[]} */
  #next = [];
  /** @type {Listeners} */
  #listeners;
  #away = new AbortController();
  /** Whether a token was asked for in place of one that was refused. */
  #again = false;

  /** @param {import("./mishkah.js").Options} options */
  constructor({ branchId, moduleId, token, tables, outbox = true, url, user, lang = "en" }) {
    if (!branchId || !moduleId) throw new TypeError("branchId and moduleId are needed");
    // Nothing else of a URL is used: names and tokens would end up in logs.
    const { origin, pathname } = new URL(url ?? new URL("/", import.meta.url), globalThis.location?.href);
    const http = origin.replace(/^ws/, "http");
    this.token = token;
    this.user = user;
    Refused.lang = lang;
    this.machine = new Machine({ branch: branchId, module: moduleId, tables }, newRef, (table) => blank(this.shelf.schema, table));
    const moved = () => this.#moved();
    this.link = new Link(this.machine, http.replace("http", "ws") + pathname, (again) => this.#credentials(again), moved);
    this.shelf = new Shelf(this.machine, `mishkah ${http}${pathname} ${branchId} ${moduleId}`, outbox, moved);
    this.#listeners = new Listeners(this.machine.screen);
    this.asking = new Asking(`${http}/api/v1`, this.link, this.shelf);
    this.shelf.shows(token);
    this.machine.onWelcome = (who) => this.#welcomed(who);
    this.machine.onTime = (now) => {
      this.shelf.ahead = Date.parse(now) - Date.now();
      this.shelf.note("ahead", this.shelf.ahead);
    };
  }

  /** Show what is stored, then connect. */
  async open() {
    await this.shelf.open(this.user);
    this.#now = "";
    this.link.open();
    attend(this.link, this.shelf, this.asking, this.#away.signal);
  }

  // --- reading

  /** Wait until there are rows to show. */
  async ready() {
    while (!this.cursor) {
      const { failure, state } = this.machine;
      // A function may have a newer token.
      if (failure && (typeof this.token !== "function" || (this.#again && state === "refused"))) throw failure;
      await this.#move();
    }
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
  subscribe(table, told, filter = () => true) {
    const holds = test(filter);
    return this.on(`rows ${table}`, (/** @type {Change[]} */ changes) => {
      // Of a row that leaves, the old one has held.
      const ours = changes.filter((one) => [one.old, one.new].some((row) => row && holds(row)));
      if (ours[0]) told(this.list(table, filter), ours);
    });
  }

  /** @param {string} event @param {(told: any) => void} told */
  on(event, told) {
    return this.#listeners.on(event, told);
  }

  get cursor() {
    return this.machine.screen.replica.cursor;
  }

  get pending() {
    return this.machine.pending;
  }

  waiting() {
    const some = [...this.machine.outbox.values()].filter(isWrite);
    return some.map(({ ref, command, n }) => ({ ref, command, saved: !!n }));
  }

  get status() {
    const { failure, state: now } = this.machine;
    const { state: storage, others, user } = this.shelf;
    const out = failure && (asksWho(failure.code) ? "signed out" : "refused");
    const away = now === "waiting" && globalThis.navigator?.onLine === false && "offline";
    const state = this.#now || out || away || now;
    const code = failure?.code ?? this.link.lost;
    const full = storage === "full" || (storage === "none" && this.pending);
    return { state, text: full ? STATES.full : (STATES[state] ?? failure?.text), code, storage, others, user };
  }

  /** The server's time, as far as this device can tell. */
  now() {
    return new Date(Date.now() + this.shelf.ahead).toISOString();
  }

  id(prefix = "") {
    return prefix + newRef();
  }

  // --- writing

  /** How operations are made; rows name themselves. @type {Record<"insert" | "update" | "delete", (...given: any[]) => Command>} */
  #make = {
    insert: (table, data) => ({ type: "INSERT", table, data }),
    update: (table, row, changes, how) => {
      const id = this.#named(table, row);
      if (id === row) return { type: "UPDATE", table, id, changes: changes ?? {}, add: how?.add };
      const { [this.machine.screen.replica.keyOf(table)]: _, ...rest } = row;
      return this.#make.update(table, id, rest, changes ?? how);
    },
    delete: (table, row) => ({ type: "DELETE", table, id: this.#named(table, row) }),
  };

  /** @param {string} table @param {Row} data @param {How} [how] */
  insert(table, data, how) {
    return this.#do(() => this.#make.insert(table, data), how);
  }

  /** @param {string} table @param {any} row or its id @param {any} [changes] @param {How} [how] */
  update(table, row, changes, how) {
    return this.#do(() => this.#make.update(table, row, changes, how), (typeof row === "object" && changes) || how);
  }

  /** @param {string} table @param {any} row or its id @param {How} [how] */
  delete(table, row, how) {
    return this.#do(() => this.#make.delete(table, row), how);
  }

  /** @param {string} table @param {Row} row @param {How} [how] */
  save(table, row, how) {
    return this.get(table, this.#idOf(table, row)) ? this.update(table, row, how) : this.insert(table, row, how);
  }

  /** @param {any} asked its operations, or what makes them of what it is given @param {How} [how] */
  transaction(asked, how) {
    return this.#do(() => {
      /** @type {any} */
      const [ops, tx] = [[], {}];
      for (const [name, make] of Object.entries(this.#make)) tx[name] = (/** @type {any[]} */ ...given) => ops.push(make(...given));
      // What it does after waiting would be in no transaction.
      if (typeof asked === "function" && asked(tx)?.then) throw new TypeError("a transaction can't wait");
      return { type: "TRANSACTION", ops: typeof asked === "function" ? ops : asked };
    }, how);
  }

  /** @param {string} table @param {string} field */
  next(table, field, count = 1) {
    return this.#ask({ type: "NEXT", table, field, count });
  }

  /** @param {string} table @param {Row} [asked] */
  query(table, asked) {
    return this.#ask({ type: "QUERY", table, ...asked });
  }

  watch = this.subscribe;
  merge = this.update;
  remove = this.delete;

  /** Writes that were refused after they had been taken. */
  rejected() {
    return [...this.shelf.parked.values()].map((one) => this.#rejected(one));
  }

  /** @param {import("./types.js").Parked} parked */
  #rejected({ ref, command, error }) {
    return {
      ref,
      command,
      error: Refused.from(error),
      // Whoever sends it again has seen what it was refused for.
      send: ({ base, epoch, ...edited } = command) => this.#do(() => edited, { ref, base: !!base }),
      discard: () => this.shelf.discard(ref),
    };
  }

  /** Wait until each write has its answer. */
  async flush() {
    while (this.pending) await this.#move();
  }

  /** Be who `token` says, or, without one, who the cookie says now. @param {import("./mishkah.js").Token} [token] */
  signIn(token = this.token) {
    this.token = token;
    this.shelf.shows(token);
    if (this.machine.greeted || this.machine.state === "connecting") this.link.hello();
    else this.link.check();
  }

  /** @param {{forget?: boolean}} [how] */
  async close({ forget = false } = {}) {
    await (forget ? this.shelf.forget() : this.shelf.save());
    this.#now = "closed";
    this.#away.abort();
    this.link.stop();
    this.shelf.close();
    this.#moved();
  }

  // --- inside

  #mustBeOpen() {
    if (this.#now === "closed") throw new Error("this database is closed");
  }

  /** Wait until something is new; nothing is, once it is closed. */
  async #move() {
    this.#mustBeOpen();
    await new Promise((moved) => this.#next.push(moved));
  }

  /** @param {string} table @param {any} row */
  #idOf(table, row) {
    return typeof row === "object" ? row?.[this.machine.screen.replica.keyOf(table)] : row;
  }

  /** @param {string} table @param {any} row */
  #named(table, row) {
    const id = this.#idOf(table, row);
    if (typeof id !== "string") throw new TypeError(`${table}: the id is missing`);
    return id;
  }

  /** @param {() => Command} make what is asked @param {How | null} [how]
   * @returns {Promise<any> & {ref: string, saved: Promise<boolean>}} */
  #do(make, how) {
    const { machine, shelf } = this;
    /** @type {any} */
    const { ref = newRef(), base, add, ...rest } = how ?? {};
    let saved = Promise.resolve(false);
    /** @type {Promise<any>} */
    const answer = new Promise((resolve, reject) => {
      this.#mustBeOpen();
      // The server could not even say whose answer it is.
      if (!ref || bytes(ref) > 128 || CONTROL.test(ref) || machine.outbox.has(ref)) {
        throw new Error("a ref has 1 to 128 bytes, and is not waiting already");
      }
      for (const name in rest) throw new TypeError(`there is no option ${name}`);
      const { seq, epoch } = (base?.epoch ? base : base && this.cursor) || {};
      const asked = plain({ ...make(), base: seq, epoch });
      // Rules that may be others now are not judged by.
      const known = machine.greeted && (machine.rulesChanged || this.asking.learning) ? null : shelf.schema;
      const no = known && judge(known, opsOf(asked), !!asked.ops, (table, id) => machine.screen.row(table, id));
      if (no) throw no;
      /** @type {import("./types.js").Errand} */
      const errand = { ref, command: asked, mine: true, ready: false, sent: false };
      errand.told = (result) => {
        if (!(result instanceof Refused)) return resolve(this.#outcome(asked, result));
        // It is parked: nothing is lost where nobody listens.
        answer.catch(() => {});
        reject(result);
      };
      machine.put(errand);
      saved = shelf.keep(errand);
      this.#moved();
    });
    return Object.assign(answer, { ref, saved });
  }

  /** @param {Command} command @param {import("./types.js").Ack} answer */
  #outcome({ type, table = "", id, data }, { rows, numbers, next = null, seq }) {
    if (type === "NEXT") return numbers;
    if (type === "QUERY") return { rows, next, seq };
    return type === "TRANSACTION" ? rows : (rows?.[0] ?? this.get(table, id ?? this.#idOf(table, data)));
  }

  /** Ask what is only of use to this page. @param {Command} command @returns {Promise<any>} */
  #ask(command) {
    const asked = this.#do(() => command);
    const { outbox } = this.machine;
    setTimeout(() => {
      const errand = outbox.get(asked.ref);
      // Numbers that were asked for may have been taken: their answer is worth waiting for.
      if (!errand || (errand.sent && command.type === "NEXT")) return;
      this.machine.settle(asked.ref, new Refused("UNREACHABLE", /** @type {any} */ (STATES.waiting)));
      this.#moved();
    }, PATIENCE_MS);
    return asked;
  }

  /** @param {string} user as the server knows us */
  async #welcomed(user) {
    const { machine, shelf, link } = this;
    const { connections, greeted } = machine;
    if (user !== shelf.user) {
      // What is still said here is said to who was here before.
      if (greeted) link.again();
      await shelf.load(user);
    }
    if (!shelf.schema) machine.rulesChanged = true;
    if (connections === machine.connections && !machine.greeted) machine.begin();
    machine.send();
    this.#moved();
  }

  /** @param {boolean} again */
  async #credentials(again) {
    const token = typeof this.token === "function" ? await this.token(again) : this.token;
    this.#again ||= again;
    return token;
  }

  /** Tell everybody what is new. */
  #moved() {
    const { machine, shelf, link, status, pending } = this;
    const { screen } = machine;
    link.wake();
    for (const errand of machine.settled.splice(0)) {
      const { ref, answer } = errand;
      if (isWrite(errand)) shelf.settled(errand);
      if (answer) errand.told?.(answer);
      const no = answer instanceof Refused && shelf.parked.get(ref);
      if (no) this.#listeners.emit("rejected", this.#rejected(no));
    }
    for (const { data, seq, by } of machine.heard.splice(0)) this.#listeners.emit("delta", { ...data, seq, by });
    this.#listeners.emitNew("status", status);
    this.#listeners.emitNew("pending", pending);
    for (const moved of this.#next.splice(0)) moved(0);
    if (machine.state === "live" && machine.rulesChanged && !this.asking.learning) this.asking.learn();
    if (screen.unsaved === true || screen.unsaved.size) shelf.saveSoon();
    this.#listeners.drawSoon();
  }
}

/** @param {Filter} filter @returns {(row: Row) => boolean} */
function test(filter) {
  if (typeof filter === "function") return /** @type {(row: Row) => boolean} */ (filter);
  return (row) => Object.entries(filter).every(([name, value]) => row[name] === value);
}
