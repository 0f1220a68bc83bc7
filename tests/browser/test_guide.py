"""The guide's own example, run as it stands but for the path of its import."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.browsing import Tab
from support.selling import rows
from support.server import Server

GUIDE = """
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
  // ... بناء الواجهة
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


def test_the_guides_example_runs(
    serve: Callable[..., Server], restaurant: Path, tab: Callable[..., Tab]
) -> None:
    (restaurant / "static" / "app.js").write_text(f"{GUIDE}\nwindow.addItem = addItem;\n", "utf-8")
    server = serve(restaurant)
    page: Any = tab()
    said: list[str] = []
    page.page.on("console", lambda line: said.append(line.text.split(":")[0]))
    page.run("async () => { await import('/app.js'); }")
    page.page.wait_for_event("console", predicate=lambda line: line.text.startswith("Items:"))
    page.run("async () => { await addItem({ ar: 'عنصر', en: 'Item' }); }")
    page.page.wait_for_timeout(300)
    items = [line for line in said if line.startswith("Items")]
    assert (items[0], set(items[1:])) == ("Items", {"Items updated"})
    stored = rows(server, "my_table", "myapp", "mymodule")
    assert {"ar": "عنصر", "en": "Item"} in [row["name"] for row in stored.values()]
