"""The `async with` that holds a client open: its errors come out as they are, in no group."""

from types import TracebackType

import trio

from mishkah.client.database import Database


class Connection:
    """An `async with` that holds a `Database` open."""

    def __init__(self, database: Database, patience: float, linger: float) -> None:
        self._database = database
        self._patience = patience
        self._linger = linger

    async def __aenter__(self) -> Database:
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(self._database.link.run)
        try:
            await self._database.ready(self._patience)
        except BaseException:
            await self._end()
            raise
        return self._database

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                await self._database.linger(self._linger)
        finally:
            await self._end()

    async def _end(self) -> None:
        self._database.close()
        self._database.link.stop()
        await self._manager.__aexit__(None, None, None)
