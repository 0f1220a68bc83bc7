// What rows and commands are made of: values of JSON, and records of them by names from outside.

/** Freeze a value, so that no reader changes what all see. @template T @param {T} value @returns {T} */
export function still(value) {
  // What is no object is frozen.
  if (!Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(/** @type {any} */ (value))) still(inner);
  }
  return value;
}

/** @param {any} one @param {any} other */
export const alike = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);

/** Whether two rows, or none, look the same: names come in any order.
 * @param {import("./types.js").Row | null} [one] @param {import("./types.js").Row | null} [other] */
export function same(one, other) {
  if (!one || !other) return !one && !other;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => alike(one[name], other[name]));
}

/** `constructor` is no table. @template T
 * @param {Record<string, T>} some @param {string} name @returns {T | undefined} */
export const own = (some, name) => (Object.hasOwn(some, name) ? some[name] : undefined);

/** @param {string} text */
export const bytes = (text) => new TextEncoder().encode(text).length;
