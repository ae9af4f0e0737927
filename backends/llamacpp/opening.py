"""What the first decode of a prompt need not wait for."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from backends.events import GenerationEvent
from backends.llamacpp.burst import Burst
from backends.llamacpp.interrupt import Interrupt
from backends.llamacpp.part import Part
from backends.llamacpp.reply import Reply
from models.errors import UserFacingError


class Opening:
    """Has the companion of :class:`Burst` do beside a decode what would otherwise stand before or after it.

    Whoever asked is told that the reading begins, samplers are made, the penalties see the prompt, and the thread that looks for cancels
    is woken. After a pause, when Python's code is in no cache of the processor, that takes a millisecond, as long as a fortieth of the
    starter's 200 tokens. Threads that are woken before the decode instead take Python's lock from the one that is about to begin it.
    """

    def __init__(self, burst: Burst, interrupt: Interrupt) -> None:
        self._burst = burst
        self._interrupt = interrupt

    @property
    def may_tell(self) -> bool:
        """Whether somebody listens, and nobody came or goes who may join what is about to be computed."""
        return self._burst.tell is not None and not self._burst.has_news()

    def begin(self, parts: Sequence[Part], newcomers: Sequence[Reply]) -> None:
        """Do it while the caller decodes ``parts``, until :meth:`end`; what the ``newcomers`` say is told, too."""
        self._interrupt.begin(watched=False)
        choosers = [part.reply for part in parts if part.outputs and part.reply.lacks_sampler]
        said = [pair for reply in newcomers for pair in reply.take_events()]
        if said or choosers or not self._interrupt.is_watched:
            self._burst.companion.begin(lambda: self._open(choosers, said))

    def end(self) -> None:
        """Wait for it."""
        self._burst.companion.wait()

    def _open(self, choosers: Sequence[Reply], said: Sequence[tuple[int, GenerationEvent]]) -> None:
        self._interrupt.watch()
        if said and self._burst.tell is not None:
            self._burst.tell(said)
        for reply in choosers:
            with contextlib.suppress(UserFacingError):  # it fails where it chooses, and says so there
                reply.make_sampler()
