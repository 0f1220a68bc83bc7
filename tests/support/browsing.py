"""Tabs of a real browser that sell, seen from a test."""

from typing import Any

from playwright.sync_api import BrowserContext, Page

PATIENCE = 75_000
"""Milliseconds until a test gives up on a page: over two of the longest waits of a client, 30 s,
which it comes to when connection after connection ends before it has served."""

_OPEN = """async (options) => {
  const { createPosDb } = await import("/client/mishkah.js");
  const { db } = await createPosDb(options);
  window.db = db;
  window.statuses = [];
  window.refused = [];
  db.on("status", (status) => window.statuses.push(status));
  db.on("rejected", (write) => window.refused.push(write));
  await db.ready();
}"""


_STORED = """async () => {
  const answer = (asked) => new Promise((yes, no) => {
    asked.onsuccess = () => yes(asked.result);
    asked.onerror = no;
  });
  const isThere = async ({ name }) => {
    const device = await answer(indexedDB.open(name));
    const tx = device.transaction(["outbox", "meta"]);
    const [writes, all] = await Promise.all(
      [answer(tx.objectStore("outbox").count()), answer(tx.objectStore("meta").getAll())]);
    device.close();
    const seqs = all.map((one) => one?.cursor?.seq).filter((seq) => seq !== undefined);
    return !writes && (window.db ? seqs.includes(window.db.cursor.seq) : seqs.length > 0);
  };
  for (;;) {
    const devices = await indexedDB.databases();
    if (devices.length && (await Promise.all(devices.map(isThere))).every(Boolean)) return;
    await new Promise((later) => setTimeout(later, 20));
  }
}"""

_IN_TIME = f"""async (argument) => {{
  const what = (SCRIPT);
  const late = new Promise((_, no) => setTimeout(() => no(new Error("too slow")), {PATIENCE}));
  return Promise.race([typeof what === "function" ? what(argument) : what, late]);
}}"""


class Tab:
    """One page of a context. What its scripts throw, and nobody catches, is in `troubles`."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.troubles: list[str] = []
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.url = url
        self.page.goto(url)

    def run(self, script: str, argument: Any = None) -> Any:
        """Evaluate *script*, an expression or a function of *argument*; promises are awaited."""
        return self.page.evaluate(_IN_TIME.replace("SCRIPT", script), argument)

    def open(self, branch: str, module: str, **options: Any) -> "Tab":
        """Open a store as `db` of the page, and wait until it is ready."""
        self.run(_OPEN, {"branchId": branch, "moduleId": module, **options})
        return self

    def until(self, condition: str, argument: Any = None) -> None:
        """Wait until the expression or function *condition* holds."""
        self.page.wait_for_function(condition, arg=argument, polling=20)

    def settled(self) -> None:
        """Wait until nothing is pending."""
        self.until("() => window.db.pending === 0")

    def stored(self) -> None:
        """Wait until the device has stored the rows as they are, and no write that they hold."""
        self.run(_STORED)

    def list(self, table: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.run("(table) => db.list(table)", table)
        return rows
