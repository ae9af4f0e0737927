"""Text to tokens and back: the model's own tokenizer, and a detokenizer that never waits for a byte that cannot come."""

from __future__ import annotations

import codecs
import ctypes
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from backends.held_back import held_back
from backends.llamacpp.c_memory import point_to
from models.errors import GenerationFailed

SENTENCEPIECE = 1
"""``LLAMA_VOCAB_TYPE_SPM``: its pieces carry the space before a word."""

_CONTROL, _USER_DEFINED = 1 << 3, 1 << 4
_IS_NO_END, _IS_END = 1, 2
_PIECE_ROOM = 64
"""Bytes that nearly every token's text fits in."""
_PieceBuffer = ctypes.c_char * _PIECE_ROOM


class Tokenizer:
    """One model's vocabulary. Reads only, so any thread may use it while another generates."""

    def __init__(self, api: Any, vocabulary: Any) -> None:
        self._api = api
        self._vocabulary = vocabulary
        self.size = int(api.llama_vocab_n_tokens(vocabulary))
        self._pieces: list[bytes | None] = [None] * self.size
        self._visible: frozenset[int] = frozenset()
        self._ends = bytearray(self.size)
        self.begin = int(api.llama_vocab_bos(vocabulary))
        self.end = int(api.llama_vocab_eos(vocabulary))
        self.adds_begin = bool(api.llama_vocab_get_add_bos(vocabulary)) and self.begin >= 0
        self.kind = int(api.llama_vocab_type(vocabulary))

    def encode(self, text: str, *, parse_special: bool = True, add_special: bool = False) -> list[int]:
        """Tokens of ``text``, without a begin or end token unless the text spells one.

        With ``add_special`` in the frame that the model was trained with: a begin token, an end token, both or none.
        """
        import numpy

        data = text.encode("utf-8", "replace")  # a lone surrogate, which JSON may carry, becomes a question mark
        if not data and not add_special:
            return []
        room = len(data) + 16
        while True:
            buffer = numpy.empty(room, numpy.int32)
            place = point_to(buffer, ctypes.c_int32)
            count = int(self._api.llama_tokenize(self._vocabulary, data, len(data), place, room, add_special, parse_special))
            if 0 <= count <= room:
                tokens: list[int] = buffer[:count].tolist()
                return tokens
            if count == -(2**31) or -count <= room:
                raise GenerationFailed(reason="The text is too long to be tokenized.")
            room = -count

    def encode_prompt(self, text: str) -> list[int]:
        """Tokens of a whole prompt: with the begin token where the model wants one, and never with two of them."""
        tokens = self.encode(text)
        if self.adds_begin and (not tokens or tokens[0] != self.begin):
            tokens.insert(0, self.begin)
        return tokens

    def text_of(self, token: int) -> str:
        """How a token, special ones too, is written in a template; empty for a token the model does not have."""
        return self._read_piece(token, special=True).decode("utf-8", "replace") if 0 <= token < self.size else ""

    def bytes_of(self, token: int) -> bytes:
        """The bytes that a token stands for; special ones as they are written in a template."""
        return self._read_piece(token, special=True)

    def show(self, markers: Iterable[str]) -> None:
        """Render these markers in replies although they are control tokens (``[THINK]`` …), because somebody reads them."""
        single = (self.encode(marker) for marker in markers)
        self._visible = self._visible | {tokens[0] for tokens in single if len(tokens) == 1}
        self._pieces = [None] * self.size

    def piece(self, token: int) -> bytes:
        """The bytes a token stands for in a reply: control tokens give none."""
        found = self._pieces[token]
        if found is None:
            found = self._pieces[token] = self._read_piece(token, special=token in self._visible)
        return found

    def is_special(self, token: int) -> bool:
        """Whether it is a mark rather than text: a control token, or one that a template writes between ``<`` and ``>``."""
        attributes = int(self._api.llama_vocab_get_attr(self._vocabulary, token))
        if attributes & _USER_DEFINED:
            text = self.text_of(token)
            return text.startswith("<") and text.endswith(">")
        return bool(attributes & _CONTROL)

    def is_end(self, token: int) -> bool:
        """Whether the model says with this token that it is done (end of text, of turn, of message)."""
        found = self._ends[token]
        if not found:
            found = self._ends[token] = _IS_END if self._api.llama_vocab_is_eog(self._vocabulary, token) else _IS_NO_END
        return found == _IS_END

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """All tokens of :meth:`is_end`; found by a look at each, some tens of milliseconds for a large vocabulary, once."""
        return tuple(filter(self.is_end, range(self.size)))

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        buffer = _PieceBuffer()
        count = int(self._api.llama_token_to_piece(self._vocabulary, token, buffer, _PIECE_ROOM, 0, special))
        if count >= 0:
            return buffer.raw[:count]
        import numpy

        long = numpy.empty(-count, numpy.uint8)
        count = int(self._api.llama_token_to_piece(self._vocabulary, token, point_to(long, ctypes.c_char), len(long), 0, special))
        return bytes(long[:count])


class Detokenizer:
    """Turns tokens into text as they come: whole characters only, U+FFFD for bytes that are not UTF-8, O(1) per token."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> str:
        """The text that became certain with this token; empty while a character is incomplete."""
        return self._decoder.decode(self._tokenizer.piece(token))

    def finish(self) -> str:
        """What is left: U+FFFD for a character that was never completed."""
        return self._decoder.decode(b"", True)


class StopFinder:
    """Finds stop texts across token boundaries, and holds back only what could still become one. ``text`` is what was found."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stops)
        self._held = ""
        self.found = False
        self.text = ""

    def add(self, text: str) -> str:
        """Text that may be shown now. After ``found`` it is what stood before the stop, and nothing follows."""
        if not self._stops:
            return text
        self._held += text
        places = [(place, stop) for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.found = True
            place, self.text = min(places)
            shown, self._held = self._held[:place], ""
            return shown
        keep = max(held_back(self._held, stop) for stop in self._stops)
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def finish(self) -> str:
        """What was held back and never became a stop text."""
        held, self._held = self._held, ""
        return held
