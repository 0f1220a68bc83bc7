// What a write must obey, by the schema: the server's own rules, codes, paths and sentences.
//
// Judged here is what a row shows by itself. Who may write, what is unique, what is referred to and what
// plugins ask is the server's to say: what can't be judged passes.

import { Refused } from "./refused.js";

/** @typedef {import("./types.js").Row} Row */
/** @typedef {import("./types.js").Op} Op */
/** @typedef {import("./types.js").Field} Field */
/** @typedef {import("./types.js").Schema} Schema */
/** @typedef {(string | number)[]} Path */

/** What breaks a rule: the name of its sentence, what stands in it, and where in a json value. */
class Wrong {
  /** @param {string} name @param {unknown} [what] @param {Path} [path] */
  constructor(name, what, path = []) {
    this.name = name;
    this.what = what;
    this.path = path;
  }
}

/** @param {boolean} ok @param {string} name @param {unknown} [what] @param {Path} [path] */
function must(ok, name, what, path) {
  if (!ok) throw new Wrong(name, what, path);
}

/** @param {Field | undefined} field */
const isMoment = (field) => field?.default === "now" && /^(date|timestamp)$/.test(field.type);

/** Return what a new row of a table has without being given it.
 * @param {Schema | null} schema @param {string} table @returns {Row} */
export function blank(schema, table) {
  const fields = Object.entries(schema?.tables[table]?.fields ?? {});
  return Object.fromEntries(
    fields.map(([name, one]) => [name, isMoment(one) ? null : (one.default ?? null)]),
  );
}

/** Return the refusal that the server would give, or null where there is none to foresee.
 * @param {Schema} schema @param {Op[]} ops @param {boolean} many whether they are a TRANSACTION
 * @param {(table: string, id: string) => Row | undefined} rowOf */
export function judge(schema, ops, many, rowOf) {
  /** @type {import("./types.js").Detail[]} */
  const wrong = [];
  let code = "";
  ops.forEach((op, i) => {
    /** @type {Path} */
    const at = many ? ["ops", i] : [];
    /** @param {Wrong} no @param {Path} path @param {string} [field] */
    const note = ({ name, what, path: inner }, path, field) => {
      const say = (/** @type {"ar" | "en"} */ lang) =>
        (field ? `${field}: ` : "") + schema.sentences[name]?.[lang].replace("{}", String(what));
      const text = { en: say("en"), ar: say("ar") };
      const [rule = ""] = name.split(".");
      wrong.push({ path: pointer([...at, ...path, ...inner]), rule, message: text.en, text });
    };
    const row = rowOf(op.table, op.id ?? "");
    const fields = Object.hasOwn(schema.tables, op.table) && schema.tables[op.table]?.fields;
    if (!fields) note(new Wrong("table"), ["table"]);
    else if (op.type === "INSERT" || (op.type === "UPDATE" && row)) judgeOne(op, row, fields, note);
    if (wrong.length) code ||= fields ? "INVALID" : "UNKNOWN_TABLE";
  });
  if (!wrong[0]) return null;
  return new Refused(code, wrong[0].text, wrong.slice(0, 10), { more: Math.max(0, wrong.length - 10) });
}

/** @param {Op} op @param {Row | undefined} row the one that is seen, of an UPDATE
 * @param {Record<string, Field>} fields
 * @param {(no: Wrong, path: Path, field?: string) => void} note */
function judgeOne({ type, table, id, data = {}, changes = {}, add = {} }, row, fields, note) {
  const field = (/** @type {string} */ name) => (Object.hasOwn(fields, name) ? fields[name] : undefined);
  const given = row ? changes : data;
  /** @type {Row} */
  const kept = {};
  const broken = new Set();
  for (const [name, amount] of Object.entries(add)) {
    const kind = field(name)?.type;
    const number = /integer|decimal/.test(kind ?? "") && typeof amount === "number";
    const no = !kind ? "add.unknown" : !number ? "add.number" : Object.hasOwn(changes, name) && "add.twice";
    if (no) note(new Wrong(no, table), ["add", name]);
  }
  for (const [name, value] of Object.entries(given)) {
    const known = field(name);
    try {
      if (known) kept[name] = value === null ? null : read(known, value);
      else note(new Wrong("unknown", table), [name]);
    } catch (no) {
      if (!(no instanceof Wrong)) throw no;
      broken.add(name);
      note(no, [name], name);
    }
  }
  /** @param {[string, Field][]} some */
  const require = (some) => {
    for (const [name, { required, primaryKey }] of some) {
      if ((required || primaryKey) && !broken.has(name)) note(new Wrong("required", name), [name]);
    }
  };
  const all = Object.entries(fields);
  if (row) require(all.filter(([name]) => kept[name] === null));
  for (const [name, value] of Object.entries(kept)) {
    const { primaryKey = false, readOnly = false } = field(name) ?? {};
    // What a role does not show is not known to be another value.
    const other = !row || (Object.hasOwn(row, name) && !alike(value, row[name]));
    if (row && primaryKey && value !== id) note(new Wrong("primaryKey", name), [name]);
    else if (readOnly && other) note(new Wrong("readOnly", name), [name]);
  }
  if (row) return;
  require(
    all.filter(([name, one]) =>
      Object.hasOwn(given, name)
        ? (kept[name] ?? null) === null && !one.numbered
        : !one.numbered && !isMoment(one) && (one.default ?? null) === null,
    ),
  );
}

/** Return a value as it is kept. @param {Field} field @param {any} value @returns {any} */
function read(field, value) {
  const kept = READERS[field.type]?.(value) ?? value;
  if (field.primaryKey) must(!!kept && [...kept].length < 201 && !/[\0-\x1f\x7f-\x9f]/.test(kept), "key");
  const { enum: some, maxLength, min, max, pattern, shape } = field;
  must(!some || some.some((one) => alike(one, kept)), "enum");
  must(!maxLength || [...kept].length <= maxLength, "maxLength", maxLength);
  must(min === undefined || kept >= min, "min", min);
  must(max === undefined || kept <= max, "max", max);
  if (pattern) must([...kept].length <= 1000 && (compiled(pattern)?.test(kept) ?? true), "pattern");
  if (shape) {
    must(typeof kept === "object" && !Array.isArray(kept), "shape.object");
    for (const [name, inner] of Object.entries(kept)) {
      must(Object.hasOwn(shape, name), "shape.key", "", [name]);
      must(typeof inner === "string", "shape.text", "", [name]);
    }
    for (const [name, need] of Object.entries(shape)) {
      must(need !== "required" || !!kept[name], "shape.required", name, [name]);
    }
  }
  return kept;
}

/** A pattern that this language does not know is left to the server. @param {string} pattern */
function compiled(pattern) {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return null;
  }
}

/** NUL, and halves of characters: with "u" whole ones are not found. */
const BAD = /[\0\ud800-\udfff]/u;

/** @type {Record<string, (value: any) => any>} */
const READERS = {
  text(value) {
    must(typeof value === "string", "type.text");
    must(!BAD.test(value), "text");
  },
  integer(value) {
    must(Number.isInteger(value) && Math.abs(value) < 1e21, "type.integer");
    must(Math.abs(value) <= 2 ** 53, "range");
  },
  decimal(value) {
    must(typeof value === "number", "type.decimal");
    const [digits = "", exponent = 0] = String(Math.abs(value)).split("e");
    const places = (digits.split(".")[1] ?? "").length - +exponent;
    const length = digits.replace(".", "").replace(/^0+/, "").length;
    must(Math.abs(value) < 1e15 && length < 16 && places < 10, "range.digits");
  },
  boolean: (value) => must(typeof value === "boolean", "type.boolean"),
  date: (value) => must(/^\d{4}-\d\d-\d\d$/.test(value) && isDay(value), "type.date"),
  timestamp(value) {
    const found = typeof value === "string" && TIMESTAMP.exec(value);
    const [, day = "", time = "", fraction = "", zone = ""] = found || [];
    // Python's versions don't agree about 24:00.
    if (time.startsWith("24")) return;
    const moment = new Date(`${day}T${time}.${`${fraction}000`.slice(0, 3)}${zone.toUpperCase()}`);
    const kept = isDay(day) && +moment ? moment.toISOString() : "";
    must(kept > "0001", "type.timestamp");
    return kept;
  },
  json: (value) => json(value, []),
};
const TIMESTAMP = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,30}))?([Zz]|[+-]\d\d:[0-5]\d)$/;

/** @param {any} value @param {Path} at */
function json(value, at) {
  must(!BAD.test(value) || typeof value !== "string", "text", "", at);
  must(typeof value !== "number" || Math.abs(value) <= 2 ** 53, "range", "", at);
  if (typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value ?? {})) {
    must(name !== "__proto__", "key.name", "", at);
    must(!BAD.test(name), "text", "", at);
    json(inner, [...at, name]);
  }
}

/** @param {string} text */
function isDay(text) {
  const date = new Date(`${text}T00:00:00Z`);
  return !!+date && date.toISOString().startsWith(text) && text > "0001";
}

/** @param {any} one @param {any} other */
const alike = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);

/** @param {Path} path */
const pointer = (path) =>
  path.map((one) => `/${String(one).replaceAll("~", "~0").replaceAll("/", "~1")}`).join("").slice(0, 64);
