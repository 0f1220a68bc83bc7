"""An installation in the older list format, with every feature of it: a small shop's till.

`SHOP` is its schema, `SAME` the same one in the guide's format, `SEEDS` its flat seeds and `NOTES`
what `check` has to say.
"""

from pathlib import Path
from typing import Any

from mishkah.testing import write_installation, write_json


def key(name: str, column: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "columnName": column, "type": "string", "nullable": False, "maxLength": 64,
        "primaryKey": True, "unique": True, "index": False, "comment": "", "notes": "", **more,
    }  # fmt: skip


def field(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "columnName": name, "type": kind, **more}


SHELF = {
    "name": "shelf",
    "label": "Shelf",
    "comment": "Where goods lie.",
    "notes": "Counted from the door.",
    "sqlName": "shop_shelf",
    "layout": {"x": 0, "y": 40},
    "classCode": "",
    "fields": [
        key("id", "shelf_id"),
        field("code", "VARCHAR(8)", columnName="shelf_code", nullable=False, unique=True),
        field("label", "json", defaultValue="{}", comment="In two languages."),
    ],
}
GOODS: dict[str, Any] = {
    "name": "goods",
    "label": "Goods",
    "description": "What is sold.",
    "sqlName": "goods",
    "layout": {"x": 80, "y": 40},
    "classCode": "class Goods {}",
    "triggers": [{"on": "INSERT", "run": "audit()"}],
    "fields": [
        key("id", "goods_id", defaultValue="gen_random_uuid()"),
        field("name", "Text", nullable=False, maxLength=40),
        field("barcode", maxLength=0, index=True),
        field("shelfId", columnName="shelf_id", references={
            "table": "shelf", "column": "shelf_id", "onDelete": "SET NULL", "onUpdate": "CASCADE"}),
        field("shelfCode", columnName="shelf_code", references={
            "table": "shelf", "field": "code", "onDelete": "NO ACTION", "onUpdate": "CASCADE"}),
        field("supplier", references={"table": "supplier", "column": "id"}),
        field("price", "decimal(12,2)", nullable=False, min=0),
        field("weight", "float", precision=6, scale=3, maxLength=9),
        field("stock", "int", nullable=False, defaultValue="0", check="stock >= 0"),
        field("number", "bigint", autoIncrement=True),
        field("state", "enum", enum=["new", "old"], defaultValue="new", nullable=False),
        field("sold", "bool", nullable=False, defaultValue=0),
        field("facts", "object", unique=True, index=True),
        field("tag", "uuid", defaultValue="uuid()"),
        field("opens", "time", pattern="^[0-9]"),
        field("since", "date", defaultValue="CURRENT_DATE"),
        field("createdAt", "timestamp", columnName="created_at", nullable=False,
              defaultValue="now()", readOnly=True),
        field("updatedAt", "datetime", columnName="updated_at", defaultValue="CURRENT_TIMESTAMP",
              onUpdate="CURRENT_TIMESTAMP"),
        field("checkedAt", "timestamp", columnName="checked_at", onUpdate="checked()"),
    ],
    "indexes": [
        {"name": "idx_goods_name", "columns": ["name", "shelf_code"], "unique": True},
        {"name": "idx_goods_tag", "columns": ["tag"], "unique": True, "where": "tag <> ''"},
        {"name": "idx_goods_lower", "columns": ["lower(name)"], "unique": True},
        {"name": "idx_goods_facts", "columns": ["facts"]},
        {"name": "idx_goods_state", "columns": ["state"], "method": "hash"},
    ],
}  # fmt: skip
SALE = {
    "name": "sale",
    "primaryKey": "sale_id",
    "fields": [
        field("id", columnName="sale_id"),
        field("goodsId", columnName="goods_id", nullable=False, references={
            "table": "goods", "column": "goods_id", "onDelete": "CASCADE", "match": "FULL"}),
        field("insteadOf", references={"table": "sale", "column": "sale_id"}),
        field("shelfId", nullable=False, references={"table": "shelf", "onDelete": "set null"}),
        field("soldAt", "timestamp", nullable=False),
    ],
    "indexes": [],
}  # fmt: skip

SHOP: dict[str, Any] = {
    "name": "shop_schema",
    "title": "Shop",
    "description": "A till of some years ago.",
    "version": "2.1",
    "moduleId": "m",
    "schema": {"tables": [SHELF, GOODS, SALE], "relations": [{"from": "sale", "to": "goods"}]},
}

_KEY = {"type": "text", "primaryKey": True, "maxLength": 64}
_SHELF_FIELDS = {
    "id": _KEY,
    "code": {"type": "text", "maxLength": 8, "required": True, "unique": True},
    "label": {"type": "json", "default": {}, "description": "In two languages."},
}
_GOODS_FIELDS = {
    "id": _KEY,
    "name": {"type": "text", "required": True, "maxLength": 40},
    "barcode": {"type": "text"},
    "shelfId": {"type": "text", "references": {"table": "shelf", "onDelete": "set-null"}},
    "shelfCode": {"type": "text", "references": {"table": "shelf", "field": "code"}},
    "supplier": {"type": "text"},
    "price": {"type": "decimal", "required": True, "min": 0},
    "weight": {"type": "decimal"},
    "stock": {"type": "integer", "required": True, "default": 0},
    "number": {"type": "integer"},
    "state": {"type": "text", "enum": ["new", "old"], "default": "new", "required": True},
    "sold": {"type": "boolean", "required": True, "default": False},
    "facts": {"type": "json"},
    "tag": {"type": "text"},
    "opens": {"type": "text", "pattern": "^[0-9]"},
    "since": {"type": "date", "default": "now"},
    "createdAt": {"type": "timestamp", "required": True, "default": "now", "readOnly": True},
    "updatedAt": {"type": "timestamp", "default": "now", "onUpdate": "now"},
    "checkedAt": {"type": "timestamp"},
}
_SALE_FIELDS = {
    "id": {"type": "text", "primaryKey": True},
    "goodsId": {
        "type": "text", "required": True, "references": {"table": "goods", "onDelete": "cascade"},
    },
    "insteadOf": {"type": "text", "references": {"table": "sale"}},
    "shelfId": {"type": "text", "required": True, "references": {"table": "shelf"}},
    "soldAt": {"type": "timestamp", "required": True},
}  # fmt: skip
SAME = {
    "tables": {
        "shelf": {
            "fields": _SHELF_FIELDS,
            "label": "Shelf",
            "description": "Where goods lie.\nCounted from the door.",
        },
        "goods": {
            "fields": _GOODS_FIELDS,
            "label": "Goods",
            "description": "What is sold.",
            "indexes": [
                {"fields": ["name", "shelfCode"], "unique": True},
                {"fields": ["tag"]},
                {"fields": ["state"]},
                {"fields": ["barcode"]},
            ],
        },
        "sale": {"fields": _SALE_FIELDS},
    },
    "label": "Shop",
    "description": "A till of some years ago.",
}

_G = "$.schema.tables[1]"
NOTES = {
    "$": "older list format",
    "$.schema.tables": "name is the name",
    "$.schema.relations": "not known",
    f"{_G}.classCode": "not known",
    f"{_G}.triggers": "not known",
    f"{_G}.fields[0].defaultValue": "not worked out here",
    f"{_G}.fields[4].references.onUpdate": "nothing follows it",
    f"{_G}.fields[5].references.table": "no table supplier",
    f"{_G}.fields[6].type": "precision and scale",
    f"{_G}.fields[7].precision": "precision and scale",
    f"{_G}.fields[7].maxLength": "not text",
    f"{_G}.fields[8].check": "not known",
    f"{_G}.fields[9].autoIncrement": "sequence-rules.json",
    f"{_G}.fields[12].type": "an object",
    f"{_G}.fields[12].unique": "json",
    f"{_G}.fields[12].index": "json",
    f"{_G}.fields[13].type": "a UUID",
    f"{_G}.fields[13].defaultValue": "not worked out here",
    f"{_G}.fields[14].type": "a time of day",
    f"{_G}.fields[18].onUpdate": "not worked out here",
    f"{_G}.indexes[1].where": "some rows only",
    f"{_G}.indexes[2]": "uniqueness is not enforced",
    f"{_G}.indexes[3]": "it is not made",
    f"{_G}.indexes[4].method": "not known",
    "$.schema.tables[2].fields[1].references.match": "not known",
    "$.schema.tables[2].fields[3].references.onDelete": "can't be emptied",
}
"""Place → words. ``$.schema.tables`` has two notes: the other is of required timestamps."""

SEEDS: dict[str, Any] = {
    "version": 1,
    "meta": {"branchId": "shop"},
    "shelf": [{"shelf_id": 1, "shelf_code": "A", "label": '{"ar": "رف", "en": "Shelf"}'}],
    "goods": [
        {"goods_id": "tea", "name": "Tea", "shelf_id": "1", "price": "12.50", "stock": "7",
         "sold": "true", "facts": {"leaf": True}, "created_at": "2024-01-01T00:00:00Z"},
        {"id": "salt", "goods_id": "salt", "name": "Salt", "price": 3, "weight": "", "sold": 0},
    ],
    "sale": [
        {"sale_id": "s1", "goods_id": "tea", "shelfId": "1", "soldAt": "2024-02-01T10:00:00Z"},
    ],
}  # fmt: skip


def write_old_shop(folder: Path, schema: Any = None, seeds: Any = None) -> Path:
    """Write the shop as the module ``m`` of the branch ``shop`` into *folder*; return it."""
    write_installation(folder, {}, seeds={})
    module = folder / "branches" / "shop" / "modules" / "m"
    write_json(module / "schema" / "definition.json", SHOP if schema is None else schema)
    write_json(module / "seeds" / "initial.json", SEEDS if seeds is None else seeds)
    write_json(folder / "modules.json", {"modules": {"m": {"tables": ["shelf", "goods", "sale"]}}})
    return folder
