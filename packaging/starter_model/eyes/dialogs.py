"""Questions about a scene and their answers, in English and Chinese, worded in many ways."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starter_model.eyes.scenes import COLOURS, SHAPES, Scene, Thing

FOLDER = Path(__file__).resolve().parent
LANGUAGES = ("en", "zh")
_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_ZH_COLOURS = dict(zip(COLOURS, ("红色", "橙色", "黄色", "绿色", "蓝色", "紫色", "黑色", "白色"), strict=True))
_ZH_SHAPES = dict(zip(SHAPES, ("圆形", "方形", "三角形", "五角星", "心形", "十字形"), strict=True))
_PLACES_EN = ("top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right")
_PLACES_ZH = ("左上角", "上方", "右上角", "左边", "中间", "右边", "左下角", "下方", "右下角")
_SAID_SHAPES = {
    "en": {"circle": "[circle|circle|circle|disc|round shape]", "square": "[square|square|square|box]", "triangle": "triangle",
           "star": "star", "heart": "heart", "cross": "[cross|cross|plus sign]"},
    "zh": {"circle": "[圆形|圆形|圆|圆圈]", "square": "[方形|正方形|方块]", "triangle": "[三角形|三角形|三角]",
           "star": "[五角星|星形|星星]",
           "heart": "[心形|心形|爱心|桃心]", "cross": "[十字形|十字|十字架|加号]"},
}  # fmt: skip
_SAID_PLACES = {
    "en": ("[at|in] the top left [|corner]", "at the top [|in the middle]", "[at|in] the top right [|corner]",
           "on the left [|side]", "in the [middle|centre|center]", "on the right [|side]",
           "[at|in] the bottom left [|corner]", "at the bottom [|in the middle]", "[at|in] the bottom right [|corner]"),
    "zh": ("[左上角|左上方|左上]", "[上方|上边|上面|正上方]", "[右上角|右上方|右上]", "[左边|左侧|左方]", "[中间|中央|正中间|中心]",
           "[右边|右侧|右方]", "[左下角|左下方|左下]", "[下方|下边|下面|正下方]", "[右下角|右下方|右下]"),
}  # fmt: skip
_PLURALS = {"cross": "crosses", "box": "boxes"}
_ANSWERS = {
    "greeting": ("Hello! Show me a picture with shapes, a digit or a short word.", "你好！给我一张有图形、数字或短单词的图片吧。"),
    "identity": ("I am Yanmo's starter with eyes. I tell colours, shapes, numbers and short words in simple pictures.",
                 "我是研墨自带的看图小模型，能认出简单图片里的颜色、形状、数量、数字和短单词。"),
    "thanks": ("You are welcome.", "不客气。"),
    "bye": ("Goodbye!", "再见！"),
    "blind": ("I see no picture. Please add one.", "我没有看到图片，请先添加一张。"),
    "out_of_scope": ("I only know colours, shapes, numbers and short words in pictures.",
                     "我只认识图片里的颜色、形状、数量、数字和短单词。"),
    "no_digit": ("There is no digit.", "没有数字。"),
    "no_word": ("There is no word.", "没有文字。"),
    "no_shape": ("There is no shape.", "没有图形。"),
}  # fmt: skip
TALK = ("greeting", "identity", "thanks", "bye")
COUNTS = ("count_all", "count_shape", "count_colour", "count_thing")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer; ``kind`` is one of wording.txt's, or blind or out_of_scope."""

    kind: str
    language: str
    question: str
    answer: str


def read_wording(path: Path = FOLDER / "wording.txt") -> dict[tuple[str, str], list[str]]:
    """Patterns by kind and language."""
    found: dict[tuple[str, str], list[str]] = {}
    kind = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            kind = line[2:].strip()
        elif line[:3] in ("en:", "zh:"):
            found.setdefault((kind, line[:2]), []).append(line[3:].strip())
    return found


def read_strangers(folder: Path = FOLDER.parent / "intents") -> dict[str, list[str]]:
    """What people ask that has nothing to do with pictures, by language: the sentences of the other starter."""
    found: dict[str, list[str]] = {language: [] for language in LANGUAGES}
    for line in (folder / "sentences.txt").read_text(encoding="utf-8").splitlines():
        is_about_pictures = re.search(
            r"pictur|image|photo|shape|colou?r|see|图|颜色|形状|看|hello|\bhi\b|你好|thank|谢|bye|再见|who are|谁", line, re.I
        )
        if line[:3] in ("en:", "zh:") and len(line) < 80 and not is_about_pictures:
            found[line[:2]].append(line[3:].strip())
    return found


def expand(pattern: str, rng: random.Random) -> str:
    """Choose in every [a|b], from the inside out."""
    while found := _CHOICE.search(pattern):
        pattern = pattern[: found.start()] + rng.choice(found[1].split("|")) + pattern[found.end() :]
    return re.sub(r"  +", " ", pattern).strip()


class Questions:
    """Makes exchanges about scenes. ``wording`` may be another file, to examine with."""

    def __init__(self, wording: Path = FOLDER / "wording.txt", *, is_plain: bool = False) -> None:
        self.wording = read_wording(wording)
        self.strangers = read_strangers()
        self.is_plain = is_plain

    def kinds(self, scene: Scene) -> dict[str, float]:
        """What can be asked about a scene, with weights."""
        if scene.kind == "digit":
            return {"digit": 6, "see": 1.5, "colour_single": 1, "word": 0.3}
        if scene.kind == "word":
            return {"word": 6, "see": 1.5, "colour_single": 0.7, "digit": 0.3}
        if scene.kind == "empty":
            return {"see": 3, "count_all": 3, "count_shape": 1, "what_place": 1, "digit": 0.5, "word": 0.5, "presence": 1}
        single = {"colour_single": 8, "shape_single": 8} if len(scene.things) == 1 else {}
        # what binds two facts to each other is learnt last, and asked most
        return {
            **single, "colour_shape": 5, "shape_colour": 3, "colour_place": 2.5, "shape_place": 2.5, "count_all": 3, "count_shape": 8,
            "count_colour": 5, "count_thing": 4, "where": 2.5, "what_place": 3.5, "presence": 1, "see": 2, "digit": 0.1, "word": 0.1,
        }  # fmt: skip

    def ask(self, scene: Scene, language: str, rng: random.Random, kind: str = "") -> Exchange | None:
        """An exchange about a scene; None where that kind cannot be asked about it."""
        if not kind:
            weights = self.kinds(scene)
            kind = rng.choices(list(weights), list(weights.values()))[0]
        make = _MAKERS.get(kind)
        found = make(scene, rng) if make else None
        if found is None or (kind, language) not in self.wording:
            return None
        slots, answers = found
        return Exchange(kind, language, self._word(kind, language, slots, rng), answers[LANGUAGES.index(language)])

    def talk(self, language: str, rng: random.Random, *, has_picture: bool) -> Exchange:
        """An exchange about no scene: a greeting, a stranger's question, or one about a picture that is not there."""
        draw = rng.random()
        if draw < 0.3:
            kind = rng.choice(TALK)
            question = self._word(kind, language, {}, rng)
        elif draw < (0.98 if has_picture else 0.55):
            kind, question = "out_of_scope", rng.choice(self.strangers[language])
        else:
            kind = "blind"
            asked = [name for name, tongue in self.wording if tongue == language and name not in TALK]
            slots = {"shape": rng.choice(SHAPES), "colour": rng.choice(COLOURS), "place": str(rng.randrange(9)), "parts": "both"}
            question = self._word(rng.choice(asked), language, slots, rng)
            if has_picture:
                kind, question = "out_of_scope", rng.choice(self.strangers[language])
        return Exchange(kind, language, question, _ANSWERS[kind][LANGUAGES.index(language)])

    def _word(self, kind: str, language: str, slots: dict[str, str], rng: random.Random) -> str:
        pattern = rng.choice(self.wording[kind, language])
        text = expand(_fill(pattern, slots, language, rng), rng)
        return _finish(text, language, rng, is_plain=self.is_plain)


def _fill(pattern: str, slots: dict[str, str], language: str, rng: random.Random) -> str:
    """The pattern with its slots filled: ``parts`` says whether a thing is named by its colour, its shape or both."""
    shape, colour, parts = slots.get("shape", ""), slots.get("colour", ""), slots.get("parts", "both")
    said = expand(_SAID_SHAPES[language].get(shape, shape), rng)
    many = said
    if language == "en":
        many = _PLURALS.get(said, said + "s")
        hue = colour
        thing = {"colour": f"{colour} [thing|object|shape]", "shape": said, "both": f"{colour} {said}"}[parts]
        things = {"colour": f"{colour} [things|objects|shapes]", "shape": many, "both": f"{colour} {many}"}[parts]
    else:
        hue = _ZH_COLOURS.get(colour, colour)
        short = hue.removesuffix("色")
        joined = rng.choice((f"{hue}的{said}", f"{hue}的{said}", f"{hue}{said}", f"{short}{said}"))
        thing = things = {"colour": f"{hue}的[东西|图形]", "shape": said, "both": joined}[parts]
    place = _SAID_PLACES[language][int(slots["place"])] if "place" in slots else ""
    filled = pattern.replace("{things}", things).replace("{thing}", thing).replace("{shapes}", many).replace("{shape}", said)
    return filled.replace("{colour}", hue).replace("{place}", place)


_BEFORE = {
    "en": (
        "please ",
        "hey, ",
        "ok, ",
        "so, ",
        "could you tell me, ",
        "look at the picture: ",
        "quick question: ",
        "hi, ",
        "now, ",
        "and ",
    ),
    "zh": ("请问", "请告诉我，", "嘿，", "那么，", "看这张图，", "你好，", "帮我看看，", "想问一下，", "麻烦看下，", "请看图，"),
}
_AFTER = {
    "en": (", please", " please", ", thanks", " in this picture", " here"),
    "zh": ("，谢谢", "呢", "呀", "，请回答", "啊"),
}


def _finish(text: str, language: str, rng: random.Random, *, is_plain: bool) -> str:
    """As people type it: courtesies, capitals, punctuation, slips."""
    if rng.random() < 0.4 or is_plain:
        return text[:1].upper() + text[1:] + ("?" if language == "en" else "？")
    if rng.random() < 0.25:
        text = rng.choice(_BEFORE[language]) + text
    if rng.random() < 0.12:
        text += rng.choice(_AFTER[language])
    if rng.random() < 0.07 and len(text) > 6:
        place = rng.randrange(1, len(text) - 1)
        text = text[:place] + text[place + 1 :] if rng.random() < 0.5 else text[:place] + text[place] + text[place:]
    if rng.random() < 0.6:
        text = text[:1].upper() + text[1:]
    elif rng.random() < 0.08:
        text = text.upper()
    ends = ("?", "?", "", ".", "!", "??") if language == "en" else ("？", "？", "", "。", "?", "！")
    return text + rng.choice(ends)


def name_thing(thing: Thing) -> tuple[str, str]:
    """“a red circle”, “红色的圆形”."""
    article = "an" if thing.colour == "orange" else "a"
    return f"{article} {thing.colour} {thing.name}", f"{_ZH_COLOURS[thing.colour]}的{_ZH_SHAPES[thing.name]}"


Made = tuple[dict[str, str], tuple[str, str]]


def _colour(thing: Thing) -> tuple[str, str]:
    return thing.colour.capitalize() + ".", _ZH_COLOURS[thing.colour] + "。"


def _shape(thing: Thing) -> tuple[str, str]:
    return f"A {thing.name}.", _ZH_SHAPES[thing.name] + "。"


def _unique(scene: Scene, rng: random.Random, key: Callable[[Thing], object]) -> Thing | None:
    keys = [key(thing) for thing in scene.things]
    alone = [thing for thing in scene.things if keys.count(key(thing)) == 1]
    return rng.choice(alone) if alone else None


def _ask_single_colour(scene: Scene, rng: random.Random) -> Made | None:  # noqa: ARG001
    return ({}, _colour(scene.things[0])) if len(scene.things) == 1 else None


def _ask_single_shape(scene: Scene, rng: random.Random) -> Made | None:  # noqa: ARG001
    return ({}, _shape(scene.things[0])) if len(scene.things) == 1 and scene.kind == "shapes" else None


def _ask_colour_of_shape(scene: Scene, rng: random.Random) -> Made | None:
    missing = [shape for shape in SHAPES if all(thing.name != shape for thing in scene.things)]
    if rng.random() < 0.08 and missing:
        shape = rng.choice(missing)
        return {"shape": shape}, (f"There is no {shape}.", f"没有{_ZH_SHAPES[shape]}。")
    thing = _unique(scene, rng, lambda one: one.name)
    return ({"shape": thing.name}, _colour(thing)) if thing else None


def _ask_shape_of_colour(scene: Scene, rng: random.Random) -> Made | None:
    thing = _unique(scene, rng, lambda one: one.colour)
    return ({"colour": thing.colour}, _shape(thing)) if thing else None


def _at_place(scene: Scene, rng: random.Random) -> tuple[str, Thing | None]:
    if scene.things and rng.random() < 0.75:
        thing = rng.choice(scene.things)
        return str(thing.place), thing
    taken = {thing.place for thing in scene.things}
    return str(rng.choice([place for place in range(9) if place not in taken])), None


def _ask_colour_at(scene: Scene, rng: random.Random) -> Made | None:
    place, thing = _at_place(scene, rng)
    return ({"place": place}, _colour(thing)) if thing else None


def _ask_shape_at(scene: Scene, rng: random.Random) -> Made | None:
    place, thing = _at_place(scene, rng)
    return ({"place": place}, _shape(thing)) if thing else None


def _ask_what_at(scene: Scene, rng: random.Random) -> Made | None:
    place, thing = _at_place(scene, rng)
    if thing is None:
        return {"place": place}, ("Nothing.", "什么也没有。")
    english, chinese = name_thing(thing)
    return {"place": place}, (english.capitalize() + ".", chinese + "。")


def _number(count: int) -> tuple[str, str]:
    return f"{count}.", f"{count}个。"


def _ask_count_all(scene: Scene, rng: random.Random) -> Made | None:  # noqa: ARG001
    return {}, _number(len(scene.things))


def _draw_asked(scene: Scene, rng: random.Random, absent: float) -> tuple[str, str]:
    """A shape and a colour to ask for: mostly of a thing that is there, else ones that share one part or nothing with any."""
    thing = rng.choice(scene.things) if scene.things else None
    draw = rng.random()
    if thing is not None and draw > absent:
        return thing.name, thing.colour
    if thing is not None and draw > absent / 2:
        return (thing.name, rng.choice(COLOURS)) if rng.random() < 0.5 else (rng.choice(SHAPES), thing.colour)
    return rng.choice(SHAPES), rng.choice(COLOURS)


def _ask_count_shape(scene: Scene, rng: random.Random) -> Made | None:
    shape, _ = _draw_asked(scene, rng, 0.25)
    return {"shape": shape}, _number(sum(thing.name == shape for thing in scene.things))


def _ask_count_colour(scene: Scene, rng: random.Random) -> Made | None:
    _, colour = _draw_asked(scene, rng, 0.25)
    return {"colour": colour}, _number(sum(thing.colour == colour for thing in scene.things))


def _ask_count_thing(scene: Scene, rng: random.Random) -> Made | None:
    shape, colour = _draw_asked(scene, rng, 0.35)
    count = sum((thing.name, thing.colour) == (shape, colour) for thing in scene.things)
    return {"shape": shape, "colour": colour}, _number(count)


def _ask_where(scene: Scene, rng: random.Random) -> Made | None:
    parts = rng.choice(("shape", "colour", "both"))
    key = {"shape": lambda one: one.name, "colour": lambda one: one.colour, "both": lambda one: (one.name, one.colour)}[parts]
    thing = _unique(scene, rng, key)
    if thing is None:
        return None
    english = {4: "In the middle.", 3: "On the left.", 5: "On the right."}.get(thing.place, f"At the {_PLACES_EN[thing.place]}.")
    return {"shape": thing.name, "colour": thing.colour, "parts": parts}, (english, f"在{_PLACES_ZH[thing.place]}。")


def _ask_presence(scene: Scene, rng: random.Random) -> Made | None:
    parts = rng.choice(("shape", "colour", "both"))
    shape, colour = _draw_asked(scene, rng, 0.5)
    is_there = any(
        (parts == "colour" or thing.name == shape) and (parts == "shape" or thing.colour == colour) for thing in scene.things
    )
    return {"shape": shape, "colour": colour, "parts": parts}, ("Yes.", "有。") if is_there else ("No.", "没有。")


def _ask_see(scene: Scene, rng: random.Random) -> Made | None:  # noqa: ARG001
    if scene.kind == "empty":
        return {}, ("An empty picture.", "一张空白的图片。")
    if scene.kind == "digit":
        return {}, (f"The digit {scene.things[0].name}.", f"数字{scene.things[0].name}。")
    if scene.kind == "word":
        return {}, (f"The word “{scene.things[0].name}”.", f"单词“{scene.things[0].name}”。")
    if len(scene.things) > 3:
        return {}, (f"{len(scene.things)} shapes.", f"{len(scene.things)}个图形。")
    english, chinese = zip(*(name_thing(thing) for thing in scene.things), strict=True)
    listed = english[0] if len(english) == 1 else ", ".join(english[:-1]) + " and " + english[-1]
    return {}, (listed[0].upper() + listed[1:] + ".", "、".join(chinese) + "。")


def _ask_digit(scene: Scene, rng: random.Random) -> Made | None:  # noqa: ARG001
    if scene.kind != "digit":
        return {}, _ANSWERS["no_digit"]
    return {}, (f"{scene.things[0].name}.", f"{scene.things[0].name}。")


def _ask_word(scene: Scene, rng: random.Random) -> Made | None:  # noqa: ARG001
    if scene.kind != "word":
        return {}, _ANSWERS["no_word"]
    return {}, (f"“{scene.things[0].name}”.", f"“{scene.things[0].name}”。")


_MAKERS: dict[str, Callable[[Scene, random.Random], Made | None]] = {
    "colour_single": _ask_single_colour, "colour_shape": _ask_colour_of_shape, "colour_place": _ask_colour_at,
    "shape_single": _ask_single_shape, "shape_colour": _ask_shape_of_colour, "shape_place": _ask_shape_at,
    "count_all": _ask_count_all, "count_shape": _ask_count_shape, "count_colour": _ask_count_colour, "count_thing": _ask_count_thing,
    "where": _ask_where, "what_place": _ask_what_at, "presence": _ask_presence, "see": _ask_see, "digit": _ask_digit,
    "word": _ask_word,
}  # fmt: skip
