// What is asked by HTTP, beside the socket: the rules by which writes are judged, and that a session goes on.

export class Asking {
  /** Whether the rules are asked for: those that are known may be others by now. */
  learning = false;
  #failed = false;

  /**
   * @param {string} api
   * @param {import("./link.js").Link} link
   * @param {import("./shelf.js").Shelf} shelf
   */
  constructor(api, link, shelf) {
    this.api = api;
    this.link = link;
    this.shelf = shelf;
  }

  /** @param {string} path @returns {Promise<any>} nothing where there is no answer */
  async get(path) {
    try {
      const token = await this.link.token(false);
      const answer = await fetch(this.api + path, token ? { headers: { Authorization: `Bearer ${token}` } } : {});
      return answer.ok && (await answer.json());
    } catch {
      // said by what is missing
    }
  }

  /** Learn the rules, for now and for when there is no connection. */
  async learn() {
    const { machine } = this.link;
    const { branch, module } = machine.store;
    const { shelf } = this;
    const { user } = shelf;
    this.learning = true;
    machine.rulesChanged = false;
    const schema = await this.get(`/branches/${encodeURIComponent(branch)}/modules/${module}/schema`);
    this.#failed = !schema || user !== shelf.user;
    if (this.#failed) return;
    this.learning = false;
    shelf.schema = schema;
    shelf.note(`schema ${user}`, schema);
  }

  /** Ask again for what could not be had; what is known is kept, and not judged by. */
  tend() {
    if (!this.#failed) return;
    this.#failed = this.learning = false;
    this.link.machine.rulesChanged = true;
    this.link.moved();
  }
}
