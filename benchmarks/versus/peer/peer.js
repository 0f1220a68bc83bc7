// The peer: what an expert would write in Node for mishkah.v1, as far as the benchmarks speak it.
//
// Each commit's DELTA is made once, as a frame; each client gets one write for all that a turn of the
// loop has for it, straight to its socket; all writes of a turn are one transaction (better-sqlite3,
// WAL, synchronous=FULL), and are told after it. Rows are kept as the JSON they were stored as.
//
// It leaves out what the server beside it does for each write: references, unique fields, ranges and
// allowed values, numbers beyond a counter in memory, a log to come back by, names that make a write
// happen once, checksums, and access control. It judges types and unknown fields, and a taken key.
//
// node peer.js DATABASE ROWS writes {"port": N} and serves until it is killed. ROWS is a file with a
// JSON list of the first rows; it has one table and one branch.
'use strict';
const fs = require('fs');
const { WebSocketServer } = require('ws');
const Database = require('better-sqlite3');

const SIGNATURE = '"branch":"b0","module":"m","epoch":"0123456789ab"';
const PART = 256 * 1024; // characters of a SNAPSHOT's part
const TYPES = {
  id: 'text', barcode: 'text', order_id: 'text', item: 'text', name: 'text', qty: 'integer',
  price: 'number', discount: 'number', tax: 'number', total: 'number', status: 'text',
  station: 'text', note: 'text', line_no: 'text', created_at: 'text',
};

const db = new Database(process.argv[2]);
db.pragma('journal_mode=WAL');
db.pragma('synchronous=FULL');
db.exec('CREATE TABLE order_line (id TEXT PRIMARY KEY, data TEXT, seq INTEGER) WITHOUT ROWID');
const insert = db.prepare('INSERT INTO order_line VALUES (?, ?, ?)');
const store = db.transaction((writes) => {
  for (const write of writes) insert.run(write.id, write.json, write.seq);
});

const rows = new Map(); // id -> its JSON
const screens = new Set(); // sockets
let seq = 0;
let turn = []; // the writes that came in this turn of the loop

const first = JSON.parse(fs.readFileSync(process.argv[3], 'utf8')).map((row) => {
  const json = JSON.stringify(row);
  rows.set(row.id, json);
  return { id: row.id, json, seq: 0 };
});
store(first);
first.length = 0;

function judge(data) {
  for (const field in data) {
    const value = data[field];
    const type = TYPES[field];
    if (type === 'text' ? typeof value !== 'string'
      : type === 'integer' ? !Number.isSafeInteger(value)
        : type !== 'number' || typeof value !== 'number') return false;
  }
  return typeof data.id === 'string' && !rows.has(data.id);
}

function frame(text) {
  const size = Buffer.byteLength(text);
  const head = size < 126 ? 2 : size < 65536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(head + size);
  bytes[0] = 0x81;
  if (head === 2) bytes[1] = size;
  else if (head === 4) { bytes[1] = 126; bytes.writeUInt16BE(size, 2); }
  else { bytes[1] = 127; bytes.writeUInt32BE(0, 2); bytes.writeUInt32BE(size, 6); }
  bytes.write(text, head);
  return bytes;
}

const joined = (frames) => (frames.length === 1 ? frames[0] : Buffer.concat(frames));

function commit() {
  const writes = turn;
  const moment = new Date().toISOString();
  turn = [];
  for (const write of writes) {
    write.seq = ++seq;
    write.data.line_no = 'L-' + String(seq).padStart(8, '0');
    write.data.created_at = moment;
    write.json = JSON.stringify(write.data);
  }
  store(writes);
  const answers = new Map(); // socket -> its frames
  const deltas = [];
  for (const { socket, client, ref, id, json, seq: at } of writes) {
    rows.set(id, json);
    const answer = frame(`{"type":"ACK","ref":${ref},"seq":${at},"rows":[${json}]}`);
    const others = answers.get(socket);
    if (others) others.push(answer); else answers.set(socket, [answer]);
    if (screens.size) {
      deltas.push(frame(
        `{"type":"DELTA",${SIGNATURE},"seq":${at},"prev":${at - 1},` +
        `"by":{"client":"${client}","ref":${ref},"user":"till"},` +
        `"data":{"table":"order_line","operation":"INSERT","id":"${id}",` +
        `"changes":${json},"timestamp":"${moment}"}}`));
    }
  }
  if (deltas.length) {
    const bytes = joined(deltas);
    for (const screen of screens) screen.write(bytes);
  }
  for (const [socket, frames] of answers) socket.write(joined(frames));
}

function snapshot(socket) {
  const left = rows.values();
  const at = seq;
  let part = 0;
  socket.write(frame(`{"type":"SUBSCRIBED",${SIGNATURE},"view":"*","seq":${at}}`));
  (function more() {
    if (socket.destroyed) return;
    if (socket.writableLength > 4 * PART) { socket.once('drain', more); return; }
    const some = [];
    let size = 0;
    let next = { done: false };
    while (size < PART && !(next = left.next()).done) {
      some.push(next.value);
      size += next.value.length;
    }
    socket.write(frame(
      `{"type":"SNAPSHOT",${SIGNATURE},"seq":${at},"part":${part++},"last":${next.done},` +
      `"data":{"order_line":[${some.join(',')}]}}`));
    if (!next.done) { setImmediate(more); return; }
    socket.write(frame(`{"type":"SYNCED",${SIGNATURE},"view":"*","seq":${at}}`));
  })();
}

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('listening', () => console.log(JSON.stringify({ port: server.address().port })));
server.on('connection', (ws) => {
  const socket = ws._socket; // whole frames are written past ws, which would frame each anew
  let client = null;
  ws.on('error', () => {});
  ws.on('close', () => screens.delete(socket));
  ws.on('message', (bytes) => {
    const message = JSON.parse(bytes);
    if (message.type === 'INSERT') {
      const { ref, data } = message;
      if (message.table !== 'order_line' || !judge(data)) {
        socket.write(frame(`{"type":"ERROR","code":"INVALID","ref":${JSON.stringify(ref)}}`));
        return;
      }
      if (!turn.length) setImmediate(commit);
      turn.push({ socket, client, ref: JSON.stringify(ref), id: data.id, data, json: '', seq: 0 });
    } else if (message.type === 'SUBSCRIBE') {
      screens.add(socket);
      snapshot(socket);
    } else if (message.type === 'HELLO') {
      client = message.client;
      socket.write(frame('{"type":"WELCOME","v":1,"server":"peer"}'));
    }
  });
});
