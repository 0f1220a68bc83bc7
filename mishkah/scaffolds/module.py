"""The first files of a new module: two tables that refer to each other, in two languages."""

from typing import Any

CODE_RULE = {"prefix": "IT", "start": 1, "format": "{prefix}-{number:04d}"}
NUMBERED = ("item", "code")
"""The table and field of the sequence rule."""


def _named(**other: Any) -> dict[str, Any]:
    name = {"type": "json", "required": True, "shape": {"ar": "required", "en": "required"}}
    stamped = {
        "created_at": {"type": "timestamp", "default": "now", "readOnly": True},
        "updated_at": {"type": "timestamp", "default": "now", "onUpdate": "now"},
    }
    return {"id": {"type": "text", "primaryKey": True}, **other, "name": name, **stamped}


def definition(module: str) -> dict[str, Any]:
    """Return the content of ``schema/definition.json``."""
    status = {"type": "text", "enum": ["active", "hidden"], "default": "active", "required": True}
    category = {
        "label": {"en": "Categories", "ar": "الأقسام"},
        "fields": _named(position={"type": "integer", "min": 0, "default": 0}),
    }
    reference = {"table": "category", "onDelete": "restrict"}
    item = {
        "label": {"en": "Items", "ar": "الأصناف"},
        "fields": _named(
            code={"type": "text"},
            category_id={"type": "text", "required": True, "references": reference},
            price={"type": "decimal", "min": 0, "required": True},
            status=status,
        ),
        "indexes": [{"fields": ["code"], "unique": True}, {"fields": ["status"]}],
    }
    return {
        "version": 1,
        "moduleId": module,
        "description": {"en": f"The module {module}", "ar": f"مودول {module}"},
        "tables": {"category": category, "item": item},
    }


def seeds(branch: str, module: str, at: str) -> dict[str, Any]:
    """Return the content of ``seeds/initial.json``."""
    categories = [("cat_hot", "مشروبات ساخنة", "Hot drinks"), ("cat_sweets", "حلويات", "Desserts")]
    items = [
        ("item_tea", "cat_hot", "شاي بالنعناع", "Mint tea", 25),
        ("item_coffee", "cat_hot", "قهوة تركي", "Turkish coffee", 40),
        ("item_basbousa", "cat_sweets", "بسبوسة", "Basbousa", 35),
    ]
    return {
        "version": 1,
        "meta": {"branchId": branch, "moduleId": module, "generatedAt": at},
        "tables": {
            "category": [
                {"id": key, "position": i, "name": {"ar": ar, "en": en}}
                for i, (key, ar, en) in enumerate(categories, 1)
            ],
            "item": [
                {"id": key, "code": f"IT-{i:04d}", "category_id": category,
                 "name": {"ar": ar, "en": en}, "price": price, "status": "active"}
                for i, (key, category, ar, en, price) in enumerate(items, 1)
            ],
        },
    }  # fmt: skip


def live(branch: str, module: str, at: str) -> dict[str, Any]:
    """Return the content of an empty ``live/data.json``."""
    meta = {"branchId": branch, "moduleId": module, "lastModified": at}
    return {"version": 1, "meta": meta, "events": []}


def entry(module: str) -> dict[str, Any]:
    """Return the module's entry in ``modules.json``."""
    return {
        "label": module,
        "schemaPath": "schema/definition.json",
        "seedPath": "seeds/initial.json",
        "livePath": "live/data.json",
        "historyPath": "history",
        "tables": ["category", "item"],
        "description": f"The module {module}",
    }
