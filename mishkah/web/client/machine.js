// The client's side of `mishkah.v1` without a socket: messages in, messages out, rows to read.

import { isWrite, opsOf } from "./commands.js";
import { Refused } from "./refused.js";
import { Screen } from "./screen.js";
import { alike, bytes } from "./values.js";
import { TOO_LARGE } from "./words.js";

/** @typedef {import("./types.js").Errand} Errand */
/** @typedef {import("./types.js").Answer} Answer */

/** Codes that speak of the moment, not of the command: it is sent again later, in its order. */
const LATER = ["STORE_FAILED", "BUSY", "RATE_LIMITED", "GOING_AWAY"];

/** Whether a code speaks of who asks, not of the command. @param {string} code */
export const asksWho = (code) => code.startsWith("AUTH");

/** The connection is of no use any more; another may be. `code` says what the server said. */
export class Lost {
  constructor(code = "") {
    this.code = code;
  }
}

/**
 * A replica of one view, with unconfirmed writes on top, and what is said to keep it so. `outgoing` is
 * to be sent in order; `settled` errands, and `heard` deltas, are to be taken by whoever called.
 */
export class Machine {
  /** All without an answer, in the order in which they are sent. @type {Map<string, Errand>} */
  outbox = new Map();
  /** Those of it that are to be sent. @type {Errand[]} */
  #unsent = [];
  /** Those of it that ask, and write nothing. */
  #questions = 0;
  /** Whether the server had no room for a write: one at a time is tried until it has. */
  #full = false;
  /** @type {string[]} */
  outgoing = [];
  /** @type {Errand[]} */
  settled = [];
  /** @type {any[]} */
  heard = [];
  /** @type {"waiting" | "connecting" | "catching up" | "live" | "refused"} */
  state = "waiting";
  /** Why the server does not serve us. @type {Refused | null} */
  failure = null;
  /** @type {number | null} */
  retryMs = null;
  /** Whether what other tabs have left is sent from here. */
  leads = () => true;
  /** Writes of other tabs that are done, before anybody has told of them. @type {Set<string>} */
  done = new Set();
  /** What the server said of the rules of the tables since: they may be others. */
  rulesChanged = true;
  /** @type {(user: string) => void} */
  onWelcome = () => {};
  /** What the server's clock has shown, just now. @type {(now: string) => void} */
  onTime = () => {};
  /** How many have ended. */
  connections = 0;
  /** Whether the server knows who we are, and hears what we ask. */
  greeted = false;
  /** How often we have said who we are without being welcomed: till then nothing is done in anybody's name. */
  #greeting = 0;
  /** @type {number} */
  #limit = Infinity;
  /** @type {string | null} */
  #subscribing = null;
  #view = "*";

  /**
   * @param {{branch: string, module: string, tables?: string[]}} asked
   * @param {() => string} newRef gives names that no other has
   * @param {(table: string) => import("./types.js").Row} blank
   */
  constructor({ branch, module, tables }, newRef, blank) {
    /** The stable name of this device, under which its writes are done once. */
    this.client = newRef();
    this.newRef = newRef;
    this.screen = new Screen(blank);
    this.store = { branch, module };
    this.tables = tables;
  }

  /** Begin anew, with these errands: nothing of before is shown or sent.
   * @param {Map<string, Errand>} outbox */
  reset(outbox) {
    this.screen.clear();
    this.outbox = outbox;
    this.#queue();
    this.#questions = 0;
    for (const errand of outbox.values()) this.#draw(errand);
  }

  /** How many writes have no answer. */
  get pending() {
    return this.outbox.size - this.#questions;
  }

  /** @param {Errand} errand */
  #draw(errand) {
    if (!isWrite(errand)) this.#questions += 1;
    this.screen.draw(errand.ref, opsOf(errand.command));
  }

  /** Have all that is not sent sent, in its order. */
  #queue() {
    this.#unsent = [...this.outbox.values()].filter(({ sent }) => !sent);
  }

  /** Take an errand out of the outbox. @param {string} ref */
  #take(ref) {
    const errand = this.outbox.get(ref);
    if (!errand) return;
    this.outbox.delete(ref);
    if (!isWrite(errand)) this.#questions -= 1;
    const at = errand.sent ? -1 : this.#unsent.indexOf(errand);
    if (at >= 0) this.#unsent.splice(at, 1);
    return errand;
  }

  /** Expect no answer to an errand any more. @param {string} ref */
  forget(ref) {
    this.#take(ref);
    // Rows that are behind may not have it yet.
    if (this.state === "live") this.screen.takeOff([ref]);
    else this.screen.owe(ref, Infinity);
  }

  /** Take an errand, to be done once; its write is seen from now on. @param {Errand} errand */
  put(errand) {
    this.outbox.set(errand.ref, errand);
    this.#unsent.push(errand);
    this.#draw(errand);
  }

  /** Send what is due, and all before it: whoever sends a write has sent those that it builds on.
   * @param {boolean} [probe] whether to try what the server had no room for */
  send(probe) {
    if (!this.greeted || this.#greeting || (this.#full && !probe)) return;
    if (this.#full) this.#queue();
    const list = this.#unsent;
    if (!list[0]?.ready) return;
    const leads = this.leads();
    const due = list.findLastIndex(({ mine, late }) => mine || (late && leads)) + 1;
    const ready = list.findIndex((one) => !one.ready);
    for (const errand of list.splice(0, Math.min(due, ready < 0 ? due : ready, this.#full ? 1 : due))) {
      const { ref, command } = errand;
      errand.sent = true;
      const frame = JSON.stringify({ ...command, ...this.store, ref });
      if (bytes(frame) <= this.#limit) this.outgoing.push(frame);
      else this.settle(ref, new Refused("TOO_LARGE", TOO_LARGE));
    }
  }

  /** Say who we are, on a new connection or again. @param {string} [token] */
  hello(token) {
    if (!this.greeted) this.state = "connecting";
    this.#greeting += 1;
    this.outgoing.push(JSON.stringify({ type: "HELLO", v: 1, client: this.client, token }));
  }

  /** Note that the connection is gone. All without an answer will be sent again. */
  cut() {
    this.connections += 1;
    this.state = this.failure ? "refused" : "waiting";
    this.greeted = false;
    this.#greeting = 0;
    this.#subscribing = null;
    this.outgoing = [];
    this.screen.replica.dropHalves();
    for (const errand of this.outbox.values()) errand.sent = false;
    this.#full = false;
    this.#queue();
  }

  /** Send what has no answer, then subscribe: so no snapshot holds a write of ours that we don't know. */
  begin() {
    this.greeted = true;
    this.failure = null;
    this.send();
    this.#subscribe();
  }

  /** Take in what the server says. Raises Lost where the connection is of no use any more.
   * @param {unknown} text */
  hear(text) {
    const said = parsed(text);
    const { type, now, user = "", limits, ref, view = "*", retry_ms = this.retryMs } = said;
    this.retryMs = retry_ms;
    if (now) this.onTime(now);
    if (type === "WELCOME") {
      this.#limit = limits?.message ?? Infinity;
      this.#greeting -= 1;
      if (!this.#greeting) this.onWelcome(user);
    }
    if (type === "SUBSCRIBED") this.#subscribed(said);
    if (type === "ACK" || type === "RESULT") this.settle(ref, said);
    if (type === "ERROR") this.#refused(said);
    if (!this.#subscribing && view === this.#view) this.#show(said);
  }

  #fallBehind() {
    this.state = "catching up";
    this.screen.replica.dropHalves();
  }

  #subscribe() {
    this.#fallBehind();
    this.#subscribing = this.newRef();
    const { cursor } = this.screen.replica;
    const { tables, store } = this;
    const from = cursor && { since: cursor.seq, epoch: cursor.epoch };
    this.outgoing.push(JSON.stringify({ type: "SUBSCRIBE", ref: this.#subscribing, ...store, tables, ...from }));
  }

  /** Take the view that was asked for, or, without a ref, what is left of it by other rights.
   * @param {any} told */
  #subscribed(told) {
    if ((told.ref ?? null) !== this.#subscribing) return;
    if (!told.ref) this.rulesChanged = true;
    this.#subscribing = null;
    this.#view = told.view ?? "*";
    this.#fallBehind();
    const { screen, outbox } = this;
    const keys = told.keys ?? {};
    if (alike(keys, screen.replica.keys)) return;
    screen.replica.keys = keys;
    screen.takeOff(outbox.keys());
    for (const { ref, command } of outbox.values()) screen.draw(ref, opsOf(command));
  }

  /** @param {any} said */
  #show(said) {
    const { epoch, seq } = said;
    const { replica } = this.screen;
    if (said.type === "RESYNC") {
      this.rulesChanged = true;
      this.#fallBehind();
    } else if (said.type === "SYNCED") {
      this.state = "live";
      this.screen.complete({ epoch, seq });
    } else if (said.type === "SNAPSHOT") {
      const picture = replica.build(said);
      if (picture) this.screen.show(picture, { epoch, seq });
    } else if (said.type === "DELTA") this.#delta(said, replica.cursor);
  }

  /** @param {any} delta @param {import("./types.js").Cursor | null} cursor */
  #delta(delta, cursor) {
    if (!cursor || cursor.epoch !== delta.epoch || delta.prev > cursor.seq) return this.#subscribe();
    if (delta.seq <= cursor.seq) return;
    const commit = this.screen.replica.gather(delta);
    if (!commit.length) return;
    const own = delta.by?.client === this.client ? String(delta.by.ref) : undefined;
    this.screen.apply(commit, own);
    this.heard.push(...commit);
    if (own === undefined) return;
    // Its own tab waits for the ACK, which has the rows.
    if (!this.outbox.has(own)) this.done.add(own);
    else if (!this.outbox.get(own)?.mine) this.settle(own, { seq: delta.seq });
  }

  /** @param {any} said an ERROR */
  #refused(said) {
    const { code, ref } = said;
    const errand = this.outbox.get(ref);
    if (errand && code === "STORAGE_FULL") {
      // So it says of all that it has heard after this one too; who only reads is served.
      this.#full = true;
      errand.sent = false;
      return;
    }
    if (LATER.includes(code)) throw new Lost(code);
    const refusal = Refused.from(said);
    if (asksWho(code) || !this.greeted || (ref && ref === this.#subscribing)) {
      this.failure = refusal;
      throw new Lost(code);
    }
    if (ref !== undefined) this.settle(ref, refusal);
  }

  /** Take the errand `ref` out, with its answer. Until the rows below have what was done, it stays on
   * top. @param {string} ref @param {Answer} answer */
  settle(ref, answer) {
    const errand = this.#take(ref);
    const { screen } = this;
    if (!errand) return;
    errand.answer = answer;
    if (this.#full && isWrite(errand) && !(answer instanceof Refused)) {
      this.#full = false;
      this.#queue();
      this.send();
    }
    this.settled.push(errand);
    const cursor = screen.replica.cursor;
    const shown = answer instanceof Refused || (errand.sent ? this.state === "live" : cursor && cursor.seq >= answer.seq);
    if (shown) screen.takeOff([ref]);
    else screen.owe(ref, answer.seq);
  }
}

/** @param {unknown} text @returns {any} */
function parsed(text) {
  try {
    const said = JSON.parse(/** @type {string} */ (text));
    if (typeof said?.type === "string") return said;
  } catch {
    // said below
  }
  throw new Lost();
}
