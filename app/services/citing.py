"""What documents say about a question: passages with numbers, so that an answer can cite them, and what an answer cites."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from app.services.prompts import SEARCHED
from app.settings import Settings
from app.store.records import StoredMessage
from backends.messages import FilePart, PassagePart, TextPart

if TYPE_CHECKING:
    from app.retrieval.search import Hit
    from app.services.knowledge import Knowledge

FindPassages = Callable[[str, Sequence[StoredMessage], Callable[[], bool]], tuple[PassagePart, ...]]
"""Takes a conversation's id, the branch that ends in the question, and whether to stop."""

_FOLLOW_UP = 40
"""A question shorter than that is searched together with the one before it: “And in China?” says little alone."""

_CITATION = re.compile(r"[\[【［]\s*(\d{1,3}(?:\s*[,，、;；–-]\s*\d{1,3})*)\s*[\]】］](?!\()")
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)


def find_none(conversation_id: str, branch: Sequence[StoredMessage], is_cancelled: Callable[[], bool]) -> tuple[PassagePart, ...]:  # noqa: ARG001
    """Where nothing is indexed."""
    return ()


class Citing:
    """Thread-safe. Searches what a conversation asks: its collections, and attached documents that are to be searched."""

    def __init__(self, knowledge: Knowledge, settings: Settings) -> None:
        self._knowledge = knowledge
        self._settings = settings

    def find_passages(
        self, conversation_id: str, branch: Sequence[StoredMessage], is_cancelled: Callable[[], bool]
    ) -> tuple[PassagePart, ...]:
        """Passages for the last question of a branch, numbered on from those that were given before.

        Raises:
            UserFacingError: the index, a document or a model cannot be used; WorkCancelled where that was wished.
        """
        collections = self._knowledge.collections
        roots = collections.roots(chosen) if (chosen := collections.chosen(conversation_id)) else []
        for message in branch:
            for part in message.parts:
                if isinstance(part, FilePart) and part.extent == SEARCHED and part.path:
                    roots.append(self._knowledge.index_attached(part.path, part.name, is_cancelled))
        questions = [message.text.strip() for message in branch if message.role == "user"]
        if not roots or not questions or not questions[-1]:
            return ()
        asked = questions[-1]
        if len(asked) < _FOLLOW_UP and len(questions) > 1:
            asked = f"{questions[-2][-300:]}\n{asked}"
        hits = self._knowledge.search_roots(asked, list(dict.fromkeys(roots)), int(self._settings.get("knowledge.passages")))
        given = [part.number for message in branch for part in message.parts if isinstance(part, PassagePart)]
        return tuple(_as_part(hit, number) for number, hit in enumerate(hits, max(given, default=0) + 1))


def cited_numbers(text: str) -> list[int]:
    """The numbers that an answer cites, in the order of first mention: ``[2]``, ``[1, 3]``, ``[1-3]``, ``【2】``. Not those in code."""
    found: dict[int, None] = {}
    for match in _CITATION.finditer(_CODE.sub(" ", text)):
        for piece in re.split(r"\s*[,，、;；]\s*", match[1]):
            ends = [int(number) for number in re.findall(r"\d+", piece)]
            for number in range(ends[0], min(ends[-1], ends[0] + 20) + 1):
                found[number] = None
    return list(found)


def sort_sources(text: str, sources: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], bool]]:
    """The sources of an answer with whether it cites them: cited ones first, in the order in which it does."""
    cited = cited_numbers(text)
    numbers = {int(source.get("number", 0)): source for source in sources}
    first = [(numbers[number], True) for number in cited if number in numbers]
    return [*first, *((source, False) for number, source in numbers.items() if number not in cited)]


def joined_text(message: StoredMessage) -> str:
    """The words of a message."""
    return "".join(part.text for part in message.parts if isinstance(part, TextPart))


def _as_part(hit: Hit, number: int) -> PassagePart:
    return PassagePart(number, hit.path, hit.name, hit.place, hit.text, hit.number, hit.line)
