"""Every family's way of calling tools, read however the text is cut."""

from __future__ import annotations

import json
import random
import time
from typing import Any

import pytest

from backends.events import TextDelta
from backends.tool_calls.events import CallArguments, CallBegun, CallEnded, Tool
from backends.tool_calls.formats import FORMATS, PLAIN, find_format, make_call_schema
from backends.tool_calls.reading import ToolCallSplitter, ToolFormat

WEATHER = Tool(
    "get_weather",
    "Weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]},
)
SEARCH = Tool("search", "Search", {"type": "object", "properties": {"query": {"type": "string"}, "tags": {"type": "array"}}})
TOOLS = (WEATHER, SEARCH)
STYLES = {style.name: style for style in FORMATS}
BEIJING = {"city": '北京 "古城" {a}', "days": 3}
RAW = json.dumps(BEIJING, ensure_ascii=False)
QUERY = {"query": "墨 & ink\nsecond line", "tags": ["a", "b"]}
RAW_QUERY = json.dumps(QUERY, ensure_ascii=False)

# (format, what the model writes, the text that stays, the calls)
ONE = [("get_weather", BEIJING)]
TWO = [("get_weather", BEIJING), ("search", QUERY)]
CASES: list[tuple[str, str, str, list[tuple[str, dict[str, Any]]]]] = [
    ("hermes", f'<tool_call>\n{{"name": "get_weather", "arguments": {RAW}}}\n</tool_call>', "", ONE),
    (
        "hermes",
        f'Let me look.\n\n<tool_call>\n{{"name": "get_weather", "arguments": {RAW}}}\n</tool_call>\n'
        f'<tool_call>\n{{"arguments": {RAW_QUERY}, "name": "search"}}\n</tool_call>',
        "Let me look.",
        TWO,
    ),
    ("hermes", '<tool_call>{"name": "search", "arguments": "{\\"query\\": \\"x\\"}"}', "", [("search", {"query": "x"})]),
    ("hermes", '<tool_call>{"name": "search"}</tool_call> done', " done", [("search", {})]),
    (
        "hermes",
        f'<tool_call>{{"type": "function", "function": {{"name": "get_weather", "arguments": {RAW}}}}}</tool_call>',
        "",
        ONE,
    ),
    (
        "qwen_coder",
        "I will.\n<tool_call>\n<function=get_weather>\n<parameter=city>\n"
        + str(BEIJING["city"])
        + "\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>\n"
        + "<tool_call>\n<function=search>\n<parameter=query>\n"
        + str(QUERY["query"])
        + '\n</parameter>\n<parameter=tags>\n["a", "b"]\n</parameter>\n</function>\n</tool_call>',
        "I will.",
        TWO,
    ),
    ("llama3", f'{{"name": "get_weather", "parameters": {RAW}}}', "", ONE),
    ("llama3", f'<|python_tag|>{{"type": "function", "name": "get_weather", "parameters": {RAW}}}', "", ONE),
    (
        "mistral",
        f'[TOOL_CALLS][{{"name": "get_weather", "arguments": {RAW}}}, {{"name": "search", "arguments": {RAW_QUERY}}}]',
        "",
        TWO,
    ),
    ("mistral", f"Well:[TOOL_CALLS]get_weather[ARGS]{RAW}[TOOL_CALLS]search[CALL_ID]abc[ARGS]{RAW_QUERY}", "Well:", TWO),
    (
        "deepseek",
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{RAW}\n```<｜tool▁call▁end｜>\n"
        f"<｜tool▁call▁begin｜>function<｜tool▁sep｜>search\n```json\n{RAW_QUERY}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "",
        TWO,
    ),
    (
        "deepseek",
        f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{RAW}<｜tool▁call▁end｜>"
        f"<｜tool▁call▁begin｜>search<｜tool▁sep｜>{RAW_QUERY}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "",
        TWO,
    ),
    (
        "glm",
        "Sure.\n<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>"
        + str(BEIJING["city"])
        + "</arg_value>\n<arg_key>days</arg_key>\n<arg_value>3</arg_value>\n</tool_call>\n<tool_call>search</tool_call>",
        "Sure.",
        [("get_weather", BEIJING), ("search", {})],
    ),
    (
        "gemma",
        "<start_function_call>call:get_weather{city:<escape>" + str(BEIJING["city"]) + "<escape>,days:3}<end_function_call>",
        "",
        ONE,
    ),
    ("phi", f'<|tool_call|>[{{"name": "get_weather", "arguments": {RAW}}}]<|/tool_call|>', "", ONE),
    ("phi", f'functools[{{"name": "get_weather", "arguments": {RAW}}}]', "", ONE),
    ("harmony", f"<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{RAW}<|call|>", "", ONE),
    (
        "kimi",
        f"Ok<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{RAW}<|tool_call_end|>"
        f"<|tool_call_begin|>functions.search:1<|tool_call_argument_begin|>{RAW_QUERY}<|tool_call_end|><|tool_calls_section_end|>",
        "Ok",
        TWO,
    ),
    (
        "minimax",
        '<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">'
        + str(BEIJING["city"])
        + '</parameter>\n<parameter name="days">3</parameter>\n</invoke>\n<invoke name="search">\n<parameter name="query">'
        + str(QUERY["query"])
        + '</parameter>\n<parameter name="tags">["a","b"]</parameter>\n</invoke>\n</minimax:tool_call>',
        "",
        TWO,
    ),
    (
        "command_r",
        f'<|START_ACTION|>[\n  {{"tool_call_id": "0", "tool_name": "get_weather", "parameters": {RAW}}}\n]<|END_ACTION|>',
        "",
        ONE,
    ),
]


def read(style: ToolFormat, pieces: list[str], *, cut_off: bool = False) -> tuple[str, list[tuple[str, str]], list[str]]:
    """The text, the calls with their arguments as written, and the text pieces."""
    splitter = ToolCallSplitter(style, TOOLS)
    events = [event for piece in pieces for event in splitter.add(piece)] + splitter.finish(cut_off=cut_off)
    texts = [event.text for event in events if isinstance(event, TextDelta)]
    names = {event.index: event.name for event in events if isinstance(event, CallBegun)}
    said = {index: "".join(e.text for e in events if isinstance(e, CallArguments) and e.index == index) for index in names}
    ended = [event.index for event in events if isinstance(event, CallEnded)]
    assert ended == sorted(set(ended))
    return "".join(texts), [(names[index], said[index]) for index in sorted(names)], texts


@pytest.mark.parametrize(("style", "written", "text", "calls"), CASES)
def test_a_call_is_read_whole_and_the_text_around_it_stays(style, written, text, calls) -> None:
    said, found, _ = read(STYLES[style], [written])
    assert said == text
    assert [(name, json.loads(arguments)) for name, arguments in found] == calls


@pytest.mark.parametrize(("style", "written", "text", "calls"), CASES)
def test_it_does_not_matter_where_the_stream_is_cut(style, written, text, calls) -> None:
    chance = random.Random(7)
    ways = [list(written)]
    for _ in range(12):
        cuts = sorted(chance.sample(range(1, len(written)), chance.randint(1, 6)))
        ways.append([written[a:b] for a, b in zip([0, *cuts], [*cuts, len(written)], strict=True)])
    for pieces in ways:
        said, found, texts = read(STYLES[style], pieces)
        assert said == text
        assert [(name, json.loads(arguments)) for name, arguments in found] == calls
        assert not any("<tool" in piece or "｜" in piece for piece in texts)


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())
def test_ordinary_text_passes_unchanged(style: ToolFormat) -> None:
    text = "if a < b and b > c: print('<b>粗</b>')  # [1, 2] {x} <|strange|> <to\n\n```json\n{\"name\": 1}\n```\n functions "
    for pieces in ([text], list(text)):
        assert read(style, pieces)[:2] == (text, [])


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES.keys())
def test_what_opens_like_a_call_and_is_none_stays_text(style: ToolFormat) -> None:
    for opening in style.openings:
        text = opening + " this is ] no } call, sorry"
        said, found, _ = read(style, list(text))
        assert not found
        assert said.replace(" ", "") == text.replace(" ", "")


def test_a_reply_cut_off_in_the_middle_of_a_marker_does_not_show_half_of_it() -> None:
    assert read(STYLES["hermes"], ["Fine.", " <tool_c"], cut_off=True)[0] == "Fine."
    assert read(STYLES["hermes"], ["1 <"], cut_off=True)[0] == "1 <"


def test_arguments_stream_before_the_call_is_complete() -> None:
    splitter = ToolCallSplitter(STYLES["hermes"], TOOLS)
    events = splitter.add('<tool_call>{"name": "search", "arguments": {"query": "a long')
    assert events[0] == CallBegun(0, "search")
    assert "".join(event.text for event in events if isinstance(event, CallArguments)) == '{"query": "a long'


@pytest.mark.parametrize("style", ["hermes", "mistral", "kimi"])
def test_the_arguments_in_one_piece_of_text_are_one_event(style: str) -> None:
    written = {
        "hermes": f'<tool_call>{{"name": "search", "arguments": {RAW_QUERY}}}</tool_call>',
        "mistral": f'[TOOL_CALLS][{{"name": "search", "arguments": {RAW_QUERY}}}]',
        "kimi": "<|tool_calls_section_begin|><|tool_call_begin|>functions.search:0<|tool_call_argument_begin|>"
        f"{RAW_QUERY}<|tool_call_end|><|tool_calls_section_end|>",
    }[style]
    splitter = ToolCallSplitter(STYLES[style], TOOLS)
    events = [event for piece in (written[:-90], written[-90:]) for event in splitter.add(piece)] + splitter.finish()
    pieces = [event.text for event in events if isinstance(event, CallArguments)]
    assert "".join(pieces) == RAW_QUERY
    assert len(pieces) <= 2


@pytest.mark.parametrize("style", STYLES)
def test_a_call_with_a_long_text_is_read_in_time_that_grows_with_its_length(style: str) -> None:
    body = "a line of a file\n" * 6000
    raw = json.dumps({"query": body})
    case = next(written for name, written, _, _ in CASES if name == style)
    written = {
        "qwen_coder": f"<tool_call>\n<function=search>\n<parameter=query>\n{body}\n</parameter>\n</function>\n</tool_call>",
        "glm": f"<tool_call>search\n<arg_key>query</arg_key>\n<arg_value>{body}</arg_value>\n</tool_call>",
        "minimax": f'<minimax:tool_call><invoke name="search"><parameter name="query">{body}</parameter></invoke></minimax:tool_call>',
        "gemma": f"<start_function_call>call:search{{query:<escape>{body}<escape>}}<end_function_call>",
    }.get(style) or case.replace(RAW, raw)
    splitter = ToolCallSplitter(STYLES[style], TOOLS)
    started = time.process_time()
    for start in range(0, len(written), 4):
        splitter.add(written[start : start + 4])
    splitter.finish()
    assert len(written) > len(body)
    assert splitter.calls
    assert time.process_time() - started < 3.0


@pytest.mark.parametrize("garbage", ["<tool_call>{{{", "<tool_call>" + "[" * 5000, '<tool_call>{"name": 3}', "<tool_call>\x00"])
def test_garbage_is_never_an_error(garbage: str) -> None:
    for style in FORMATS:
        read(style, list(garbage))
        read(style, [garbage], cut_off=True)


def test_the_template_says_which_format_it_is() -> None:
    assert find_format("{% if tools %}<tool_call>{% endif %}").name == "hermes"
    assert find_format("{% if tools %}<tool_call><arg_key>{% endif %}").name == "glm"
    assert find_format("{{ messages }}") is PLAIN


def test_a_forced_call_keeps_the_references_of_its_schema() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#"}, "kind": {"$ref": "#/$defs/kind"}},
        "$defs": {"kind": {"enum": [1]}},
    }
    schema = make_call_schema([Tool("a", "", node), WEATHER])
    assert schema["anyOf"][0]["properties"]["arguments"]["properties"]["kind"] == {"$ref": "#/$defs/tool0_kind"}
    assert schema["$defs"]["tool0_kind"] == {"enum": [1]}
    assert schema["$defs"]["tool0_root"]["properties"]["next"] == {"$ref": "#/$defs/tool0_root"}
