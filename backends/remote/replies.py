"""What another server streams, as events: text, reasoning, tool calls, probabilities and the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from backends.events import (
    CallArguments,
    CallBegun,
    CallEnded,
    Finished,
    FinishReason,
    GenerationEvent,
    ReasoningDelta,
    TextDelta,
    TokenChosen,
    Usage,
)
from backends.reasoning import ReasoningSplitter
from backends.remote.address import RemoteAddress
from backends.remote.failures import explain_refusal
from models.remote_errors import RemoteBroken

_UNKNOWN_TOKEN = -1
_MOST_BUFFERED = 64 * 1024 * 1024


class LineReader:
    """Lines out of bytes, cut at line feeds alone: text may hold other characters that Python takes for the end of a line."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, data: bytes) -> Iterator[bytes]:
        """The lines that are whole now. Raises ValueError where one is longer than any server means."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _MOST_BUFFERED:
            raise ValueError("a line without an end")
        for line in lines:
            yield line.removesuffix(b"\r")


def read_data(line: bytes) -> bytes | None:
    """What a line of an event stream carries; None for comments, names of events and empty lines."""
    return line[5:].strip() if line.startswith(b"data:") else None


class ReplyReader:
    """Takes the JSON objects of one reply as they come. Times are measured from its making.

    A server that marks thoughts as a field is taken at its word; thoughts that stand in the text are found by their markers.
    """

    def __init__(self, address: RemoteAddress, seed: int | None) -> None:
        self._address = address
        self._seed = seed or 0
        self._started = time.perf_counter()
        self._first = 0.0
        self._splitter = ReasoningSplitter()
        self._names: list[str] = []
        self._keys: dict[Any, int] = {}
        self._is_call_open = False
        self._usage: dict[str, Any] = {}
        self._reason = ""
        self._stop_text = ""

    @property
    def has_begun(self) -> bool:
        """Whether something of the reply is there."""
        return self._first > 0

    @property
    def is_over(self) -> bool:
        """Whether the server said why the reply ended."""
        return bool(self._reason)

    def add(self, value: Any) -> list[GenerationEvent]:
        """The events of one chunk, or of a whole answer of a server that does not stream.

        Raises:
            UserFacingError: the chunk is an error.
        """
        if not isinstance(value, dict):
            raise RemoteBroken(server=self._address.server, reason="It sent something that is no reply.")
        if value.get("error"):
            error = value["error"]
            message = error.get("message") if isinstance(error, dict) else error
            code = error.get("code") if isinstance(error, dict) else ""
            raise explain_refusal(0, str(message), str(code or ""), self._address)
        if isinstance(value.get("usage"), dict):
            self._usage = value["usage"]
        events: list[GenerationEvent] = []
        choices = value.get("choices")
        for choice in choices[:1] if isinstance(choices, list) else ():
            if isinstance(choice, dict):
                events += self._read_choice(choice)
        if events and not self._first:
            self._first = time.perf_counter()
        return events

    def finish(self) -> list[GenerationEvent]:
        """What was held back, and the end.

        Raises:
            RemoteBroken: the server never said that the reply is over.
        """
        events = self.flush()
        if self._reason in ("abort", "error"):
            raise RemoteBroken(server=self._address.server, reason="The server gave the reply up.")
        if not self._reason:
            raise RemoteBroken(server=self._address.server, reason="The server ended the connection in the middle of the reply.")
        now = time.perf_counter()
        first = self._first or now
        details = self._usage.get("prompt_tokens_details")
        usage = Usage(
            prompt_tokens=_count(self._usage, "prompt_tokens"),
            cached_tokens=_count(details, "cached_tokens") if isinstance(details, dict) else 0,
            output_tokens=_count(self._usage, "completion_tokens"),
            prompt_seconds=first - self._started,
            output_seconds=now - first,
            first_token_seconds=first - self._started,
        )
        reason: FinishReason = "length" if self._reason == "length" else "stop"
        return [*events, Finished(reason, usage, self._seed, self._stop_text)]

    def flush(self) -> list[GenerationEvent]:
        """What was held back; to be told before an error or a cancel too, for nothing of a reply is lost."""
        return [*self._splitter.finish(), *self._end_call()]

    def _read_choice(self, choice: dict[str, Any]) -> list[GenerationEvent]:
        events = _read_logprobs(choice.get("logprobs"))
        delta: dict[str, Any] = next((choice[name] for name in ("delta", "message") if isinstance(choice.get(name), dict)), {})
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str) and thought:
            events.append(ReasoningDelta(thought))
        text = delta.get("content") or delta.get("refusal")
        if isinstance(text, str) and text:
            events += self._splitter.add(text)
        if isinstance(choice.get("text"), str) and choice["text"]:
            events.append(TextDelta(choice["text"]))
        for place, call in enumerate(delta.get("tool_calls") or ()):
            if isinstance(call, dict):
                events += self._read_call(call, place)
        if choice.get("finish_reason"):
            self._reason = str(choice["finish_reason"])
            if isinstance(choice.get("stop_reason"), str):
                self._stop_text = choice["stop_reason"]
        return events

    def _read_call(self, call: dict[str, Any], place: int) -> list[GenerationEvent]:
        """A piece of a call; servers number calls, or name them, or send each whole."""
        key = call.get("index")
        if key is None:
            key = call.get("id") or place
        function = call["function"] if isinstance(call.get("function"), dict) else {}
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else ""
        events: list[GenerationEvent] = []
        if key not in self._keys:
            name = function.get("name")
            if not isinstance(name, str) or not name:
                return []
            events += self._splitter.finish() + self._end_call()
            self._keys[key] = len(self._names)
            self._names.append(name)
            self._is_call_open = True
            events.append(CallBegun(self._keys[key], name))
        if text:
            events.append(CallArguments(self._keys[key], text))
        return events

    def _end_call(self) -> list[GenerationEvent]:
        if not self._is_call_open:
            return []
        self._is_call_open = False
        return [CallEnded(len(self._names) - 1)]


def _count(table: dict[str, Any], name: str) -> int:
    value = table.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _read_logprobs(value: Any) -> list[GenerationEvent]:
    """Probabilities in the shape of chats (a list of tokens) or of completions (parallel lists)."""
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("content"), list):
        tokens = [entry for entry in value["content"] if isinstance(entry, dict)]
        return [
            TokenChosen(_UNKNOWN_TOKEN, *_read_token(entry), tuple((_UNKNOWN_TOKEN, *_read_token(one)) for one in _tops(entry)))
            for entry in tokens
        ]
    tokens, numbers, tops = (value.get(name) or [] for name in ("tokens", "token_logprobs", "top_logprobs"))
    events: list[GenerationEvent] = []
    for place, (token, number) in enumerate(zip(tokens, numbers, strict=False)):
        top = tops[place] if place < len(tops) and isinstance(tops[place], dict) else {}
        best = sorted(top.items(), key=lambda pair: -_number(pair[1]))
        alternatives = tuple((_UNKNOWN_TOKEN, str(text).encode(), _number(logprob)) for text, logprob in best)
        events.append(TokenChosen(_UNKNOWN_TOKEN, str(token).encode(), _number(number), alternatives))
    return events


def _tops(entry: dict[str, Any]) -> list[dict[str, Any]]:
    tops = entry.get("top_logprobs")
    return [one for one in tops if isinstance(one, dict)] if isinstance(tops, list) else []


def _read_token(entry: dict[str, Any]) -> tuple[bytes, float]:
    raw = entry.get("bytes")
    if isinstance(raw, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in raw):
        return bytes(raw), _number(entry.get("logprob"))
    return str(entry.get("token") or "").encode(), _number(entry.get("logprob"))


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else -9999.0
