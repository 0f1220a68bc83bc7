"""Settings of limits: names, values and bounds."""

import pytest

from mishkah.limits import Limits, read_limits


def test_limits_are_set_by_name() -> None:
    assert read_limits([]) == Limits()
    assert read_limits(["rate=50", "loopback=true", "stall=2.5", "rate=60"]) == Limits(
        rate=60, loopback=True, stall=2.5
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("rate", "write NAME=VALUE"),
        ("speed=1", "names are handshake, keep_alive, body"),
        ("rate=0", "`rate`"),
        ("rate=nan", "`rate`"),
        ("rate=inf", "`rate`"),
        ("message=1500.5", "`message`"),
        ("message=2", "`message`"),
        ("depth=33", "`depth`"),
        ("connections=many", "`connections`"),
        ("loopback=perhaps", "`loopback`"),
        ("rate=", "`rate`"),
    ],
)
def test_what_is_no_limit_is_refused_with_its_name(line: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_limits([line])
