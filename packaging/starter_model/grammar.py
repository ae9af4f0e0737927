"""The little grammar in which the starter's questions are written: [this|that] alternatives and <named> parts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Part = Callable[[random.Random], str]
_TOKENS = re.compile(r"[\[\]|]|<[^<>]+>|[^\[\]|<>]+|[<>]")


@dataclass(slots=True)
class Intent:
    """One thing a person may want: patterns, topics and answers by language ("en", "zh")."""

    name: str
    patterns: dict[str, list[str]] = field(default_factory=lambda: {"en": [], "zh": []})
    sentences: dict[str, list[str]] = field(default_factory=lambda: {"en": [], "zh": []})
    topics: dict[str, list[str]] = field(default_factory=lambda: {"en": [], "zh": []})
    answers: dict[str, list[str]] = field(default_factory=lambda: {"en": [], "zh": []})


@dataclass(slots=True)
class Wording:
    """Everything read from a folder of wording files: intents by name, and lists by name."""

    intents: dict[str, Intent]
    lists: dict[str, list[str]]


def read_wording(folder: Path) -> Wording:
    """Read every ``*.txt`` of folder.

    Lines are ``# intent``, ``en? pattern``, ``en: whole sentence``, ``en+ topic; topic``,
    ``en! answer`` (zh likewise; ``\\n`` is a line break)
    and ``@list a|b|c``. An intent named twice is one intent.
    """
    intents: dict[str, Intent] = {}
    lists: dict[str, list[str]] = {}
    current: Intent | None = None
    for path in sorted(folder.glob("*.txt")):
        for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            line = raw.strip("\n")
            if not line.strip():
                continue
            if line.startswith("# "):
                current = intents.setdefault(line[2:].strip(), Intent(line[2:].strip()))
            elif line.startswith("@"):
                name, _, values = line[1:].partition(" ")
                lists[name] = values.split("|")
            elif current is not None and re.match(r"(en|zh)[?:+!] ", line):
                language, kind, text = line[:2], line[2], line[4:]
                if kind == "?":
                    current.patterns[language].append(text)
                elif kind == ":":
                    current.sentences[language].append(text)
                elif kind == "+":
                    current.topics[language] += [topic.strip() for topic in text.split(";")]
                else:
                    current.answers[language].append(text.replace("\\n", "\n"))
            else:
                raise ValueError(f"{path.name}:{number}: not a wording line: {line[:60]}")
    return Wording(intents, lists)


def compile_pattern(pattern: str, parts: Mapping[str, Part]) -> Part:
    """Return a function that draws one random sentence from pattern."""
    tokens = _TOKENS.findall(pattern)
    position = 0

    def sequence(inside: bool) -> Part:
        nonlocal position
        branches: list[list[Part]] = [[]]
        while position < len(tokens):
            token = tokens[position]
            position += 1
            if token == "[":
                branches[-1].append(sequence(inside=True))
            elif token == "]" and inside:
                return _choice(branches)
            elif token == "|" and inside:
                branches.append([])
            elif token.startswith("<") and token[1:-1] in parts:
                branches[-1].append(parts[token[1:-1]])
            else:
                branches[-1].append(_literal(token))
        if inside:
            raise ValueError(f"a [ is never closed: {pattern[:60]}")
        return _choice(branches)

    return sequence(inside=False)


def _literal(text: str) -> Part:
    return lambda rng: text


def _choice(branches: list[list[Part]]) -> Part:
    if len(branches) == 1:
        only = branches[0]
        return lambda rng: "".join(part(rng) for part in only)
    return lambda rng: "".join(part(rng) for part in rng.choice(branches))
