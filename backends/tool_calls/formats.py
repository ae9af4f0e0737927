"""Which format a model writes its calls in, and the form that forces a call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from backends.tool_calls.command_r import CommandR
from backends.tool_calls.deepseek import DeepSeek
from backends.tool_calls.events import Tool
from backends.tool_calls.gemma import Gemma
from backends.tool_calls.glm import Glm
from backends.tool_calls.harmony import Harmony
from backends.tool_calls.hermes import Hermes
from backends.tool_calls.kimi import Kimi
from backends.tool_calls.llama3 import Llama3
from backends.tool_calls.minimax import MiniMax
from backends.tool_calls.mistral import Mistral
from backends.tool_calls.phi import Phi
from backends.tool_calls.qwen_coder import QwenCoder
from backends.tool_calls.reading import ToolFormat

# Most particular first: several templates mention <tool_call>, and only one <arg_key>.
FORMATS: tuple[ToolFormat, ...] = (
    *(Harmony(), Kimi(), MiniMax(), DeepSeek(), Glm(), QwenCoder(), Mistral(), CommandR(), Phi(), Gemma()),
    *(Hermes(), Llama3()),
)
PLAIN: ToolFormat = Hermes()
"""For models whose template knows no tools: they are told of this format in the system prompt."""

MARKERS = (
    *("<tool_call>", "</tool_call>", "<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<|tool_call|>", "<|/tool_call|>"),
    *("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>", "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"),
    *("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>", "<|tool_call_begin|>", "<|tool_call_end|>"),
    *("<|tool_call_argument_begin|>", "<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "<|constrain|>", "<|call|>"),
    *("<start_function_call>", "<end_function_call>", "<escape>", "<minimax:tool_call>", "</minimax:tool_call>"),
    *("<|START_ACTION|>", "<|END_ACTION|>"),
)
"""Marks that some vocabularies hold as control tokens, which are silent unless asked for."""


def find_format(template: str) -> ToolFormat:
    """The format that a chat template teaches; :data:`PLAIN` where it teaches none."""
    if not knows_tools(template):
        return PLAIN
    return next((style for style in FORMATS if any(hint in template for hint in style.hints)), PLAIN)


def knows_tools(template: str) -> bool:
    """Whether a template shows tools to the model by itself."""
    return "tools" in template


def read_tool(value: Mapping[str, Any]) -> Tool:
    """A tool in OpenAI's shape; the inverse of :meth:`Tool.to_json`."""
    function = value.get("function") or value
    return Tool(str(function.get("name") or ""), str(function.get("description") or ""), function.get("parameters") or {})


def describe_tools(tools: Sequence[Tool]) -> str:
    """What a model whose template knows no tools is told of them, in the system prompt."""
    listed = "\n".join(json.dumps(tool.to_json()["function"], ensure_ascii=False) for tool in tools)
    return (
        "You may call functions. These are available, one JSON object a line:\n"
        f"{listed}\n"
        'To call one, write <tool_call>{"name": "the function", "arguments": {…}}</tool_call> and nothing else.'
    )


def make_call_schema(tools: Sequence[Tool]) -> dict[str, Any]:
    """The JSON schema of one object that calls one of these tools with arguments of its schema."""
    definitions: dict[str, Any] = {}
    calls = []
    for number, tool in enumerate(tools):
        arguments = _move_definitions(dict(tool.parameters) or {"type": "object"}, f"tool{number}", definitions)
        arguments.setdefault("type", "object")
        if not {"additionalProperties", "patternProperties", "anyOf", "oneOf", "allOf", "$ref"} & set(arguments):
            # Arguments that nobody described help nobody, and a weak model would invent them for ever.
            arguments["additionalProperties"] = False
        calls.append(
            {
                "type": "object",
                "properties": {"name": {"const": tool.name}, "arguments": arguments},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
        )
    schema: dict[str, Any] = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return {**schema, "$defs": definitions} if definitions else schema


def _move_definitions(schema: dict[str, Any], prefix: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A schema that may stand inside of another: what it defines lies at the root, and its references point there."""
    names: dict[str, str] = {}
    for place in ("$defs", "definitions"):
        for name in schema.get(place) or {}:
            names[f"#/{place}/{name}"] = f"{prefix}_{name}"
    body = {key: value for key, value in schema.items() if key not in ("$defs", "definitions", "$schema", "$id")}
    if _mentions_root(schema):
        names["#"] = f"{prefix}_root"
        definitions[names["#"]] = _point_anew(body, names)
    for place in ("$defs", "definitions"):
        for name, value in (schema.get(place) or {}).items():
            definitions[names[f"#/{place}/{name}"]] = _point_anew(value, names)
    moved = _point_anew(body, names)
    return moved if isinstance(moved, dict) else {}


def _mentions_root(value: Any) -> bool:
    if isinstance(value, dict):
        return value.get("$ref") == "#" or any(_mentions_root(item) for item in value.values())
    return isinstance(value, list) and any(_mentions_root(item) for item in value)


def _point_anew(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_point_anew(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {key: _point_anew(item, names) for key, item in value.items()}
    target = value.get("$ref")
    if isinstance(target, str) and target in names:
        changed["$ref"] = f"#/$defs/{names[target]}"
    return changed
