"""WebSocket frames (RFC 6455, 5): writing ours, and watching the headers of theirs pass by.

A server's frames are not masked, so one frame is the same bytes for every client.
"""

from collections.abc import Iterator, Sequence

CONTINUATION = 0x0
TEXT = 0x1
CLOSE = 0x8
PING = 0x9
PONG = 0xA
PLAIN = 0x80 | TEXT
"""The first byte of a frame that is a whole text message, with nothing extended."""

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
POLICY_VIOLATION = 1008
TOO_BIG = 1009
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
UNAUTHORISED = 4401
UNKNOWN_STORE = 4404


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """Return one unmasked WebSocket frame (RFC 6455, 5.2), the last of its message if *final*."""
    return _head(len(payload), opcode, final=final) + payload


def frame_of(pieces: Sequence[bytes], opcode: int = TEXT, *, final: bool = True) -> bytes:
    """Return the `frame` whose payload is all *pieces*, each of which is copied once."""
    return b"".join((_head(sum(map(len, pieces)), opcode, final=final), *pieces))


def _head(size: int, opcode: int, *, final: bool) -> bytes:
    first = 0x80 * final | opcode
    if size < 126:
        return bytes((first, size))
    if size < 1 << 16:
        return bytes((first, 126)) + size.to_bytes(2)
    return bytes((first, 127)) + size.to_bytes(8)


def cut(frames: bytes, most: int) -> Iterator[bytes]:
    """Yield *frames*, which are ours, in pieces of whole frames.

    A piece has at most *most* bytes, unless one frame has more.
    """
    begin = at = 0
    while len(frames) - begin > most and at < len(frames):
        end = at + _sent_size(frames, at)
        if end - begin > most and at > begin:
            yield frames[begin:at]
            begin = at
        at = end
    yield frames[begin:]


def payloads(frames: bytes) -> Iterator[bytes]:
    """Yield what each of *frames*, which are ours, holds."""
    at = 0
    while at < len(frames):
        end = at + _sent_size(frames, at)
        size = frames[at + 1]
        yield frames[at + (2 if size < 126 else 4 if size == 126 else 10) : end]
        at = end


def _sent_size(frames: bytes, at: int) -> int:
    """Return the size of the unmasked frame that begins at *at*."""
    size = frames[at + 1]
    if size < 126:
        return 2 + size
    width = 2 if size == 126 else 8
    return 2 + width + int.from_bytes(frames[at + 2 : at + 2 + width])


def close_frame(code: int, reason: str = "") -> bytes:
    """Return the frame that closes a connection; *reason* has at most 123 bytes."""
    return frame(code.to_bytes(2) + reason.encode()[:123], CLOSE)


class Violation(Exception):
    """A client's frames break a bound: the connection ends with *code*. *limit* is its setting."""

    def __init__(self, code: int, reason: str, limit: str = "") -> None:
        self.code = code
        self.reason = reason
        self.limit = limit
        super().__init__(reason)


class Watch:
    """Reads the headers of a client's frames as bytes pass, so that no bound is found too late.

    A frame's length is known before its payload is buffered; empty fragments, which cost a reader
    work for nothing, are counted. What else is wrong with a frame, its reader will say.
    """

    __slots__ = (
        "_fragments", "_header", "_max_fragments", "_max_message", "_message", "_payload",
        "_unfinished", "closing", "messages", "violation",
    )  # fmt: skip

    def __init__(self, max_message: int, max_fragments: int) -> None:
        self._max_message = max_message
        self._max_fragments = max_fragments
        self._header = bytearray()
        self._payload = 0
        self._message = 0
        self._fragments = 0
        self._unfinished = False
        self.messages = 0
        """How many messages have ended, as far as their frames' heads tell."""
        self.violation: Violation | None = None
        self.closing = False
        """Whether our close frame is sent, after which a ping has no answer (RFC 6455, 5.5.1)."""

    @property
    def between(self) -> bool:
        """Whether the next byte begins a frame, and no message is under way that it might be of."""
        busy = self._payload or self._header or self._unfinished or self.violation
        return not busy

    def passes(self, data: bytes, *, to_plain: bool = False) -> bytes:
        """Return the part of *data* before a violation, which is kept in `violation`.

        With *to_plain* it ends too where a frame begins, not the first, that may be a plain one.
        When `closing`, pings pass as pongs, which are not answered.
        """
        at = 0
        while at < len(data):
            if to_plain and at and data[at] == PLAIN:
                return data[:at]
            if self._payload:
                step = min(self._payload, len(data) - at)
                self._payload -= step
                at += step
                continue
            if self.closing and not self._header and data[at] == 0x80 | PING:
                data = data[:at] + bytes((0x80 | PONG,)) + data[at + 1 :]
            start = at
            at = self._read_header(data, at)
            if self.violation is not None:
                return data[:start]
        return data

    def _read_header(self, data: bytes, at: int) -> int:
        """Take the bytes of one header from *at* on; return where they end."""
        header = self._header
        while at < len(data):
            take = header_size(header) - len(header)
            header += data[at : at + take]
            at += take
            if len(header) == header_size(header):
                self._judge(header)
                header.clear()
                return at
        return min(at, len(data))

    def _judge(self, header: bytearray) -> None:
        size = header[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(header[2 : 4 if size == 126 else 10])
        opcode = header[0] & 0x0F
        self._payload = size
        if not header[1] & 0x80:
            self.violation = Violation(PROTOCOL_ERROR, "a client's frames are masked")
        if opcode >= CLOSE:
            return
        if opcode != CONTINUATION or not self._unfinished:
            self._message = self._fragments = 0
        final = bool(header[0] & 0x80)
        self._unfinished = not final
        self.messages += final
        self._message += size
        self._fragments += 1
        if self._message > self._max_message:
            said = f"a message has at most {self._max_message} bytes"
            self.violation = Violation(TOO_BIG, said, "message")
        elif self._fragments > self._max_fragments:
            said = "this message has too many fragments"
            self.violation = Violation(POLICY_VIOLATION, said, "fragments")


def header_size(header: bytes | bytearray) -> int:
    """Return how many bytes a header that begins like this has, before its payload."""
    if len(header) < 2:
        return 2
    size = header[1] & 0x7F
    extended = 8 if size == 127 else 2 if size == 126 else 0
    return 2 + extended + (4 if header[1] & 0x80 else 0)
