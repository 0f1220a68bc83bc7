// One connection after the other, as long as the page lives; the machine says what is said.
//
// Only time that passes counts here, never what the clock shows.

import { asksWho, Lost } from "./machine.js";

/** Until a connection is welcomed: portals of hotels open sockets too, and say nothing. */
const WELCOME_MS = 10_000;
/** A server that has said nothing for so long is asked for a sign of life. */
const QUIET_MS = 20_000;
/** How long it has to give one; less where we have reason to doubt. */
const ANSWER_MS = 10_000;
const DOUBT_MS = 4_000;
const FIRST_MS = 250;
const LONGEST_MS = 30_000;

/** Return how long to wait: what the server asked for, or twice as long each time, up to 30 s.
 * @param {number} attempts that failed since the last that served
 * @param {number | null} retryMs @param {number} chance from 0 to 1 */
export function delay(attempts, retryMs, chance) {
  if (retryMs !== null) return retryMs * (1 + chance / 2);
  return Math.min(FIRST_MS * 2 ** (attempts - 1), LONGEST_MS) * (0.5 + chance / 2);
}

export class Link {
  /** Connections, since the last that served, that failed. */
  attempts = 0;
  /** What the server said when it was lost. @type {string} */
  lost = "";
  /** @type {WebSocket | null} */
  #socket = null;
  /** What happens when nothing does: a retry, a question, or the end. @type {any} */
  #timer = 0;
  #stopped = false;

  /**
   * @param {import("./machine.js").Machine} machine
   * @param {string} url
   * @param {(again: boolean) => unknown} token what we show; asked anew where it was refused
   * @param {() => void} moved is called whenever the machine may have something new
   */
  constructor(machine, url, token, moved) {
    this.machine = machine;
    this.url = url;
    this.token = token;
    this.moved = moved;
  }

  /** Let what is outgoing go. */
  wake() {
    const { outgoing } = this.machine;
    if (this.#socket?.readyState !== 1) return;
    for (const frame of outgoing.splice(0)) this.#socket.send(frame);
  }

  /** Connect, unless we are. */
  open() {
    clearTimeout(this.#timer);
    if (this.#stopped || this.#socket) return;
    let socket;
    try {
      socket = this.#socket = new WebSocket(this.url, ["mishkah.v1"]);
    } catch {
      return this.#cut();
    }
    this.#await(WELCOME_MS, () => this.#cut());
    const mine = (/** @type {() => unknown} */ act) => this.#socket === socket && act();
    socket.onopen = () => mine(() => this.hello());
    socket.onmessage = ({ data }) => mine(() => this.#hear(data));
    socket.onclose = () => mine(() => this.#cut());
  }

  /** Say who we are: on a new connection, or again. */
  async hello() {
    const socket = this.#socket;
    try {
      const token = await this.token(asksWho(this.lost));
      if (socket !== this.#socket) return;
      this.machine.hello(/** @type {string | undefined} */ (token));
      this.wake();
      this.moved();
    } catch {
      if (socket === this.#socket) this.#cut();
    }
  }

  /** Look at once whether the connection is alive: the device may have slept, or changed networks. */
  check() {
    if (!this.#socket) return this.open();
    if (this.machine.greeted) this.#ask(DOUBT_MS);
  }

  /** Leave this connection for another, at once. */
  again() {
    if (this.#socket) this.#cut("", 0);
  }

  stop() {
    this.#stopped = true;
    if (this.#socket) this.#cut();
    clearTimeout(this.#timer);
  }

  /** @param {unknown} data */
  #hear(data) {
    try {
      this.machine.hear(data);
    } catch (error) {
      // Anything else is a message that we can't read, and as good as a broken line.
      return this.#cut(error instanceof Lost ? error.code : "");
    }
    if (this.machine.state === "live") {
      this.attempts = 0;
      this.lost = "";
    }
    if (this.machine.greeted) this.#await(QUIET_MS, () => this.#ask(ANSWER_MS));
    this.wake();
    this.moved();
  }

  /** @param {number} patience */
  #ask(patience) {
    this.machine.outgoing.push('{"type":"PING"}');
    this.wake();
    this.#await(patience, () => this.#cut("", 0));
  }

  /** @param {number} ms @param {() => void} act */
  #await(ms, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, ms);
  }

  /** @param {string} [code] why @param {number} [wait] milliseconds */
  #cut(code = "", wait) {
    const { machine } = this;
    const socket = this.#socket;
    this.#socket = null;
    // It may be minutes until a dead one is closed: nobody waits for that.
    socket?.close();
    this.lost = code;
    this.attempts += 1;
    machine.cut();
    const { retryMs } = machine;
    machine.retryMs = null;
    this.#await(wait ?? delay(this.attempts, retryMs, Math.random()), () => this.open());
    this.moved();
  }
}
