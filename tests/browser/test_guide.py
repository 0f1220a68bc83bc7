"""The guide's example, unchanged but for the import's path; and a server that begins anew."""

import json
from collections.abc import Callable
from pathlib import Path

from support.browsing import Tab
from support.selling import rows
from support.server import Server
from support.wire import Wire

Serve = Callable[..., Server]
OpenTab = Callable[..., Tab]
EXAMPLE = """
import { createPosDb } from '/client/mishkah.js';

const BRANCH_ID = 'myapp';
const MODULE_ID = 'mymodule';

let db;

async function init() {
  // الاتصال بالسيرفر
  const result = await createPosDb({
    branchId: BRANCH_ID,
    moduleId: MODULE_ID
  });

  db = result.db;
  await db.ready();

  // الآن يمكن استخدام قاعدة البيانات
  const items = db.list('my_table');
  console.log('Items:', items);

  // الاشتراك في التحديثات
  db.subscribe('my_table', (items) => {
    console.log('Items updated:', items);
    render();
  });

  // عرض التطبيق
  render();
}

function render() {
  const items = db.list('my_table');
  DRAW
}

// إضافة عنصر جديد
async function addItem(name) {
  await db.insert('my_table', {
    id: `item_${Date.now()}`,
    name: name,
    created_at: new Date().toISOString()
  });
  // سيتم التحديث تلقائياً عبر subscription
}

init();
"""


def test_the_guides_example_runs(serve: Serve, restaurant: Path, tab: OpenTab, url: str) -> None:
    draw = "document.body.textContent = items.map((item) => item.name.en).join();"
    script = EXAMPLE.replace("DRAW", draw) + "window.addItem = addItem;"
    page = f'<!doctype html><meta charset="utf-8"><body><script type="module">{script}</script>'
    (restaurant / "projects" / "myapp").mkdir(parents=True)
    (restaurant / "projects" / "myapp" / "index.html").write_text(page, "utf-8")
    serve(restaurant)
    one, two = tab(at=url + "projects/myapp/"), tab(at=url + "projects/myapp/")
    for here in (one, two):
        here.until("() => document.body.textContent === 'First Item'")
    one.run("window.addItem({ ar: 'ثانٍ', en: 'Second' })")
    for here in (one, two):
        here.until("() => document.body.textContent.split(',').includes('Second')")
        assert not here.troubles


def test_a_server_that_begins_anew_shows_its_rows_and_gets_what_was_not_sent(
    serve: Serve, kiosk: Path, tab: OpenTab, wire: Wire
) -> None:
    """Another history: what it does not have is gone from the screen, what waits is not."""
    server = serve(kiosk)
    till = tab().open("shop", "m")
    till.run("db.insert('sale', { id: 'done', tab: 'a', n: 0 })")
    till.stored()
    wire.cut()
    till.run("db.insert('sale', { id: 'waits', tab: 'a', n: 1 }).saved")
    server.stop()
    for file in kiosk.rglob("store.sqlite3*"):
        file.unlink()
    server = serve(kiosk)
    wire.mend()
    till.settled()
    till.until("() => db.status.state === 'live'")
    assert [row["id"] for row in till.list("sale")] == ["waits"]
    assert list(rows(server, "sale", "shop", "m")) == ["waits"]


def test_a_page_stays_open_over_a_migration_and_goes_by_the_new_rules(
    serve: Serve, kiosk: Path, tab: OpenTab, wire: Wire
) -> None:
    """What was sold meanwhile by the old ones is judged by the new, and done."""
    server = serve(kiosk)
    till = tab().open("shop", "m")
    till.run("db.insert('sale', { id: 'old', tab: 'a', n: 0 })")
    wrong = "db.insert('sale', { id: 'x', tab: 'a', n: 1, status: 'lost' }).catch((no) => no.code)"
    assert till.run(wrong) == "INVALID"
    wire.cut_sockets()
    till.run("db.insert('sale', { id: 'meanwhile', tab: 'a', n: 2 }).saved")
    server.stop()
    [file] = kiosk.rglob("definition.json")
    definition = json.loads(file.read_text("utf-8"))
    fields = definition["tables"]["sale"]["fields"]
    fields["status"]["enum"].append("lost")
    fields["table_no"] = {"type": "integer", "default": 7}
    file.write_text(json.dumps(definition), "utf-8")
    server = serve(kiosk)
    wire.mend()
    till.settled()
    till.until("() => db.get('sale', 'old').table_no !== undefined")
    till.until("() => db.get('sale', 'meanwhile').table_no === 7")
    sold = (
        "db.insert('sale', { id: 'x', tab: 'a', n: 1, status: 'lost' }).then((row) => row.status)"
    )
    assert till.run(sold) == "lost"
    no_number = (
        "db.insert('sale', { id: 'y', tab: 'a', n: 1, table_no: 'x' }).catch((no) => no.path)"
    )
    assert till.run(no_number) == "/table_no"
    till.until(f"() => {{ const before = db.pending; {no_number}; return db.pending === before; }}")
    assert rows(server, "sale", "shop", "m").keys() == {"old", "meanwhile", "x"}
