"""Values that travel between processes many times a second, pickled without looking up their fields each time."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

T = TypeVar("T")


def travelling(kind: type[T]) -> type[T]:
    """Make a dataclass with slots cheaper to pickle; for one that is sent with every request, or for every few tokens.

    What :mod:`dataclasses` gives such a class asks for its fields anew each time, in Python: of a request with all its settings that
    takes as long as everything else that is done to send it.
    """
    names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]
    setters = tuple(getattr(kind, name).__set__ for name in names)  # the slots' own: a frozen class lets nobody set anything
    read = attrgetter(*names)

    def get_state(self: Any) -> Any:
        return read(self)

    def set_state(self: Any, state: Any) -> None:
        for put, value in zip(setters, state, strict=True):
            put(self, value)

    def get_only(self: Any) -> Any:
        return (read(self),)

    kind.__getstate__ = get_only if len(names) == 1 else get_state  # type: ignore[method-assign]
    kind.__setstate__ = set_state  # type: ignore[attr-defined]
    return kind
