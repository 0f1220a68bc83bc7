"""What the client says of itself in each HELLO, and whether to say it again where it is refused."""

from collections.abc import Callable

from mishkah.client.outbox import written
from mishkah.core.messages import Hello

Token = str | Callable[[], str]
"""What lets its bearer in; or what is asked for it before each HELLO, so that it may change."""


class Greeting:
    """HELLO as the client *client*, with the token of now."""

    def __init__(self, client: str, lang: str, token: Token | None) -> None:
        self._client = client
        self._lang = lang
        self._due = 0
        self._token = token
        self._again = callable(token)

    @property
    def answered(self) -> bool:
        """Whether the server has taken the token that was shown last."""
        return self._due == 0

    def hello(self) -> str:
        """Return a HELLO, whose answer is due then. Raises what asking for the token does."""
        token = self._token() if callable(self._token) else self._token
        self._due += 1
        return written(Hello(v=1, client=self._client, lang=self._lang, token=token))

    def show(self, token: Token) -> None:
        """Take another token. What is refused from now on may be the one before, so it is tried."""
        self._token, self._again = token, True

    def welcomed(self) -> None:
        """Note that the oldest HELLO without an answer is welcomed."""
        self._due -= 1
        if self.answered:
            self._again = callable(self._token)

    def cut(self) -> None:
        """Expect no answer any more."""
        self._due = 0

    def may_repeat(self) -> bool:
        """Tell, of a HELLO that was refused, whether one more is worth it; once, until welcomed."""
        again, self._again = self._again, False
        return again
