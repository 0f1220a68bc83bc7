// What a reader sees: the replica with unconfirmed writes on top, and how that changes.

import { Overlay } from "./overlay.js";
import { Replica } from "./replica.js";
import { same, still } from "./values.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Op} Op */
/** @typedef {import("./types.js").Cursor} Cursor */
/** @typedef {import("./types.js").Change} Change */
/** @typedef {[table: string, id: string]} Key */

const HALF = /[\ud800-\udfff]/g;

/** Return a text that compares as the code points of `id` do: halves of large ones are above all others.
 * @param {string} id */
const points = (id) => id.replace(HALF, "\uffff$&");

/** The rows of one table that are seen, by id and in the order of their ids. */
class Shown {
  /** @type {Map<string, Row>} */
  rows = new Map();
  /** @type {string[]} */
  #ids = [];
  /** @param {string} id @param {Row | undefined} row */
  set(id, row) {
    const at = this.#place(id);
    this.#ids.splice(at, this.#ids[at] === id ? 1 : 0, ...(row ? [id] : []));
    if (row) this.rows.set(id, row);
    else this.rows.delete(id);
  }

  /** Show these rows instead: sorted once, not one by one. @param {Map<string, Row>} rows */
  fill(rows) {
    this.rows = rows;
    this.#ids = [...rows.keys()];
    const byPoint = (/** @type {string} */ one, /** @type {string} */ other) => (points(one) < points(other) ? -1 : 1);
    this.#ids.sort(this.#ids.join("").search(HALF) < 0 ? undefined : byPoint);
  }

  /** The caller's own: ten thousand pointers take less than a millisecond. */
  list() {
    return this.#ids.map((id) => /** @type {Row} */ (this.rows.get(id)));
  }

  /** @param {string} id */
  #place(id) {
    const at = points(id);
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (points(/** @type {string} */ (this.#ids[middle])) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * A write is drawn when it is made, and taken off when the rows below have it or never will.
 * `changes` are to be taken by whoever called; of one row there is one, from the first `old`.
 */
export class Screen {
  replica = new Replica();
  /** What has to be stored: the rows of a whole picture (true), or these. @type {true | Map<string, Key>} */
  unsaved = new Map();
  /** @type {Map<string, Change>} */
  changes = new Map();
  /** @type {Map<string, Shown>} */
  #shown = new Map();
  /** Writes that have an ACK, after its `seq`, whose commit is not shown below yet; in its order.
   * @type {[seq: number, ref: string][]} */
  #owed = [];

  /** @param {(table: string) => Row} blank */
  constructor(blank) {
    this.overlay = new Overlay((table) => this.replica.keyOf(table), blank);
  }

  /** @param {string} table @param {string} id */
  row(table, id) {
    return this.#shown.get(table)?.rows.get(id);
  }

  /** @param {string} table @returns {Row[]} */
  rows(table) {
    return this.#shown.get(table)?.list() ?? [];
  }

  /** Draw the write `ref` on top of all others. @param {string} ref @param {Op[]} ops */
  draw(ref, ops) {
    this.#refresh(this.overlay.put(ref, ops));
  }

  /** Take writes off: refused, or in the rows below. @param {Iterable<string>} refs */
  takeOff(refs) {
    this.#refresh(this.#drop(refs));
  }

  /** @param {Iterable<string>} refs */
  #drop(refs) {
    return [...refs].flatMap((ref) => this.overlay.drop(ref));
  }

  /** Leave a write on top that is done by the commit `seq`, until that is shown below.
   * @param {string} ref @param {number} seq */
  owe(ref, seq) {
    this.#owed.splice(this.#owed.findLastIndex(([other]) => other <= seq) + 1, 0, [seq, ref]);
  }

  /** Show nothing any more. */
  clear() {
    for (const [table, { rows }] of this.#shown) for (const [id, old] of rows) this.#note(table, id, old);
    const { keys } = this.replica;
    this.replica = new Replica();
    this.replica.keys = keys;
    this.overlay = new Overlay(this.overlay.keyOf, this.overlay.blank);
    this.unsaved = new Map();
    this.#shown = new Map();
    this.#owed = [];
  }

  /** Show another picture in the place of all rows below.
   * @param {import("./replica.js").Picture} picture @param {Cursor} cursor */
  show(picture, cursor) {
    const { replica, overlay } = this;
    const fresh = replica.cursor?.epoch !== cursor.epoch;
    this.#drop(this.#reached(fresh ? Infinity : cursor.seq));
    replica.picture = picture;
    replica.cursor = cursor;
    this.unsaved = true;
    const before = this.#shown;
    this.#shown = new Map();
    for (const [table, rows] of picture) this.#replace(table, rows, before.get(table)?.rows);
    for (const [table, { rows }] of before) {
      if (picture.has(table)) continue;
      this.#replace(table, new Map(), rows);
      this.#shown.delete(table);
    }
    this.#refresh(overlay.keys());
  }

  /** Show the next commit below; `own` is the ref of the write of this client that did it.
   * @param {any[]} commit @param {string | undefined} own */
  apply(commit, own) {
    this.replica.apply(commit);
    /** @type {Key[]} */
    const keys = commit.map(({ data }) => [data.table, data.id]);
    const left = new Set(commit.filter(({ data }) => data.reason === "left").map(({ data }) => data.id));
    keys.push(...this.#drop([...this.#reached(commit[0].seq), own ?? ""]));
    if (this.unsaved !== true) for (const key of keys) this.unsaved.set(key.join("\n"), key);
    this.#refresh(keys, left);
  }

  /** Note that the rows below have all up to `cursor`. @param {Cursor} cursor */
  complete(cursor) {
    const before = this.replica.cursor;
    if (before?.epoch === cursor.epoch && before.seq < cursor.seq) this.replica.cursor = cursor;
    this.takeOff(this.#reached(Infinity));
  }

  /** Return the writes that are done by then, and owe them no longer. @param {number} upto */
  #reached(upto) {
    const more = this.#owed.findIndex(([seq]) => seq > upto);
    return this.#owed.splice(0, more < 0 ? Infinity : more).map(([, ref]) => ref);
  }

  /** @param {string} table @param {Map<string, Row>} rows @param {Map<string, Row>} [before] */
  #replace(table, rows, before = new Map()) {
    const now = new Map(rows);
    for (const [id, row] of rows) {
      const old = before.get(id);
      if (old && same(old, row)) now.set(id, old);
      else this.#note(table, id, old, row);
    }
    for (const [id, old] of before) if (!rows.has(id)) this.#note(table, id, old);
    const shown = new Shown();
    shown.fill(now);
    this.#shown.set(table, shown);
  }

  /** Work out anew what is seen of some rows. @param {Key[]} keys @param {Set<string>} [left] */
  #refresh(keys, left) {
    for (const [table, id] of keys) {
      let shown = this.#shown.get(table);
      if (!shown) {
        // Before the first picture everything is shown, after it only what the view has.
        if (this.replica.cursor) continue;
        this.#shown.set(table, (shown = new Shown()));
      }
      const old = shown.rows.get(id);
      const now = still(this.overlay.over(table, id, this.replica.row(table, id)));
      if (same(old, now)) continue;
      shown.set(id, now);
      this.#note(table, id, old, now, left?.has(id));
    }
  }

  /** @param {string} table @param {string} id @param {Row} [old] @param {Row} [now] @param {boolean} [left] */
  #note(table, id, old, now, left = false) {
    const key = `${table}\n${id}`;
    const first = this.changes.get(key);
    const was = first ? first.old : (old ?? null);
    const is = now ?? null;
    if (same(was, is)) return void this.changes.delete(key);
    const operation = !was ? "INSERT" : is ? "UPDATE" : "DELETE";
    this.changes.set(key, { operation, table, id, old: was, new: is, left: left && !is });
  }
}
