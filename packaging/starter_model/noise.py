"""How people really type: prefixes, courtesies, synonyms, casing, punctuation, spaces and slips of the finger."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

_SYNONYMS_EN: list[tuple[str, list[str]]] = [
    (
        r"^(?:how (?:do|can) i|where do i|can i)\b",
        [
            "how do i",
            "how can i",
            "how to",
            "how should i",
            "what is the way to",
            "how would i",
            "what do i do to",
            "i want to",
            "i would like to",
            "is there a way to",
            "is it possible to",
            "show me how to",
            "what steps to",
            "what is the easiest way to",
            "i need to",
            "could i",
            "may i",
            "teach me to",
            "what must i do to",
            "please",
            "i am trying to",
            "where in yanmo do i",
            "am i able to",
            "how does one",
            "i don't know how to",
            "can you help me",
            "i'd like to",
            "which button lets me",
            "explain how to",
            "how might i",
            "in what way can i",
            "let me",
        ],
    ),
    (r"\bprogram\b", ["app", "application", "software", "tool"]),
    (r"\bcomputer\b", ["machine", "pc", "laptop", "desktop", "system"]),
    (r"\bshow me\b", ["show", "let me see"]),
    (r"\bis there\b", ["does yanmo have", "do you have", "can i get"]),
    (r"\bbig\b", ["large", "huge"]),
    (r"\bwhat is\b", ["what's", "whats", "what is", "wat is"]),
    (r"\bdo not\b", ["don't", "dont"]),
    (r"\bconversation\b", ["chat", "dialog", "discussion"]),
    (r"\bgb\b", ["GB", "gigs", "gigabytes", "G"]),
    (r"\bchoose\b", ["pick", "take", "select"]),
    (r"\bgpu\b", ["graphics card", "GPU", "video card"]),
    (r"\bpicture\b", ["image", "photo"]),
    (r"\bexplain\b", ["describe", "clarify", "explain"]),
    (r"\bfile\b", ["file", "model file"]),
    (r"\byou\b", ["you", "u", "you"]),
    (r"\bplease\b", ["pls", "please", "plz"]),
    (r"'", ["", "’", "'"]),
]
_SYNONYMS_ZH: list[tuple[str, list[str]]] = [
    ("怎么样", ["怎么样", "如何", "咋样"]),
    ("怎么(?!样)", ["怎么", "如何", "怎样", "咋", "该怎么", "要怎么", "怎么才能", "应该怎样"]),
    ("什么", ["什么", "啥", "什麼", "什么"]),
    ("可以", ["能", "可以", "能够"]),
    ("电脑", ["机器", "计算机", "电脑", "笔记本"]),
    ("软件", ["程序", "应用", "软件", "工具"]),
    ("吗", ["吗", "么", "嘛"]),
    ("哪里", ["哪儿", "哪里", "什么地方", "哪"]),
    ("为什么", ["为什么", "为何", "为啥", "怎么"]),
    ("对话", ["对话", "聊天", "会话"]),
    ("显卡", ["显卡", "GPU"]),
    ("图片", ["图片", "照片", "图像"]),
    ("多少", ["多少", "几"]),
    ("解释", ["解释", "说明", "讲解"]),
    ("哪个", ["哪个", "哪一个", "哪款"]),
    ("我的", ["我的", "我", "俺的"]),
    ("有没有", ["有没有", "是否有", "有无"]),
]
_WAYS_ZH = [
    "我想{x}",
    "想要{x}，怎么办",
    "{x}的方法",
    "{x}要怎么操作",
    "在哪里{x}",
    "教我{x}",
    "有办法{x}吗",
    "能不能{x}",
    "{x}的步骤",
    "{x}怎么弄",
    "我要{x}",
    "{x}该怎么做",
    "可以{x}吗",
    "帮我{x}",
    "不知道怎么{x}",
    "{x}需要做什么",
    "哪个按钮可以{x}",
    "{x}，怎么弄",
    "怎么做才能{x}",
    "我该怎么{x}",
    "如何才可以{x}",
    "{x}，有什么办法",
    "请教{x}的方法",
    "想{x}",
    "研墨里怎么{x}",
]
# What most people type is the plain wording: it must be known best.
_PLAIN_SHARE = 0.4
_DROPPED_EN = {"the", "a", "an", "is", "do", "i", "does", "to", "of", "me", "my"}
_EDGE = re.compile(r"(?<=[㐀-鿿])\s*(?=[A-Za-z0-9_/+.-])|(?<=[A-Za-z0-9_/+.-])\s*(?=[㐀-鿿])")


def dress(text: str, language: str, rng: random.Random, lists: Mapping[str, Sequence[str]], courteous: bool = True) -> str:
    """Return text as one person might type it; the meaning stays. Greetings and the like take no courtesies around them."""
    if rng.random() < _PLAIN_SHARE:
        plain = text.strip() if language == "zh" else re.sub(r"\bi\b", "I", text.strip()[:1].upper() + text.strip()[1:])
        return plain + rng.choice(["", "!", "?"] if language == "en" else ["", "？", "。", "！"])
    manners = rng.random() if courteous else 1.0
    return _dress_en(text, rng, lists, manners) if language == "en" else _dress_zh(text, rng, lists, manners)


def _swap_words(text: str, table: list[tuple[str, list[str]]], rng: random.Random) -> str:
    for pattern, choices in table:
        if rng.random() < 0.35 and re.search(pattern, text):
            text = re.sub(pattern, rng.choice(choices), text)
    return text


def _jumble(words: list[str], rng: random.Random) -> list[str]:
    """Drop one word in six and swap two neighbours, as hurried writers do."""
    words = [word for word in words if rng.random() > 0.16] or words
    if len(words) > 1 and rng.random() < 0.5:
        place = rng.randrange(len(words) - 1)
        words[place], words[place + 1] = words[place + 1], words[place]
    return words


def _slip(word: str, rng: random.Random) -> str:
    place = rng.randrange(len(word) - 1)
    kind = rng.randrange(4)
    if kind == 0:
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
    if kind == 1:
        return word[:place] + word[place + 1 :]
    if kind == 2:
        return word[:place] + word[place] + word[place:]
    return word[:place] + rng.choice("abcdefghijklmnopqrstuvwxyz") + word[place + 1 :]


def _dress_en(text: str, rng: random.Random, lists: Mapping[str, Sequence[str]], manners: float) -> str:
    text = _swap_words(re.sub(r"\s+", " ", text).strip(), _SYNONYMS_EN, rng)
    words = text.split(" ")
    if len(words) > 3 and rng.random() < 0.08:
        words = [word for word in words if word not in _DROPPED_EN or rng.random() < 0.4] or words
    if len(words) > 4 and rng.random() < 0.1:
        words = _jumble(words, rng)
    if rng.random() < 0.12:
        places = [i for i, word in enumerate(words) if len(word) > 3 and word.isascii() and word.isalpha()]
        if places:
            place = rng.choice(places)
            words[place] = _slip(words[place], rng)
    text = " ".join(words)
    if manners < 0.1 or 0.35 < manners < 0.37:
        text = rng.choice(lists["ask_en"]) + text
    if 0.08 < manners < 0.35:
        text = rng.choice(lists["prefix_en"]) + text
    if 0.28 < manners < 0.43:
        text += rng.choice(lists["suffix_en"])
    if manners > 0.93 and manners < 1.0:
        text = rng.choice(lists["preface_en"]) + text
    draw = rng.random()
    if draw < 0.55 and text:
        text = re.sub(r"\bi\b", "I", text[0].upper() + text[1:])
    elif draw < 0.58:
        text = text.upper()
    elif draw < 0.61:
        text = text.title()
    elif draw < 0.75:
        text = text.lower()
    return text + rng.choice(["?", "?", "?", "?", "?", "", "", "", "", ".", "!", "??", " ?", "...", "?!"])


def _dress_zh(text: str, rng: random.Random, lists: Mapping[str, Sequence[str]], manners: float) -> str:
    text = text.strip()
    way = re.match(r"(?:怎么(?!样)|如何|怎样|在哪里|可以)(.{3,})$", text)
    if way and rng.random() < 0.45:
        text = rng.choice(_WAYS_ZH).replace("{x}", re.sub(r"[吗呢么]$", "", way[1]))
    text = _swap_words(text, _SYNONYMS_ZH, rng)
    if len(text) > 5 and "{" not in text and rng.random() < 0.06:
        place = rng.randrange(len(text))
        text = text[:place] + text[place + 1 :] if rng.random() < 0.6 else text[:place] + text[place] + text[place:]
    if rng.random() < 0.05:
        text = text.replace("的", "")
    if manners < 0.28:
        text = rng.choice(lists["prefix_zh"]) + text
    if 0.22 < manners < 0.37:
        text += rng.choice(lists["suffix_zh"])
    if manners > 0.93 and manners < 1.0:
        text = rng.choice(lists["preface_zh"]) + text
    if rng.random() < 0.75:
        text = _EDGE.sub(rng.choice(["", " "]), text)
    if rng.random() < 0.05:
        text = text.lower()
    return text + rng.choice(["？", "？", "？", "？", "", "", "", "", "?", "。", "！", "？？", "?", "…", "~"])
