"""Numbers that are added to what a row has: so that no two clients take the same last piece."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from mishkah.core.errors import Detail, Text, pointer
from mishkah.core.filling import Known
from mishkah.core.schema import Row, Table

NUMERIC = ("integer", "decimal")
UNNAMED = Text(
    "add needs a client and a ref, so that it is done once",
    "تحتاج add إلى client و ref حتى لا تُنفّذ مرتين",
)
_NO_NUMBER = Text("add takes a number, for a field of numbers", "تأخذ add رقمًا لحقل من الأرقام")
_TWICE = Text(
    "A field is in changes or in add, not in both", "الحقل إما في changes أو في add لا في كليهما"
)


def added(
    table: Table,
    row: Row,
    add: Mapping[str, Any],
    changes: Row,
    wrong: list[Detail],
    at: tuple[str | int, ...],
    known: Known,
) -> dict[str, Any]:
    """Return what the fields in *add* have when it is added to *row*; an empty field counts as 0.

    The table's own rules judge the sums; what can't be added goes to *wrong*, and so do fields that
    are not *known* to who adds.
    """
    sums: dict[str, Any] = {}
    for name, number in add.items():
        field = table.fields.get(name) if name in known else None
        text = None
        if field is None:
            text = Text(
                f"{table.name} has no such field", f"لا يوجد حقل بهذا الاسم في {table.name}"
            )
        elif field.type not in NUMERIC or not _is_number(number):
            text = _NO_NUMBER
        elif name in changes:
            text = _TWICE
        if text is not None:
            wrong.append(Detail(pointer(*at, "add", name), "add", text))
        else:
            sums[name] = (row[name] or 0) + number
    return sums


def _is_number(value: object) -> bool:
    """Tell whether *value* can be added exactly and cheaply; longer ones no field can hold."""
    if isinstance(value, Decimal):
        return len(value.as_tuple().digits) <= 20 and abs(value.adjusted()) <= 20
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**20
