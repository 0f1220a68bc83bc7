// What a device keeps of a store: writes without an answer, refused ones, and the rows last seen.
//
// One row per write, and a transaction for each. Of two tabs the one whose rows are older writes none:
// so what is stored is always one state, whoever stores it.

/** @typedef {import("./types.js").Kept} Kept */
/** @typedef {import("./types.js").Parked} Parked */
/** @typedef {import("./types.js").Head} Head */
/** @typedef {import("./types.js").Row} Row */

const SLICE = 500;

export class Storage {
  /** @type {Promise<IDBDatabase> | null} */
  #open = null;

  /** @param {string} name of the database */
  constructor(name) {
    this.name = name;
  }

  /** @returns {Promise<IDBDatabase>} */
  #db() {
    return (this.#open ??= new Promise((resolve, reject) => {
      const asked = indexedDB.open(this.name, 1);
      asked.onupgradeneeded = () => {
        const db = asked.result;
        db.createObjectStore("outbox", { keyPath: "n", autoIncrement: true });
        db.createObjectStore("parked", { keyPath: "ref" });
        db.createObjectStore("rows");
        db.createObjectStore("meta");
      };
      asked.onerror = () => reject(asked.error);
      asked.onsuccess = () => {
        const db = asked.result;
        db.onversionchange = () => this.close();
        db.onclose = () => (this.#open = null);
        resolve(db);
      };
    }));
  }

  /**
   * Do `act` in one transaction; return what it returned once that is on the disk.
   * @template T
   * @param {string[]} stores
   * @param {IDBTransactionMode} mode
   * @param {(...stores: IDBObjectStore[]) => T} act
   * @returns {Promise<T>}
   */
  async #run(stores, mode, act) {
    let tx;
    try {
      // A sale has to outlive a power cut: "strict" waits for the disk.
      tx = (await this.#db()).transaction(stores, mode, { durability: "strict" });
    } catch (error) {
      // Browsers drop connections of pages that sleep.
      if (!this.#open || /** @type {Error} */ (error).name !== "InvalidStateError") {
        this.#open = null;
        throw error;
      }
      this.#open = null;
      tx = (await this.#db()).transaction(stores, mode, { durability: "strict" });
    }
    const { objectStore } = tx;
    const result = act(...stores.map((name) => objectStore.call(tx, name)));
    return new Promise((resolve, reject) => {
      tx.oncomplete = () => resolve(result);
      tx.onabort = () => reject(tx.error ?? new Error("aborted"));
    });
  }

  /** Return the stable name of this device, and whom the server knew it as by these credentials.
   * @param {string} key names the credentials
   * @param {string} fresh a name, if there is none yet
   * @returns {Promise<{client: string, user: string | undefined}>} */
  async who(key, fresh) {
    const told = await this.#run(["meta"], "readwrite", (meta) => {
      const asked = [meta.get("client"), meta.get(`user ${key}`)];
      const [client] = asked;
      if (client) client.onsuccess = () => client.result ?? meta.put(fresh, "client");
      return asked;
    });
    return { client: told[0]?.result ?? fresh, user: told[1]?.result };
  }

  /** @param {string} key @param {unknown} value undefined takes it away */
  note(key, value) {
    return this.#run(["meta"], "readwrite", (meta) => {
      value === undefined ? meta.delete(key) : meta.put(value, key);
    });
  }

  /** @param {string} key @returns {Promise<any>} */
  async noted(key) {
    return (await this.#run(["meta"], "readonly", (meta) => meta.get(key))).result;
  }

  // --- writes

  /** Keep writes, in this order, in place of what was kept of them; return their numbers.
   * @param {Kept[]} writes @returns {Promise<number[]>} */
  async put(writes) {
    const asked = await this.#run(["outbox"], "readwrite", (outbox) =>
      writes.map(({ n, ...write }) => {
        if (n !== undefined) outbox.delete(n);
        return outbox.add(write);
      }),
    );
    return asked.map(({ result }) => Number(result));
  }

  /** Return the writes without an answer, of all users. @returns {Promise<Kept[]>} */
  async outbox() {
    return (await this.#run(["outbox"], "readonly", (outbox) => outbox.getAll())).result;
  }

  /** @returns {Promise<Parked[]>} */
  async parked() {
    return (await this.#run(["parked"], "readonly", (parked) => parked.getAll())).result;
  }

  /** Take answered writes out: the rows that are stored have them. @param {number[]} numbers */
  forget(numbers) {
    return this.#run(["outbox"], "readwrite", (outbox) => numbers.forEach((n) => outbox.delete(n)));
  }

  /** Put refused writes aside, out of the outbox. @param {Parked} write @param {number} [n] */
  park(write, n) {
    return this.#run(["outbox", "parked"], "readwrite", (outbox, parked) => {
      if (n !== undefined) outbox?.delete(n);
      parked?.put(write);
    });
  }

  /** Take a parked write away; with `again`, back into the outbox, whose number is returned.
   * @param {string} ref @param {Kept} [again] @returns {Promise<number | undefined>} */
  async unpark(ref, again) {
    const asked = await this.#run(["outbox", "parked"], "readwrite", (outbox, parked) => {
      parked?.delete(ref);
      return again && outbox?.add(again);
    });
    return asked && Number(asked.result);
  }

  // --- rows

  /** Return the rows of a view that were stored last. @param {string} view
   * @returns {Promise<{head: Head, rows: [table: string, id: string, row: Row][]} | null>} */
  async load(view) {
    /** @type {[string, string, Row][]} */
    const rows = [];
    const asked = await this.#run(["meta", "rows"], "readonly", (meta, store) => {
      const next = (/** @type {IDBKeyRange} */ range) => {
        const some = /** @type {IDBObjectStore} */ (store).getAll(range, SLICE);
        some.onsuccess = () => {
          rows.push(...some.result);
          const last = some.result[SLICE - 1];
          if (last) next(IDBKeyRange.bound([view, last[0], last[1]], [view, []], true));
        };
      };
      next(all(view));
      return meta?.get(`head ${view}`);
    });
    return asked?.result ? { head: asked.result, rows } : null;
  }

  /** Store rows of a view as they are at the cursor of `head`: `whole` is all of them, else those that have
   * changed (null: gone) since it was last stored from here. Nothing is done where newer ones are stored.
   * @param {string} view @param {Head} head @param {[table: string, id: string, row: Row | null][]} rows
   * @param {boolean} whole @returns {Promise<boolean>} false where the whole is needed */
  async save(view, head, rows, whole) {
    let fits = true;
    await this.#run(["meta", "rows"], "readwrite", (meta, store) => {
      const asked = meta?.get(`head ${view}`);
      if (!asked || !store) return;
      asked.onsuccess = () => {
        /** @type {Head["cursor"] | undefined} */
        const there = asked.result?.cursor;
        const known = there?.epoch === head.cursor.epoch;
        if (known && there.seq >= head.cursor.seq) return;
        fits = known || whole;
        if (!fits) return;
        if (whole) store.delete(all(view));
        meta?.put(head, `head ${view}`);
        write(store, view, rows, 0);
      };
    });
    return fits;
  }

  /** Forget the rows of a view. @param {string} view */
  drop(view) {
    return this.#run(["meta", "rows"], "readwrite", (meta, store) => {
      meta?.delete(`head ${view}`);
      store?.delete(all(view));
    });
  }

  close() {
    this.#open?.then((db) => db.close(), () => {});
    this.#open = null;
  }
}

/** @param {string} view */
const all = (view) => IDBKeyRange.bound([view], [view, []]);

/** Put rows, some at a time: thousands of requests at once would hold up the page.
 * @param {IDBObjectStore} store @param {string} view @param {[string, string, Row | null][]} rows
 * @param {number} from */
function write(store, view, rows, from) {
  const till = Math.min(from + SLICE, rows.length);
  for (let i = from; i < till; i++) {
    const [table, id, row] = /** @type {[string, string, Row | null]} */ (rows[i]);
    const asked = row ? store.put([table, id, row], [view, table, id]) : store.delete([view, table, id]);
    if (i === till - 1 && till < rows.length) asked.onsuccess = () => write(store, view, rows, till);
  }
}
