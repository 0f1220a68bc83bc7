// What a device keeps of a store: writes without an answer, refused ones, and the rows last seen.
//
// One row per write, and a transaction for each. Of two tabs the one whose rows are older writes none:
// so what is stored is always one state, whoever stores it.

/** @typedef {import("./types.js").Kept} Kept */
/** @typedef {import("./types.js").Parked} Parked */
/** @typedef {import("./types.js").Head} Head */
/** @typedef {import("./types.js").Line} Line */

/** Some browsers never answer, now and then. */
const OPEN_MS = 5_000;
/** Thousands of requests at once would hold up the page. */
const SLICE = 500;

export class Storage {
  /** @type {Promise<IDBDatabase> | null} */
  #open = null;

  /** @param {string} name of the database @param {string} client what this device is called, if it is new here */
  constructor(name, client) {
    this.name = name;
    this.client = client;
  }

  /** @returns {Promise<IDBDatabase>} */
  #db() {
    return (this.#open ??= new Promise((resolve, reject) => {
      const asked = indexedDB.open(this.name, 1);
      asked.onupgradeneeded = () => {
        const { result } = asked;
        result.createObjectStore("outbox", { keyPath: "n", autoIncrement: true });
        result.createObjectStore("parked", { keyPath: "ref" });
        result.createObjectStore("rows");
        // There is no database without: under two names a write would be done twice.
        result.createObjectStore("meta").put(this.client, "client");
      };
      asked.onerror = reject;
      const late = setTimeout(reject, OPEN_MS);
      asked.onsuccess = () => {
        clearTimeout(late);
        // Browsers drop connections of pages that sleep; the next transaction opens another.
        asked.result.onversionchange = asked.result.onclose = () => this.close();
        resolve(asked.result);
      };
    }));
  }

  /**
   * Do `act` in one transaction; return what it returned once that is on the disk.
   * @template T
   * @param {string[]} names
   * @param {(...stores: [IDBObjectStore, IDBObjectStore, IDBObjectStore]) => T} act on those of these `names`
   * @param {IDBTransactionMode} [mode]
   * @returns {Promise<T>}
   */
  async #run(names, act, mode = "readwrite") {
    try {
      // A sale has to outlive a power cut: "strict" waits for the disk.
      const tx = (await this.#db()).transaction(names, mode, { durability: "strict" });
      const result = act(.../** @type {[any, any, any]} */ (names.map((name) => tx.objectStore(name))));
      await new Promise((resolve, reject) => {
        tx.oncomplete = resolve;
        tx.onabort = () => reject(tx.error);
      });
      return result;
    } catch (error) {
      if (/** @type {Error} */ (error)?.name !== "QuotaExceededError") this.close();
      throw error;
    }
  }

  /** @param {string} key @returns {Promise<any>} */
  async noted(key) {
    return (await this.#run(["meta"], (meta) => meta.get(key), "readonly")).result;
  }

  /** @param {string} key @param {unknown} value */
  note(key, value) {
    return this.#run(["meta"], (meta) => meta.put(value, key));
  }

  // --- writes

  /** Keep writes, in this order, in place of what was kept of them, refused or not; return their numbers.
   * @param {Kept[]} writes @returns {Promise<number[]>} */
  async put(writes) {
    const asked = await this.#run(["outbox", "parked"], (outbox, parked) =>
      writes.map(({ n, ...write }) => {
        if (n) outbox.delete(n);
        parked.delete(write.ref);
        return outbox.add(write);
      }),
    );
    return asked.map(({ result }) => Number(result));
  }

  /** Return the writes without an answer, and the refused ones, of all users; or only what they are kept under.
   * @param {"getAll" | "getAllKeys"} [get] @returns {Promise<[Kept[], Parked[]]>} */
  async writes(get = "getAll") {
    const asked = await this.#run(["outbox", "parked"], (outbox, parked) => [outbox[get](), parked[get]()], "readonly");
    return /** @type {any} */ (asked.map(({ result }) => result));
  }

  /** @param {"outbox" | "parked"} name @param {(number | string)[]} keys */
  remove(name, keys) {
    return this.#run([name], (store) => keys.forEach((key) => store.delete(key)));
  }

  /** Put a refused write aside, out of the outbox. @param {Parked} write @param {number} n */
  park(write, n) {
    return this.#run(["outbox", "parked"], (outbox, parked) => {
      outbox.delete(n);
      parked.put(write);
    });
  }

  // --- rows

  /** Return the rows of a view that were stored last. @param {string} view
   * @returns {Promise<{head?: Head, rows: Line[]}>} */
  async load(view) {
    const asked = await this.#run(["meta", "rows"], (meta, rows) => [meta.get(view), rows.getAll(all(view))], "readonly");
    const [head, rows] = asked.map(({ result }) => result);
    return { head, rows };
  }

  /** Store rows of a view as they are at the cursor of `head`: the whole, or those that have changed (null:
   * gone) since it was last stored from here. Nothing is done where newer ones are stored.
   * @param {string} view @param {Head} head @param {Line[]} rows
   * @param {boolean} whole @param {number[]} done the numbers of writes that they hold: gone in the same moment
   * @returns {Promise<boolean>} false where the whole is needed */
  async save(view, head, rows, whole, done) {
    let fits = true;
    await this.#run(["meta", "rows", "outbox"], (meta, store, outbox) => {
      const asked = meta.get(view);
      asked.onsuccess = () => {
        const there = asked.result?.cursor;
        const known = there?.epoch === head.cursor.epoch;
        fits = known || whole;
        if (!fits) return;
        for (const n of done) outbox.delete(n);
        if (known && there.seq >= head.cursor.seq) return;
        if (whole) store.delete(all(view));
        meta.put(head, view);
        const put = (/** @type {number} */ from) => {
          /** @type {IDBRequest | undefined} */
          let last;
          for (const [table, id, row] of rows.slice(from, from + SLICE)) {
            last = row ? store.put([table, id, row], [view, table, id]) : store.delete([view, table, id]);
          }
          if (last) last.onsuccess = () => put(from + SLICE);
        };
        put(0);
      };
    });
    return fits;
  }

  /** Forget the rows of a view. @param {string} view */
  drop(view) {
    return this.#run(["meta", "rows"], (meta, rows) => {
      meta.delete(view);
      rows.delete(all(view));
    });
  }

  close() {
    this.#open?.then((db) => db.close()).catch(() => {});
    this.#open = null;
  }
}

/** @param {string} view */
const all = (view) => IDBKeyRange.bound([view], [view, []]);
