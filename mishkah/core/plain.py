"""A client's plain frames, read with as little work as a frame can be; what is odd is left alone.

Plain is a whole text message in one frame (RFC 6455, 5.2): final, nothing extended, masked, its
length written as short as can be, and in UTF-8. All else is for a reader of the whole protocol.
"""

from codecs import utf_8_decode

from mishkah.core.frames import PLAIN, header_size


class PlainTexts:
    """The bytes of a client that nobody has read yet, of which plain frames are taken.

    A frame has a payload of at most *most* bytes.
    """

    __slots__ = ("_at", "_data", "_most", "_waited")

    def __init__(self, most: int) -> None:
        self._most = most
        self._data = b""
        self._at = 0
        self._waited = False

    def add(self, data: bytes) -> None:
        """Put *data* behind what is left."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def leave(self) -> bytes:
        """Return what is left, and forget it."""
        left = self._data[self._at :]
        self._data, self._at, self._waited = b"", 0, False
        return left

    def take(self) -> str | None:
        """Return the next message; None where no whole plain frame is next."""
        data, at = self._data, self._at
        if len(data) - at < 6 or data[at] != PLAIN:
            return None
        begin, end = _payload(data, at)
        if not begin <= end <= len(data) or end - begin > self._most:
            return None
        try:
            text = _unmasked(data[begin - 4 : begin], data[begin:end]).decode()
        except UnicodeDecodeError:
            return None
        self._at = end
        self._waited = False
        return text

    def may_wait(self) -> bool:
        """Tell, where `take` had none, whether more bytes may make a plain frame of what is left.

        Of one frame that is told once: one that comes in many pieces, or has begun with what is no
        UTF-8, is another reader's.
        """
        data, at = self._data, self._at
        head = data[at : at + 14]
        if not head:
            return True
        if self._waited or head[0] != PLAIN or len(head) < header_size(head):
            return False
        begin, end = _payload(data, at)
        if end <= len(data) or end - begin > self._most:
            return False
        try:
            utf_8_decode(_unmasked(data[begin - 4 : begin], data[begin:]), "strict", False)
        except UnicodeDecodeError:
            return False
        self._waited = True
        return True


def _payload(data: bytes, at: int) -> tuple[int, int]:
    """Return where the payload of the frame at *at* begins and ends.

    It ends before it begins where the frame is not masked, or its length too long for what it says.
    """
    size = data[at + 1] - 0x80
    if size < 126:
        return at + 6, at + 6 + size
    if size == 126:
        size = int.from_bytes(data[at + 2 : at + 4])
        return at + 8, at + 8 + (size if size > 125 else -1)
    size = int.from_bytes(data[at + 2 : at + 10])
    return at + 14, at + 14 + (size if size >> 16 else -1)


def _unmasked(key: bytes, payload: bytes) -> bytes:
    """Return *payload* as it was before *key* masked it (RFC 6455, 5.3): all of it in one sum."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)
