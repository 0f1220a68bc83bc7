"""A journal that has a writer's history, open for those who read it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def reading(journals: Any, store: Any, writer: Any) -> AsyncIterator[Any]:
    async with journals(store, writer.rules.schema) as journal:
        await journal.load()
        await journal.append(writer.history)
        yield journal
