// The guide's own browser code, as it stands there, in Node's WebSocket. The port is the test's.
import { createRequire } from "node:module";

const Native = globalThis.WebSocket ?? createRequire(import.meta.url)("ws");
globalThis.WebSocket = class extends Native {
  constructor(url) {
    super(url.replace(":8080", `:${process.argv[2]}`));
  }
};

const seen = [];
let opened;
const snapshotLoaded = new Promise((resolve) => (opened = resolve));
let applied;
const deltaApplied = new Promise((resolve) => (applied = resolve));

function loadSnapshot(data) {
  seen.push({ snapshot: data });
  opened();
}

function applyDelta(data) {
  seen.push({ delta: data });
  applied();
}

// ---- the guide: WebSocket Communication, 1 ----
const ws = new WebSocket('ws://localhost:8080');

ws.onmessage = (event) => {
  const message = JSON.parse(event.data);

  if (message.type === 'SNAPSHOT') {
    // تحميل البيانات الكاملة
    loadSnapshot(message.data);
  } else if (message.type === 'DELTA') {
    // تطبيق التغيير
    applyDelta(message.data);
  }
};

await snapshotLoaded;

// ---- the guide: WebSocket Communication, 3 ----
// Client يرسل أمر
ws.send(JSON.stringify({
  type: 'INSERT',
  table: 'gym_member',
  data: {
    id: 'member_013',
    member_code: 'GYM013',
    full_name: { ar: 'محمد', en: 'Mohamed' },
    email: 'mohamed@email.com',
    status: 'active'
  }
}));

await deltaApplied;
console.log(JSON.stringify(seen));
ws.close();
