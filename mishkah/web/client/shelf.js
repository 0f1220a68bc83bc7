// What this device keeps of the machine, shared by all tabs, for each user apart.
//
// A write is kept until rows that hold it are: whatever happens in between, it is asked for again by its
// name. So nothing is shown, gone after a reload, and back again.

import { opsOf } from "./machine.js";
import { Refused } from "./refused.js";
import { still } from "./replica.js";
import { Storage } from "./storage.js";
import { Tabs } from "./tabs.js";

/** @typedef {import("./types.js").Errand} Errand */
/** @typedef {import("./types.js").Kept} Kept */
/** @typedef {import("./types.js").Parked} Parked */
/** @typedef {import("./machine.js").Machine} Machine */

/** Until the server has told who is here, for the first time. Who it is then has written this. */
const NOBODY_YET = "?";
const SAVE_MS = 1_000;
/** Rows that the device has no room for are not tried at each change again. */
const FULL_MS = 60_000;

export class Shelf {
  user = NOBODY_YET;
  /** Whether writes outlive this page; "off" where they were asked not to. @type {"ok" | "full" | "none" | "off"} */
  state = "ok";
  /** Writes of other users that wait for them. */
  others = 0;
  /** @type {Map<string, Parked>} */
  parked = new Map();
  /** @type {import("./types.js").Schema | null} */
  schema = null;
  /** Add to what the device's clock says, and it is the server's, in milliseconds. */
  ahead = 0;
  /** Each user's writes, with those that wait for them in this tab. @type {Map<string, Map<string, Errand>>} */
  #outboxes = new Map();
  /** Answered: in the outbox until the rows are stored. @type {Set<number>} */
  #done = new Set();
  #gone = new Set();
  /** @type {any} */
  #timer = 0;
  #saving = false;

  /**
   * @param {string} name
   * @param {boolean} keeps
   * @param {string} credentials names what is shown to the server
   * @param {() => void} moved is called when the machine may have something new
   */
  constructor(name, keeps, credentials, moved) {
    this.storage = new Storage(name);
    this.credentials = credentials;
    this.moved = moved;
    if (!keeps) this.state = "off";
    else if (!globalThis.indexedDB) this.state = "none";
    this.tabs = this.keeps ? new Tabs(name, (said) => this.#hear(said)) : null;
  }

  get keeps() {
    return this.state === "ok" || this.state === "full";
  }

  /** Return this device's name; be who was here last, or `user`. @param {string} fresh @param {string} [user] */
  async open(fresh, user) {
    if (!this.keeps) return fresh;
    try {
      const who = await this.storage.who(this.credentials, fresh);
      this.user = user ?? who.user ?? NOBODY_YET;
      this.ahead = (await this.storage.noted("ahead")) ?? 0;
      return who.client;
    } catch {
      this.state = "none";
      return fresh;
    }
  }

  /** Show and send what is kept of `user`, and of nobody else. @param {Machine} machine @param {string} user */
  async load(machine, user) {
    this.machine = machine;
    const known = this.#outboxes.get(user) ?? new Map();
    if (this.user === NOBODY_YET) for (const [ref, one] of machine.outbox) known.set(ref, one);
    this.user = user;
    this.#outboxes.set(user, known);
    machine.reset(known);
    this.schema = null;
    this.parked = new Map();
    if (!this.keeps) return;
    const { storage } = this;
    const view = this.#view();
    await this.#try(async () => {
      const [schema, found] = [await storage.noted(`schema ${user}`), await storage.load(view)];
      if (view !== this.#view()) return;
      this.schema ??= schema ?? null;
      if (found) this.#show(found);
      await this.#pull(true);
      await storage.note(`user ${this.credentials}`, user === NOBODY_YET ? undefined : user);
    });
  }

  /** @param {{head: import("./types.js").Head, rows: [string, string, import("./types.js").Row][]}} found */
  #show({ head, rows }) {
    const { screen } = /** @type {Machine} */ (this.machine);
    const picture = new Map(head.tables.map((table) => [table, new Map()]));
    for (const [table, id, row] of rows) picture.get(table)?.set(id, still(row));
    screen.replica.keys = head.keys;
    screen.show(picture, head.cursor);
    screen.unsaved = new Map();
  }

  #view() {
    return `${this.user}\n${this.machine?.tables ?? "*"}`;
  }

  /** Take in what is kept and not known here: of before, or of other tabs. @param {boolean} [late] */
  async #pull(late = false) {
    const { user, machine, storage } = this;
    const kept = await storage.outbox();
    const parked = await storage.parked();
    if (user !== this.user || !machine) return;
    const strays = user === NOBODY_YET ? [] : kept.filter((one) => one.user === NOBODY_YET);
    if (strays.length) {
      for (const one of strays) one.user = user;
      const numbers = await storage.put(strays);
      strays.forEach((one, i) => {
        one.n = numbers[i];
        const errand = machine.outbox.get(one.ref);
        if (errand) errand.n = one.n;
      });
    }
    const ours = kept.filter((one) => one.user === user);
    this.others = kept.length - ours.length;
    for (const { n = 0, ref, command } of ours) {
      if (machine.outbox.has(ref) || this.#gone.has(n)) continue;
      machine.put({ ref, command, n, mine: false, ready: true, sent: false, late });
    }
    const there = new Set(ours.map(({ ref }) => ref));
    // Answered in another tab. What became of it, the rows show.
    for (const one of machine.outbox.values()) if (!one.mine && !one.sent && !there.has(one.ref)) machine.forget(one.ref);
    this.parked = new Map(parked.filter((one) => one.user === user).map((one) => [one.ref, one]));
    machine.send();
    this.moved();
  }

  /** Keep a write; it is ready to be sent then. @param {Errand} errand
   * @param {boolean} [again] whether it was parked @returns {Promise<boolean>} */
  async keep(errand, again) {
    const kept = { ref: errand.ref, user: this.user, command: errand.command };
    let is = false;
    if (this.keeps && isWrite(errand)) {
      is = await this.#try(async () => {
        errand.n = again ? await this.storage.unpark(errand.ref, kept) : (await this.storage.put([kept]))[0];
        this.tabs?.say({ news: true });
      });
    }
    errand.ready = true;
    this.machine?.send();
    this.moved();
    return is;
  }

  /** Note what became of an errand. @param {Errand} errand */
  settled(errand) {
    const { ref, command, n, answer, mine, sent, elsewhere } = errand;
    if (!isWrite(errand)) return;
    if (n !== undefined) this.#gone.add(n);
    if (answer instanceof Refused) {
      const { code, text, details, more, current } = answer;
      const write = { ref, user: this.user, command, error: { code, text, details, more, current } };
      this.parked.set(ref, write);
      if (!elsewhere && this.keeps) {
        this.#try(() => this.storage.park(write, n)).then(() => this.tabs?.say({ ref, answer: write.error }));
      }
      return;
    }
    if (n !== undefined) this.#done.add(n);
    if (this.parked.delete(ref)) this.#try(() => this.storage.unpark(ref));
    // Who has only seen its DELTA doesn't know its numbers.
    if (!elsewhere && answer && (mine || sent)) this.tabs?.say({ ref, n, answer: { ...answer } });
    this.saveSoon();
  }

  /** Take a refused write off the list. @param {string} ref */
  discard(ref) {
    this.parked.delete(ref);
    if (this.keeps) this.#try(() => this.storage.unpark(ref)).then(() => this.tabs?.say({ news: true }));
    this.moved();
  }

  /** @param {any} said by another tab */
  #hear({ leads, news, ref, n, answer }) {
    const { machine } = this;
    if (!machine) return;
    if (leads) machine.send();
    if (n !== undefined) this.#done.add(n);
    const errand = machine.outbox.get(ref);
    // What was sent from here too has an answer of its own coming.
    if (errand && !errand.sent) {
      errand.elsewhere = true;
      machine.settle(ref, answer.code ? new Refused(answer.code, answer.text, answer.details, answer) : answer);
    }
    if (news || answer?.code) this.#try(() => this.#pull());
    this.moved();
  }

  /** Look after what is left: by tabs that are gone, and by a device that was full. */
  async tend() {
    const { machine } = this;
    if (!machine || !this.keeps) return;
    const all = [...machine.outbox.values()].filter((one) => isWrite(one));
    for (const one of all) one.late = true;
    if (this.tabs?.leads) machine.send();
    const first = all.findIndex((one) => one.mine && one.ready && one.n === undefined);
    if (first >= 0) {
      const some = all.slice(first).filter((one) => one.mine && one.ready);
      const { user } = this;
      await this.#try(async () => {
        const numbers = await this.storage.put(some.map(({ n, ref, command }) => ({ n, ref, command, user })));
        some.forEach((one, i) => (one.n = numbers[i]));
      });
    }
    if (all.some((one) => !one.mine)) await this.#try(() => this.#pull());
  }

  saveSoon() {
    this.#timer ||= setTimeout(() => this.save(), SAVE_MS);
  }

  /** Store the rows, and then no longer the writes that they hold. */
  async save() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const { machine, storage, tabs } = this;
    if (!machine || !tabs?.leads || machine.state !== "live" || this.#saving) return;
    const { replica, unsaved } = machine.screen;
    const { cursor, keys, picture } = replica;
    if (!cursor || !(unsaved === true || unsaved.size || this.#done.size)) return;
    const done = [...this.#done];
    this.#done.clear();
    machine.screen.unsaved = new Map();
    /** @type {[string, string, import("./types.js").Row | null][]} */
    const rows = [];
    if (unsaved === true) for (const [table, some] of picture) for (const [id, row] of some) rows.push([table, id, row]);
    else for (const [table, id] of unsaved.values()) rows.push([table, id, replica.row(table, id) ?? null]);
    this.#saving = true;
    let fits = true;
    const stored = await this.#try(async () => {
      const head = { cursor, keys, tables: [...picture.keys()] };
      fits = await storage.save(this.#view(), head, rows, unsaved === true);
    });
    if (stored && fits) await this.#try(() => done.length && storage.forget(done));
    else {
      machine.screen.unsaved = true;
      for (const n of done) this.#done.add(n);
    }
    this.#saving = false;
    if (!stored) {
      // The writes are done: room for others counts for more than seeing them before the next connection.
      await this.#try(() => storage.forget(done));
      this.#timer = setTimeout(() => this.save(), FULL_MS);
    } else if (!fits) this.saveSoon();
  }

  /** Keep something beside. @param {string} key @param {unknown} value */
  note(key, value) {
    if (this.keeps) this.#try(() => this.storage.note(key, value));
  }

  /** Forget the rows of who is here, and who that is. Writes without an answer stay. */
  async forget() {
    await this.#try(() => this.storage.drop(this.#view()));
    await this.#try(() => this.storage.note(`user ${this.credentials}`, undefined));
  }

  close() {
    clearTimeout(this.#timer);
    this.tabs?.close();
    this.storage.close();
  }

  /** Tell whether `act` could be done; the state says so too. @param {() => unknown} act */
  async #try(act) {
    let is = true;
    try {
      await act();
    } catch {
      is = false;
    }
    const state = is ? "ok" : "full";
    if (this.state !== state && this.keeps) {
      this.state = state;
      this.moved();
    }
    return is;
  }
}

/** Whether an errand outlives its tab. @param {Errand} errand */
export const isWrite = ({ command }) => opsOf(command).length > 0;
