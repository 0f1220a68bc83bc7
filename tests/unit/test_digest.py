"""A write's hash is that of what it asks for: not of how it is spelled, or who asks."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.core.commands import decode, digest

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


def of(message: Any) -> bytes:
    return digest(decode(message if isinstance(message, str) else json.dumps(message)))


def insert(data: str) -> str:
    return '{"type":"INSERT","table":"t","data":{"a":' + data + "}}"


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_keys(inner) for key, inner in reversed(value.items())}
    return [reversed_keys(inner) for inner in value] if isinstance(value, list) else value


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=4))
def test_key_order_and_white_space_and_escapes_do_not_count(data: dict[str, Any]) -> None:
    message = {"type": "INSERT", "table": "t", "data": data}
    spaced = json.dumps(reversed_keys(message), indent=3, ensure_ascii=False)
    assert of(spaced) == of(json.dumps(message, separators=(",", ":"), ensure_ascii=True))


@pytest.mark.parametrize(
    "spellings",
    [
        ["1", "1.0", "1e0", "10e-1", "0.1e1", "1.000"],
        ["1.5", "1.50", "15e-1", "0.15E+1"],
        ["0", "0.0", "-0.0", "0e5", "-0"],
        ["1000", "1e3", "1E+3"],
        ["-0.000000001", "-1e-9", "-0.1E-8"],
    ],
)
def test_the_spelling_of_a_number_does_not_count(spellings: list[str]) -> None:
    assert len({of(insert(spelling)) for spelling in spellings}) == 1


def test_ref_branch_and_module_do_not_count() -> None:
    bare = {"type": "DELETE", "table": "t", "id": "a"}
    assert of(bare) == of({**bare, "ref": "r", "branch": "b", "module": "m"})


def test_different_writes_have_different_digests() -> None:
    delete = {"type": "DELETE", "table": "t", "id": "a"}
    different = [
        delete,
        {**delete, "id": "b"},
        {**delete, "table": "u"},
        {"type": "UPDATE", "table": "t", "id": "a", "changes": {}},
        {"type": "UPDATE", "table": "t", "id": "a", "changes": {"x": None}},
        {"type": "INSERT", "table": "t", "data": {}},
        {"type": "TRANSACTION", "ops": [delete]},
        {"type": "TRANSACTION", "ops": [delete, delete]},
        *map(insert, ["1", '"1"', "true", "[1]", "1.1", "null", "{}", "[]", '""', "false", "0"]),
        insert("[1,2]"),
        insert("[2,1]"),
    ]
    assert len({of(message) for message in different}) == len(different)


def test_the_spelling_of_a_large_number_does_not_count() -> None:
    assert of(insert("1e20")) == of(insert("1.0e20"))


def test_two_long_numbers_are_two_writes() -> None:
    assert of(insert("0.1" + "0" * 40 + "1")) != of(insert("0.1"))
