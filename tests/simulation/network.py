"""A shop's network: connections that are slow, stall, go silent and break, at any byte."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

import trio
from trio.testing import lockstep_stream_pair, memory_stream_pair

from mishkah.house import House
from simulation.tap import Tap

Pipe = trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream]


class Fate(NamedTuple):
    """What becomes of one direction of a connection, *after* so many bytes.

    "cut" ends both directions there; "silence" lets nothing pass any more, and nobody is told;
    "stall" lets nothing pass for *seconds*.
    """

    kind: str
    after: int
    seconds: float = 0.0


def fate(rng: Random) -> Fate:
    """Return what happens to a direction; most often nothing within its life."""
    kind = rng.choice(["none"] * 4 + ["cut"] * 4 + ["silence"] + ["stall"] * 4)
    after = rng.choice([rng.randrange(400), rng.randrange(3000), rng.randrange(20_000)])
    return Fate(kind, after, rng.choice([1.0, 4.0, 8.0, 40.0]))


class Network:
    """The way to a house that may be down. It is faulty until `calm`.

    *head* tells which commit the journal has kept last.
    """

    def __init__(self, rng: Random, nursery: trio.Nursery, head: Callable[[], int]) -> None:
        self.head = head
        self._rng = rng
        self._nursery = nursery
        self.house: House | None = None
        self.house_nursery: trio.Nursery | None = None
        self.calm = False
        self.faults = 0
        self._open: set[Cable] = set()

    async def dial(self) -> trio.abc.Stream:
        """Return the client's end of a new connection. Raises OSError when nobody listens."""
        await trio.sleep(self._rng.uniform(0, 0.01))
        if self.house is None or self.house_nursery is None:
            raise ConnectionRefusedError("nobody listens")
        ours, near = memory_stream_pair()
        far, theirs = lockstep_stream_pair()  # a send waits for its reader, as a full socket does
        self.house_nursery.start_soon(self.house.serve, theirs)
        fates = (fate(self._rng), fate(self._rng))
        cable = Cable(self, near, far, Random(self._rng.random()), fates)
        self._open.add(cable)
        self._nursery.start_soon(cable.run)
        return ours

    def hush(self) -> None:
        """From now on nothing breaks; what has gone silent is cut."""
        self.calm = True
        for cable in self._open:
            cable.end()


class Cable:
    """One connection: what is sent at either end comes out at the other, late, or not at all."""

    def __init__(
        self, network: Network, near: Pipe, far: Pipe, rng: Random, fates: tuple[Fate, Fate]
    ) -> None:
        self._network = network
        self._near = near
        self._far = far
        self._rng = rng
        self._fates = fates
        self._tap = Tap(network.head)
        self._scope = trio.CancelScope()

    def end(self) -> None:
        self._scope.cancel()

    async def run(self) -> None:
        """Carry bytes both ways until the connection breaks or an end closes it."""
        try:
            with self._scope:
                async with trio.open_nursery() as ways:
                    ways.start_soon(self._carry, self._near, self._far, self._fates[0])
                    ways.start_soon(self._carry, self._far, self._near, self._fates[1])
        finally:
            self._network._open.discard(self)
            await trio.aclose_forcefully(self._near)
            await trio.aclose_forcefully(self._far)

    async def _carry(self, source: Pipe, sink: Pipe, fate: Fate) -> None:
        passed = 0
        try:
            while data := await source.receive_some(self._rng.choice([64, 1000, 65536])):
                if source is self._far:
                    self._tap.passes(bytes(data))
                await trio.sleep(self._rng.uniform(0, 0.02))
                room = fate.after - passed
                if fate.kind != "none" and room < len(data) and not self._network.calm:
                    self._network.faults += 1
                    await sink.send_all(data[: max(room, 0)])
                    data = data[max(room, 0) :]
                    if fate.kind == "cut":
                        break
                    await trio.sleep(fate.seconds if fate.kind == "stall" else float("inf"))
                    fate = Fate("none", 0)
                await sink.send_all(data)
                passed += len(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self._scope.cancel()
