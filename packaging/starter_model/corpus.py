"""The starter's reading: seeded dialogs drawn from the wording files, and windows of real prose."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

from starter_model.grammar import Part, Wording, compile_pattern, read_wording
from starter_model.noise import dress

WORDING = Path(__file__).parent / "intents"
HELD_OUT_SHARE = 0.05
LONG_SEED_OFFSET = 1_000_000
# English says one thing in more ways, so it needs more of them.
_ENGLISH_SHARE = 0.6
_SOCIAL = ("greeting", "how_are_you", "thanks", "goodbye", "praise", "complaint", "acknowledge", "my_name_is")
_SPECIAL = ("out_of_scope",)
# Whole sentences teach the many shapes of a question, patterns the many words in one shape.
_SENTENCE_SHARE = 0.6
_SYLLABLES = [
    "ka",
    "ri",
    "to",
    "mi",
    "sa",
    "ne",
    "lo",
    "va",
    "shi",
    "ra",
    "del",
    "mo",
    "ju",
    "ni",
    "fe",
    "bo",
    "tan",
    "lu",
    "per",
    "gor",
    "wen",
    "hal",
    "zi",
    "ya",
    "dro",
    "kel",
]
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严金魏陶姜谢邹苏潘葛范彭鲁韦马方任袁柳史唐薛雷贺"
_GIVEN = "安博晨丹恩芳刚海惠佳凯兰磊梅宁鹏琪荣珊婷文翔雅泽哲忠子轩宇涵月星云雪春秋明亮勇军国庆玉华英杰"


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with its answer."""

    question: str
    answer: str
    intent: str
    language: str


@dataclass(frozen=True, slots=True)
class Dialog:
    """A conversation: an optional system prompt and at least one turn."""

    system: str | None
    turns: tuple[Turn, ...]


@dataclass(frozen=True, slots=True)
class Prose:
    """Real texts by language, cut into the part that is trained on and the last 5 % that never is."""

    train: dict[str, str]
    held_out: dict[str, str]


def read_prose(folder: Path) -> Prose:
    """Read every ``*-en.txt`` and ``*-zh.txt`` of folder; the last 5 % of each file is held out."""
    train = {"en": "", "zh": ""}
    held_out = {"en": "", "zh": ""}
    for path in sorted(folder.glob("*-??.txt")):
        language = path.stem[-2:]
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
        cut = int(len(text) * (1 - HELD_OUT_SHARE))
        train[language] += text[:cut]
        held_out[language] += text[cut:]
    return Prose(train, held_out)


class Corpus:
    """Draws dialogs: dialog number i depends on the seed and i alone, so that training can resume anywhere."""

    def __init__(self, prose: Prose, seed: int = 0, folder: Path = WORDING) -> None:
        self.seed = seed
        self.wording: Wording = read_wording(folder)
        self.lists = self.wording.lists
        self._sentences = {
            "en": [s.strip() for s in re.split(r"(?<=[.?!;])\s+|\n", prose.train["en"]) if 12 < len(s.strip()) < 70],
            "zh": [s.strip() for s in re.split(r"[。．！？；：”“\n]", prose.train["zh"]) if 4 < len(s.strip()) < 28],
        }
        # Without prose (in tests) a few plain sentences stand in, so that every pattern still draws.
        self._sentences["en"] = self._sentences["en"] or ["The ship left the harbour at dawn.", "Nobody opened the door."]
        self._sentences["zh"] = self._sentences["zh"] or ["船在天亮时离开了港口", "没有人开门"]
        self._words = [
            "harbour",
            "lantern",
            "window",
            *sorted({w.lower() for w in re.findall(r"[A-Za-z]{4,10}", prose.train["en"])}),
        ]
        parts = self._make_parts()
        self._questions: dict[tuple[str, str], list[Part]] = {}
        for intent in self.wording.intents.values():
            for language in ("en", "zh"):
                drawn = [compile_pattern(pattern, parts) for pattern in intent.patterns[language]]
                if intent.topics[language]:
                    drawn += [self._define(language, self._listed(intent.topics[language]))] * max(3, len(drawn))
                self._questions[intent.name, language] = drawn
        self.ordinary = [name for name in self.wording.intents if name not in _SPECIAL]

    def _listed(self, values: list[str]) -> Part:
        return lambda rng: rng.choice(values)

    def _define(self, language: str, topic: Part) -> Part:
        templates = self.lists[f"define_{language}"] + self.lists[f"frame_{language}"]
        return lambda rng: rng.choice(templates).replace("{t}", topic(rng))

    def _make_parts(self) -> dict[str, Part]:
        parts: dict[str, Part] = {name: self._listed(values) for name, values in self.lists.items()}
        zh = self._sentences["zh"]

        def piece(rng: random.Random) -> str:
            sentence = rng.choice(zh)
            start = rng.randrange(max(1, len(sentence) - 3))
            return sentence[start : start + rng.randint(2, 4)]

        def word(rng: random.Random) -> str:
            article = rng.choice(["", "", "a ", "the ", "my "])
            return article + " ".join(rng.choice(self._words) for _ in range(rng.choice([1, 1, 1, 2])))

        define_zh, define_zh_piece = self._define("zh", parts["物"]), self._define("zh", piece)
        parts["define_oos:thing"] = self._define("en", parts["thing"])
        parts["定义:物"] = lambda rng: (define_zh if rng.random() < 0.8 else define_zh_piece)(rng)
        parts["words_en"] = self._define("en", word)
        parts["prose_en"] = self._listed(self._sentences["en"])
        parts["prose_zh"] = self._listed(zh)
        return parts

    def _draw(self, intent: str, language: str, rng: random.Random) -> str:
        sentences = self.wording.intents[intent].sentences[language]
        if sentences and rng.random() < _SENTENCE_SHARE:
            return rng.choice(sentences).rstrip(".?!。？！")
        return rng.choice(self._questions[intent, language])(rng)

    def question(self, intent: str, language: str, rng: random.Random) -> str:
        """Draw one question for an intent, as a person might type it."""
        drawn = self._draw(intent, language, rng)
        if rng.random() < (0.3 if intent in _SOCIAL else 0.1):
            drawn += rng.choice([", ", "! ", " ", ". ", "? "] if language == "en" else ["，", "！", "？", "。", ""])
            drawn += self._draw(intent, language, rng)
        drawn = drawn.replace("{name}", self.name(language, rng))
        return dress(drawn, language, rng, self.lists, courteous=intent not in _SOCIAL)

    def answers(self, intent: str, language: str) -> list[str]:
        """Return the known answers of an intent."""
        return self.wording.intents[intent].answers[language]

    def _turn(self, intent: str, language: str, rng: random.Random) -> Turn:
        return Turn(self.question(intent, language, rng), rng.choice(self.answers(intent, language)), intent, language)

    def _any_turn(self, language: str, rng: random.Random) -> Turn:
        if rng.random() < 0.08:
            language = "zh" if language == "en" else "en"
        intent = "out_of_scope" if rng.random() < 0.2 else rng.choice(self.ordinary)
        return self._turn(intent, language, rng)

    def name(self, language: str, rng: random.Random) -> str:
        """Draw a person's name, most of them made up, so that it is the sentence that is learnt."""
        if rng.random() < 0.3:
            return rng.choice(self.lists[f"name_{language}"])
        if language == "en":
            return "".join(rng.choice(_SYLLABLES) for _ in range(rng.choice([2, 2, 3]))).capitalize()
        return rng.choice(_SURNAMES) + "".join(rng.choice(_GIVEN) for _ in range(rng.choice([1, 2, 2])))

    def dialog(self, number: int, long: bool = False) -> Dialog:
        """Return dialog ``number`` of this seed's endless series; a long one has a thousand tokens or two."""
        rng = random.Random(f"{self.seed}/{number}")
        language = "en" if rng.random() < _ENGLISH_SHARE else "zh"
        system: str | None = None
        if rng.random() < 0.25:
            system = rng.choice(self.lists[f"system_{rng.choice(['en', 'zh'])}"])
            if rng.random() < 0.2:
                system = rng.choice(self._sentences[rng.choice(["en", "zh"])])
        count = rng.randint(14, 36) if long else rng.choices([1, 2, 3, 4, 5, 6, 8], [84, 6, 4, 2, 2, 1, 1])[0]
        turns = [self._any_turn(language, rng) for _ in range(count)]
        return Dialog(system, tuple(turns))


def plain(text: str) -> str:
    """Return text without case, spaces and punctuation: how two wordings are compared."""
    return re.sub(r"[\W_]+", "", text.casefold())


def known_answers(corpus: Corpus) -> dict[str, tuple[str, str]]:
    """Return answer -> (intent, language) for every answer."""
    found: dict[str, tuple[str, str]] = {}
    for intent in corpus.wording.intents.values():
        for language, answers in intent.answers.items():
            found.update(dict.fromkeys(answers, (intent.name, language)))
    return found


NO_PROSE = Prose({"en": "", "zh": ""}, {"en": "", "zh": ""})
