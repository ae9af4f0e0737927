"""The settings of a request, in the names that the dialects use, as the engine's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from app.api.errors import bad_request
from backends.options import WHOLE_SAMPLING, GenerationOptions, SamplingOptions

_ALIASES = {"repetition_penalty": "repeat_penalty", "typ_p": "typical_p", "dynatemp_range": "temperature_range"}
_NAMES = {
    field.name: (field.name, *(alias for alias, name in _ALIASES.items() if name == field.name))
    for field in fields(SamplingOptions)
}
_MOST_STOPS = 64


def read_options(body: Mapping[str, Any], *, max_tokens: int | None = None, **more: Any) -> GenerationOptions:
    """Settings from a body with OpenAI's names and the extensions that local servers share; unknown fields are ignored.

    Raises:
        ApiError: a value of the wrong type.
        InvalidOption: a value out of range.
    """
    sampling: dict[str, Any] = {}
    for option, names in _NAMES.items():
        for name in names:
            if (value := body.get(name)) is not None:
                sampling[option] = _number(option, value, whole=option in WHOLE_SAMPLING)
                break
    schema, grammar = _read_form(body)
    return GenerationOptions(
        sampling=SamplingOptions(**sampling),
        max_tokens=max_tokens or 0,
        stop=read_stops(body.get("stop")),
        seed=_read_seed(body.get("seed")),
        logit_bias=_read_bias(body.get("logit_bias")),
        schema=schema,
        grammar=grammar,
        **more,
    )


def named_sampling(body: Mapping[str, Any]) -> frozenset[str]:
    """Which sampling settings a body names, at its top or, as in Ollama's dialect, under ``options``."""
    inner = body.get("options")
    said = {name for table in (body, inner if isinstance(inner, dict) else {}) for name in table if table[name] is not None}
    return frozenset(_ALIASES.get(name, name) for name in said)


def read_count(body: Mapping[str, Any], *names: str) -> int | None:
    """A number of tokens by the first name that is there; None for no limit (absent, null or negative).

    Raises:
        ApiError: it is no whole number.
    """
    for name in names:
        if body.get(name) is not None:
            value = _number(name, body[name], whole=True)
            return None if value < 0 else min(int(value), 10_000_000)
    return None


def read_stops(value: Any) -> tuple[str, ...]:
    """One stop text or several; empty ones count for nothing.

    Raises:
        ApiError: something else.
    """
    if value is None:
        return ()
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or any(not isinstance(text, str) for text in values) or len(values) > _MOST_STOPS:
        raise bad_request(f"“stop” must be a text or up to {_MOST_STOPS} texts.", "stop")
    return tuple(text for text in values if text)


def read_whole(body: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    """A whole number in a range.

    Raises:
        ApiError: something else.
    """
    value = body.get(name)
    if value is None:
        return default
    number = _number(name, value, whole=True)
    if not low <= number <= high:
        raise bad_request(f"“{name}” must be a whole number from {low} to {high}.", name)
    return int(number)


def are_token_ids(values: Sequence[Any]) -> bool:
    """Whether these can be ids of tokens; a long prompt of them is looked at by C."""
    return set(map(type, values)) <= {int} and (not values or (min(values) >= 0 and max(values) < 2**31))


def read_switch(body: Mapping[str, Any], name: str, default: bool = False) -> bool:
    """A yes or no.

    Raises:
        ApiError: something else.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise bad_request(f"“{name}” must be true or false.", name)
    return value


def read_table(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A JSON object, empty where there is none.

    Raises:
        ApiError: something else.
    """
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise bad_request(f"“{name}” must be an object.", name)
    return value


def template_values(body: Mapping[str, Any], tools: list[dict[str, Any]]) -> str:
    """What the chat template is given beside the messages, as JSON; empty where there is nothing.

    ``reasoning_effort`` "none" turns thoughts off where a template can do that.
    """
    values = dict(read_table(body, "chat_template_kwargs"))
    for reserved in ("messages", "add_generation_prompt", "bos_token", "eos_token", "continue_last"):
        values.pop(reserved, None)
    effort = body.get("reasoning_effort")
    if isinstance(effort, str):
        values.setdefault("reasoning_effort", effort)
        if effort == "none":
            values.setdefault("enable_thinking", False)
    if tools:
        values["tools"] = tools
    return json.dumps(values, ensure_ascii=False) if values else ""


def _read_form(body: Mapping[str, Any]) -> tuple[str, str]:
    """The JSON schema and the grammar, each as text, at most one of them."""
    grammar = body.get("grammar")
    if grammar is not None and not isinstance(grammar, str):
        raise bad_request("“grammar” must be text.", "grammar")
    if body.get("json_schema") is not None:
        return json.dumps(read_table(body, "json_schema")), ""
    value = read_table(body, "response_format")
    if not value:
        return "", grammar or ""
    kind = value.get("type")
    if kind == "text":
        return "", grammar or ""
    if kind == "json_object":
        schema = value.get("schema")
        return json.dumps(schema if isinstance(schema, dict) else {"type": "object"}), ""
    if kind == "json_schema":
        inner = value.get("json_schema") if isinstance(value.get("json_schema"), dict) else value
        schema = inner.get("schema") if isinstance(inner, dict) else None
        if not isinstance(schema, dict | bool):
            raise bad_request("“response_format.json_schema.schema” must be a JSON schema.", "response_format")
        return json.dumps(schema), ""
    raise bad_request("“response_format.type” must be text, json_object or json_schema.", "response_format")


def _read_seed(value: Any) -> int | None:
    if value is None:
        return None
    seed = int(_number("seed", value, whole=True))
    return None if seed < 0 else seed % 2**32


def _read_bias(value: Any) -> tuple[tuple[int, float], ...]:
    """OpenAI's object of token id to bias, or llama-server's list of pairs (false forbids the token)."""
    if not value:
        return ()
    pairs = list(value.items()) if isinstance(value, dict) else value
    if not isinstance(pairs, list) or any(not isinstance(pair, list | tuple) or len(pair) != 2 for pair in pairs):
        raise bad_request("“logit_bias” must be an object of token ids and numbers.", "logit_bias")
    found = []
    for token, bias in pairs:
        if not re.fullmatch(r"[0-9]{1,10}", str(token)):
            raise bad_request("The keys of “logit_bias” must be ids of tokens.", "logit_bias")
        found.append((int(token), -1000.0 if bias is False else _number("logit_bias", bias)))
    return tuple(found)


def _number(name: str, value: Any, *, whole: bool = False) -> float | int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_request(f"“{name}” must be a {'whole ' if whole else ''}number.", name)
    if not whole:
        return float(value) if abs(value) < 1e300 else value
    if isinstance(value, float) and not value.is_integer():
        raise bad_request(f"“{name}” must be a whole number.", name)
    return int(value)
