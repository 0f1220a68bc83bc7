// A "no", with a code for programs and two languages for people.

/** @typedef {import("./types.js").Text} Text */
/** @typedef {import("./types.js").Detail} Detail */

/** A write, a question or a client that is refused; nothing of it happened. */
export class Refused extends Error {
  /**
   * @param {string} code
   * @param {Text} text
   * @param {Detail[]} [details]
   * @param {{more?: number, current?: Record<string, any> | null}} [rest]
   */
  constructor(code, text, details = [], { more = 0, current = undefined } = {}) {
    super(text.en);
    this.name = "Refused";
    this.code = code;
    this.text = text;
    this.details = details;
    /** How many details there are beside these. */
    this.more = more;
    /** Of a CONFLICT: the row as it is now. */
    this.current = current;
  }

  /** Where the first thing is wrong, as a JSON pointer. */
  get path() {
    return this.details[0]?.path ?? "";
  }

  /** Return what the server's ERROR says. @param {any} said */
  static heard(said) {
    const details = (said.details ?? []).map((/** @type {any} */ one) => ({
      ...one,
      text: { en: one.message, ar: one.text?.ar ?? one.message },
    }));
    const text = said.text ?? { ar: said.error, en: said.error };
    return new Refused(said.code ?? "INTERNAL", text, details, said);
  }
}
