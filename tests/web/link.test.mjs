import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { delay, Link } from "../../mishkah/web/client/link.js";
import { Machine } from "../../mishkah/web/client/machine.js";
import { FakeWebSocket, quiet, snapshot, welcome } from "./fakes.mjs";

globalThis.WebSocket = FakeWebSocket;
beforeEach(() => (FakeWebSocket.opened = []));

function linked(t, token = () => undefined) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let n = 0;
  const machine = new Machine({ branch: "b", module: "m" }, () => `r${n++}`, () => ({}));
  machine.onWelcome = () => machine.begin();
  const link = new Link(machine, "ws://shop/", async (again) => token(again), () => {});
  link.open();
  t.after(() => link.stop());
  return { machine, link, pass: (ms) => t.mock.timers.tick(ms) };
}

const turns = async () => {
  for (let n = 0; n < 5; n++) await null;
};

async function greeted(link) {
  const socket = FakeWebSocket.last;
  socket.accept();
  await turns();
  socket.say(welcome());
  link.wake();
  snapshot(socket, { item: [] });
  return socket;
}

test("each wait is twice the one before, up to half a minute, and a little by chance", () => {
  assert.deepEqual([1, 2, 3].map((n) => delay(n, null, 1)), [250, 500, 1000]);
  assert.deepEqual([delay(1, null, 0), delay(99, null, 1)], [125, 30_000]);
  assert.deepEqual([delay(5, 1000, 0), delay(5, 1000, 1)], [1000, 1500], "or what the server asks for");
});

test("it says HELLO by the subprotocol, with the token and not in the URL", async (t) => {
  const { machine } = linked(t, () => "mk_a_b");
  FakeWebSocket.last.accept();
  await turns();
  const [hello] = FakeWebSocket.last.sent;
  assert.deepEqual([FakeWebSocket.last.url, FakeWebSocket.last.protocols], ["ws://shop/", ["mishkah.v1"]]);
  assert.deepEqual([hello.type, hello.v, hello.client, hello.token], ["HELLO", 1, machine.client, "mk_a_b"]);
});

test("a portal that opens the socket and says nothing is left after ten seconds", async (t) => {
  const { machine, pass } = linked(t);
  FakeWebSocket.last.accept();
  await turns();
  pass(9_999);
  assert.equal(machine.state, "connecting");
  pass(1);
  assert.equal(machine.state, "waiting");
  pass(250);
  assert.equal(FakeWebSocket.opened.length, 2);
});

test("a portal that answers with its page is left at once", async (t) => {
  const { machine } = linked(t);
  FakeWebSocket.last.accept();
  await turns();
  FakeWebSocket.last.say("<html>Welcome to our hotel</html>");
  assert.equal(machine.state, "waiting");
});

test("a silent server is asked for a sign of life, and left when it gives none", async (t) => {
  const { machine, link, pass } = linked(t);
  const socket = await greeted(link);
  pass(20_000);
  assert.equal(socket.types().at(-1), "PING");
  socket.say({ type: "PONG", now: "" });
  pass(20_000);
  pass(9_999);
  assert.equal(machine.state, "live");
  pass(1);
  assert.equal(machine.state, "waiting");
});

test("after a sleep it asks at once, and has another connection in four seconds", async (t) => {
  const { link, pass } = linked(t);
  const socket = await greeted(link);
  link.check();
  assert.equal(socket.types().at(-1), "PING");
  pass(4_000);
  pass(0);
  assert.equal(FakeWebSocket.opened.length, 2);
});

test("a network that is back is tried at once", async (t) => {
  const { link } = linked(t);
  for (let n = 0; n < 8; n++) {
    FakeWebSocket.last.drop();
    link.check();
  }
  assert.equal(FakeWebSocket.opened.length, 9);
});

test("a stopping server says when to come back", async (t) => {
  const { link, pass } = linked(t);
  const socket = await greeted(link);
  socket.say({ type: "GOAWAY", retry_ms: 8000 });
  socket.drop(1001);
  pass(7_999);
  assert.equal(FakeWebSocket.opened.length, 1);
  pass(4_001);
  assert.equal(FakeWebSocket.opened.length, 2);
});

test("only a connection that served makes the waits short again", async (t) => {
  const { link } = linked(t);
  FakeWebSocket.last.drop();
  link.check();
  FakeWebSocket.last.accept();
  await turns();
  FakeWebSocket.last.drop();
  assert.equal(link.attempts, 2);
  link.check();
  await greeted(link);
  assert.equal(link.attempts, 0);
});

test("a refused token is asked for anew, and the status is told by its code", async (t) => {
  const asked = [];
  const { machine, link, pass } = linked(t, (again) => asked.push(again) && "t");
  const socket = await greeted(link);
  socket.say({ type: "ERROR", code: "AUTH_EXPIRED", error: "over" });
  assert.equal(machine.failure.code, "AUTH_EXPIRED");
  pass(250);
  FakeWebSocket.last.accept();
  await turns();
  assert.deepEqual(asked, [false, true]);
});

test("what an old socket still says is heard by nobody", async (t) => {
  const { machine, link } = linked(t);
  const socket = await greeted(link);
  socket.drop();
  socket.say({ type: "DELTA", epoch: "e", seq: 2, prev: 1, data: { table: "item", operation: "INSERT", id: "x", changes: {} } });
  assert.equal(machine.screen.rows("item").length, 0);
  await quiet;
});
