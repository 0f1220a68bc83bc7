"""The schema and the seeds of the gym, as a new branch gets them."""

import json
import re
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import mishkah_gym
import msgspec
import pytest

from mishkah import View
from mishkah.core.config import SequenceRules

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
(code,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
RULES = msgspec.json.decode(code, type=SequenceRules).rules_of("gim", "gym")
CAIRO = ZoneInfo("Africa/Cairo")


@pytest.fixture
def seeded(open_store: Any) -> Any:
    return open_store(mishkah_gym, "gym", RULES)


def test_the_seeds_obey_the_schema_and_the_validators(seeded: Any) -> None:
    assert seeded.findings == []


def test_the_page_names_every_table_and_how_many_rows_it_begins_with(seeded: Any) -> None:
    lines = re.findall(r"^\| `(\w+)` \| (\d+) \|", README, re.MULTILINE)
    told = {table: int(rows) for table, rows in lines}
    assert told == {table: len(seeded.rows(table)) for table in seeded.rules.schema.tables}
    assert told["gym_member"] >= 12


def test_the_seeds_need_no_sequence_rules(open_store: Any) -> None:
    assert open_store(mishkah_gym, "gym").findings == []


def test_no_rule_reads_a_whole_table(open_store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_it(view: View, table: str) -> NoReturn:
        pytest.fail(f"every row of {table} was read")

    monkeypatch.setattr(View, "rows", read_it)
    assert open_store(mishkah_gym, "gym").findings == []  # each rule is asked of the seeds


def test_the_seeds_show_every_state(seeded: Any) -> None:
    for name, table in seeded.rules.schema.tables.items():
        rows = seeded.rows(name)
        for field in table.fields.values():
            for state in field.limits.enum if field.limits else ():
                assert any(row[field.name] == state for row in rows), (name, field.name, state)


def test_the_guides_new_member_is_taken(seeded: Any) -> None:
    row = seeded.insert(
        "gym_member",
        id="member_013",
        member_code="GYM013",
        full_name={"ar": "محمد", "en": "Mohamed"},
        email="mohamed@email.com",
        status="active",
    )
    assert row["phone"] is None


def test_the_next_numbers_follow_the_seeds(seeded: Any, member: Any, sale: Any) -> None:
    code = seeded.insert("gym_member", **member)["member_code"]
    assert code == "GYM018"
    assert seeded.insert("service_transaction", **sale)["ticket_no"] == "T2025-0021"
    receipts = [row["receipt_no"] for row in seeded.rows("payment_transaction")]
    october = sum(receipt.startswith("R-202510-") for receipt in receipts)
    paid = seeded.insert(
        "payment_transaction", id="p1", member_id="m1", service_transaction_id="x1", amount=450
    )
    assert paid["receipt_no"].startswith(f"R-202510-{october + 1:05d}-")


def test_seeded_subscriptions_fit_their_plans(seeded: Any) -> None:
    days = {plan["id"]: plan["duration_days"] for plan in seeded.rows("membership_plan")}
    for row in seeded.rows("membership_subscription"):
        span = date.fromisoformat(row["end_date"]) - date.fromisoformat(row["start_date"])
        assert span.days + 1 >= days[row["plan_id"]]


def test_seeded_payments_add_up_with_what_they_are_for(seeded: Any) -> None:
    paid: Counter[str] = Counter()
    for row in seeded.rows("payment_transaction"):
        if row["status"] == "completed":
            paid[row["subscription_id"] or row["service_transaction_id"]] += row["amount"]
    due = {row["id"]: row["price"] for row in seeded.rows("membership_subscription")}
    due |= {row["id"]: row["total"] for row in seeded.rows("service_transaction")}
    unpaid = {what: sum_due - paid[what] for what, sum_due in due.items() if sum_due != paid[what]}
    assert unpaid == {
        "sub_008": 1750,  # cancelled and given back
        "sub_020": 1250,  # a deposit so far
        "sale_013": 120,  # cancelled
        "sale_018": 200,
        "sale_020": 250,
    }


def test_seeded_reports_are_the_sums_of_their_payments(seeded: Any) -> None:
    def month_of(moment: str) -> str:
        return datetime.fromisoformat(moment).astimezone(CAIRO).strftime("%Y-%m")

    reports = seeded.rows("revenue_report")
    assert [row["month"] for row in reports] == [f"2025-{n:02d}" for n in range(1, 11)]
    for report in reports:
        payments = [
            row
            for row in seeded.rows("payment_transaction")
            if month_of(row["paid_at"]) == report["month"] and row["status"] == "completed"
        ]
        joined = [month_of(row["created_at"]) for row in seeded.rows("gym_member")]
        subscriptions = sum((p["amount"] for p in payments if p["subscription_id"]), Decimal(0))
        services = sum((p["amount"] for p in payments if p["service_transaction_id"]), Decimal(0))
        assert report["payments"] == len(payments) > 0
        assert report["subscriptions_amount"] == subscriptions
        assert report["services_amount"] == services
        assert report["total_amount"] == subscriptions + services
        assert report["new_members"] == joined.count(report["month"])
        # A report is counted after its last payment, and a closed one when its month is over.
        assert max(row["paid_at"] for row in payments) < report["generated_at"]
        over = month_of(report["generated_at"]) > report["month"]
        assert over == (report["status"] == "closed")


def test_all_texts_are_in_both_languages(seeded: Any) -> None:
    schema = seeded.rules.schema
    for name, table in json.loads(schema.source)["tables"].items():
        assert both(table["label"]), name
        assert both(table.get("description", table["label"])), name
    for name, table in schema.tables.items():
        for field in table.fields.values():
            assert field.primary_key or both(field.label), (name, field.name)
            assert field.description is None or both(field.description), (name, field.name)
            if field.limits and field.limits.shape and "ar" in field.limits.shape:
                texts = [row[field.name] for row in seeded.rows(name)]
                assert all(text is None or both(text) for text in texts), (name, field.name)


def both(text: Any) -> bool:
    """Tell whether *text* is in Arabic letters under ``ar`` and has none under ``en``."""
    arabic = {lang: any("\u0600" <= letter <= "\u06ff" for letter in text[lang]) for lang in text}
    return arabic == {"ar": True, "en": False}


def test_the_seeds_invent_their_mails(seeded: Any) -> None:
    for table in ("gym_config", "staff", "gym_member"):
        for row in seeded.rows(table):
            assert row["email"] is None or row["email"].endswith("@example.com")


def test_a_row_is_dated_when_it_is_made_and_when_it_changes(seeded: Any, member: Any) -> None:
    now = datetime(2025, 10, 29, 10, tzinfo=UTC).isoformat(timespec="milliseconds")
    row = seeded.insert("gym_member", **member)
    assert row["created_at"] == row["updated_at"] == now.replace("+00:00", "Z")
    service = {"id": "s1", "name": {"ar": "ساونا", "en": "Sauna"}, "kind": "massage", "price": 1}
    early = {**service, "created_at": "2020-01-01T00:00:00Z"}
    assert seeded.refused_at(seeded.insert, "service", **early) == "/created_at"


def test_a_module_of_another_name_gets_no_validators() -> None:
    assert not mishkah_gym.register_validators("pos")


def test_every_validator_has_a_table(seeded: Any) -> None:
    assert mishkah_gym.register_validators("gym").keys() <= seeded.rules.schema.tables.keys()
