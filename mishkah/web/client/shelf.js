// What this device keeps of the machine, shared by all tabs, for each user apart.
//
// A write is kept until rows that hold it are: whatever happens in between, it is asked for again by its
// name. So nothing is shown, gone after a reload, and back again.

import { isWrite } from "./commands.js";
import { Refused } from "./refused.js";
import { Storage } from "./storage.js";
import { Tabs } from "./tabs.js";
import { still } from "./values.js";

/** @typedef {import("./types.js").Errand} Errand */
/** @typedef {import("./types.js").Line} Line */
/** @typedef {import("./machine.js").Machine} Machine */

const SAVE_MS = 1_000;
/** Rows that the device has no room for are not tried at each change again. */
const FULL_MS = 60_000;

export class Shelf {
  /** Who is here; null until the server has told for the first time. @type {string | null} */
  user = null;
  /** Whether writes outlive this page; "off" where they were asked not to. @type {"ok" | "full" | "none" | "off"} */
  state = "ok";
  shown = "";
  /** Writes of other users that wait for them. */
  others = 0;
  /** @type {Map<string, import("./types.js").Parked>} */
  parked = new Map();
  /** @type {import("./types.js").Schema | null} */
  schema = null;
  /** Add to what the device's clock says, and it is the server's, in milliseconds. */
  ahead = 0;
  /** Each user's writes, with those that wait for them in this tab. @type {Map<string, Map<string, Errand>>} */
  #outboxes = new Map();
  /** Writes that have an answer, and stay on the disk until the rows are there. @type {Set<number>} */
  #done = new Set();
  /** @type {Set<number>} */
  #answered = new Set();
  /** @type {any} */
  #timer = 0;
  #saving = false;
  #closed = false;
  /** Whether the device has rows of this view. */
  #stored = false;
  #pulled = Promise.resolve(true);
  /** @type {Promise<boolean> | null} */
  #pulling = null;
  /** What the writes on the device were kept under when all were read last. */
  #known = "";

  /**
   * @param {Machine} machine
   * @param {string} name
   * @param {boolean} keeps
   * @param {() => void} moved is called when the machine may have something new
   */
  constructor(machine, name, keeps, moved) {
    this.machine = machine;
    this.storage = new Storage(name, machine.client);
    this.moved = moved;
    this.state = keeps ? (globalThis.indexedDB ? "ok" : "none") : "off";
    /** @type {Tabs | null} */
    this.tabs = this.keeps ? new Tabs(name, () => this.#pull()) : null;
    machine.leads = () => this.tabs?.leads ?? true;
  }

  get keeps() {
    return this.state === "ok" || this.state === "full";
  }

  /** Remember who is here by what the server sees. @param {unknown} token */
  shows(token) {
    this.shown = `user ${typeof token === "string" ? digest(token) : ""}`;
  }

  /** Show what is kept of `user`, or else of who was here last. @param {string} [user] */
  async open(user) {
    const { machine, storage } = this;
    // Browsers clear what they keep when room is short, unless asked not to.
    globalThis.navigator?.storage?.persist?.().catch(() => {});
    const named = await this.#try(async () => {
      machine.client = storage.client = await storage.noted("client");
      this.ahead = (await storage.noted("ahead")) ?? 0;
      user ??= await storage.noted(this.shown);
    });
    // What was sent under a name that we don't know now waits for a page that does.
    if (!named && this.keeps) this.state = "none";
    if (user !== undefined) await this.load(user);
  }

  /** Show and send what is kept of `user`, and of nobody else. @param {string} user */
  async load(user) {
    const { machine, storage } = this;
    const outbox = this.#outboxes.get(user) ?? (this.user === null ? machine.outbox : new Map());
    this.user = user;
    this.#outboxes.set(user, outbox);
    machine.reset(outbox);
    this.tabs?.lead(this.#view());
    this.schema = null;
    this.parked = new Map();
    this.#stored = false;
    await this.#try(async () => {
      const schema = await storage.noted(`schema ${user}`);
      const { head, rows } = await storage.load(this.#view());
      if (user !== this.user) return;
      this.schema ??= schema ?? null;
      this.#stored = !!head;
      // A new connection may have been faster.
      if (head && !machine.screen.replica.cursor) this.#show(head, rows);
      await storage.note(this.shown, user);
    });
    await this.#pull();
    this.tend();
  }

  /** @param {import("./types.js").Head} head @param {Line[]} rows */
  #show({ cursor, keys, tables }, rows) {
    const { screen } = this.machine;
    const picture = new Map(tables.map((table) => [table, new Map()]));
    for (const [table, id, row] of rows) picture.get(table)?.set(id, still(row));
    screen.replica.keys = keys;
    screen.show(picture, cursor);
    screen.unsaved = new Map();
  }

  #view() {
    return `rows ${this.machine.tables ?? "*"}\n${this.user}`;
  }

  /** Take in what is kept and not known here: of before, or of other tabs. One after the other, since what
   * was read first may come last; and once for all that comes meanwhile. */
  #pull() {
    this.#pulling ??= this.#pulled.then(() => {
      this.#pulling = null;
      return (this.#pulled = this.#try(() => this.#take()));
    });
    return this.#pulling;
  }

  async #take() {
    const { user, machine } = this;
    /** @type {[Set<number | string>, (number | string)[]][]} */
    const known = [machine.done, this.#done, this.#answered].map((/** @type {Set<any>} */ set) => [set, [...set]]);
    const [kept, parked] = await this.storage.writes();
    if (user !== this.user) return;
    this.#known = JSON.stringify([kept.map(({ n }) => n), parked.map(({ ref }) => ref)]);
    const ours = kept.filter((one) => one.user === user);
    this.others = kept.length - ours.length;
    const there = new Set(ours.flatMap(({ ref, n }) => [ref, n]));
    // Of what is gone nobody will ask again.
    for (const [set, some] of known) for (const one of some) if (!there.has(one)) set.delete(one);
    // One that is sent again may be on its way to the disk.
    const left = (/** @type {string} */ ref) => !there.has(ref) && (machine.outbox.get(ref) ?? { n: 1 }).n;
    const refused = parked.filter((one) => one.user === user && left(one.ref));
    this.parked = new Map(refused.map((one) => [one.ref, one]));
    for (const { n = 0, ref, command } of ours) {
      if (machine.done.has(ref)) this.#done.add(n);
      if (machine.outbox.has(ref) || machine.done.has(ref) || this.#answered.has(n)) continue;
      machine.put({ ref, command, n, mine: false, ready: true, sent: false });
    }
    for (const { ref, mine, sent, n } of [...machine.outbox.values()]) {
      if (sent || !n || there.has(ref)) continue;
      // Answered in another tab. What became of one that was done, the rows show.
      const no = this.parked.get(ref)?.error;
      if (no) machine.settle(ref, Refused.from(no));
      else if (!mine) machine.forget(ref);
    }
    if (this.#done.size) this.saveSoon();
    machine.send();
    this.moved();
  }

  /** Keep a write; it is ready to be sent then. @param {Errand} errand @returns {Promise<boolean>} */
  async keep(errand) {
    const { user, storage, machine } = this;
    const { ref, command } = errand;
    this.parked.delete(ref);
    // Its answer comes after its promise is there, also where it is known at once.
    const is = await (user !== null && isWrite(errand) && this.#try(async () => {
      [errand.n] = await storage.put([{ ref, command, user }]);
      this.tabs?.say();
    }, true));
    errand.ready = true;
    machine.send();
    this.moved();
    return is;
  }

  /** Note what became of a write. @param {Errand} errand */
  settled({ ref, command, n = 0, answer }) {
    const { parked, storage, user } = this;
    this.#answered.add(n);
    if (!(answer instanceof Refused)) {
      if (n) this.#done.add(n);
      if (parked.delete(ref) || !n) this.#try(() => storage.remove("parked", [ref]));
      this.saveSoon();
    } else if (!parked.has(ref)) {
      const write = { ref, user: user ?? "", command, error: { ...answer } };
      parked.set(ref, write);
      this.#try(() => storage.park(write, n)).then(() => this.tabs?.say());
    }
  }

  /** Take a refused write off the list. @param {string} ref */
  discard(ref) {
    this.parked.delete(ref);
    this.#try(() => this.storage.remove("parked", [ref])).then(() => this.tabs?.say());
    this.moved();
  }

  /** Look after what is left: by tabs that are gone, and by a device that was full. */
  async tend() {
    const { machine, user } = this;
    const all = [...machine.outbox.values()].filter(isWrite);
    for (const one of all) one.late = true;
    machine.send(true);
    // Those after it too, so that their order is kept as well.
    const some = all.slice(all.findIndex((one) => one.ready && !one.n)).filter((one) => one.mine && one.ready);
    if (user !== null && some.some((one) => !one.n)) {
      await this.#try(async () => {
        const numbers = await this.storage.put(some.map(({ n, ref, command }) => ({ n, ref, command, user })));
        some.forEach((one, i) => (one.n = numbers[i]));
      }, true);
    }
    // A tab may have ended before it could tell of what it left; thousands are not read each time.
    await this.#try(async () => {
      const keys = JSON.stringify(await this.storage.writes("getAllKeys"));
      if (keys !== this.#known || machine.done.size) await this.#pull();
    });
  }

  /** Store the rows, and not at each change; the first at once, since there may be no later. */
  saveSoon(wait = this.#stored ? SAVE_MS : 0) {
    if (!this.#closed) this.#timer ||= setTimeout(() => this.save(), wait);
  }

  /** Store the rows, and then no longer the writes that they hold. */
  async save() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const { machine, storage } = this;
    const { screen } = machine;
    const { replica, unsaved } = screen;
    const { cursor, keys, picture } = replica;
    if (!machine.leads() || machine.state !== "live" || !cursor || !this.keeps) return;
    if (this.#saving) return this.saveSoon();
    this.#saving = true;
    const done = [...this.#done];
    const whole = unsaved === true;
    /** @type {Line[]} */
    const rows = [];
    if (whole) for (const [table, some] of picture) for (const [id, row] of some) rows.push([table, id, row]);
    else for (const [table, id] of unsaved.values()) rows.push([table, id, replica.row(table, id) ?? null]);
    screen.unsaved = new Map();
    let fits = true;
    const stored = await this.#try(async () => {
      const head = { cursor, keys, tables: [...picture.keys()] };
      if (rows.length || whole || done.length) fits = await storage.save(this.#view(), head, rows, whole, done);
    }, true);
    if (!stored || !fits) screen.unsaved = true;
    else this.#stored = true;
    // Where there is no room for rows, there is the more for writes.
    if (done.length && !stored) await this.#try(() => storage.remove("outbox", done));
    if (fits) for (const n of done) this.#done.delete(n);
    this.#saving = false;
    if (!fits) this.saveSoon();
    else if (!stored) this.saveSoon(FULL_MS);
  }

  /** Keep something beside. @param {string} key @param {unknown} value */
  note(key, value) {
    return this.#try(() => this.storage.note(key, value));
  }

  /** Forget the rows of who is here, and who that is. Writes without an answer stay. */
  async forget() {
    await this.#try(() => this.storage.remove("outbox", [...this.#done]));
    await this.#try(() => this.storage.drop(this.#view()));
    await this.note(this.shown, undefined);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.tabs?.close();
    this.storage.close();
  }

  /** Tell whether `act` could be done; the state says so too. That there is room again, only what needs
   * some can tell. @param {() => unknown} act @param {boolean} [needsRoom] */
  async #try(act, needsRoom) {
    if (!this.keeps) return false;
    const before = this.state;
    let done = true;
    try {
      await act();
      if (needsRoom) this.state = "ok";
    } catch {
      this.state = "full";
      done = false;
    }
    if (this.state !== before) this.moved();
    return done;
  }
}

/** Names a token without holding it. @param {string} token */
const digest = (token) => [...token].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) | 0, 7);
