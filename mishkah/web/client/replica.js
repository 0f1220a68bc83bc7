// The rows of one view as they were at one commit: snapshots and deltas in, whole or not at all.

import { own, still } from "./values.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Cursor} Cursor */
/** table → id → row. Rows are replaced, never changed. @typedef {Map<string, Map<string, Row>>} Picture */

/** What the server has shown so far. `cursor` is null before the first whole picture. */
export class Replica {
  /** @type {Picture} */
  picture = new Map();
  /** @type {Cursor | null} */
  cursor = null;
  /** Primary keys that are not called `id`. @type {Record<string, string>} */
  keys = {};
  /** @type {Picture | null} */
  #aside = null;
  /** @type {any[]} */
  #commit = [];

  /** @param {string} table */
  keyOf(table) {
    return own(this.keys, table) ?? "id";
  }

  /** @param {string} table @param {string} id */
  row(table, id) {
    return this.picture.get(table)?.get(id);
  }

  /** Forget the snapshot, and the commit, of which a part is still to come. */
  dropHalves() {
    this.#aside = null;
    this.#commit = [];
  }

  /** Add a part to the picture that is made aside; return it when it is whole.
   * @param {any} part a SNAPSHOT @returns {Picture | null} */
  build({ part = 0, last = true, data }) {
    if (part === 0) this.#aside = new Map();
    const aside = this.#aside;
    if (!aside) return null;
    for (const [table, rows] of Object.entries(data)) {
      const key = this.keyOf(table);
      const known = aside.get(table) ?? new Map();
      aside.set(table, known);
      for (const row of rows) known.set(row[key], still(row));
    }
    if (!last) return null;
    this.#aside = null;
    return aside;
  }

  /** Return all deltas of the commit to which `delta` belongs, once the last has come.
   * @param {any} delta @returns {any[]} */
  gather(delta) {
    if (this.#commit[0]?.seq !== delta.seq) this.#commit = [];
    this.#commit.push(delta);
    if (this.#commit.length < (delta.tx?.n ?? 1)) return [];
    const commit = this.#commit;
    this.#commit = [];
    return commit;
  }

  /** Make of the rows what the next commit has made of them. @param {any[]} commit */
  apply(commit) {
    for (const { data } of commit) {
      const { table, operation, id, changes } = data;
      const rows = this.picture.get(table) ?? new Map();
      this.picture.set(table, rows);
      if (operation === "DELETE") rows.delete(id);
      else rows.set(id, still({ ...(operation === "UPDATE" && rows.get(id)), ...changes }));
    }
    this.cursor = { epoch: commit[0].epoch, seq: commit[0].seq };
  }
}
