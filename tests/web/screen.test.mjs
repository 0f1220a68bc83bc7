import assert from "node:assert/strict";
import { test } from "node:test";

import { sum } from "../../mishkah/web/client/overlay.js";
import { Screen } from "../../mishkah/web/client/screen.js";

function screen(rows = []) {
  const made = new Screen(() => ({ id: null, note: null }));
  made.show(new Map([["item", new Map(rows.map((row) => [row.id, row]))]]), { epoch: "e", seq: 1 });
  made.changes.clear();
  return made;
}

const update = (id, changes, add) => [{ type: "UPDATE", table: "item", id, changes, add }];
const theirs = (seq, operation, id, changes, reason) => [{ epoch: "e", seq, data: { table: "item", operation, id, changes, reason } }];
const taken = (made) => {
  const all = [...made.changes.values()];
  made.changes.clear();
  return all;
};

test("a pending change stays on top of what others do to the other fields", () => {
  const made = screen([{ id: "a", n: 1, note: "x" }]);
  made.draw("w", update("a", { n: 2 }));
  made.apply(theirs(2, "UPDATE", "a", { n: 9, note: "y" }));
  assert.deepEqual(made.row("item", "a"), { id: "a", n: 2, note: "y" });
  made.takeOff(["w"]);
  assert.deepEqual(made.row("item", "a"), { id: "a", n: 9, note: "y" });
});

test("what is added is added to what others leave", () => {
  const made = screen([{ id: "a", stock: 5 }]);
  made.draw("w", update("a", {}, { stock: -1 }));
  made.apply(theirs(2, "UPDATE", "a", { stock: 3 }));
  assert.equal(made.row("item", "a").stock, 2);
  assert.equal(sum(0.1, 0.2), 0.3);
});

test("a row that others delete is gone, with what was to change on it", () => {
  const made = screen([{ id: "a", n: 1 }]);
  made.draw("w", update("a", { n: 2 }));
  made.apply(theirs(2, "DELETE", "a", {}, "left"));
  assert.equal(made.row("item", "a"), undefined);
  assert.deepEqual(taken(made).map(({ operation, id, left }) => [operation, id, left]), [["DELETE", "a", true]]);
});

test("a new row has all its fields, and keeps its place by id", () => {
  const made = screen([{ id: "a" }, { id: "c" }]);
  made.draw("w", [{ type: "INSERT", table: "item", data: { id: "b" } }]);
  assert.deepEqual(made.rows("item"), [{ id: "a" }, { id: "b", note: null }, { id: "c" }]);
});

test("rows are in the order of code points, as the server has them", () => {
  const ids = ["\u{1f600}", "\uff5e", "a", "\ud7ff", "\u{10ffff}", "\ue000"];
  const right = ["a", "\ud7ff", "\ue000", "\uff5e", "\u{1f600}", "\u{10ffff}"];
  assert.deepEqual(screen(ids.map((id) => ({ id }))).rows("item").map(({ id }) => id), right);
  const made = screen();
  for (const id of ids) made.draw(id, [{ type: "INSERT", table: "item", data: { id } }]);
  assert.deepEqual(made.rows("item").map(({ id }) => id), right);
});

test("of one row there is one change, from what was seen first to what is seen last", () => {
  const made = screen([{ id: "a", n: 1 }]);
  for (const n of [2, 3, 4]) made.apply(theirs(n, "UPDATE", "a", { n }));
  const [change, ...more] = taken(made);
  assert.deepEqual([change.operation, change.old.n, change.new.n, more], ["UPDATE", 1, 4, []]);
  made.apply(theirs(5, "UPDATE", "a", { n: 9 }));
  made.apply(theirs(6, "UPDATE", "a", { n: 4 }));
  assert.deepEqual(taken(made), [], "there and back is none");
});

test("a snapshot tells what is another, and leaves the rest as it is", () => {
  const made = screen([{ id: "a", n: 1 }, { id: "b", n: 1 }, { id: "c", n: 1 }]);
  const before = made.row("item", "a");
  const now = [{ id: "a", n: 1 }, { id: "b", n: 2 }, { id: "d", n: 1 }];
  made.show(new Map([["item", new Map(now.map((row) => [row.id, row]))]]), { epoch: "e", seq: 9 });
  assert.equal(made.row("item", "a"), before);
  assert.deepEqual(taken(made).map(({ operation, id }) => `${operation} ${id}`), ["UPDATE b", "INSERT d", "DELETE c"]);
});

test("a write of ours that a snapshot has not is seen all the time", () => {
  const made = screen([{ id: "a", n: 1 }]);
  made.draw("w", update("a", { n: 2 }));
  made.changes.clear();
  made.show(new Map([["item", new Map([["a", { id: "a", n: 1 }]])]]), { epoch: "e", seq: 9 });
  assert.deepEqual([made.row("item", "a").n, taken(made)], [2, []]);
});

test("lists belong to who asked, rows to all", () => {
  const made = screen([{ id: "a", name: { ar: "ا" } }]);
  made.rows("item").pop();
  assert.equal(made.rows("item").length, 1);
  made.apply(theirs(2, "INSERT", "b", { id: "b", name: { ar: "ب" } }));
  assert.throws(() => (made.row("item", "b").name.ar = "x"), TypeError);
});

test("ten thousand rows and a thousand changes are a matter of milliseconds", () => {
  const made = screen(Array.from({ length: 10_000 }, (_, n) => ({ id: `r${n}`, n, name: { ar: "ا", en: "A" } })));
  const start = performance.now();
  for (let n = 0; n < 1_000; n++) made.apply(theirs(n + 2, "UPDATE", `r${n * 7}`, { n: -n }));
  for (let n = 0; n < 1_000; n++) made.apply(theirs(n + 2000, "INSERT", `q${n}`, { id: `q${n}` }));
  made.rows("item");
  assert.ok(performance.now() - start < 500, "60 a second take no frame");
});
