"""Several answers at once, read as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def merge(sources: Sequence[AsyncIterator[T]]) -> AsyncIterator[tuple[int, T]]:
    """Pairs of source number and item, in order of arrival; the first error ends all of them."""
    if len(sources) == 1:
        try:
            async for only in sources[0]:
                yield 0, only
        finally:
            await _close(sources[0])
        return
    arrived: asyncio.Queue[tuple[int, T] | BaseException | None] = asyncio.Queue(maxsize=256)

    async def read(number: int, source: AsyncIterator[T]) -> None:
        try:
            async for item in source:
                await arrived.put((number, item))
            await arrived.put(None)
        except Exception as error:  # noqa: BLE001 - it is raised again where it is read
            await arrived.put(error)
        finally:
            await _close(source)

    tasks = [asyncio.ensure_future(read(number, source)) for number, source in enumerate(sources)]
    try:
        left = len(sources)
        while left:
            item = await arrived.get()
            if item is None:
                left -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def gather(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results, in order; the first error ends all the others and is raised as it is. One alone needs no task of its own."""
    if len(works) == 1:
        return [await works[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def _close(source: AsyncIterator[T]) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()
