"""The questions the starter is examined with: hand-written paraphrases that no training wording was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starter_model.corpus import Corpus

HELD_OUT = Path(__file__).parent / "held_out.txt"
Say = Callable[[list[tuple[str, str]]], str]


@dataclass(frozen=True, slots=True)
class Question:
    """One examination question: what was said before it, the question, and every answer that counts as right."""

    intent: str
    language: str
    before: tuple[tuple[str, str], ...]
    text: str
    accepted: frozenset[str]

    @property
    def messages(self) -> list[tuple[str, str]]:
        """The whole conversation as (role, content) pairs."""
        return [*self.before, ("user", self.text)]

    def is_right(self, reply: str) -> bool:
        """Whether reply is, word for word, a known answer to this intent in this language."""
        return reply.strip() in self.accepted


def _accepted(corpus: Corpus, intent: str, language: str) -> frozenset[str]:
    return frozenset(answer.strip() for answer in corpus.answers(intent, language))


def read_held_out(corpus: Corpus, path: Path = HELD_OUT) -> list[Question]:
    """Read the held-out paraphrases."""
    questions: list[Question] = []
    intent = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            intent = line[2:]
        elif line[:3] in ("en ", "zh "):
            language, text = line[:2], line[3:].strip()
            questions.append(Question(intent, language, (), text, _accepted(corpus, intent, language)))
    return questions


def share_right(questions: list[Question], say: Say) -> tuple[float, list[tuple[Question, str]]]:
    """Return the share answered rightly, and each wrong one with the reply it got."""
    wrong = [(question, reply) for question in questions if not question.is_right(reply := say(question.messages))]
    return 1 - len(wrong) / max(1, len(questions)), wrong
