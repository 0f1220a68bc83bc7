"""What comes in: decoded once into frozen values, or refused in words that echo nothing."""

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.commands import MAX_OPS, decode, digest, salvage_ref
from mishkah.core.errors import BadMessage, Refused, TooLarge
from mishkah.core.messages import Delete, Insert, Transaction, Update, Write

DELETE = {"type": "DELETE", "table": "t", "id": "a"}


def insert(data: str) -> str:
    return '{"type":"INSERT","table":"t","data":{"a":' + data + "}}"


@pytest.mark.parametrize(
    ("message", "command"),
    [
        (insert("1"), Insert(table="t", data={"a": 1})),
        (insert("1.50"), Insert(table="t", data={"a": Decimal("1.5")})),
        (insert("null"), Insert(table="t", data={"a": None})),
        (
            '{"type":"UPDATE","table":"t","id":"a","changes":{},"ref":"r"}',
            Update(table="t", id="a", changes={}, ref="r"),
        ),
        (
            '{"id":"a","table":"t","type":"DELETE","branch":"b","module":"m","ref":-7}',
            Delete(table="t", id="a", branch="b", module="m", ref=-7),
        ),
        (
            '{"type":"TRANSACTION","ops":[{"type":"DELETE","table":"t","id":"a"}]}',
            Transaction(ops=[Delete(table="t", id="a")]),
        ),
        (' \n{"type":"DELETE","table":"","id":"\\u0661"}', Delete(table="", id="١")),
        (insert('"\\ud83d\\ude00"'), Insert(table="t", data={"a": "😀"})),
    ],
)
def test_a_message_becomes_a_command(message: str, command: Write) -> None:
    assert decode(message) == command


BAD: list[str | bytes] = [
    b"{}",
    b'{"type":"DELETE","table":"t","id":"a"}',
    "",
    " ",
    "hello",
    "{",
    '{"type":"DELETE","table":"t","id":"a"}}',
    '{"type":"DELETE","table":"t","id":"a",}',
    "{'type':'DELETE'}",
    "null",
    "[]",
    '"DELETE"',
    "1",
    "{}",
    '{"type":null}',
    '{"type":"delete","table":"t","id":"a"}',
    '{"type":"DROP","table":"t","id":"a"}',
    '{"type":["DELETE"],"table":"t","id":"a"}',
    '{"type":"SNAPSHOT"}',
    '{"table":"t","id":"a"}',
    '{"type":"DELETE","id":"a"}',
    '{"type":"DELETE","table":"t"}',
    '{"type":"DELETE","table":1,"id":"a"}',
    '{"type":"DELETE","table":"t","id":1}',
    '{"type":"DELETE","table":"t","id":null}',
    '{"type":"DELETE","table":"t","id":"a","bas":3}',
    '{"type":"DELETE","table":"t","id":"a","__proto__":{}}',
    '{"type":"DELETE","table":"t","id":"a","__class__":"x"}',
    '{"type":"DELETE","type":"INSERT","table":"t","id":"a","data":{}}',
    '{"type":"INSERT","table":"t"}',
    '{"type":"INSERT","table":"t","data":[]}',
    '{"type":"INSERT","table":"t","data":null}',
    '{"type":"UPDATE","table":"t","id":"a","changes":"x"}',
    '{"type":"TRANSACTION"}',
    '{"type":"TRANSACTION","ops":[]}',
    '{"type":"TRANSACTION","ops":{}}',
    '{"type":"TRANSACTION","ops":[1]}',
    '{"type":"TRANSACTION","ops":[{"type":"TRANSACTION","ops":[]}]}',
    '{"type":"TRANSACTION","ops":[{"type":"DELETE","table":"t","id":"a","ref":"r"}]}',
    '{"type":"TRANSACTION","ops":[{"type":"DELETE","table":"t","id":"a","branch":"b"}]}',
    '{"type":"TRANSACTION","ops":[{"type":"DELETE","table":"t","id":"a","x":1}]}',
    '{"type":"DELETE","table":"t","id":"a","ref":true}',
    '{"type":"DELETE","table":"t","id":"a","ref":1.5}',
    '{"type":"DELETE","table":"t","id":"a","ref":""}',
    '{"type":"DELETE","table":"t","id":"a","ref":"a\\u0000b"}',
    '{"type":"DELETE","table":"t","id":"a","ref":"' + "x" * 129 + '"}',
    '{"type":"DELETE","table":"t","id":"a","ref":"' + "é" * 65 + '"}',
    '{"type":"DELETE","table":"t","id":"a","branch":1}',
    '{"type":"DELETE","table":"t","id":"\\ud800"}',
    '{"type":"DELETE","table":"t","id":"\ud800"}',
    '{"type":"DELETE","table":"t","id":"a\nb"}',
    insert("NaN"),
    insert("Infinity"),
    insert("-Infinity"),
    insert("01"),
    insert("1."),
    insert("+1"),
    insert("0x10"),
    insert("9" * 5000),
    insert("[" * 100_000),
    insert("[" * 100_000 + "]" * 100_000),
    insert('{"a":' * 50_000),
]


@pytest.mark.parametrize("message", BAD, ids=lambda m: repr(m)[:50])
def test_a_bad_message_is_refused_as_one(message: str | bytes) -> None:
    with pytest.raises(BadMessage) as refused:
        decode(message)
    assert refused.value.said.en != refused.value.said.ar


@pytest.mark.parametrize("read", [decode, salvage_ref])
def test_an_exponent_beyond_decimals_own_breaks_nothing(read: Any) -> None:
    with contextlib.suppress(Refused):
        read(insert("1e" + "9" * 25))


@pytest.mark.parametrize("ref", [2**64, 10**200])
def test_a_ref_that_no_journal_can_keep_is_refused(ref: int) -> None:
    with pytest.raises(BadMessage):
        decode(json.dumps({**DELETE, "ref": ref}))


@given(st.text() | st.binary())
def test_any_message_is_decoded_or_refused_and_nothing_else_is_raised(message: str | bytes) -> None:
    with pytest.raises(Refused):
        decode(message)
    assert salvage_ref(message) is None or message


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["type", "table", "id", "data", "changes", "ops", "ref", "x"]),
                inner | st.sampled_from(["INSERT", "UPDATE", "DELETE", "TRANSACTION"]),
            )
        ),
        max_leaves=12,
    )
)
def test_nearly_a_message_is_decoded_or_refused_in_fixed_words(nearly: Any) -> None:
    try:
        decode(json.dumps(nearly))
    except Refused as no:
        refusal = no
    else:
        return
    assert len(refusal.said.en) < 100
    assert all(len(detail.path) <= 64 for detail in refusal.details)


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"DELETE","table":"t","id":"a","<secret>":3}',
        '{"type":"<secret>","table":"t","id":"a"}',
        '{"type":"DELETE","table":["<secret>"],"id":"a"}',
        "<secret>",
    ],
)
def test_a_refusal_repeats_nothing_that_was_sent(message: str) -> None:
    with pytest.raises(BadMessage) as refused:
        decode(message)
    assert "secret" not in repr((refused.value.said, refused.value.details, str(refused.value)))


@pytest.mark.parametrize("literal", ["1e999", "1e999999999", "-1e-999999999", "9" * 400])
def test_a_vast_number_is_read_but_never_worked_out(literal: str) -> None:
    command = decode(insert(literal))
    assert isinstance(command, Insert)
    assert len(digest(command)) == 16


def test_of_doubled_keys_the_last_counts() -> None:
    assert decode('{"type":"DELETE","table":"t","id":"a","id":"b"}') == Delete(table="t", id="b")


def test_deep_nesting_says_so() -> None:
    with pytest.raises(BadMessage) as refused:
        decode(insert("[" * 100_000))
    assert "nested" in refused.value.said.en


@pytest.mark.parametrize("depth", [33, 100, 400, 900])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}")])
def test_nesting_that_json_still_reads_is_refused_before_it_is_hashed(
    depth: int, start: str, end: str
) -> None:
    deep = start * depth + "1" + end * depth
    with pytest.raises(BadMessage) as refused:
        decode(insert(f"[{','.join([deep] * 5)}]"))
    assert "nested" in refused.value.said.en


def test_the_deepest_json_value_is_taken_among_many() -> None:
    deep = "[" * 31 + "]" * 31
    digest(decode(insert("[" + ",".join([deep] * 20) + "]")))


def test_a_transaction_has_a_largest_size() -> None:
    assert isinstance(decode(json.dumps({"type": "TRANSACTION", "ops": [DELETE] * MAX_OPS})), Write)
    with pytest.raises(TooLarge):
        decode(json.dumps({"type": "TRANSACTION", "ops": [DELETE] * (MAX_OPS + 1)}))


def test_a_ref_inside_a_transaction_is_refused_with_its_place() -> None:
    with pytest.raises(BadMessage) as refused:
        decode(json.dumps({"type": "TRANSACTION", "ops": [DELETE, {**DELETE, "module": "m"}]}))
    assert [detail.path for detail in refused.value.details] == ["/ops/1"]


@pytest.mark.parametrize(
    ("message", "ref"),
    [
        ('{"ref":"r","type":"?"}', "r"),
        ('{"ref":7,"x":1.5}', 7),
        ('{"ref":true}', None),
        ('{"ref":1.5}', None),
        ('{"ref":null}', None),
        ('{"ref":["r"]}', None),
        ('{"ref":"' + "x" * 129 + '"}', None),
        ('{"ref":"a\\nb"}', None),
        ('["ref"]', None),
        ('{"ref":"r"', None),
        (b'{"ref":"r"}', "r"),
        (b"\xff", None),
        ("\ud800", None),
        ("[" * 100_000, None),
    ],
)
def test_a_refusal_finds_home_where_the_ref_can_be_read(message: Any, ref: Any) -> None:
    assert salvage_ref(message) == ref
