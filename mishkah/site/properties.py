"""Short names for the properties that the browser client's own modules alone know.

From its tokens a script does not show who else reads a property: a page, the server, what a device
keeps, the browser. So those that nobody else does are listed here, and all others stay as they are.
"""

from collections.abc import Sequence
from string import ascii_lowercase

from mishkah.site.renaming import WORDS, letters, listed

OURS = listed(
    """
    again ahead answer api apply asking begin blank build channel check complete connections covers
    cut done draw drawSoon drop dropHalves emit emitNew failure fill gather greeted head hear heard
    hello keep keeps keyOf late lead leads learn learning link load lost machine mine moved
    newRef note noted onTime onWelcome outgoing over overlay owe park parked picture replica reset
    retryMs rulesChanged saveSoon say schema screen sent settle settled shelf show shown shows stop
    store takeOff tabs tend told unsaved wake writes
    """
)
"""What no page, no server, no device and no browser knows; none is a property of theirs either."""


def hide(tokens: Sequence[str]) -> list[str]:
    """Return *tokens* with new names for OURS, each the same wherever it stands."""
    ours = [one for one in dict.fromkeys(tokens) if one in OURS]
    short = dict(zip(ours, letters(ascii_lowercase, WORDS.union(tokens)), strict=False))
    return [short.get(text, text) for text in tokens]
