// Writes that the rows below don't have yet, drawn on top of them.

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Op} Op */
/** @typedef {[table: string, id: string]} Key */

/**
 * The operations of unconfirmed writes, by the row that they change, in order. A new row without its
 * key has no place here until the server has numbered it.
 */
export class Overlay {
  /** @type {Map<string, [ref: string, op: Op][]>} */
  #ops = new Map();
  /** @type {Map<string, Key[]>} */
  #keys = new Map();

  /**
   * @param {(table: string) => string} keyOf leads from a table to its primary key
   * @param {(table: string) => Row} blank what a new row has beside what it is given
   */
  constructor(keyOf, blank) {
    this.keyOf = keyOf;
    this.blank = blank;
  }

  /** Draw the write `ref` on top of all others; return the rows that it changes.
   * @param {string} ref @param {Op[]} ops */
  put(ref, ops) {
    /** @type {Key[]} */
    const keys = [];
    for (const op of ops) {
      const id = op.type === "INSERT" ? op.data?.[this.keyOf(op.table)] : op.id;
      if (typeof id !== "string") continue;
      const key = joined(op.table, id);
      keys.push([op.table, id]);
      const all = this.#ops.get(key) ?? [];
      all.push([ref, op]);
      this.#ops.set(key, all);
    }
    this.#keys.set(ref, keys);
    return keys;
  }

  /** Take a write away: the rows have it, or never will. Return the rows that it changed.
   * @param {string} ref */
  drop(ref) {
    const keys = this.#keys.get(ref) ?? [];
    this.#keys.delete(ref);
    for (const [table, id] of keys) {
      const key = joined(table, id);
      const kept = (this.#ops.get(key) ?? []).filter(([other]) => other !== ref);
      if (kept.length) this.#ops.set(key, kept);
      else this.#ops.delete(key);
    }
    return keys;
  }

  /** @param {string} table @param {string} id */
  covers(table, id) {
    return this.#ops.has(joined(table, id));
  }

  /** All rows that have something on top. */
  keys() {
    return [...this.#keys.values()].flat();
  }

  /** Return `row` with what is on top of it; undefined where there is no such row.
   * @param {string} table @param {string} id @param {Row | undefined} row */
  over(table, id, row) {
    for (const [, op] of this.#ops.get(joined(table, id)) ?? []) row = this.#after(op, row);
    return row;
  }

  /** Return what `op` will make of `row`, as far as a client can tell.
   * @param {Op} op @param {Row | undefined} row @returns {Row | undefined} */
  #after(op, row) {
    if (op.type === "INSERT") return row ?? { ...this.blank(op.table), ...op.data };
    if (op.type === "DELETE" || !row) return;
    const now = { ...row, ...op.changes };
    for (const [name, amount] of Object.entries(op.add ?? {})) {
      const before = row[name] ?? 0;
      if (typeof before === "number") now[name] = sum(before, amount);
    }
    return now;
  }
}

/** Add as decimals do: the server keeps 15 digits, and doubles show more than they know.
 * @param {number} one @param {number} other */
export const sum = (one, other) => +(one + other).toPrecision(15);

/** No key has a control character. @param {string} table @param {string} id */
const joined = (table, id) => `${table}\n${id}`;
