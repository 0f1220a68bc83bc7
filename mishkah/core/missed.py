"""What a view that comes back is shown of the log: nothing of rows that came and went meanwhile."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mishkah.core.commit import Commit
from mishkah.core.views import Shown, View

Told = list[tuple[Commit, list[Shown]]]


class Step(NamedTuple):
    """Commits that a client takes as one: the `seq` of the last, and what each shows."""

    seq: int
    told: Told


def as_they_were(view: View, commits: Sequence[Commit]) -> Iterator[Step]:
    """Yield each of *commits* as *view* showed it."""
    for commit in commits:
        yield Step(commit.seq, [(commit, view.shows(commit.changes))])


def without_visits(view: View, commits: Sequence[Commit]) -> Iterator[Step]:
    """Yield *commits*, without the rows that came into *view* and left it again in them.

    So a row that leaves is one that belonged before them. A client that stopped within a visit
    would have a row less than the view had then; so the commits from its begin to its end are one
    step.
    """
    shown = [view.shows(commit.changes) for commit in commits]
    hidden, upto = _visits(shown)
    told: Told = []
    end = 0
    for i, commit in enumerate(commits):
        kept = [one for j, one in enumerate(shown[i]) if (i, j) not in hidden]
        told.append((commit, kept))
        end = max(end, upto.get(i, i))
        if i == end:
            yield Step(commit.seq, told)
            told, end = [], i + 1


def _visits(shown: Sequence[Sequence[Shown]]) -> tuple[set[tuple[int, int]], dict[int, int]]:
    """Return the places of what is shown of visits, and from where to where each goes."""
    inside: dict[tuple[str, str], list[tuple[int, int]]] = {}
    hidden: set[tuple[int, int]] = set()
    upto: dict[int, int] = {}
    for i, changes in enumerate(shown):
        for j, one in enumerate(changes):
            key = (one.change.table, one.change.id)
            if one.operation == "INSERT":
                inside[key] = [(i, j)]
            elif key in inside:
                inside[key].append((i, j))
                if one.operation == "DELETE":
                    visit = inside.pop(key)
                    hidden.update(visit)
                    upto[visit[0][0]] = max(i, upto.get(visit[0][0], i))
    return hidden, upto
