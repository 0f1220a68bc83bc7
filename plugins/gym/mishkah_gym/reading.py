"""What several rules read: what a command changed of a row, and how the gym is set up."""

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mishkah import Invalid, Row, View


def changed(new: Row, old: Row | None, *fields: str) -> bool:
    """Tell whether the row is new, or one of *fields* has another value than before.

    A rule that looks at other rows is asked again only then: a visit of last year can be
    corrected although its subscription has expired since.
    """
    return old is None or any(new[field] != old[field] for field in fields)


class Gym(NamedTuple):
    """The one row of ``gym_config``. *capacity* is None where there is no limit."""

    currency: str = "EGP"
    timezone: str = "UTC"
    capacity: int | None = None
    grace_days: int = 0

    def day(self, moment: str) -> str:
        """Return the date that a timestamp falls on here, as a ``date`` field is kept."""
        return datetime.fromisoformat(moment).astimezone(ZoneInfo(self.timezone)).date().isoformat()


def gym_of(view: View) -> Gym:
    """Return how the gym is set up, or the defaults where it is not."""
    row = view.get("gym_config", "gym")
    if row is None:
        return Gym()
    return Gym(row["currency"], row["timezone"], row["capacity"], row["grace_days"] or 0)


def is_in_a_known_time_zone(new: Row, old: Row | None, view: View) -> None:
    try:
        ZoneInfo(new["timezone"])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(
            "This time zone is not known, unlike Africa/Cairo",
            field="timezone",
            ar="هذه المنطقة الزمنية غير معروفة، بخلاف Africa/Cairo مثلًا",
        ) from None
