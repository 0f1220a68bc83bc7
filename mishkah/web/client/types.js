// The shapes that the modules hand to each other. Read by the type checker; no browser loads it.

/** @typedef {Record<string, any>} Row */
/** @typedef {{ar: string, en: string}} Text */
/** @typedef {{path: string, rule: string, message: string, text: Text}} Detail */
/** A place in a history: the commit `seq` of `epoch`. @typedef {{epoch: string, seq: number}} Cursor */

/**
 * An operation on one row.
 * @typedef {object} Op
 * @property {"INSERT" | "UPDATE" | "DELETE"} type
 * @property {string} table
 * @property {string} [id]
 * @property {Row} [data]
 * @property {Row} [changes]
 * @property {Record<string, number>} [add]
 */

/**
 * What is asked of the server: an operation, a TRANSACTION of `ops`, NEXT or QUERY.
 * @typedef {object} Command
 * @property {string} type
 * @property {string} [table]
 * @property {string} [id]
 * @property {Row} [data]
 * @property {Row} [changes]
 * @property {Record<string, number>} [add]
 * @property {Op[]} [ops]
 * @property {number} [base]
 * @property {string} [epoch]
 * @property {string} [field]
 * @property {number} [count]
 */

/**
 * A command without an answer. `mine`: made in this tab. `ready`: it may be sent, since it is in
 * the device's storage (under the number `n`) or could not be put there. `late`: whoever made it has had
 * time to send it.
 * @typedef {object} Errand
 * @property {string} ref
 * @property {Command} command
 * @property {boolean} mine
 * @property {boolean} ready
 * @property {boolean} sent
 * @property {number} [n]
 * @property {boolean} [late]
 * @property {Answer} [answer]
 * @property {(answer: Answer) => void} [told]
 */

/** @typedef {{seq: number, rows?: (Row | null)[], numbers?: string[], dup?: boolean, next?: string | null}} Ack */
/** @typedef {Ack | import("./refused.js").Refused} Answer */
/** `old` and `new` are what readers saw and see. @typedef {{operation: "INSERT" | "UPDATE" | "DELETE", table: string, id: string, old: Row | null, new: Row | null, left: boolean}} Change */
/**
 * A field, as `GET …/schema` tells it.
 * @typedef {object} Field
 * @property {string} type
 * @property {boolean} [primaryKey]
 * @property {boolean} [required]
 * @property {boolean} [readOnly]
 * @property {boolean} [numbered]
 * @property {any} [default]
 * @property {any[]} [enum]
 * @property {number} [maxLength]
 * @property {any} [min]
 * @property {any} [max]
 * @property {string} [pattern]
 * @property {Record<string, string>} [shape]
 */
/** @typedef {{tables: Record<string, {fields: Record<string, Field>}>, sentences: Record<string, Text>}} Schema */
/** What is kept of a write. @typedef {{n?: number, ref: string, user: string, command: Command}} Kept */
/** A row as it is stored; null: it is gone. @typedef {[table: string, id: string, row: Row | null]} Line */
/** A refused write, until somebody has looked at it. @typedef {{ref: string, user: string, command: Command, error: {code: string, text: Text, details: Detail[], more: number, current?: Row | null}}} Parked */
/** @typedef {{cursor: Cursor, keys: Record<string, string>, tables: string[]}} Head */

/** What people do with a database. See `mishkah.js`. @typedef {import("./mishkah.js").Options} Options */

export {};
