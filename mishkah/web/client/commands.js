// What is asked, as JSON has it, and by which name.

/** @typedef {import("./types.js").Command} Command */
/** @typedef {import("./types.js").Op} Op */

/** A name that no other has; plain pages of a LAN have no randomUUID. */
export function newRef() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((some) => some.toString(36)).join("");
}

/** Return what JSON makes of a command: so the caller may go on changing it. @param {Command} command @returns {Command} */
export function plain(command) {
  const text = JSON.stringify(command, (_, value) => {
    if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError("JSON has no NaN and no infinity");
    return value;
  });
  return JSON.parse(text);
}

/** Return the operations on rows that a command asks for. @param {Command} command @returns {Op[]} */
export function opsOf(command) {
  if (command.ops) return command.ops;
  return ["INSERT", "UPDATE", "DELETE"].includes(command.type) ? [/** @type {Op} */ (command)] : [];
}

/** Whether an errand outlives its tab. @param {import("./types.js").Errand} errand */
export const isWrite = ({ command }) => opsOf(command).length > 0;
