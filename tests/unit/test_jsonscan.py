"""A finding has the line that an editor would jump to."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mishkah.jsonscan import lines_of

TEXT = """\
{
  "tables": {
    "a": { "fields": { "x": {
      "type": "txt" } } },

    "a.b": [
      1, {"c": 2},
      {
        "c": "\\"}]"
      }
    ]
  }
}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("$", 1),
        ("$.tables", 2),
        ("$.tables.a.fields.x", 3),
        ("$.tables.a.fields.x.type", 4),
        ("$.tables.a.b", 6),
        ("$.tables.a.b[0]", 7),
        ("$.tables.a.b[1].c", 7),
        ("$.tables.a.b[2]", 8),
        ("$.tables.a.b[2].c", 9),
        ("$.tables.a.fields.y", 3),
        ("$.tables.a.b[7].c", 6),
        ("$.version", 1),
    ],
)
def test_a_path_leads_to_its_line(path: str, line: int) -> None:
    assert lines_of(TEXT, [path]) == {path: line}
    assert lines_of("\ufeff\r\n" + TEXT, [path, "$.none"])[path] == line + 1


@pytest.mark.parametrize("text", ["", "{", "[1,", '{"a" 1}', "nonsense", "[" * 100_000])
def test_a_text_that_is_no_json_has_no_lines(text: str) -> None:
    lines = lines_of(text, ["$.a[0].b", "line 3, column 4", ""])
    assert set(lines) <= {"$.a[0].b"}


KEYS = st.sampled_from(["a", "b", "name", "اسم", "x y"])
TREES = st.recursive(
    st.just("leaf"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


def numbered(tree: Any, path: str, leaves: dict[str, str]) -> Any:
    """Return *tree* with a text of its own in each leaf; *leaves* gets path → text."""
    if isinstance(tree, list):
        return [numbered(item, f"{path}[{i}]", leaves) for i, item in enumerate(tree)]
    if isinstance(tree, dict):
        return {key: numbered(item, f"{path}.{key}", leaves) for key, item in tree.items()}
    leaves[path] = f"leaf number {len(leaves)} {{[,"
    return leaves[path]


@given(TREES, st.sampled_from([None, 0, 2]), st.booleans())
def test_every_leaf_of_any_file_is_found(tree: Any, indent: int | None, ascii_only: bool) -> None:
    leaves: dict[str, str] = {}
    text = json.dumps(numbered(tree, "$", leaves), indent=indent, ensure_ascii=ascii_only)
    lines = lines_of(text, leaves)
    assert set(lines) == set(leaves)
    for path, leaf in leaves.items():
        assert leaf in text.splitlines()[lines[path] - 1]
