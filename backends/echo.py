"""A scripted engine: answers what it is told, as slowly as it is told, and breaks down on demand. For tests and bug reports.

The model's path, or a last user message that begins the same way, is a URL of settings::

    echo:?words=200&delay=0.01          200 numbered words, 10 ms each
    echo:?text=Hello&reasoning=Hm       a fixed reply after a fixed thought
    echo:?crash=segv&after=5            die after five words (exit, segv, kill, abort, hang)
    echo:?fail=out_of_memory&after=5    report an error of this code (see models/errors.py)
    echo:?load=2&load_crash=abort       take two seconds to load, then die; load_fail works as fail does
    echo:?prompt=3                      take three seconds to read the prompt
    echo:?context=64                    hold 64 tokens (words)

Without ``words`` or ``text`` it repeats the last user message. A file whose content is such a URL works too.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl

from backends.backend import CancelCheck, GenerationRequest, ProgressCallback
from backends.events import Finished, GenerationEvent, LoadedModel, PromptProgress, ReasoningDelta, TextDelta, Usage
from backends.options import DEFAULT_CONTEXT_LIMIT, LoadOptions
from models.errors import ContextOverflow, LoadCancelled, NotAModelFile, UserFacingError, error_from_json

_TICK = 0.005
_LAST_WORDS = 0.05
"""Seconds before a crash in which what was said before still gets out, so that tests know what must have arrived."""


@dataclass(frozen=True, slots=True)
class EchoScript:
    """What to do. Times in seconds; ``delay`` is per word; ``after`` counts words before a crash or failure."""

    text: str = ""
    words: int = 0
    reasoning: str = ""
    delay: float = 0.0
    prompt: float = 0.0
    load: float = 0.0
    crash: str = ""
    fail: str = ""
    after: int = 0
    load_crash: str = ""
    load_fail: str = ""
    context: int = 0


def parse_script(url: str, base: EchoScript = EchoScript()) -> EchoScript:
    """The script of an ``echo:`` URL, over ``base``; settings of another name are ignored.

    Raises:
        NotAModelFile: a number that is none.
    """
    changes: dict[str, str | int | float] = {}
    kinds = {name: type(getattr(base, name)) for name in EchoScript.__slots__}
    for name, value in parse_qsl(url.partition("?")[2], keep_blank_values=True):
        if name in kinds:
            try:
                changes[name] = kinds[name](value)
            except ValueError:
                raise NotAModelFile(file=url, reason=f"“{name}” cannot be “{value}”.") from None
    return replace(base, **changes)  # type: ignore[arg-type]


class EchoBackend:
    """Keeps the Backend promise without a model. ``replies`` are said first, one per request."""

    name = "echo"

    def __init__(self, replies: tuple[str, ...] = ()) -> None:
        self._replies = deque(replies)
        self._script = EchoScript()
        self._context = DEFAULT_CONTEXT_LIMIT

    def queue(self, reply: str) -> None:
        """Say this at the next request that has nothing queued before it."""
        self._replies.append(reply)

    def load(self, path: str, options: LoadOptions, progress: ProgressCallback) -> LoadedModel:
        """Pretend to load; see :meth:`backends.backend.Backend.load`."""
        url = path if path.startswith("echo:") else _read_url(path)
        script = parse_script(url)
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < script.load:
            if not progress(elapsed / script.load):
                raise LoadCancelled()
            time.sleep(_TICK)
        _break_down(script.load_crash, script.load_fail, path)
        self._script = script
        self._context = options.context_length or script.context or DEFAULT_CONTEXT_LIMIT
        progress(1.0)
        return LoadedModel(
            name="Echo",
            architecture="echo",
            quantization="",
            parameter_count=0,
            context_length=self._context,
            trained_context=self._context,
            backend=self.name,
            device="CPU",
            engine_version="1",
        )

    def generate(self, request: GenerationRequest, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        """Say the script; see :meth:`backends.backend.Backend.generate`."""
        script = self._script_for(request)
        started = time.perf_counter()
        prompt_tokens = self.count_tokens(request)
        if prompt_tokens >= self._context:
            raise ContextOverflow(needed=prompt_tokens + 1, available=self._context)
        yield PromptProgress(0, prompt_tokens)
        cancelled = yield from _read_slowly(script.prompt, prompt_tokens, is_cancelled)
        first = time.perf_counter() - started
        pieces: list[ReasoningDelta | TextDelta] = [ReasoningDelta(word) for word in _split_words(script.reasoning)]
        pieces.extend(TextDelta(word) for word in _split_words(self._choose_reply(script, request)))
        said = 0
        for piece in pieces[: request.options.max_tokens or len(pieces)]:
            cancelled = cancelled or not _wait(script.delay, is_cancelled)
            if cancelled:
                break
            if said == script.after:
                _break_down(script.crash, script.fail, "echo")
            said += 1
            yield piece
        if not cancelled and said <= script.after:
            _break_down(script.crash, script.fail, "echo")
        total = time.perf_counter() - started
        usage = Usage(prompt_tokens, 0, said, first, total - first, first)
        yield Finished("cancelled" if cancelled else "length" if said < len(pieces) else "stop", usage, request.options.seed or 0)

    def count_tokens(self, request: GenerationRequest) -> int:
        """A word is a token, a Chinese character too, and every message costs four."""
        texts = [request.prompt] if request.prompt is not None else [message.text for message in request.messages]
        return sum(4 + len(re.findall(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+", text)) for text in texts)

    def close(self) -> None:
        """Nothing to free."""

    def _script_for(self, request: GenerationRequest) -> EchoScript:
        text = _last_words(request)
        return parse_script(text.split()[0], self._script) if text.startswith("echo:?") else self._script

    def _choose_reply(self, script: EchoScript, request: GenerationRequest) -> str:
        if self._replies:
            return self._replies.popleft()
        if script.text:
            return script.text
        if script.words:
            return " ".join(f"word{number}" for number in range(1, script.words + 1))
        return _last_words(request)


def _last_words(request: GenerationRequest) -> str:
    if request.prompt is not None:
        return request.prompt
    return next((message.text for message in reversed(request.messages) if message.role == "user"), "")


def _split_words(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)


def _read_slowly(seconds: float, total: int, is_cancelled: CancelCheck) -> Generator[GenerationEvent, None, bool]:
    """Yield prompt progress for ``seconds``; the generator's value says whether it was cancelled."""
    started = time.monotonic()
    while (elapsed := time.monotonic() - started) < seconds:
        if not _wait(min(0.05, seconds), is_cancelled):
            return True
        yield PromptProgress(int(total * min(1.0, elapsed / seconds)), total)
    yield PromptProgress(total, total)
    return False


def _wait(seconds: float, is_cancelled: CancelCheck) -> bool:
    """Sleep; false if the request was cancelled meanwhile."""
    end = time.monotonic() + seconds
    while not is_cancelled():
        left = end - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(left, _TICK))
    return False


def _read_url(path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise NotAModelFile(file=path, reason=f"It cannot be read: {error}.") from error
    if not text.startswith("echo:"):
        raise NotAModelFile(file=path, reason="It is no script for the echo engine.")
    return text


def _break_down(crash: str, fail: str, path: str) -> None:
    """Die or raise as told; do nothing where both are empty."""
    if fail:
        facts = {"reason": "It was told to.", "model": path, "file": path, "needed": "2", "available": "1"}
        error: UserFacingError = error_from_json({"code": fail, "facts": facts})
        raise error
    if crash:
        time.sleep(_LAST_WORDS)
    match crash:
        case "exit":
            os._exit(3)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "abort":
            os.abort()
        case "hang":
            time.sleep(1e6)
