"""The client's machine, and a server of which each frame is written by hand."""

import json
from typing import Any

from mishkah.client.machine import Machine
from mishkah.core.messages import Insert, Subscribe


class Pair:
    """A machine, and the frames of a server that a test writes by hand."""

    def __init__(self, token: Any = None, **asked: Any) -> None:
        refs = iter(f"r{n}" for n in range(10**6))
        asked_for = Subscribe(branch="b", module="m", **asked)
        self.machine = Machine(asked_for, "me", refs, token=token)

    def say(self, kind: str, **more: Any) -> None:
        self.machine.hear(json.dumps({"type": kind, **more}))

    def sent(self) -> list[dict[str, Any]]:
        """Return what has gone out since the last look."""
        told = [json.loads(frame) for frame in self.machine.outgoing]
        self.machine.outgoing.clear()
        return told

    def greet(self) -> list[dict[str, Any]]:
        self.machine.connected()
        assert [message["type"] for message in self.sent()] == ["HELLO"]
        self.say("WELCOME", limits={"message": 1000})
        return self.sent()

    def subscribed(self, ref: str, *, resumed: bool = False, **more: Any) -> None:
        self.say("SUBSCRIBED", epoch="e", seq=1, resumed=resumed, ref=ref, **more)

    def begin(self, *rows: dict[str, Any], **told: Any) -> "Pair":
        """Go live at commit 1 of epoch e."""
        self.subscribed(self.greet()[-1]["ref"], **told)
        self.say("SNAPSHOT", epoch="e", seq=1, part=0, last=True, data={"item": rows})
        self.say("SYNCED", epoch="e", seq=1)
        assert self.machine.status == "live"
        return self

    def delta(self, seq: int, prev: int, identifier: str, epoch: str = "e", **more: Any) -> None:
        body = {"operation": "INSERT", "changes": {"id": identifier}, **more.pop("data", {})}
        body |= {"table": "item", "id": identifier}
        self.say("DELTA", epoch=epoch, seq=seq, prev=prev, data=body, **more)

    def ids(self) -> list[str]:
        return [row["id"] for row in self.machine.screen.rows("item")]


def insert(identifier: str, **more: Any) -> Insert:
    return Insert(table="item", data={"id": identifier, **more})
