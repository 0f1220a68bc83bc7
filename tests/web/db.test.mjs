import assert from "node:assert/strict";
import { test } from "node:test";

import { delta, FakeWebSocket, quiet, snapshot, welcome } from "./fakes.mjs";
import { connect, crash, createPosDb, device, kept, open, till, writes } from "./tills.mjs";

test("a write is on the device before it is sent", async () => {
  const db = await till();
  const socket = await connect();
  const write = db.insert("item", { id: "a" });
  assert.deepEqual([db.get("item", "a"), db.pending, writes(socket)], [{ id: "a" }, 1, []]);
  assert.equal(await write.saved, true);
  assert.deepEqual(kept("outbox").map(({ ref }) => ref), [write.ref]);
  assert.equal(writes(socket)[0].ref, write.ref);
});

test("its promise is kept with the row as it is stored", async () => {
  const db = await till();
  const socket = await connect();
  const write = db.insert("item", { id: "a" });
  await write.saved;
  socket.say(delta(2, "INSERT", "a", { id: "a", no: "N1" }, { by: { client: socket.sent[0].client, ref: write.ref } }));
  socket.say({ type: "ACK", ref: write.ref, seq: 2, rows: [{ id: "a", no: "N1" }] });
  assert.deepEqual([await write, db.pending], [{ id: "a", no: "N1" }, 0]);
  await db.flush();
});

test("an offline sale outlives the page, is seen at once, and is sent once under its name", async () => {
  const db = await till();
  await connect({ items: [{ id: "old" }] });
  await quiet(1_100);
  FakeWebSocket.last.drop();
  const write = db.insert("item", { id: "sale" });
  await write.saved;
  await crash();
  const again = await till();
  assert.deepEqual(again.list("item").map(({ id }) => id), ["old", "sale"]);
  assert.deepEqual([again.pending, again.isPending("item", "sale")], [1, true]);
  await again.ready();
  const socket = await connect({ items: [{ id: "old" }] });
  assert.deepEqual(writes(socket).map(({ ref }) => ref), [write.ref]);
  const view = socket.sent.find(({ type }) => type === "SUBSCRIBE");
  assert.equal(view.since, 1, "and the rows are not asked for anew");
  assert.ok(socket.types().indexOf("INSERT") < socket.types().indexOf("SUBSCRIBE"));
});

test("a write stays on the device until the rows that are stored hold it", async () => {
  const db = await till();
  const socket = await connect();
  const write = db.insert("item", { id: "a" });
  await write.saved;
  socket.say(delta(2, "INSERT", "a", { id: "a" }, { by: { client: socket.sent[0].client, ref: write.ref } }));
  socket.say({ type: "ACK", ref: write.ref, seq: 2, rows: [{ id: "a" }] });
  await write;
  assert.equal(kept("outbox").length, 1, "a reload shows it all the same");
  await quiet(1_200);
  assert.deepEqual([kept("outbox"), kept("rows")], [[], [["item", "a", { id: "a" }]]]);
});

test("a refused write is rolled back and parked with its error, over a reload, until it is sent or discarded", async () => {
  const db = await till();
  const socket = await connect();
  const told = [];
  db.on("rejected", (one) => told.push(one.error.code));
  const write = db.insert("item", { id: "a", n: -1 });
  await write.saved;
  socket.say({ type: "ERROR", ref: write.ref, code: "INVALID", error: "no", text: { ar: "لا", en: "no" } });
  await assert.rejects(write, { code: "INVALID" });
  await quiet();
  assert.deepEqual([told, db.list("item"), db.pending], [["INVALID"], [], 0]);
  await crash();
  const again = await till();
  const [parked] = again.rejected();
  assert.deepEqual([parked.ref, parked.error.text.ar, parked.command.data], [write.ref, "لا", { id: "a", n: -1 }]);
  const next = await connect();
  parked.send({ ...parked.command, data: { id: "a", n: 1 } });
  await quiet();
  assert.deepEqual([writes(next)[0].ref, writes(next)[0].data.n], [write.ref, 1], "one sale has one name for its life");
  assert.deepEqual([again.rejected(), kept("parked")], [[], []]);
  next.say({ type: "ERROR", ref: write.ref, code: "INVALID", error: "no" });
  await quiet();
  again.rejected()[0].discard();
  await quiet();
  assert.deepEqual([again.rejected(), kept("parked")], [[], []]);
});

test("a full device says so, sends all the same, and keeps nobody's sale from the server", async () => {
  const db = await till();
  const socket = await connect();
  device.full = true;
  const write = db.insert("item", { id: "a" });
  assert.equal(await write.saved, false);
  assert.deepEqual([db.status.storage, writes(socket).length], ["full", 1]);
  assert.ok(db.status.text.en.includes("keep this page open") && db.status.text.ar);
});

test("another user sees neither rows nor writes of the one before, and is told that there are some", async () => {
  const db = await till({ token: "mk_one" });
  await connect({ user: "amal", items: [{ id: "amal's" }] });
  await quiet(1_100);
  FakeWebSocket.last.drop();
  await db.insert("item", { id: "sale" }).saved;
  await crash();
  const other = await till({ token: "mk_two" });
  assert.deepEqual([other.list("item"), other.pending], [[], 0], "nobody knows yet who this is");
  const socket = await connect({ user: "omar", items: [{ id: "omar's" }] });
  await quiet();
  assert.deepEqual(other.list("item"), [{ id: "omar's" }]);
  assert.deepEqual([other.status.others, other.status.user, writes(socket)], [1, "omar", []]);
  await crash();
  const amal = await till({ token: "mk_one" });
  assert.deepEqual(amal.list("item").map(({ id }) => id), ["amal's", "sale"]);
});

test("who turns out to be another is shown nothing of what was shown before", async () => {
  const db = await till();
  await connect({ user: "amal", items: [{ id: "amal's" }] });
  await quiet(1_100);
  await crash();
  const again = await till();
  assert.deepEqual(again.list("item"), [{ id: "amal's" }], "offline, the last one is taken to be here");
  await connect({ user: "omar", items: [] });
  assert.deepEqual([again.list("item"), again.status.user], [[], "omar"]);
});

test("what the device's clock shows is not what stands on a sale", async () => {
  const db = await till();
  await connect();
  assert.equal(db.now().slice(0, 16), "2025-10-29T10:00");
  await quiet();
  await crash();
  assert.equal((await till()).now().slice(0, 13), "2025-10-29T10", "also after a start without a connection");
});

test("subscribers are told once for each frame, of rows that leave their filter too", async () => {
  const db = await till();
  const socket = await connect({ items: [{ id: "a", status: "open" }, { id: "b", status: "open" }] });
  await quiet(250);
  const told = [];
  db.subscribe("item", (rows, changes) => told.push([rows.length, changes.map(({ id }) => id)]), { status: "open" });
  socket.say(delta(2, "UPDATE", "a", { status: "ready" }));
  socket.say(delta(3, "UPDATE", "a", { status: "paid" }));
  socket.say(delta(4, "INSERT", "c", { id: "c", status: "paid" }));
  await quiet(250);
  assert.deepEqual(told, [[1, ["a"]]]);
});

test("a subscriber is told of what comes after, and nobody misses what was on its way", async () => {
  const db = await till();
  await connect({ items: [{ id: "a" }] });
  await quiet(1_100);
  await crash();
  const again = await till();
  const told = [];
  const listen = (name) => again.subscribe("item", (rows, changes) => told.push([name, ...changes.map(({ id }) => id)]));
  listen("first");
  again.insert("item", { id: "b" });
  listen("second");
  again.insert("item", { id: "c" });
  await quiet(250);
  assert.deepEqual(told, [["first", "b"], ["first", "c"], ["second", "c"]]);
});

test("the older names do the same", async () => {
  const db = await till();
  const socket = await connect({ items: [{ id: "a", n: 1 }] });
  db.merge("item", { id: "a", n: 2 });
  db.save("item", { id: "b" });
  db.save("item", { id: "a", n: 3 });
  db.remove("item", { id: "a" });
  await quiet();
  const sent = socket.sent.filter(({ table }) => table).map(({ type, id, data, changes }) => [type, id ?? data.id, changes]);
  assert.deepEqual(sent, [["UPDATE", "a", { n: 2 }], ["INSERT", "b", undefined], ["UPDATE", "a", { n: 3 }], ["DELETE", "a", undefined]]);
});

test("a transaction is shown whole or not at all, and sent as one", async () => {
  const db = await till();
  const socket = await connect({ items: [{ id: "a", n: 1 }] });
  const write = db.transaction((tx) => {
    tx.insert("item", { id: "header" });
    tx.update("item", "a", { n: 2 });
  }, { base: true });
  await write.saved;
  const [sent] = socket.sent.filter(({ type }) => type === "TRANSACTION");
  assert.deepEqual([sent.ops.length, sent.base, sent.epoch], [2, 1, "e"]);
  socket.say({ type: "ERROR", ref: write.ref, code: "REFERENCE", error: "no" });
  await assert.rejects(write);
  assert.deepEqual(db.list("item"), [{ id: "a", n: 1 }]);
});

test("what JSON has not is refused, and nothing happens", async () => {
  const db = await till();
  await assert.rejects(db.insert("item", { id: "a", n: NaN }), TypeError);
  assert.deepEqual([db.pending, db.list("item")], [0, []]);
});

test("nothing is kept where the page says so", async () => {
  const db = await till({ outbox: false });
  await connect();
  assert.equal(await db.insert("item", { id: "a" }).saved, false);
  assert.deepEqual([db.status.storage, device.names()], ["off", []]);
});

test("signing out leaves no rows on the device, and every write that has no answer", async () => {
  const db = await till();
  await connect({ user: "amal", items: [{ id: "a" }] });
  await quiet(1_100);
  FakeWebSocket.last.drop();
  await db.insert("item", { id: "sale" }).saved;
  await db.close({ forget: true });
  assert.deepEqual([kept("rows"), kept("outbox").length], [[], 1]);
  const next = await till();
  assert.deepEqual([next.list("item"), next.status.user], [[], null]);
  const socket = await connect({ user: "amal" });
  assert.equal(writes(socket).length, 1);
});

test("messages are Arabic where the page asks for it", async () => {
  const db = await till({ lang: "ar" });
  const socket = await connect();
  const write = db.insert("item", { id: "a" });
  await write.saved;
  socket.say({ type: "ERROR", ref: write.ref, code: "INVALID", error: "no", text: { ar: "لا", en: "no" } });
  await assert.rejects(write, { message: "لا" });
});

test("a question that is too large for the server is refused", async () => {
  const db = await till({ user: "" });
  const socket = FakeWebSocket.last;
  socket.accept();
  await quiet();
  socket.say({ ...welcome(""), limits: { message: 500 } });
  await quiet();
  snapshot(socket, { item: [] });
  const asked = db.query("item", { where: ["id", "in", Array(200).fill("x")] });
  assert.equal(await Promise.race([asked.catch((no) => no.code), quiet(500)]), "TOO_LARGE");
  assert.equal(await asked.saved, false);
});

test("what a newcomer does wrong is refused by its name, and never done by half", async () => {
  await assert.rejects(createPosDb({ branch: "b", moduleId: "m" }), /branchId/);
  const db = await till();
  await connect({ items: [{ id: "a", n: 1 }] });
  await assert.rejects(db.update("item", { n: 2 }), /item.*id/);
  await assert.rejects(db.update("item", undefined, { n: 2 }), /item.*id/);
  await assert.rejects(db.delete("item", null), /item.*id/);
  await assert.rejects(db.update("item", db.get("item", "a"), { n: 2 }), /option n/);
  await assert.rejects(db.insert("item", { id: "b" }, { bsae: true }), /option bsae/);
  await assert.rejects(db.transaction(async (tx) => tx.insert("item", { id: "c" })), /wait/);
  await assert.rejects(db.transaction((tx) => tx.insrt("item", {})), TypeError);
  assert.deepEqual([db.pending, db.list("item")], [0, [{ id: "a", n: 1 }]]);
});

test("what is added to a row is added, wherever it is said", async () => {
  const db = await till();
  const socket = await connect({ items: [{ id: "a", n: 1 }] });
  db.update("item", db.get("item", "a"), null, { add: { n: 1 } });
  db.update("item", { id: "a" }, { add: { n: 2 } });
  await db.transaction((tx) => tx.update("item", { id: "a" }, null, { add: { n: 4 } })).saved;
  const added = socket.sent.flatMap((one) => one.ops ?? [one]).filter(({ add }) => add).map(({ add }) => add.n);
  assert.deepEqual([added, db.get("item", "a").n], [[1, 2, 4], 8]);
});

test("no options are as good as none", async () => {
  const db = await till();
  await connect({ items: [{ id: "a", n: 1 }] });
  assert.equal(await db.update("item", { id: "a", n: 2 }, null).saved, true);
  assert.deepEqual(db.list("item"), [{ id: "a", n: 2 }]);
});

test("a question that finds no connection is given up", async (t) => {
  const db = await till();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = db.query("item");
  t.mock.timers.tick(15_000);
  await assert.rejects(asked, { code: "UNREACHABLE" });
  t.mock.timers.reset();
});
