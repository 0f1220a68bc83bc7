// Tills in Node: a fake device and a fake server for each test, and what tests do with them.

import { afterEach, beforeEach } from "node:test";

import { FakeIndexedDB, FakeWebSocket, quiet, snapshot, welcome } from "./fakes.mjs";

// The modules, or what pages load of them.
export const { createPosDb } = await import(process.env.CLIENT ?? "../../mishkah/web/client/mishkah.js");

export const open = [];
export let device;

beforeEach(() => {
  globalThis.WebSocket = FakeWebSocket;
  globalThis.indexedDB = device = new FakeIndexedDB();
  globalThis.IDBKeyRange = { bound: (lower, upper) => ({ lower, upper }) };
  globalThis.fetch = async () => ({ ok: false });
  FakeWebSocket.opened = [];
});

afterEach(async () => {
  for (const db of open.splice(0)) await db.close();
});

export async function till(options = {}) {
  const { db } = await createPosDb({ branchId: "b", moduleId: "m", url: "http://shop:8080/", ...options });
  open.push(db);
  return db;
}

/** Let the server in: it welcomes `user` and shows these rows. */
export async function connect({ user, items = [], seq = 1, socket = FakeWebSocket.last } = {}) {
  socket.accept();
  for (let n = 0; n < 100 && !socket.sent[0]; n++) await quiet(10);
  socket.say(welcome(user));
  for (let n = 0; n < 100 && !socket.types().includes("SUBSCRIBE"); n++) await quiet(10);
  snapshot(socket, { item: items }, { seq });
  return socket;
}

/** The writes of rows that were sent, and what they are called. */
export const writes = ({ sent }) => sent.filter(({ type }) => type === "INSERT" || type === "UPDATE");
export const sold = (socket) => writes(socket).map(({ ref }) => ref);

export const kept = (name) => [...(device.stores(device.names()[0])?.[name].rows.values() ?? [])].map(({ value }) => value);

/** End the oldest tabs in the middle of what they do: nothing of it reaches the device any more. */
export async function crash(many = Infinity) {
  device.full = true;
  for (const db of open.splice(0, many)) await db.close();
  device.full = false;
}

/** Have the tabs do what they do every five seconds. @param {any} t of a test that mocks setInterval */
export async function tick(t) {
  t.mock.timers.tick(5_000);
  await quiet(60);
}
