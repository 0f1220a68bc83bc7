"""One subscription of one client: which view of a store it shows, and how far it has been sent."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mishkah.core.ids import StoreId
from mishkah.core.messages import WHOLE, Subscribe
from mishkah.core.views import View
from mishkah.core.wire import Signature

if TYPE_CHECKING:
    from mishkah.feed import Outbox


class Listener:
    """A subscription, which is put into the *outbox* of its client.

    It is *live* while its store puts every commit into the outbox. One that is not live reads what
    it misses from the log, from its *cursor* on, when the outbox has room; -1 has seen nothing. One
    that is *asking* is about to be sent something by its store: who asks twice hears it twice.
    `told` is the last commit that the client knows of: those of the log after it may be none that
    its view shows. Its store speaks by `signature`. `asked` is what the client wants to
    see, `view` what of it may be seen. One that is *held* shows nothing, until its store has looked
    what may be seen by now.
    """

    __slots__ = (
        "asked", "asking", "cursor", "gone", "held", "live", "outbox", "seed", "signature",
        "store", "told", "view",
    )  # fmt: skip

    def __init__(self, outbox: "Outbox", store: StoreId, *, seed: bool) -> None:
        self.outbox = outbox
        self.store = store
        self.seed = seed
        self.view: View | None = None
        self.asked: Subscribe | None = None
        self.cursor = self.told = -1
        self.signature: Signature | None = None
        self.live = False
        self.asking = False
        self.gone = False
        self.held = False
        outbox.listeners.append(self)

    @property
    def wanted(self) -> bool:
        """Whether its client is still to be shown what it shows."""
        return not (self.gone or self.held)

    @property
    def resync(self) -> bytes:
        """What is said when the view falls behind; nothing of one that nothing was said of yet."""
        if self.view is None or self.signature is None:
            return b""
        return self.signature.tell("RESYNC", self.view.id, reason="slow")

    def is_called(self, view: str) -> bool:
        """Tell whether its client means it by *view*: ``*`` is all that it may read of a store."""
        if self.view is None or self.asked is None:
            return False
        all_of_it = self.asked.tables is None and self.asked.where is None
        return self.view.id == view or (view == WHOLE and all_of_it)

    def while_wanted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield *pieces*, until nobody wants them, or may see them, any more.

        A seed socket's are one message: behind half of it nothing can be said.
        """
        begun = False
        for piece in pieces:
            if not self.wanted:
                if begun and self.seed:
                    self.outbox.break_off()
                return
            begun = True
            yield piece
