"""A server of one table, one socket and a few lines, which a test moves a message at a time."""

from collections import deque
from typing import Any

Rows = dict[str, dict[str, Any]]


class SmallServer:
    """Rows of ``item`` with a log. `inbox` and `out` hold what is on its way.

    What a client must bear is done by rules of the test: cuts, views that fall behind, lost
    messages, restores. `past` has the rows of every commit of every epoch.
    """

    def __init__(self, where_qty_above: int | None) -> None:
        self._above = where_qty_above
        self.epochs = ["e0"]
        self.rows: Rows = {}
        self.log: list[dict[str, Any]] = []
        self.names: dict[tuple[str, Any], int] = {}
        self.past: dict[tuple[str, int], Rows] = {("e0", 0): {}}
        self.done: dict[tuple[str, Any], int] = {}
        """(epoch, ref) → the commit that did a write of the client."""
        self.times: dict[str, int] = {}
        """ref → how often it was done in this history."""
        self.hang_up()

    @property
    def epoch(self) -> str:
        return self.epochs[-1]

    @property
    def seq(self) -> int:
        return len(self.log)

    def hang_up(self) -> None:
        self.inbox: deque[dict[str, Any]] = deque()
        self.out: deque[tuple[dict[str, Any] | None, int | None]] = deque()
        self.listening = self.live = False
        self.cursor = self.told = self.prev = -1

    def shows(self, row: dict[str, Any] | None) -> bool:
        return row is not None and (self._above is None or row["qty"] > self._above)

    def view(self, epoch: str, seq: int) -> Rows:
        return {i: row for i, row in self.past[epoch, seq].items() if self.shows(row)}

    def hear(self, message: dict[str, Any], step: int) -> None:
        """Do what *message* asks; of what was missed, *step* commits are sent at once.

        With no step, what was missed is too old.
        """
        match message["type"]:
            case "HELLO":
                self._say("WELCOME", limits={"message": 10_000})
            case "SUBSCRIBE":
                self._subscribe(message, step)
            case "PING":
                self._say("PONG")
            case _:
                self.write(message, "me")

    def write(self, message: dict[str, Any], client: str) -> None:
        """Do a write, tell the view, and answer who is on the socket."""
        ref = message.get("ref")
        if (client, ref) in self.names:
            self._say("ACK", ref=ref, seq=self.names[client, ref], dup=True)
            return
        rows = {i: dict(row) for i, row in self.rows.items()}
        try:
            for op in message.get("ops", [message]):
                _do(op, rows)
        except LookupError as no:
            if client == "me":
                self._say("ERROR", ref=ref, code=no.args[0], error="no")
            return
        changed = sorted(i for i in rows | self.rows if rows.get(i) != self.rows.get(i))
        changes = [(i, self.rows.get(i), rows.get(i)) for i in changed]
        self.rows = rows
        self.log.append({"changes": changes, "client": client, "ref": ref})
        self.past[self.epoch, self.seq] = rows
        if ref is not None:
            self.times[ref] = self.times.get(ref, 0) + 1
            self.names[client, ref] = self.done[self.epoch, ref] = self.seq
        if self.live:
            self._deltas(self.seq)
        if client == "me":
            self._say("ACK", ref=ref, seq=self.seq, rows=[])

    def fall_behind(self) -> None:
        """Drop what waits of the view, and say so."""
        if self.listening:
            self.out = deque(one for one in self.out if one[1] is None)
            self.out.appendleft((self._view("RESYNC", reason="slow"), self.cursor))
            self.live = False

    def catch_up(self, step: int, *, snapshot: bool) -> None:
        """Send what the view has missed, if it is not live."""
        if self.listening and not self.live and not any(upto is not None for _, upto in self.out):
            if snapshot or self.cursor < 0:
                self._snapshot()
            else:
                self._missed(step)

    def deliver(self) -> dict[str, Any] | None:
        """Return the next message that arrives; None where there is none."""
        message, upto = self.out.popleft()
        if upto is not None:
            self.cursor = upto
            if message and message["type"] != "RESYNC" and "seq" in message:
                self.told = max(self.told, min(upto, message["seq"]))
        return message

    def lose(self) -> bool:
        """Lose a commit of someone else's on the way, if one is on its way."""
        seqs = [m["seq"] for m, _ in self.out if m and m["type"] == "DELTA" and "by" not in m]
        if seqs:
            self.out = deque(
                (m, upto)
                for m, upto in self.out
                if m is None or m["type"] != "DELTA" or m["seq"] != seqs[0]
            )
        return bool(seqs)

    def restore(self, seq: int) -> None:
        """Go back to the commit *seq*, as another history."""
        before = self.epoch
        self.epochs.append(f"e{len(self.epochs)}")
        self.log = self.log[:seq]
        self.rows = self.past[before, seq]
        for n in range(seq + 1):
            self.past[self.epoch, n] = self.past[before, n]
        self.names = {name: one for name, one in self.names.items() if one <= seq}
        self.times = {}
        for n, entry in enumerate(self.log):
            if entry["ref"] is not None:
                self.done[self.epoch, entry["ref"]] = n + 1
                self.times[entry["ref"]] = self.times.get(entry["ref"], 0) + 1
        self.hang_up()

    def _say(self, kind: str, **more: Any) -> None:
        self.out.append(({"type": kind, **more}, None))

    def _view(self, kind: str, **more: Any) -> dict[str, Any]:
        return {"type": kind, "epoch": self.epoch, **more}

    def _subscribe(self, message: dict[str, Any], step: int) -> None:
        since = message.get("since")
        known = since is not None and message["epoch"] == self.epoch and since <= self.seq
        resumed = known and step > 0
        self.out = deque(one for one in self.out if one[1] is None)
        self.listening, self.live = True, False
        told = {"epoch": self.epoch, "seq": self.seq, "ref": message["ref"]}
        self._say("SUBSCRIBED", resumed=resumed, **told)
        self.cursor = self.told = since if resumed else -1
        if resumed:
            self._missed(step)
        else:
            if since is not None:
                self.out.append((self._view("RESYNC", reason="epoch"), -1))
            self._snapshot()

    def _snapshot(self) -> None:
        rows = list(self.view(self.epoch, self.seq).values())
        half = len(rows) // 2
        for i, some in enumerate((rows[:half], rows[half:])):
            part = self._view("SNAPSHOT", seq=self.seq, part=i, last=i == 1, data={"item": some})
            self.out.append((part, self.seq if i == 1 else -1))
        self._level()

    def _missed(self, step: int) -> None:
        upto = min(self.cursor + step, self.seq)
        self.prev = self.told
        for seq in range(self.cursor + 1, upto + 1):
            self._deltas(seq)
        self.out.append((None, upto))
        if upto == self.seq:
            self._level()

    def _level(self) -> None:
        self.out.append((self._view("SYNCED", seq=self.seq), self.seq))
        self.live, self.prev = True, self.seq

    def _deltas(self, seq: int) -> None:
        entry = self.log[seq - 1]
        shown = []
        for i, old, new in entry["changes"]:
            was, now = self.shows(old), self.shows(new)
            if now:
                changes = {k: v for k, v in new.items() if not was or old[k] != v}
                operation = "UPDATE" if was else "INSERT"
                shown.append({"operation": operation, "id": i, "changes": changes})
            elif was:
                left = {"reason": "left"} if new is not None else {}
                shown.append({"operation": "DELETE", "id": i, "changes": {}, **left})
        for n, body in enumerate(shown):
            more: dict[str, Any] = {"tx": {"i": n, "n": len(shown)}} if len(shown) > 1 else {}
            if entry["client"] == "me":
                more["by"] = {"client": "me", "ref": entry["ref"]}
            more["data"] = {"table": "item", **body}
            frame = self._view("DELTA", seq=seq, prev=self.prev, **more)
            self.out.append((frame, seq if n == len(shown) - 1 else seq - 1))
        if shown:
            self.prev = seq


def _do(op: dict[str, Any], rows: Rows) -> None:
    if op["type"] == "INSERT":
        if op["data"]["id"] in rows:
            raise LookupError("DUPLICATE")
        rows[op["data"]["id"]] = {"a": None, "qty": 0, **op["data"]}
        return
    if op["id"] not in rows:
        raise LookupError("NOT_FOUND")
    if op["type"] == "DELETE":
        del rows[op["id"]]
        return
    row = rows[op["id"]]
    sums = {name: row[name] + n for name, n in op.get("add", {}).items()}
    rows[op["id"]] = {**row, **op.get("changes", {}), **sums}
    if rows[op["id"]]["qty"] < 0:
        raise LookupError("INVALID")
