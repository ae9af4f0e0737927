"""Replies of a prescribed form: a JSON schema or a grammar decides which tokens may come next, outside of C++."""

from __future__ import annotations

import importlib.util
import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy

from backends.llamacpp.gbnf import convert_gbnf, is_gbnf
from backends.llamacpp.tokens import Tokenizer
from backends.options import GenerationOptions
from models.errors import EngineUnavailable, FormRefused

_COMPACT: Any = {"whitespace_flexible": False}
"""A weak model that may write white space anywhere writes it for ever."""

_ERROR = "error: "
_LONGEST_EXPRESSION = 100


class FormCompiler:
    """Makes the masks of one model's replies in a thread of its own, so that other replies go on meanwhile.

    The vocabulary is prepared once, at the first use or in a quiet moment before: up to a second.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._prepared: Any = None
        self._thread = ThreadPoolExecutor(1, "forms")

    def begin(self, options: GenerationOptions) -> Future[TokenMask] | None:
        """What will check a reply of the form that the options prescribe; None where they prescribe none.

        Its result raises:
            FormRefused: the schema or grammar is wrong, or too complex.
            EngineUnavailable: llguidance is not installed.
        """
        if not options.schema and not options.grammar:
            return None
        return self._thread.submit(self._compile, options)

    def prepare(self) -> None:
        """Begin to prepare the vocabulary, for nobody waits at the moment. Does nothing where llguidance is not installed."""
        if self._prepared is None and importlib.util.find_spec("llguidance") is not None:
            self._thread.submit(self._prepare)

    def close(self) -> None:
        """Wait for what is being compiled; nothing new begins. Safe to call twice."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _compile(self, options: GenerationOptions) -> TokenMask:
        try:
            from llguidance import LLMatcher
        except ImportError as error:
            raise EngineUnavailable(engine="llguidance", reason=f"It could not be imported: {error}.") from error
        if options.schema:
            try:
                source = LLMatcher.grammar_from_json_schema(json.loads(options.schema), overrides=_COMPACT)
            except (ValueError, TypeError, RecursionError) as error:
                raise FormRefused(reason="The JSON schema is no JSON object.", details=str(error)) from error
        else:
            source = LLMatcher.grammar_from_lark(convert_gbnf(options.grammar) if is_gbnf(options.grammar) else options.grammar)
        matcher = LLMatcher(self._prepare(), source, log_level=0)
        if matcher.is_error():
            raise _refuse(matcher)
        return TokenMask(matcher, self._tokenizer.size)

    def _prepare(self) -> Any:
        if self._prepared is None:
            from llguidance import LLTokenizer, TokenizerWrapper

            vocabulary = _Vocabulary(self._tokenizer)
            # Without slices: they take as long again to make, in which no other thread of Python runs, and save 40 µs a token.
            self._prepared = LLTokenizer(TokenizerWrapper(vocabulary), eos_token=vocabulary.ends, slices=[])
        return self._prepared


class _Vocabulary:
    """A tokenizer as llguidance wants it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        everything = range(tokenizer.size)
        self.tokens = [tokenizer.bytes_of(token) for token in everything]
        self.special_token_ids = [token for token in everything if tokenizer.is_special(token)]
        self._marks = frozenset(self.special_token_ids)
        self.ends = list(tokenizer.ends) or [max(tokenizer.end, 0)]
        self.eos_token_id = tokenizer.end if tokenizer.end in self.ends else self.ends[0]
        self.bos_token_id = tokenizer.begin if tokenizer.begin >= 0 else None

    def __call__(self, text: str | bytes) -> list[int]:
        return self._spell(text if isinstance(text, str) else text.decode("utf-8", "replace"))

    def _spell(self, text: str) -> list[int]:
        """Tokens of plain text. llama.cpp finds marks that a user defined, such as ``<think>``, even where none are asked for."""
        tokens: list[int] = []
        for token in self._tokenizer.encode(text, parse_special=False):
            mark = self._tokenizer.text_of(token) if token in self._marks else ""
            tokens += self._spell(mark[0]) + self._spell(mark[1:]) if len(mark) > 1 else [token]
        return tokens


class TokenMask:
    """How far one reply has come in its form; ``has_begun`` after the first token of it."""

    def __init__(self, matcher: Any, vocabulary_size: int) -> None:
        self.has_begun = False
        self._matcher = matcher
        self._size = vocabulary_size

    def allowed(self) -> Any:
        """Ids of the tokens that may come next, as a numpy array; never empty.

        Raises:
            FormRefused: nothing may.
        """
        bits = numpy.frombuffer(self._matcher.compute_bitmask(), numpy.uint8)
        ids = numpy.flatnonzero(numpy.unpackbits(bits, bitorder="little", count=self._size))
        if self._matcher.is_error() or not len(ids):
            raise _refuse(self._matcher)
        return ids

    def accept(self, token: int) -> bool:
        """Take note of the token that was chosen; true if the form is complete and nothing can follow.

        Raises:
            FormRefused: the form became too complex.
        """
        self.has_begun = True
        self._matcher.consume_token(token)
        if self._matcher.is_error():
            raise _refuse(self._matcher)
        return bool(self._matcher.is_stopped())


def _refuse(matcher: Any) -> FormRefused:
    said = str(matcher.get_error()).strip() or "no token may come next"
    return FormRefused(reason=f"The engine says: {_shorten(said)}.", details=said)


def _shorten(said: str) -> str:
    """One line of what the engine says: its first, and of a wrong regular expression the expression and what is wrong with it.

    The other lines draw an arrow below the text.
    """
    first, *others = said.splitlines()
    first = first.rstrip(" :.")
    reason = next((line.removeprefix(_ERROR).rstrip(" .") for line in others if line.startswith(_ERROR)), "")
    if not reason:
        return first
    expression = others[0].strip()
    is_told = expression in first or expression.startswith(("~", _ERROR))  # of several lines the engine makes a list with rulers
    return f"{first}: {reason}" if is_told else f"{first} in {expression[:_LONGEST_EXPRESSION]}: {reason}"
