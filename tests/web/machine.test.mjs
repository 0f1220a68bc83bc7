import assert from "node:assert/strict";
import { test } from "node:test";

import { Lost, Machine } from "../../mishkah/web/client/machine.js";
import { Refused } from "../../mishkah/web/client/refused.js";
import { delta, welcome } from "./fakes.mjs";

/** A machine that has been welcomed, and shows these items. */
function live(data = { item: [] }, { seq = 1 } = {}) {
  let n = 0;
  const machine = new Machine({ branch: "b", module: "m" }, () => `r${n++}`, () => ({}));
  machine.onWelcome = () => machine.begin();
  greet(machine, data, seq);
  return machine;
}

function greet(machine, data, seq, epoch = "e") {
  machine.hello();
  machine.hear(JSON.stringify(welcome()));
  const { ref } = JSON.parse(machine.outgoing.at(-1));
  hear(machine, { type: "SUBSCRIBED", ref, epoch, seq, resumed: !data });
  if (data) hear(machine, { type: "SNAPSHOT", epoch, seq, data });
  hear(machine, { type: "SYNCED", epoch, seq });
  machine.outgoing = [];
}

const hear = (machine, said) => machine.hear(JSON.stringify(said));
const put = (machine, ref, command, more = {}) =>
  machine.put({ ref, command, mine: true, ready: true, sent: false, ...more });
const insert = (id, data = {}) => ({ type: "INSERT", table: "item", data: { id, ...data } });
const said = (machine) => machine.outgoing.splice(0).map((frame) => JSON.parse(frame));
const ids = (machine) => machine.screen.rows("item").map(({ id }) => id);

test("a write is seen at once, and sent when it is ready", () => {
  const machine = live();
  put(machine, "w", insert("a"), { ready: false });
  machine.send();
  assert.deepEqual([ids(machine), machine.outgoing], [["a"], []]);
  machine.outbox.get("w").ready = true;
  machine.send();
  machine.send();
  assert.deepEqual(said(machine), [{ ...insert("a"), branch: "b", module: "m", ref: "w" }]);
});

test("a write that is not ready holds up those after it", () => {
  const machine = live();
  put(machine, "one", insert("a"), { ready: false });
  put(machine, "two", insert("b"));
  machine.send();
  assert.deepEqual(machine.outgoing, []);
});

test("after a cut all without an answer is sent again in order, then the view is asked for from its cursor", () => {
  const machine = live({ item: [] }, { seq: 7 });
  put(machine, "one", insert("a"));
  put(machine, "two", insert("b"));
  machine.send();
  machine.cut();
  machine.hello();
  machine.outgoing = [];
  hear(machine, welcome());
  const [one, two, view] = said(machine);
  assert.deepEqual([one.ref, two.ref], ["one", "two"]);
  assert.deepEqual([view.type, view.since, view.epoch], ["SUBSCRIBE", 7, "e"]);
});

test("the DELTA of an own write takes it off, and its ACK settles it", () => {
  const machine = live();
  put(machine, "w", insert("a"));
  machine.send();
  hear(machine, delta(2, "INSERT", "a", { id: "a", no: "N1" }, { by: { client: machine.client, ref: "w" } }));
  assert.deepEqual(machine.screen.row("item", "a"), { id: "a", no: "N1" });
  assert.equal(machine.outbox.size, 1);
  hear(machine, { type: "ACK", ref: "w", seq: 2, rows: [{ id: "a", no: "N1" }] });
  assert.deepEqual([machine.outbox.size, machine.settled[0].answer.rows], [0, [{ id: "a", no: "N1" }]]);
});

test("an ACK before the rows are level leaves the write on top until they are", () => {
  const machine = live({ item: [{ id: "a", n: 1 }] });
  machine.outgoing = [];
  put(machine, "w", { type: "UPDATE", table: "item", id: "a", changes: { n: 2 } });
  machine.send();
  hear(machine, { type: "RESYNC", epoch: "e", reason: "slow" });
  hear(machine, { type: "ACK", ref: "w", seq: 5, rows: [] });
  assert.equal(machine.screen.row("item", "a").n, 2, "a status does not go back");
  hear(machine, { type: "SNAPSHOT", epoch: "e", seq: 4, data: { item: [{ id: "a", n: 1 }] } });
  assert.equal(machine.screen.row("item", "a").n, 2, "this one does not have it yet");
  hear(machine, delta(5, "UPDATE", "a", { n: 2 }));
  hear(machine, { type: "SYNCED", epoch: "e", seq: 5 });
  assert.equal(machine.screen.overlay.covers("item", "a"), false);
});

test("a refused write is rolled back", () => {
  const machine = live({ item: [{ id: "a", n: 1 }] });
  put(machine, "w", { type: "UPDATE", table: "item", id: "a", changes: { n: 2 } });
  machine.send();
  hear(machine, { type: "ERROR", ref: "w", code: "INVALID", error: "no", text: { ar: "لا", en: "no" },
    details: [{ path: "/n", rule: "max", message: "n: no", text: { ar: "n: لا" } }] });
  const [{ answer }] = machine.settled;
  assert.ok(answer instanceof Refused);
  assert.deepEqual([answer.code, answer.path, answer.details[0].text], ["INVALID", "/n", { en: "n: no", ar: "n: لا" }]);
  assert.equal(machine.screen.row("item", "a").n, 1);
});

for (const code of ["STORE_FAILED", "BUSY", "RATE_LIMITED"]) {
  test(`${code} is no refusal: the write waits, and comes again in its order`, () => {
    const machine = live();
    put(machine, "w", insert("a"));
    machine.send();
    assert.throws(() => hear(machine, { type: "ERROR", ref: "w", code, error: "later", retry_ms: 5000 }), Lost);
    assert.deepEqual([machine.outbox.size, machine.retryMs, ids(machine)], [1, 5000, ["a"]]);
  });
}

test("a server without room is read from, and tried with one write at a time until it has room", () => {
  const machine = live();
  const full = (ref) => hear(machine, { type: "ERROR", ref, code: "STORAGE_FULL", error: "no room", retry_ms: 5000 });
  for (const name of ["one", "two", "three"]) put(machine, name, insert(name));
  machine.send();
  assert.equal(said(machine).length, 3);
  for (const name of ["one", "two", "three"]) full(name);
  hear(machine, delta(2, "INSERT", "theirs", { id: "theirs" }));
  assert.deepEqual([machine.state, machine.pending, ids(machine)], ["live", 3, ["one", "theirs", "three", "two"]]);
  machine.send();
  assert.deepEqual(said(machine), [], "not again at once");
  machine.send(true);
  assert.deepEqual(said(machine).map(({ ref }) => ref), ["one"]);
  full("one");
  machine.send(true);
  assert.deepEqual(said(machine).map(({ ref }) => ref), ["one"]);
  hear(machine, { type: "ACK", ref: "one", seq: 3, rows: [] });
  assert.deepEqual(said(machine).map(({ ref }) => ref), ["two", "three"]);
});

test("each of many waiting writes costs the same, however many there are", () => {
  const drain = (many) => {
    const machine = live({ item: [] });
    machine.cut();
    for (let n = 0; n < many; n++) put(machine, `w${n}`, insert(`i${n}`));
    const start = performance.now();
    machine.hello();
    hear(machine, welcome());
    const frames = said(machine);
    assert.equal(frames.length, many + 2);
    const { ref } = frames.at(-1);
    for (let n = 0; n < many; n++) {
      hear(machine, { type: "ACK", ref: `w${n}`, seq: n + 2, rows: [{ id: `i${n}` }] });
      machine.send();
      assert.equal(machine.pending, many - n - 1);
    }
    hear(machine, { type: "SUBSCRIBED", ref, epoch: "e", seq: many + 1, resumed: true });
    for (let n = 0; n < many; n++) {
      hear(machine, delta(n + 2, "INSERT", `i${n}`, { id: `i${n}` }, { by: { client: machine.client, ref: `w${n}` } }));
    }
    hear(machine, { type: "SYNCED", epoch: "e", seq: many + 1 });
    assert.equal(machine.screen.rows("item").length, many);
    assert.equal(machine.screen.overlay.keys().length, 0);
    return performance.now() - start;
  };
  drain(2_000);
  const [few, many] = [Math.min(drain(2_000), drain(2_000)), drain(20_000)];
  assert.ok(many < 40 * few, `${few} ms for 2,000, ${many} ms for 20,000`);
});

test("who is not let in keeps all, and is told why", () => {
  const machine = live();
  put(machine, "w", insert("a"));
  assert.throws(() => hear(machine, { type: "ERROR", code: "AUTH_EXPIRED", error: "over" }), Lost);
  machine.cut();
  assert.deepEqual([machine.state, machine.failure.code, machine.outbox.size], ["refused", "AUTH_EXPIRED", 1]);
  greet(machine, null, 1);
  assert.deepEqual([machine.state, machine.failure], ["live", null]);
});

test("deltas of one commit are shown together", () => {
  const machine = live({ item: [] });
  hear(machine, delta(2, "INSERT", "a", { id: "a" }, { tx: { i: 0, n: 2 } }));
  assert.deepEqual(ids(machine), []);
  hear(machine, delta(2, "INSERT", "b", { id: "b" }, { tx: { i: 1, n: 2 } }));
  assert.deepEqual(ids(machine), ["a", "b"]);
});

test("half a commit is forgotten with its connection", () => {
  const machine = live({ item: [] });
  hear(machine, delta(2, "INSERT", "a", { id: "a" }, { tx: { i: 0, n: 2 } }));
  machine.cut();
  greet(machine, null, 1);
  hear(machine, delta(2, "INSERT", "a", { id: "a" }, { tx: { i: 0, n: 2 } }));
  assert.deepEqual(ids(machine), []);
});

test("a gap is noticed, and what was missed is asked for", () => {
  const machine = live({ item: [] });
  hear(machine, delta(9, "INSERT", "a", { id: "a" }));
  const [again] = said(machine);
  assert.deepEqual([again.type, again.since], ["SUBSCRIBE", 1]);
  hear(machine, delta(10, "INSERT", "b", { id: "b" }));
  assert.deepEqual(ids(machine), [], "nothing is shown over a hole");
});

test("old deltas are passed over", () => {
  const machine = live({ item: [{ id: "a", n: 5 }] }, { seq: 5 });
  hear(machine, delta(4, "UPDATE", "a", { n: 4 }));
  assert.equal(machine.screen.row("item", "a").n, 5);
});

test("a snapshot in parts is shown when it is whole", () => {
  const machine = live({ item: [{ id: "old" }] });
  hear(machine, { type: "RESYNC", epoch: "e", reason: "too_old" });
  hear(machine, { type: "SNAPSHOT", epoch: "e", seq: 3, part: 0, last: false, data: { item: [{ id: "a" }] } });
  assert.deepEqual(ids(machine), ["old"]);
  hear(machine, { type: "SNAPSHOT", epoch: "e", seq: 3, part: 1, last: true, data: { item: [{ id: "b" }] } });
  assert.deepEqual(ids(machine), ["a", "b"]);
});

test("other rights: the new view takes the place of all, and pending writes stay", () => {
  const machine = live({ item: [{ id: "a" }, { id: "secret" }] });
  machine.rulesChanged = false;
  put(machine, "w", { type: "UPDATE", table: "item", id: "a", changes: { n: 2 } });
  hear(machine, { type: "RESYNC", view: "*", epoch: "e", reason: "rules" });
  hear(machine, { type: "SUBSCRIBED", view: "v2", epoch: "e.12345678", seq: 9, resumed: false });
  hear(machine, delta(9, "INSERT", "x", { id: "x" }));
  hear(machine, { type: "SNAPSHOT", view: "v2", epoch: "e.12345678", seq: 9, data: { item: [{ id: "a" }] } });
  hear(machine, { type: "SYNCED", view: "v2", epoch: "e.12345678", seq: 9 });
  assert.deepEqual(machine.screen.rows("item"), [{ id: "a", n: 2 }]);
  assert.deepEqual([machine.state, machine.screen.replica.cursor.epoch, machine.rulesChanged], ["live", "e.12345678", true]);
});

test("a table that may not be seen any more is gone, with what was drawn on it", () => {
  const machine = live({ item: [{ id: "a" }], money: [{ id: "m" }] });
  hear(machine, { type: "SNAPSHOT", epoch: "e2", seq: 2, data: { item: [] } });
  assert.deepEqual([machine.screen.rows("money"), ids(machine)], [[], []]);
});

test("a tab that does not lead sends its own, and all before it, and not what others make after", () => {
  const machine = live();
  machine.leads = () => false;
  put(machine, "theirs", insert("a"), { mine: false });
  machine.send();
  assert.deepEqual(machine.outgoing, []);
  put(machine, "mine", insert("b"));
  put(machine, "later", insert("c"), { mine: false, late: true });
  machine.send();
  assert.deepEqual(said(machine).map(({ ref }) => ref), ["theirs", "mine"]);
  machine.leads = () => true;
  machine.send();
  assert.deepEqual(said(machine).map(({ ref }) => ref), ["later"]);
});

test("another tab's write is settled by its DELTA", () => {
  const machine = live();
  put(machine, "theirs", insert("a"), { mine: false });
  hear(machine, delta(2, "INSERT", "a", { id: "a" }, { by: { client: machine.client, ref: "theirs" } }));
  assert.deepEqual([machine.outbox.size, ids(machine)], [0, ["a"]]);
});

test("another client's write of the same ref is not ours", () => {
  const machine = live({ item: [] });
  put(machine, "w", insert("a"));
  hear(machine, delta(2, "INSERT", "b", { id: "b" }, { by: { client: "else", ref: "w" } }));
  assert.deepEqual([machine.outbox.size, ids(machine)], [1, ["a", "b"]]);
});

test("what is too large for the server is refused here, in both languages", () => {
  const machine = live();
  machine.cut();
  machine.hello();
  hear(machine, { ...welcome(), limits: { message: 100 } });
  put(machine, "w", insert("a", { note: "ن".repeat(60) }));
  machine.send();
  assert.equal(machine.settled[0].answer.code, "TOO_LARGE");
  assert.deepEqual(ids(machine), []);
});

test("a portal's page is no server of Mishkah", () => {
  for (const nonsense of ["<html>", "null", "[]", '{"no": "type"}']) {
    assert.throws(() => live().hear(nonsense), Lost, nonsense);
  }
  live().hear('{"type": "NEWS_OF_LATER"}');
});

test("a write of another tab that was done before this one heard of it is known as done", () => {
  const machine = live();
  hear(machine, delta(2, "INSERT", "a", { id: "a" }, { by: { client: machine.client, ref: "theirs" } }));
  assert.ok(machine.done.has("theirs"));
});
