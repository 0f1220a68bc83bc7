"""Patterns are the same thing in a browser, which has other blanks, dots and escapes."""

import pytest

from mishkah.core.patterns import as_ecma, compiled


@pytest.mark.parametrize(
    ("written", "there"),
    [
        (r"^a$", r"^a$"),
        (r"\Aa\Z", r"^a$"),
        (r"a.b\.", r"a[^\n]b\."),
        (r"\s\S", r"[ \t\n\r\f\v][^ \t\n\r\f\v]"),
        (r"[\s\-x]", r"[ \t\n\r\f\v\-x]"),
        (r"\-\@\/", r"-@\/"),
        (r"[]a\@]", r"[\]a@]"),
        (r"[^].$]", r"[^\].$]"),
        (r"(\d)\1\w", r"(\d)\1\w"),
        (r"\\s", r"\\s"),
    ],
)
def test_a_browser_gets_a_pattern_in_its_own_words(written: str, there: str) -> None:
    assert as_ecma(compiled(written)) == there
