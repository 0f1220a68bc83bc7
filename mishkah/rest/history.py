"""What was done to one row, as far as who asks may see it: the newest first."""

from starlette.requests import Request
from starlette.responses import Response

from mishkah.core.errors import Text
from mishkah.core.history import Done, done, seen
from mishkah.core.schema import Table
from mishkah.rest.asking import Desk, Place
from mishkah.rest.reading import as_json
from mishkah.rest.requests import Parameters, number_parameter, unfit

PARAMETERS = ("table", "id", "before", "limit")
DEFAULT_ENTRIES = 50
MAX_ENTRIES = 500


async def history(desk: Desk, request: Request, given: Parameters) -> Response:
    """Tell who changed the row `id` of `table`, when, and each field's old and new value.

    Commits from `before` on are left out; `next` is the `before` of the page that follows.
    """
    place = await desk.place(request)
    table = place.table(given.get("table", ""))
    limit = number_parameter(given, "limit")
    limit = DEFAULT_ENTRIES if limit is None else limit
    if not 0 < limit <= MAX_ENTRIES:
        raise unfit("limit", "query", _BAD_LIMIT)
    if not (identifier := given.get("id")):
        raise unfit("id", "required", _NO_ID)
    before = number_parameter(given, "before")
    told = await _told(place, table, identifier, before, limit)
    return as_json({"changes": told, "next": told[-1].seq if len(told) >= limit else None})


async def _told(
    place: Place, table: Table, identifier: str, before: int | None, limit: int
) -> list[Done]:
    """Return the last changes that may be seen, *limit* of them or more, or all there are.

    Those that may not are passed over, so that nothing tells whether there are any.
    """
    held = place.grant.tables[table.name].held
    told: list[Done] = []
    while len(told) < limit:
        commits = await place.reader.history(table.name, identifier, before, MAX_ENTRIES)
        if not commits:
            break
        for commit in commits:
            told += [
                one
                for one in done(seen(commit, held), table)
                if one.fields or one.operation == "DELETE"
            ]
            if len(told) >= limit:
                break
        before = commits[-1].seq
    return told


_BAD_LIMIT = Text(f"limit is 1 to {MAX_ENTRIES}", f"الحد limit من 1 إلى {MAX_ENTRIES}")
_NO_ID = Text("Name the row by its id", "حدد الصف بمعرّفه id")
