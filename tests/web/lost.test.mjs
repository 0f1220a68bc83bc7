import assert from "node:assert/strict";
import { test } from "node:test";

import { delta, FakeWebSocket, quiet, welcome } from "./fakes.mjs";
import { connect, crash, device, kept, sold, tick, till } from "./tills.mjs";

const no = (ref) => ({ type: "ERROR", ref, code: "INVALID", error: "no", text: { ar: "لا", en: "no" } });

test("a device that is full when a page opens sends no write under another name than before", async () => {
  const db = await till();
  const first = await connect();
  const write = db.insert("item", { id: "a" });
  await write.saved;
  assert.deepEqual(sold(first), [write.ref]);
  await crash();
  device.full = true;
  await till();
  const again = await connect();
  await quiet(60);
  const sent = sold(again).includes(write.ref);
  assert.ok(!sent || again.sent[0].client === first.sent[0].client, "the server would do it twice");
});

test("a full device says so until it has kept what waits", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const db = await till();
  await connect();
  FakeWebSocket.last.drop();
  device.full = true;
  assert.equal(await db.insert("item", { id: "a" }).saved, false);
  await tick(t);
  assert.deepEqual([db.status.storage, db.waiting()[0].saved], ["full", false], "though it can be read");
  device.full = false;
  await tick(t);
  assert.deepEqual([db.status.storage, db.waiting()[0].saved], ["ok", true]);
});

test("what waits on the device is not read over and over", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const db = await till({ user: "" });
  await db.insert("item", { id: "a" }).saved;
  await tick(t);
  const before = device.whole;
  for (let n = 0; n < 3; n++) await tick(t);
  assert.deepEqual([db.pending, device.whole], [1, before]);
});

test("who is forgotten leaves no write that was answered", async () => {
  const db = await till();
  const socket = await connect({ user: "amal" });
  await quiet(60);
  const write = db.insert("item", { id: "a" });
  await write.saved;
  socket.say({ type: "ACK", ref: write.ref, seq: 2, rows: [{ id: "a" }] });
  await write;
  await db.close({ forget: true });
  assert.deepEqual(kept("outbox"), []);
});

test("a page whose token has run out waits for the newer one", async () => {
  const db = await till({ token: (again) => (again ? "good" : "bad") });
  FakeWebSocket.last.accept();
  await quiet();
  const ready = db.ready();
  FakeWebSocket.last.say({ type: "ERROR", code: "AUTH_REQUIRED", error: "no" });
  await quiet(400);
  const socket = await connect({ user: "amal" });
  await ready;
  assert.equal(socket.sent[0].token, "good");
});

test("who goes on after all was cleared says what the device is called", async () => {
  const one = await till({ user: "" });
  const first = await connect();
  device.clear();
  await one.insert("item", { id: "a" }).saved;
  await till();
  const second = await connect();
  assert.equal(second.sent[0].client, first.sent[0].client, "or what both see is done twice");
});

test("between two users nothing is sent: who made a write has it done", async () => {
  const db = await till({ token: "ali" });
  const socket = await connect({ user: "ali" });
  db.signIn("mona");
  await quiet();
  assert.deepEqual(socket.types().filter((type) => type === "HELLO").length, 2);
  const write = db.insert("item", { id: "a" });
  await write.saved;
  await quiet();
  assert.deepEqual(sold(socket), [], "it would be Mona's, and once more Ali's");
  socket.say(welcome("ali"));
  await quiet();
  assert.deepEqual(sold(socket), [write.ref]);
});

test("who signs in while the server is still asked has the last word", async () => {
  const db = await till({ token: "ali" });
  const socket = FakeWebSocket.last;
  socket.accept();
  await quiet();
  db.signIn("mona");
  await quiet();
  assert.deepEqual(socket.sent.map(({ token }) => token), ["ali", "mona"]);
  socket.say(welcome("ali"));
  await quiet();
  assert.deepEqual([socket.types().includes("SUBSCRIBE"), db.status.user], [false, null]);
  socket.say(welcome("mona"));
  await quiet(60);
  assert.deepEqual([socket.types().includes("SUBSCRIBE"), db.status.user], [true, "mona"]);
});

test("a token shows offline whom it has let in, not who has signed in after", async () => {
  const db = await till({ token: "ali" });
  await connect({ user: "ali", items: [{ id: "ali's" }] });
  db.signIn("mona");
  await quiet();
  FakeWebSocket.last.say(welcome("mona"));
  await quiet();
  await connect({ user: "mona", items: [{ id: "mona's" }] });
  await quiet(1_200);
  await db.close();
  const [ali, mona] = [await till({ token: "ali" }), await till({ token: "mona" })];
  assert.deepEqual([ali, mona].map((one) => one.status.user), ["ali", "mona"]);
});

test("a refused write that is sent again is done and on the list at no time, whenever the page ends", async () => {
  const db = await till();
  const socket = await connect();
  const write = db.insert("item", { id: "a", n: -1 });
  await write.saved;
  socket.say(no(write.ref));
  await assert.rejects(write);
  await quiet();
  device.left = 1;
  db.rejected()[0].send({ type: "INSERT", table: "item", data: { id: "a", n: 1 } });
  await quiet(60);
  device.left = Infinity;
  assert.deepEqual([kept("outbox").length, kept("parked").length], [1, 0]);
});

test("rows that are read late do not take the place of the server's", async () => {
  const one = await till();
  await connect({ items: [{ id: "old" }] });
  await quiet(1_200);
  await one.close();
  const db = await till({ user: "nobody we know" });
  device.slow = 300;
  const socket = FakeWebSocket.last;
  socket.accept();
  await quiet();
  socket.say(welcome());
  await quiet();
  socket.drop();
  await quiet(260);
  await connect({ items: [{ id: "new" }], seq: 9 });
  await quiet(900);
  assert.deepEqual([db.cursor.seq, db.list("item").map(({ id }) => id)], [9, ["new"]]);
});

test("nobody waits for ever for what is closed, and what is kept by then is told as kept", async () => {
  const db = await till({ user: "" });
  const write = db.insert("item", { id: "a" });
  const all = [assert.rejects(db.flush(), /closed/), assert.rejects(db.ready(), /closed/)];
  await db.close();
  assert.equal(await write.saved, true);
  assert.deepEqual(kept("outbox").length, 1);
  assert.equal(await Promise.race([Promise.all(all), quiet(100)]) instanceof Array, true);
});

test("a new row of a table with another primary key is seen by whoever it belongs to", async () => {
  const db = await till();
  db.insert("shelf", { code: "a" });
  const socket = FakeWebSocket.last;
  socket.accept();
  await quiet();
  socket.say(welcome("ali"));
  await quiet(60);
  const { ref } = socket.sent.findLast(({ type }) => type === "SUBSCRIBE");
  socket.say({ type: "SUBSCRIBED", ref, view: "*", epoch: "e", seq: 1, keys: { shelf: "code" } });
  socket.say({ type: "SNAPSHOT", view: "*", epoch: "e", seq: 1, data: { shelf: [], constructor: [{ id: "c" }] } });
  socket.say({ type: "SYNCED", view: "*", epoch: "e", seq: 1 });
  assert.deepEqual([db.list("shelf"), db.list("constructor")], [[{ code: "a" }], [{ id: "c" }]]);
});

test("rules that change while they are asked for are asked for again", async () => {
  let answer;
  globalThis.fetch = () => new Promise((resolve) => (answer = resolve));
  const db = await till();
  const socket = await connect();
  await quiet();
  socket.say({ type: "RESYNC", view: "*", epoch: "e", reason: "schema" });
  answer({ ok: true, json: async () => ({ tables: {}, sentences: { table: { en: "no", ar: "لا" } } }) });
  await quiet();
  await db.insert("item", { id: "a" }).saved;
  await quiet();
  assert.equal(sold(socket).length, 1, "no old rule refuses it");
});

test("rules that can't be had are asked for again, and those that are known stay for an offline start", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const schema = { tables: {}, sentences: { table: { en: "no", ar: "لا" } } };
  let answer = schema;
  globalThis.fetch = async () => ({ ok: !!answer, json: async () => answer });
  const db = await till();
  const socket = await connect();
  await quiet();
  await assert.rejects(db.insert("item", { id: "a" }), { code: "UNKNOWN_TABLE" });
  answer = null;
  socket.say({ type: "RESYNC", view: "*", epoch: "e", reason: "schema" });
  socket.say({ type: "SYNCED", view: "*", epoch: "e", seq: 1 });
  await quiet();
  await db.insert("item", { id: "b" }).saved;
  assert.equal(sold(socket).length, 1, "what may be another is not judged by");
  await crash();
  const again = await till();
  await assert.rejects(again.insert("item", { id: "c" }), { code: "UNKNOWN_TABLE" });
  await connect();
  await quiet();
  answer = { tables: { item: { fields: { id: { type: "text" } } } }, sentences: {} };
  await again.insert("item", { id: "c" }).saved;
  await tick(t);
  await assert.rejects(again.insert("item", { id: "d", n: 1 }), { code: "INVALID", path: "/n" });
});

test("a device that never answers does not hold up the start, and no write is lost by it", async (t) => {
  globalThis.indexedDB = { open: () => ({}) };
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const opening = till({ user: "" });
  for (let n = 0; n < 20; n++) await null;
  t.mock.timers.tick(5_000);
  const db = await opening;
  t.mock.timers.reset();
  const write = db.insert("item", { id: "a" });
  assert.equal(await write.saved, false);
  assert.deepEqual([db.pending, db.status.storage], [1, "none"]);
  assert.ok(db.status.text.en.includes("keep this page open"));
  assert.deepEqual(sold(await connect()), [write.ref]);
});

test("the rows are on the device as soon as they are whole", async () => {
  await till();
  await connect({ items: [{ id: "a" }] });
  await quiet(60);
  await crash();
  assert.deepEqual((await till()).list("item"), [{ id: "a" }]);
});

test("rows and the writes that they hold change places in one moment: nothing is added twice", async () => {
  const db = await till();
  const socket = await connect({ items: [{ id: "a", n: 1 }] });
  await quiet(60);
  const write = db.update("item", "a", {}, { add: { n: 1 } });
  await write.saved;
  socket.say(delta(2, "UPDATE", "a", { n: 2 }, { by: { client: socket.sent[0].client, ref: write.ref } }));
  socket.say({ type: "ACK", ref: write.ref, seq: 2, rows: [{ id: "a", n: 2 }] });
  await write;
  const run = IDBTransactions();
  await quiet(1_200);
  run.stop();
  assert.deepEqual([kept("rows")[0][2].n, kept("outbox")], [2, []]);
  assert.ok(run.states.every(([n, waiting]) => n + waiting === 2), JSON.stringify(run.states));
});

/** Look at the device after each of its transactions. */
function IDBTransactions() {
  const states = [];
  const look = setInterval(() => states.push([kept("rows")[0][2].n, kept("outbox").length]), 0);
  return { states, stop: () => clearInterval(look) };
}

test("ten thousand offline writes outlive the page, and go out in their order, each once", async () => {
  const many = 10_000;
  const db = await till({ user: "" });
  const writes = Array.from({ length: many }, (_, n) => db.insert("item", { id: `i${n}` }));
  await Promise.all(writes.map(({ saved }) => saved));
  await crash();
  const start = performance.now();
  const again = await till({ user: "" });
  assert.deepEqual([again.pending, again.list("item").length], [many, many]);
  const socket = await connect();
  assert.deepEqual(sold(socket), writes.map(({ ref }) => ref));
  writes.forEach(({ ref }, n) => socket.say({ type: "ACK", ref, seq: n + 2, rows: [{ id: `i${n}` }] }));
  await again.flush();
  assert.equal(again.pending, 0);
  assert.ok(performance.now() - start < 10_000);
});

test("a name that the server can't take is refused at once", async () => {
  const db = await till();
  for (const ref of ["", "a\nb", "é".repeat(65)]) await assert.rejects(db.insert("item", { id: "a" }, { ref }), /ref/);
  assert.deepEqual([db.pending, db.list("item")], [0, []]);
});

