// Who is told what is new: at once what people wait for, rows when the next frame is due.

/** No frames are drawn for pages that nobody sees. */
const UNSEEN_MS = 200;

export class Listeners {
  /** By event, or `rows TABLE`. @type {Map<string, Set<(told: any) => void>>} */
  #all = new Map();
  /** What was told last, by event. @type {Record<string, string>} */
  #last = { pending: "0" };
  /** @type {any} */
  #drawing = 0;

  /** @param {import("./screen.js").Screen} screen whose changes are told */
  constructor(screen) {
    this.screen = screen;
  }

  /** @param {string} event @param {(told: any) => void} told */
  on(event, told) {
    // Who comes now has read what the others are still to be told.
    this.#draw();
    const set = this.#all.get(event) ?? new Set();
    this.#all.set(event, set.add(told));
    return () => void set.delete(told);
  }

  /** @param {string} event @param {unknown} told */
  emit(event, told) {
    // Each by itself: one listener's mistake is not another's.
    for (const listener of this.#all.get(event) ?? []) queueMicrotask(() => listener(told));
  }

  /** Tell of what is otherwise than it was told last. @param {string} event @param {unknown} told */
  emitNew(event, told) {
    const now = JSON.stringify(told);
    if (now !== this.#last[event]) this.emit(event, told);
    this.#last[event] = now;
  }

  /** Tell of the rows that have changed, when the next frame is due. */
  drawSoon() {
    if (!this.screen.changes.size || this.#drawing) return;
    const draw = () => this.#draw();
    this.#drawing = setTimeout(draw, UNSEEN_MS);
    if (globalThis.document?.hidden === false) requestAnimationFrame(draw);
  }

  #draw() {
    clearTimeout(this.#drawing);
    this.#drawing = 0;
    const { changes } = this.screen;
    const some = [...changes.values()];
    changes.clear();
    for (const table of new Set(some.map((one) => one.table))) {
      this.emit(`rows ${table}`, some.filter((one) => one.table === table));
    }
  }
}
