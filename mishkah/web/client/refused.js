// A "no", with a code for programs and two languages for people.

/** A write, a question or a client that is refused; nothing of it happened. */
export class Refused extends Error {
  /** What language messages are in. @type {string} */
  static lang = "en";
  /** The row as it is now, of a CONFLICT. @type {import("./types.js").Row | null | undefined} */
  current;
  /** How many details there are beside these. */
  more = 0;

  /**
   * @param {string} code
   * @param {import("./types.js").Text} text
   * @param {import("./types.js").Detail[]} [details]
   */
  constructor(code, text, details = []) {
    super(Refused.lang === "ar" ? text.ar : text.en);
    this.code = code;
    this.text = text;
    this.details = details;
    /** Where the first thing is wrong, as a JSON pointer. */
    this.path = details[0]?.path ?? "";
  }

  /** Return what an ERROR of the server says, or what was kept of one. @param {any} said */
  static from({ code, error, text = { ar: error, en: error }, details = [], more = 0, current }) {
    const both = details.map((/** @type {any} */ one) => ({ ...one, text: { en: one.message, ...one.text } }));
    return Object.assign(new Refused(code, text, both), { more, current });
  }
}
