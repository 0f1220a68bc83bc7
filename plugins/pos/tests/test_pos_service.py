"""Statuses, deliveries, reservations and the kitchen: what may follow, and what goes together."""

from typing import Any

import pytest
from mishkah_pos.service import NEXT

from mishkah.core.messages import Insert, Update

STEPS = [(before, after) for before in NEXT for after in NEXT if before != after]
BOOKED = {"id": "b1", "table_id": "table_02", "guest_name": {"ar": "سارة"},
          "starts_at": "2025-11-01T18:00:00Z", "ends_at": "2025-11-01T20:00:00Z"}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), STEPS)
def test_an_order_goes_from_status_to_status_as_the_house_works(
    pos: Any, before: str, after: str
) -> None:
    pos.insert("order_header", id="o2", status=before)
    step = {"order_id": "o2", "from_status": before, "to_status": after}
    if after in NEXT[before]:
        pos.update("order_header", "o2", status=after)
        pos.insert("order_status_log", id="s1", **step)
    else:
        assert pos.refused_at(pos.update, "order_header", "o2", status=after) == "/status"
        path = pos.refused_at(pos.insert, "order_status_log", id="s1", **step)
        assert path == "/to_status"


def test_the_statuses_of_the_code_are_those_of_the_schema(pos: Any) -> None:
    field = pos.rules.schema.tables["order_header"].fields["status"]
    assert field.limits.enum == tuple(NEXT)


def test_the_log_of_a_new_order_begins_with_nothing(pos: Any) -> None:
    pos.insert("order_status_log", id="s1", order_id="o1", to_status="open")


def test_an_order_goes_to_an_address_of_its_customer(pos: Any) -> None:
    at_home = {"customer_id": "customer_002", "address_id": "address_001"}
    assert pos.refused_at(pos.update, "order_header", "o1", **at_home) == "/address_id"
    pos.update("order_header", "o1", **{**at_home, "customer_id": "customer_001"})
    path = pos.refused_at(pos.update, "order_header", "o1", customer_id="customer_002")
    assert path == "/address_id"
    pos.update("order_header", "o1", customer_id="customer_002", address_id="address_003")


def test_a_customer_who_goes_leaves_the_orders(pos: Any) -> None:
    pos.update("order_header", "o1", customer_id="customer_001", address_id="address_001")
    pos.delete("customer", "customer_001")
    order = next(row for row in pos.rows("order_header") if row["id"] == "o1")
    assert (order["customer_id"], order["address_id"]) == (None, None)


@pytest.mark.parametrize("end", ["2025-11-01T18:00:00Z", "2025-11-01T17:00:00Z"])
def test_a_reservation_ends_after_it_starts(pos: Any, end: str) -> None:
    path = pos.refused_at(pos.insert, "reservation", **{**BOOKED, "ends_at": end})
    assert path == "/ends_at"


@pytest.mark.parametrize("status", ["booked", "seated"])
@pytest.mark.parametrize(
    ("start", "end"),
    [("17:00", "18:01"), ("19:59", "21:00"), ("18:30", "19:00"), ("17:00", "21:00"),
     ("18:00", "20:00")],
)  # fmt: skip
def test_a_table_is_reserved_once_at_a_time(pos: Any, start: str, end: str, status: str) -> None:
    pos.insert("reservation", **BOOKED, status=status)
    other = {**BOOKED, "id": "b2", "starts_at": f"2025-11-01T{start}:00Z",
             "ends_at": f"2025-11-01T{end}:00Z"}  # fmt: skip
    assert pos.refused_at(pos.insert, "reservation", **other) == "/table_id"
    pos.insert("reservation", **{**other, "table_id": "table_01"})
    assert pos.refused_at(pos.update, "reservation", "b2", table_id="table_02") == "/table_id"


@pytest.mark.parametrize(("start", "end"), [("16:00", "18:00"), ("20:00", "22:00")])
def test_reservations_follow_each_other(pos: Any, start: str, end: str) -> None:
    pos.insert("reservation", **BOOKED)
    pos.insert("reservation", **{**BOOKED, "id": "b2", "starts_at": f"2025-11-01T{start}:00Z",
                                 "ends_at": f"2025-11-01T{end}:00Z"})  # fmt: skip


@pytest.mark.parametrize("status", ["finished", "cancelled", "no_show"])
def test_a_reservation_that_is_over_frees_its_table(pos: Any, status: str) -> None:
    pos.insert("reservation", **BOOKED)
    pos.insert("reservation", **{**BOOKED, "id": "b2"}, status=status)
    assert pos.refused_at(pos.update, "reservation", "b2", status="booked") == "/table_id"
    pos.together(
        Update(table="reservation", id="b1", changes={"status": status}),
        Update(table="reservation", id="b2", changes={"status": "booked"}),
    )


def test_two_reservations_in_one_command_are_told_apart_too(pos: Any) -> None:
    both = [Insert(table="reservation", data={**BOOKED, "id": each}) for each in ("b1", "b2")]
    assert pos.refused_at(pos.together, *both) == "/ops/0/table_id"


def test_the_kitchen_makes_lines_of_the_jobs_own_order(pos: Any) -> None:
    pos.insert("kitchen_job_order", id="j1", order_id="o1", section_id="grill")
    made = {"id": "k1", "job_id": "j1", "quantity": 1}
    foreign = {**made, "line_id": "seed-order-6-1"}
    assert pos.refused_at(pos.insert, "kitchen_job_line", **foreign) == "/line_id"
    pos.insert("kitchen_job_line", **made, line_id="l1")


def test_the_kitchen_makes_no_more_than_was_ordered(pos: Any) -> None:
    pos.insert("kitchen_job_order", id="j1", order_id="o1", section_id="grill")
    made = {"id": "k1", "job_id": "j1", "line_id": "l1", "quantity": 1}
    pos.insert("kitchen_job_line", **made)
    again = {**made, "id": "k2", "quantity": 2}
    assert pos.refused_at(pos.insert, "kitchen_job_line", **again) == "/quantity"
    pos.update("kitchen_job_line", "k1", status="cancelled")
    pos.insert("kitchen_job_line", **again)
    assert pos.refused_at(pos.update, "kitchen_job_line", "k1", status="new") == "/quantity"


def test_a_line_that_the_kitchen_has_is_not_deleted_but_goes_with_its_order(pos: Any) -> None:
    pos.insert("kitchen_job_order", id="j1", order_id="o1", section_id="grill")
    pos.insert("kitchen_job_line", id="k1", job_id="j1", line_id="l1", quantity=1)
    assert pos.refused_at(pos.delete, "order_line", "l1") == "/id"
    pos.delete("order_header", "o1")
