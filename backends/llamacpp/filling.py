"""What goes into the next batch: a token of every reply that is being written, and pieces of the prompts that wait."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from backends.llamacpp.adapter_turns import AdapterTurns
from backends.llamacpp.batch import Batch
from backends.llamacpp.kv_cache import KvCache
from backends.llamacpp.model import NativeModel
from backends.llamacpp.pace import Pace
from backends.llamacpp.part import Part
from backends.llamacpp.reading_turns import ReadingTurns
from backends.llamacpp.reply import Reply
from backends.llamacpp.speculation import Speculation
from backends.options import MICRO_BATCH

_ROWS = 32
"""Rows that a processor's matrix product takes together (32 with AMX, 8 or 4 without): what is left over is computed one by one, at
twice the cost or more."""
_SMALLEST_PIECE = 64
"""Tokens of a prompt that goes on in the next step which are worth taking along: fewer are cheaper there, with the rest."""
_WORTH_A_STEP = 128
"""Tokens of a prompt that are read faster in a step of their own than together with those of others, where each has its own cache:
the engine's attention takes 64 rows of one sequence at a time, and what a step shares is cut into equal pieces for all of them."""
_WORTH_PAIRS = 3
"""Prompts of a crowd from which on two are read at once: fewer rows are left over, so that the last one begins 1 to 2 % sooner. One of two
would wait twice as long for that."""
_TILE, _WORTH_A_CUT = 64, 12
"""Rows of a sequence that the engine's attention takes together, whether there are as many or not, and how few of them are computed
faster in a decode of their own, one by one: 8 of 200 tokens of the starter cost 11 % of the time. They are the last ones, whose tile looks
at everything before it. A processor with AMX has a whole tile done in the time of five rows, so that the last 8 apart cost it 13 %; the
first 8 apart, which look at nothing but themselves, save it 3 %. That is for models whose weights lie in the processor's caches: another
walk through those of 0.46 billion parameters costs 1 to 2 % more than it saves."""
_SMALL_MODEL = 64 * 1024 * 1024
_MOST_LOGITS = 16 * 1024 * 1024  # of one decode, for prompts whose likelihood is asked for: 64 MB


class Filling:
    """Fills the batch, one step after another: first the prompt that waits longest, with half of what is read at most if that is not
    enough for all of it, then the shortest.

    On a processor replies and prompts take turns instead of sharing a batch: flash attention looks at 64 rows together, and only
    where none of them may see a block of the cache it is left out, so that a few rows of several replies cost as much as 64 rows that
    see everything (0.3 s for 2,000 cells with 0.46 billion parameters, where a step of these replies alone takes 0.1).
    """

    def __init__(
        self, model: NativeModel, batch: Batch, cache: KvCache, turns: AdapterTurns, pace: Pace, speculation: Speculation
    ) -> None:
        self._model = model
        self._batch = batch
        self._cache = cache
        self._turns = turns
        self._pace = pace
        self._speculation = speculation
        self._cuts_first_rows = model.has_amx
        self._is_small = int(model.api.llama_model_size(model.model)) <= _SMALL_MODEL
        self._reading_turns = ReadingTurns(pace)
        self._crowd = 0

    def fill(self, active: list[Reply]) -> list[Part]:
        """The parts of the next decode, as they lie in the batch; none where nobody has text to compute."""
        self._batch.clear()
        parts: list[Part] = []
        group = self._turns.choose(active)
        readers = [reply for reply in group if reply.is_reading and reply.text_ahead]
        writers = [reply for reply in group if not reply.is_reading]
        self._crowd = max(len(readers), self._crowd) if readers else 0  # the last one of several has waited for the others
        chunk = self._pace.chunk(self._crowd, beside_writers=bool(writers))
        room = min(self._batch.size, self._cache.free) - len(writers)
        has_both = bool(readers and writers)
        waiting = sum(reply.text_ahead for reply in readers)
        count = self._reading_turns.choose(self._crowd if has_both else 0, len(writers), waiting)
        if has_both and self._model.separates_steps:
            readers, writers = ([], writers[:count]) if count else (readers, [])
        if not self._cache.is_unified:
            writers.sort(key=lambda reply: reply.place)  # only neighbours are computed together
        for reply in writers:
            if self._batch.room:
                parts.append(self.add(reply, 1, self._guess(reply, is_alone=len(active) == 1)))
        room = min(room, self._batch.room)
        budget = min(chunk, room)
        surplus = (self._batch.count + budget) % _ROWS
        if waiting <= min(room, budget + budget // 4):
            budget = waiting  # a small rest would cost a step of its own
        elif self._batch.count + budget > _ROWS and budget > surplus:
            budget -= surplus
        if readers and not self._cache.is_unified and _WORTH_A_STEP <= readers[0].text_ahead <= budget:
            readers = _choose_pair(readers) if self._crowd >= _WORTH_PAIRS else readers[:1]
            budget = min(room, sum(reply.text_ahead for reply in readers))
        if readers and budget > 0:
            pieces = _share(readers, budget)
            add = self._add_cut if not parts and self._is_worth_a_cut(pieces) else self._add_whole
            parts += add(pieces)
        return parts

    def _guess(self, reply: Reply, *, is_alone: bool) -> list[int]:
        """What may come next, for a reply that has the engine for itself: beside others the engine is busy enough."""
        if not self._speculation.is_on or not is_alone or reply.slot is None:
            return []
        room = min(self._batch.room, self._cache.left_for(reply.slot), self._pace.largest) - 1
        return self._speculation.guess(reply, min(room, self._model.most_guesses))

    def _is_worth_a_cut(self, pieces: list[tuple[Reply, int]]) -> bool:
        """Whether the rows of these prompts that fill no tile are cheaper in a decode of their own."""
        if not (self._model.separates_steps and self._cache.can_rewind):
            return False
        if self._cuts_first_rows:
            if not self._is_small or any(reply.slot is None or reply.slot.tokens for reply, _ in pieces):
                return False
        elif len(pieces) < 2 and self._pace.rows_are_long:
            return False
        rests = [count % _TILE if count > _TILE and not reply.tells_prompt else 0 for reply, count in pieces]
        return all(0 < rest <= _WORTH_A_CUT for rest in rests)

    def _add_whole(self, pieces: list[tuple[Reply, int]]) -> list[Part]:
        return [self.add(reply, count) for reply, count in pieces]

    def _add_cut(self, pieces: list[tuple[Reply, int]]) -> list[Part]:
        """Put the pieces into the batch so that whole tiles of theirs, and what fills none, are computed in two decodes."""
        halves = []
        for reply, count in pieces:
            assert reply.slot is not None
            rest = count % _TILE
            start, first = len(reply.slot.tokens), rest if self._cuts_first_rows else count - rest
            tokens = reply.tokens[start : start + count]
            self._batch.add(reply.slot.id, reply.slot.position, tokens[:first], 0)
            halves.append((reply, tokens, first, int(start + count == len(reply.tokens))))
        self._batch.cut_here()
        return [self._add_second(*half) for half in halves]

    def _add_second(self, reply: Reply, tokens: list[int], first: int, outputs: int) -> Part:
        """What is computed after the ``first`` tokens of a piece."""
        assert reply.slot is not None
        row = self._batch.add(reply.slot.id, reply.slot.position + first, tokens[first:], outputs) - self._batch.cut
        return Part(reply, tokens, row + len(tokens) - first - 1, outputs)

    def add(self, reply: Reply, count: int, guesses: Sequence[int] = ()) -> Part:
        """Put the next ``count`` tokens of a reply into the batch, and what is guessed to follow them."""
        assert reply.slot is not None
        start = len(reply.slot.tokens)
        if reply.tells_prompt:
            count = min(count, max(1, _MOST_LOGITS // self._model.tokenizer.size), MICRO_BATCH)
        tokens = [*reply.tokens[start : start + count], *guesses]
        outputs = len(tokens) if reply.tells_prompt else int(start + count == len(reply.tokens)) + len(guesses)
        row = self._batch.add(reply.slot.id, reply.slot.position, tokens, outputs) + len(tokens) - outputs
        return Part(reply, tokens, row, outputs, len(guesses))

    def add_alone(self, reply: Reply) -> Part:
        """The next token of a reply as a part of a decode that has been tried already."""
        return Part(reply, [reply.tokens[-1]], 0, 1)


def _choose_pair(readers: list[Reply]) -> list[Reply]:
    """The one that waits longest, and another one of about its length where both are computed at once."""
    first = readers[0].text_ahead
    fit = (
        other for other in readers[1:] if other.text_ahead + first <= MICRO_BATCH and abs(other.text_ahead - first) <= first // 8
    )
    return [readers[0], *islice(fit, 1)]


def _share(readers: list[Reply], budget: int) -> list[tuple[Reply, int]]:
    """How many tokens each may read: all that the one needs that waits longest, or half of it, the rest for the shortest first."""
    oldest, others = readers[0], sorted(readers[1:], key=lambda reply: reply.text_ahead)
    first = oldest.text_ahead
    if first > budget:
        first = max(budget - sum(reply.text_ahead for reply in others), (budget + 1) // 2)
    left, pieces = budget - first, []
    for reply in others:
        piece = min(left, reply.text_ahead)
        if piece >= min(_SMALLEST_PIECE, reply.text_ahead):
            pieces.append((reply, piece))
            left -= piece
    return [(oldest, min(oldest.text_ahead, first + left)), *pieces]
