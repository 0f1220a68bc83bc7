"""What a value must obey beyond its type, as a schema's author wrote it."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from mishkah.core.errors import Text
from mishkah.core.values import Wrong, same

RESTRICT = "restrict"
CASCADE = "cascade"
SET_NULL = "set-null"


class Reference(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A field that holds another row's value: which table and field, and what a deletion does.

    Without `field` it is the table's primary key.
    """

    table: str
    field: str = ""
    on_delete: str = RESTRICT


LONGEST_MATCHED = 1000
"""Characters of the longest text that a pattern is searched for in; it may take their square."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The rules of one field; each is off where it is None or empty.

    *lowest* and *highest* are of the field's own type; *pattern* is searched for in a text, as in
    JSON Schema (2020-12, validation, 6.3.3); *shape* names the keys of a ``json`` object and
    whether each must be there: their values are texts.
    """

    enum: tuple[Any, ...] = ()
    max_length: int | None = None
    lowest: int | Decimal | str | None = None
    highest: int | Decimal | str | None = None
    pattern: re.Pattern[str] | None = None
    shape: Mapping[str, bool] | None = None

    def check(self, kept: Any) -> None:
        """Raise `Wrong` where *kept*, a value as it is kept, breaks a rule."""
        if self.enum and not any(same(kept, allowed) for allowed in self.enum):
            raise Wrong(
                "enum",
                Text("This is not one of the allowed values", "هذه ليست من القيم المسموح بها"),
            )
        if self.max_length is not None and len(kept) > self.max_length:
            most = self.max_length
            raise Wrong(
                "maxLength",
                Text(f"This has at most {most} characters", f"الحد الأقصى {most} حرفًا"),
            )
        if self.lowest is not None and kept < self.lowest:
            raise Wrong(
                "min", Text(f"This is at least {self.lowest}", f"الحد الأدنى {self.lowest}")
            )
        if self.highest is not None and kept > self.highest:
            raise Wrong(
                "max", Text(f"This is at most {self.highest}", f"الحد الأقصى {self.highest}")
            )
        if self.pattern is not None and not (
            len(kept) <= LONGEST_MATCHED and self.pattern.search(kept)
        ):
            raise Wrong(
                "pattern", Text("This is not in the expected form", "ليست على الصيغة المطلوبة")
            )
        if self.shape is not None:
            _check_shape(self.shape, kept)


def _check_shape(shape: Mapping[str, bool], kept: Any) -> None:
    if not isinstance(kept, dict):
        raise Wrong("shape", Text("This is an object of texts", "يجب أن تكون القيمة كائنًا من نصوص"))
    for key, value in kept.items():
        if key not in shape:
            raise Wrong("shape", Text("This key is not expected", "هذا المفتاح غير متوقع"), key)
        if not isinstance(value, str):
            raise Wrong("shape", Text("This must be text", "يجب أن تكون القيمة نصًا"), key)
    for key, required in shape.items():
        if required and not kept.get(key):
            raise Wrong("shape", Text(f"{key} is required", f"القيمة {key} مطلوبة"), key)
