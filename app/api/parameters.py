"""The settings of a request, in the names that the dialects use, as the engine's own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from app.api.errors import bad_request
from backends.options import MOST_LOGPROBS, SAMPLER_STEPS, WHOLE_SAMPLING, GenerationOptions, SamplingOptions

_ALIASES = {
    "repetition_penalty": "repeat_penalty",
    "typ_p": "typical_p",
    "dynatemp_range": "temperature_range",
    "dynatemp_exponent": "temperature_exponent",
}
_NAMES = {
    field.name: (field.name, *(alias for alias, name in _ALIASES.items() if name == field.name))
    for field in fields(SamplingOptions)
}
_MOST_STOPS = 64
_LETTERS = {
    "e": "penalties",
    "d": "dry",
    "s": "top_n_sigma",
    "k": "top_k",
    "y": "typical_p",
    "p": "top_p",
    "m": "min_p",
    "x": "xtc",
    "t": "temperature",
}
"""llama-server's letters for the steps of sampling."""
_STEP_NAMES = {name.replace("_", ""): name for name in SAMPLER_STEPS} | {
    "typp": "typical_p",
    "typ": "typical_p",
    "nucleus": "top_p",
    "temp": "temperature",
}
"""Its names, of which it takes several spellings (top_k, top-k, topk), without what stands between their words."""
_POLICIES = ("refuse", "shift", "drop")
"""A conversation is summarised only where it is kept, which is not here."""


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
                sampling[option] = _number(name, value, whole=option in WHOLE_SAMPLING)
                break
    if sampling.get("top_k") == -1:
        sampling["top_k"] = 0  # vLLM's word for off
    schema, grammar = _read_form(body)
    return GenerationOptions(
        sampling=SamplingOptions(**sampling),
        max_tokens=max_tokens or 0,
        stop=read_stops(body.get("stop")),
        seed=_read_seed(body.get("seed")),
        sampler_order=read_samplers(body.get("samplers")),
        logit_bias=_read_bias(body.get("logit_bias")),
        schema=schema,
        grammar=grammar,
        context_policy=_read_policy(body.get("context_policy")),
        ignore_eos=read_switch(body, "ignore_eos"),
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


def read_samplers(value: Any) -> tuple[str, ...]:
    """The steps of sampling in their order, as llama-server takes them: names in a list, or letters in a text.

    What is left out is not done. Its ``adaptive_p`` does nothing unless it is given a target, so it may be named.

    Raises:
        ApiError: something else, or a step twice.
    """
    if value is None:
        return SAMPLER_STEPS
    if isinstance(value, str):
        found = [_LETTERS.get(letter, "") for letter in value if letter != "a"]
    elif isinstance(value, list) and all(isinstance(name, str) for name in value):
        plain = [re.sub("[-_]", "", name.lower()) for name in value]
        found = [_STEP_NAMES.get(name, "") for name in plain if name != "adaptivep"]
    else:
        found = [""]
    if "" in found or len(set(found)) != len(found):
        known = f"{', '.join(SAMPLER_STEPS)}, each once, or a text of their letters {''.join(_LETTERS)}"
        raise bad_request(f"“samplers” must be a list of {known}.", "samplers")
    return tuple(found)


def read_probabilities(body: Mapping[str, Any]) -> int | None:
    """llama-server's ``n_probs``: how many alternatives of each token are told; None for nothing.

    Raises:
        ApiError: it is no whole number in range.
    """
    return read_whole(body, "n_probs", 0, 0, MOST_LOGPROBS) or None


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
    schema = _read_schema(body)
    if schema and grammar:
        raise bad_request("“grammar” cannot be used beside a JSON schema: both say which form the reply has.", "grammar")
    return schema, grammar or ""


def _read_schema(body: Mapping[str, Any]) -> str:
    if body.get("json_schema") is not None:
        return json.dumps(read_table(body, "json_schema"))
    value = read_table(body, "response_format")
    if not value:
        return ""
    kind = value.get("type")
    if kind == "text":
        return ""
    if kind == "json_object":
        schema = value.get("schema")
        return json.dumps(schema if isinstance(schema, dict) else {"type": "object"})
    if kind == "json_schema":
        inner = value.get("json_schema") if isinstance(value.get("json_schema"), dict) else value
        schema = inner.get("schema") if isinstance(inner, dict) else None
        if not isinstance(schema, dict | bool):
            raise bad_request("“response_format.json_schema.schema” must be a JSON schema.", "response_format")
        return json.dumps(schema)
    raise bad_request("“response_format.type” must be text, json_object or json_schema.", "response_format")


def _read_policy(value: Any) -> str:
    if value is None:
        return "refuse"
    if value not in _POLICIES:
        raise bad_request(f"“context_policy” must be {', '.join(_POLICIES[:-1])} or {_POLICIES[-1]}.", "context_policy")
    return str(value)


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
