"""The words that a text is found by: stems of Western words, and for Chinese every character and every pair of neighbours."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

_RUN = re.compile(r"(?P<cjk>[\u3400-\u4dbf\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7a3]+)|(?P<word>[^\W_]+(?:[_.+#'’-][^\W_]+)*[+#]*)")
_CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7a3]")
_INNER = re.compile(r"[_.+#'’-]+")
_LONGEST_WORD = 40

_LITTLE_WORDS = (
    "a an the and or of to in on at by for with from as is are was were be been being it its this that these those there here i "
    "me my we our you your he she they them their his her do does did done have has had having will would shall should can could "
    "may might must not no so if then than too very just also but about into over under up down out off what which who whom whose "
    "when where why how any some such s t re ve ll d m get gets got going go one let lets make makes come comes "
    "came coming tell tells thing things place very really quite same"
)
STOP_WORDS = frozenset(_LITTLE_WORDS.split())
_EMPTY_CHINESE = frozenset(
    "的了吗呢吧啊呀哦嘛么着过得地是在和与或及也都就还又很太我你他她它们这那哪个些什怎为会能可要有没不被把给让到去来从对向上下里中"
)
"""Characters that say little alone. Pairs that hold one of them stay: 上下 is no empty word."""


def iter_terms(text: str, *, is_query: bool = False) -> Iterator[str]:
    """Terms in the order of the text. Of a query, words without a meaning of their own are left out.

    ``prefix caches`` gives ``prefix`` ``cach``, ``缓存池`` gives ``缓`` ``缓存`` ``存`` ``存池`` ``池``. A word with dots or underscores
    (``kv_unified``) is given whole and in parts.
    """
    for found in _RUN.finditer(unicodedata.normalize("NFKC", text)):
        if found["cjk"]:
            yield from _chinese_terms(found["cjk"], is_query)
            continue
        word = found["word"].lower()[:_LONGEST_WORD]
        pieces = [piece for piece in _INNER.split(word) if piece]
        if len(pieces) > 1:
            yield word.rstrip("'’")
        for piece in pieces or [word]:
            if not (is_query and piece in STOP_WORDS):
                yield stem(piece)


def _chinese_terms(run: str, is_query: bool) -> Iterator[str]:
    for place, character in enumerate(run):
        if not (is_query and character in _EMPTY_CHINESE):
            yield character
        pair = run[place : place + 2]
        if len(pair) == 2 and not (is_query and pair[0] in _EMPTY_CHINESE and pair[1] in _EMPTY_CHINESE):
            yield pair


_ADJECTIVES = (
    "fast quick slow small large big long short high low new old near strong weak easy hard late early cheap deep wide bright"
)
_IRREGULAR = (
    "write wrote written, run ran, keep kept, lose lost, find found, choose chose chosen, tell told, say said, make made, send sent, "
    "leave left, hold held, buy bought, bring brought, take took taken, give gave given, see saw seen, know knew known, begin began "
    "begun, come came, speak spoke spoken, break broke broken, forget forgot forgotten, understand understood, build built, draw drew "
    "drawn, fall fell fallen, grow grew grown, hide hid hidden, rise rose risen, throw threw thrown, drive drove driven, sleep slept, "
    "meet met, pay paid, feel felt, think thought, teach taught, catch caught, sell sold, spend spent, mean meant, lead led, win won, "
    "wear wore worn, eat ate eaten, freeze froze frozen, shrink shrank shrunk, good better best, bad worse worst, child children, "
    "man men, woman women, matrix matrices, index indices"
)


def _read_forms() -> dict[str, str]:
    """Forms that no rule gives, each with the form that stands for all of them."""
    found: dict[str, str] = {}
    for group in _IRREGULAR.split(","):
        base, *forms = group.split()
        found |= dict.fromkeys(forms, base)
    for word in _ADJECTIVES.split():
        root = word[:-1] if word.endswith("e") else word[:-1] + "i" if word.endswith("y") else "bigg" if word == "big" else word
        found |= {f"{root}er": word, f"{root}est": word}
    return found


_FORMS = _read_forms()


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """An English word without its commonest endings (a light relative of Porter's): plural, past, -ing, -ly, and irregular forms."""
    word = _FORMS.get(word, word)
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("es") and word[:-2].endswith(("s", "x", "z", "ch", "sh")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ingly", "edly", "ing", "ed", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and re.search("[aeiouy]", word[: -len(ending)]):
            word = word[: -len(ending)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def estimate_tokens(text: str) -> int:
    """About how many tokens a language model makes of a text: measured on usual tokenizers, within a quarter."""
    wide = len(_CJK.findall(text))
    words = len(re.findall(r"[^\W_]+", _CJK.sub(" ", text)))
    marks = len(re.findall(r"[^\w\s]", text))
    return round(wide * 0.8 + words * 1.25 + marks * 0.6)


def is_chinese(text: str) -> bool:
    """Whether a run of characters is written without blanks between words."""
    return bool(text) and _CJK.match(text) is not None


def weight_of(term: str) -> float:
    """How much a term of a question counts beside others: a single Chinese character says much less than a pair."""
    return 0.4 if len(term) == 1 and _CJK.match(term) else 1.0
