import assert from "node:assert/strict";
import { test } from "node:test";

import { delta, FakeWebSocket, quiet } from "./fakes.mjs";
import { connect, crash, kept, open, sold, tick, till } from "./tills.mjs";

/** Two tabs that are let in, and the server's end of each. */
async function pair(options) {
  const [one, two] = [await till(options), await till(options)];
  const [first, second] = FakeWebSocket.opened;
  await connect({ socket: first });
  await connect({ socket: second });
  return { one, two, first, second };
}

test("two tabs share one outbox: each shows the other's sale, and no third name appears", async () => {
  const one = await till();
  const two = await till();
  const first = one.insert("item", { id: "a" });
  await quiet(60);
  assert.equal(await first.saved, false, "who has never been told who is here keeps it in memory");
  const sockets = FakeWebSocket.opened;
  await connect({ socket: sockets[0] });
  await connect({ socket: sockets[1] });
  await quiet(60);
  assert.equal(sockets[0].sent[0].client, sockets[1].sent[0].client);
  const second = two.insert("item", { id: "b" });
  await second.saved;
  await quiet(60);
  assert.deepEqual([one, two].map((db) => db.list("item").map(({ id }) => id)), [["a", "b"], ["a", "b"]]);
  assert.deepEqual([one.pending, two.pending], [2, 2]);
});

test("what a tab has left is found though it could not tell of it", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const Channel = globalThis.BroadcastChannel;
  delete globalThis.BroadcastChannel;
  try {
    const { one, first, second } = await pair();
    first.drop();
    const write = one.insert("item", { id: "a" });
    await write.saved;
    await open.shift().close();
    await tick(t);
    await tick(t);
    assert.deepEqual(sold(second), [write.ref]);
  } finally {
    globalThis.BroadcastChannel = Channel;
  }
});

test("a sale of another tab that is done stays on the screen until the rows have it", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { one, two, first, second } = await pair({ user: "" });
  await quiet(60);
  second.drop();
  const write = one.insert("item", { id: "a" });
  await write.saved;
  await quiet(60);
  assert.equal(two.isPending("item", "a"), true);
  first.say(delta(2, "INSERT", "a", { id: "a" }, { by: { client: first.sent[0].client, ref: write.ref } }));
  first.say({ type: "ACK", ref: write.ref, seq: 2, rows: [{ id: "a" }] });
  await quiet(1_200);
  assert.deepEqual(kept("outbox"), []);
  await tick(t);
  assert.deepEqual([two.pending, two.list("item")], [0, [{ id: "a" }]]);
});

test("a write of a tab that is gone leaves the device when the rows of another have it", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { one, first, second } = await pair({ user: "" });
  const { client } = first.sent[0];
  const write = one.insert("item", { id: "a" });
  await write.saved;
  await crash(1);
  second.say(delta(2, "INSERT", "a", { id: "a" }, { by: { client, ref: write.ref } }));
  await tick(t);
  await quiet(1_200);
  assert.deepEqual(kept("outbox"), []);
});

// What pages load shows nobody what it knows.
test("what is known of other tabs' writes is forgotten with them", { skip: !!process.env.CLIENT }, async () => {
  const { one, two, first, second } = await pair({ user: "" });
  const by = { client: first.sent[0].client, ref: "of a third tab" };
  for (const socket of [first, second]) socket.say(delta(2, "INSERT", "a", { id: "a" }, { by }));
  assert.deepEqual([one.machine.done.size, two.machine.done.size], [1, 1]);
  await Promise.all([one.shelf.tend(), two.shelf.tend()]);
  assert.deepEqual([one.machine.done.size, two.machine.done.size], [0, 0]);
});

test("each user has a tab that sends and stores what is theirs, and so has each choice of tables", async () => {
  const held = new Set();
  const leads = [];
  const request = async (name, _, hold) => {
    leads.push(!held.has(name));
    if (!held.has(name)) await hold(held.add(name));
  };
  Object.defineProperty(globalThis, "navigator", { value: { locks: { request } }, configurable: true });
  try {
    const some = [{ user: "ali" }, { user: "mona" }, { user: "mona", tables: ["item"] }, { user: "ali" }];
    for (const one of some) await till(one);
    assert.deepEqual(leads, [true, true, true, false]);
  } finally {
    delete globalThis.navigator;
  }
});
