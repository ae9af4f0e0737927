"""An engine without a neural network: it answers questions about a GGUF file from what the file's header says.

An example of a plug-in. Every word of a question that is part of a key's name counts; the keys with the most are told.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from backends.backend import CancelCheck, GenerationRequest, ProgressCallback
from backends.events import Finished, FinishReason, GenerationEvent, LoadedModel, TextDelta, Usage
from backends.options import LoadOptions
from models.errors import LoadCancelled
from models.gguf_header import read_header

LONGEST_VALUE = 60
MOST_KEYS = 5
_WORDS_OF_CHINESE = {
    "上下文": "context",
    "长度": "length",
    "架构": "architecture",
    "名称": "name",
    "层": "block",
    "许可": "license",
}


class HeaderReader:
    """Keeps the promise of ``backends.backend.Backend``."""

    name = "header_reader"

    def __init__(self) -> None:
        self._facts: dict[str, str] = {}

    def load(self, path: str, options: LoadOptions, progress: ProgressCallback) -> LoadedModel:
        """Read the header. Errors about damaged files are those of Yanmo itself."""
        if not progress(0.0):
            raise LoadCancelled()
        values = read_header(path).metadata
        self._facts = {key: str(value)[:LONGEST_VALUE] for key, value in values.items() if isinstance(value, str | int | float)}
        architecture = str(values.get("general.architecture", ""))
        context = int(values.get(f"{architecture}.context_length", 0) or 2048)
        progress(1.0)
        return LoadedModel(
            name=str(values.get("general.name", "a GGUF file")),
            architecture=architecture,
            quantization="",
            parameter_count=0,
            context_length=options.context_length or context,
            trained_context=context,
            backend=self.name,
            device="CPU",
            engine_version="1.0",
        )

    def generate(self, request: GenerationRequest, is_cancelled: CancelCheck) -> Iterator[GenerationEvent]:
        """Tell the keys that the question names, a line at a time."""
        started = time.perf_counter()
        told = 0
        reason: FinishReason = "stop"
        for line in self._answer(_question_of(request)):
            if is_cancelled():
                reason = "cancelled"
                break
            told += len(line.split())
            yield TextDelta(line)
        seconds = time.perf_counter() - started
        usage = Usage(self.count_tokens(request), 0, told, seconds, seconds, seconds)
        yield Finished(reason, usage, request.options.seed or 0)

    def count_tokens(self, request: GenerationRequest) -> int:
        """A word is a token here."""
        return len(_question_of(request).split())

    def close(self) -> None:
        """There is nothing to free but the header."""
        self._facts = {}

    def _answer(self, question: str) -> list[str]:
        for chinese, english in _WORDS_OF_CHINESE.items():
            question = question.replace(chinese, f" {english} ")
        words = set(re.findall(r"[a-z]{3,}", question.lower()))
        score = {key: len(words & set(re.split(r"[._]", key))) for key in self._facts}
        best = max(score.values(), default=0)
        found = [key for key in self._facts if score[key] == best] if best else []
        if not found:
            return [f"The header has {len(self._facts)} entries; ask for one of: {', '.join(list(self._facts)[:MOST_KEYS])} …\n"]
        return [f"{key}: {self._facts[key]}\n" for key in found[:MOST_KEYS]]


def _question_of(request: GenerationRequest) -> str:
    return request.messages[-1].text if request.messages else request.prompt or ""
