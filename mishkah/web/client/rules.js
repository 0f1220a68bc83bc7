// What a write must obey, by the schema: the server's own rules, codes, paths and sentences.
//
// Judged here is what a row shows by itself. Who may write, what is unique, what is referred to and what
// plugins ask is the server's to say: what can't be judged passes.

import { Refused } from "./refused.js";
import { alike, own } from "./values.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Op} Op */
/** @typedef {import("./types.js").Field} Field */
/** @typedef {import("./types.js").Schema} Schema */
/** What breaks a rule: the name of its sentence, what stands in it, and where in a json value.
 * @typedef {[name: string, what?: unknown, path?: string[]]} Wrong */

/** @param {unknown} ok @param {Wrong} wrong */
function must(ok, ...wrong) {
  if (!ok) throw wrong;
}

/** Return what a new row has without being given it; moments are the server's to tell.
 * @param {Schema | null} schema @param {string} table @returns {Row} */
export function blank(schema, table) {
  /** @type {Row} */
  const row = {};
  for (const [name, one] of Object.entries(schema?.tables[table]?.fields ?? {})) {
    row[name] = isMoment(one) ? null : (one.default ?? null);
  }
  return row;
}

/** @param {Field} field */
const isMoment = (field) => field.default === "now" && /^(date|timestamp)$/.test(field.type);

/** Return the refusal that the server would give, or undefined where there is none to foresee.
 * @param {Schema} schema @param {Op[]} ops @param {boolean} many whether they are a TRANSACTION
 * @param {(table: string, id: string) => Row | undefined} rowOf */
export function judge(schema, ops, many, rowOf) {
  /** @type {import("./types.js").Detail[]} */
  const details = [];
  let code;
  for (const [i, op] of ops.entries()) {
    /** @param {Wrong} wrong @param {string[]} path @param {string} [field] */
    const note = ([name, what, inner = []], path, field = "") => {
      const say = (/** @type {"ar" | "en"} */ lang) => field + schema.sentences[name]?.[lang].replace("{}", String(what));
      const text = { en: say("en"), ar: say("ar") };
      const steps = [...(many ? ["ops", i] : []), ...path, ...inner];
      const at = steps.map((one) => `/${String(one).replaceAll("~", "~0").replaceAll("/", "~1")}`);
      details.push({ path: at.join("").slice(0, 64), rule: name.replace(/\..*/, ""), message: text.en, text });
    };
    const row = rowOf(op.table, op.id ?? "");
    const fields = own(schema.tables, op.table)?.fields;
    if (!fields) note(["table"], ["table"]);
    else if (op.type === "INSERT" || (op.type === "UPDATE" && row)) judgeOne(op, row, fields, note);
    if (details[0]) code ??= fields ? "INVALID" : "UNKNOWN_TABLE";
  }
  if (!code || !details[0]) return;
  const no = new Refused(code, details[0].text, details.splice(0, 10));
  return Object.assign(no, { more: details.length });
}

/** @param {Op} op @param {Row | undefined} row the one that is seen, of an UPDATE
 * @param {Record<string, Field>} fields
 * @param {(wrong: Wrong, path: string[], field?: string) => void} note */
function judgeOne({ type, table, id, data, changes = {}, add = {} }, row, fields, note) {
  const insert = type === "INSERT";
  const given = (insert && data) || changes;
  /** @type {Row} */
  const kept = {};
  for (const [name, amount] of Object.entries(add)) {
    const kind = own(fields, name)?.type;
    const number = /^(integer|decimal)$/.test(kind ?? "") && typeof amount === "number";
    const no = !kind ? "unknown" : !number ? "number" : Object.hasOwn(changes, name) && "twice";
    if (no) note([`add.${no}`, table], ["add", name]);
  }
  for (const [name, value] of Object.entries(given)) {
    const field = own(fields, name);
    if (!field) note(["unknown", table], [name]);
    else {
      try {
        kept[name] = value === null ? null : read(field, value);
      } catch (wrong) {
        if (!Array.isArray(wrong)) throw wrong;
        note(/** @type {any} */ (wrong), [name], `${name}: `);
      }
    }
  }
  const empty = () => {
    for (const [name, { required, primaryKey, numbered, ...field }] of Object.entries(fields)) {
      const filled = insert && (numbered || (!(name in given) && (field.default ?? null) !== null));
      const missing = name in given ? kept[name] === null : insert;
      if ((required || primaryKey) && missing && !filled) note(["required", name], [name]);
    }
  };
  if (!insert) empty();
  for (const [name, value] of Object.entries(kept)) {
    const { primaryKey, readOnly } = fields[name] ?? {};
    // What a role does not show is not known to be another value.
    const other = insert || (row && name in row && !alike(value, row[name]));
    if (!insert && primaryKey && value !== id) note(["primaryKey", name], [name]);
    else if (readOnly && other) note(["readOnly", name], [name]);
  }
  if (insert) empty();
}

/** Return a value as it is kept. @param {Field} field @param {any} value @returns {any} */
function read(field, value) {
  const kept = READERS[field.type]?.(value) ?? value;
  const { primaryKey, enum: some, maxLength, min, max, pattern, shape } = field;
  const length = [...(typeof kept === "string" ? kept : "")].length;
  must(!primaryKey || (length && length < 201 && !CONTROL.test(kept)), "key");
  must(!some || some.some((one) => alike(one, kept)), "enum");
  must(!maxLength || length <= maxLength, "maxLength", maxLength);
  must(min === undefined || kept >= min, "min", min);
  must(max === undefined || kept <= max, "max", max);
  must(!pattern || (length <= 1000 && found(pattern, kept)), "pattern");
  if (shape) {
    must(typeof kept === "object" && !Array.isArray(kept), "shape.object");
    for (const [name, inner] of Object.entries(kept)) {
      must(own(shape, name), "shape.key", "", [name]);
      must(typeof inner === "string", "shape.text", "", [name]);
    }
    for (const [name, need] of Object.entries(shape)) {
      must(need !== "required" || kept[name], "shape.required", name, [name]);
    }
  }
  return kept;
}

/** A pattern that this language does not have is left to the server.
 * @param {string} pattern @param {string} text */
function found(pattern, text) {
  try {
    return new RegExp(pattern, "u").test(text);
  } catch {
    return true;
  }
}

/** @type {Record<string, (value: any) => any>} */
const READERS = {
  text(value) {
    must(typeof value === "string", "type.text");
    json(value, []);
  },
  integer(value) {
    must(Number.isInteger(value) && Math.abs(value) < 1e21, "type.integer");
    json(value, []);
  },
  decimal(value) {
    must(typeof value === "number", "type.decimal");
    const short = Math.abs(value) < 1e15 && +value.toPrecision(15) === value;
    must(short && +value.toFixed(9) === value, "range.digits");
  },
  boolean: (value) => must(typeof value === "boolean", "type.boolean"),
  date: (value) => must(typeof value === "string" && value.length === 10 && isDay(value), "type.date"),
  timestamp(value) {
    const [, day = "", time = "", more = "", zone = ""] =
      /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,30}))?([Zz]|[+-]\d\d:[0-5]\d)$/.exec(value) ?? [];
    // Python's versions don't agree about 24:00.
    if (time.startsWith("24")) return;
    const kept = isDay(day) && iso(`${day}T${time}.${(more + "000").slice(0, 3)}${zone.toUpperCase()}`);
    must(typeof value === "string" && kept && kept > "0001", "type.timestamp");
    return kept;
  },
  json: (value) => json(value, []),
};

/** No key and no name has one. */
export const CONTROL = /[\0-\x1f\x7f-\x9f]/;

/** NUL, and halves of characters: with "u" whole ones are not found. */
const BAD = /[\0\ud800-\udfff]/u;

/** @param {any} value @param {string[]} at */
function json(value, at) {
  must(typeof value !== "string" || !BAD.test(value), "text", "", at);
  must(typeof value !== "number" || Math.abs(value) <= 2 ** 53, "range", "", at);
  if (typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value ?? {})) {
    must(name !== "__proto__", "key.name", "", at);
    must(!BAD.test(name), "text", "", at);
    json(inner, [...at, name]);
  }
}

/** @param {string} text */
function iso(text) {
  const moment = new Date(text);
  return Number.isNaN(+moment) ? "" : moment.toISOString();
}

/** @param {string} text */
const isDay = (text) => text > "0001" && iso(`${text}T00:00:00Z`).startsWith(`${text}T`);
