"""How a client is told that something did not happen."""

from collections.abc import Mapping, Sequence
from typing import Any

from mishkah.core.errors import Refused


class Refusal(Exception):
    """The server's no: nothing of what was asked has happened.

    *code* is for programs (``"CONFLICT"``), *error* a sentence in the client's language, *text* the
    sentence in both (``ar``, ``en``). *details* are the first ten things that are wrong, each with
    ``path``, ``rule``, ``message`` and ``text``; *more* counts the others. *current* is the row of
    a CONFLICT as it is now.
    """

    def __init__(
        self,
        code: str,
        error: str,
        *,
        text: Mapping[str, str] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
        more: int = 0,
        current: dict[str, Any] | None = None,
    ) -> None:
        self.code = code
        self.error = error
        self.text = text or {"en": error}
        self.details = details
        self.more = more
        self.current = current
        super().__init__(f"{error} ({code})")

    @classmethod
    def of(cls, refused: Refused) -> "Refusal":
        """Return what was found wrong before it was sent, as the server would have said it."""
        said = refused.said
        details = [
            {"path": d.path, "rule": d.rule, "message": d.text.en, "text": {"ar": d.text.ar}}
            for d in refused.details
        ]
        return cls(refused.code, said.en, text={"ar": said.ar, "en": said.en}, details=details)

    @property
    def path(self) -> str:
        """Where the first thing is that is wrong, as a JSON pointer; "" where that is not told."""
        return str(self.details[0].get("path", "")) if self.details else ""


class Lost(Exception):
    """The connection is of no use any more; the client connects again by itself."""


class Denied(Lost):
    """The server does not let us in by this token; the client tries once more, with another."""


class Unreachable(Exception):
    """No connection came about in the time that there was."""


class OutboxFull(Exception):
    """Too many writes wait for an answer. This one was not taken."""


class Undone(Exception):
    """The client was closed over *writes* that are refused, unseen by anyone, or unanswered.

    What became of an unanswered one is not known; sent again with the same client and ref, it is
    done once.
    """

    def __init__(self, writes: Sequence[Any]) -> None:
        self.writes = writes
        super().__init__(f"{len(writes)} writes were refused or have no answer")
