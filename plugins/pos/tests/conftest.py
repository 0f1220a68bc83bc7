"""The house of the seeds, with one more order that nobody has touched yet."""

from decimal import Decimal
from typing import Any

import mishkah_pos
import pytest

from mishkah.core.messages import Insert

ORDER = {"id": "o1", "subtotal": 100, "service": 12, "tax": Decimal("15.68"), "discount": 0,
         "total": Decimal("127.68")}  # fmt: skip
LINE = {"id": "l1", "order_id": "o1", "item_id": "item_kebda", "quantity": 2, "unit_price": 50,
        "total": 100}  # fmt: skip


@pytest.fixture
def pos(open_store: Any) -> Any:
    """A store with the order `o1` of one line `l1`: two sandwiches of 50, 127.68 in all."""
    store = open_store(mishkah_pos, "pos")
    store.together(Insert(table="order_header", data=ORDER), Insert(table="order_line", data=LINE))
    return store
