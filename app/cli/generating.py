"""The options of the command line that say how to generate: sampling, its order, bias, and the form of the reply."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from backends.options import SAMPLER_STEPS, SAMPLING_RANGES, GenerationOptions, SamplingOptions
from models.errors import InvalidOption


def add_generation_options(parser: argparse.ArgumentParser) -> None:
    """``--temperature``, ``--top-p`` and all others, with their ranges in the help."""
    group = parser.add_argument_group("how to generate (default: the conversation's or the preset's settings)")
    for option in fields(SamplingOptions):
        low, high = SAMPLING_RANGES[option.name]
        kind = int if isinstance(option.default, int) else float
        description = f"{low:g} to {high:g}; {option.default:g} where nothing is set"
        group.add_argument(f"--{option.name.replace('_', '-')}", type=kind, metavar="N", help=description)
    group.add_argument(
        "--samplers", metavar="NAME,…", help=f"the steps in this order, without those left out; of {', '.join(SAMPLER_STEPS)}"
    )
    group.add_argument("--seed", type=int, metavar="N", help="the same seed gives the same answer")
    group.add_argument("--max-tokens", type=int, metavar="N", help="stop after so many tokens; 0 for no limit")
    policies = "refuse, shift (forget the middle), drop (the oldest turns) or summarise (them)"
    group.add_argument("--context-policy", metavar="POLICY", help=f"where the conversation no longer fits: {policies}")
    group.add_argument("--stop", action="append", default=[], metavar="TEXT", help="stop before this text (repeatable)")
    group.add_argument(
        "--logit-bias",
        action="append",
        default=[],
        metavar="TOKEN=BIAS",
        help="make the token of this id likelier, or with a negative bias less likely (repeatable)",
    )
    group.add_argument("--schema", metavar="JSON", help="the reply is JSON of this JSON schema; @FILE reads it from a file")
    group.add_argument(
        "--grammar", metavar="TEXT", help="the reply is of this grammar (GBNF or Lark); @FILE reads it from a file"
    )


def read_generation_options(arguments: argparse.Namespace, base: dict[str, Any]) -> dict[str, Any]:
    """``base`` (as stored) with what the command line says; empty where neither says anything.

    Raises:
        InvalidOption: a value is out of range, or a file cannot be read.
    """
    sampling = {
        option.name: value for option in fields(SamplingOptions) if (value := getattr(arguments, option.name, None)) is not None
    }
    names = ("seed", "max_tokens", "context_policy", "logprobs")
    changed = {name: value for name in names if (value := getattr(arguments, name, None)) is not None}
    if arguments.stop:
        changed["stop"] = tuple(arguments.stop)
    if arguments.samplers is not None:
        changed["sampler_order"] = _read_order(arguments.samplers)
    if arguments.logit_bias:
        changed["logit_bias"] = tuple(_read_bias(text) for text in arguments.logit_bias)
    changed |= _read_form(arguments)
    if not sampling and not changed:
        return base
    from backends.options import generation_options_from_json

    known = generation_options_from_json(base)
    old = {option.name: getattr(known, option.name) for option in fields(GenerationOptions)}
    old["sampling"] = SamplingOptions(**{**asdict(known.sampling), **sampling})
    return GenerationOptions(**{**old, **changed}).to_json()


def _read_order(text: str) -> tuple[str, ...]:
    """Names of steps, as they are or with dashes; :class:`GenerationOptions` refuses those that are none."""
    names = tuple(name.strip().lower().replace("-", "_") for name in text.split(",") if name.strip())
    if not names:
        raise InvalidOption(option="samplers", value="empty", allowed=f"one or more of {', '.join(SAMPLER_STEPS)}")
    return names


def _read_bias(text: str) -> tuple[int, float]:
    token, separator, bias = text.partition("=")
    try:
        if not separator:
            raise ValueError
        return int(token), float(bias)
    except ValueError:
        allowed = "the id of a token and a number, such as 151667=-100"
        raise InvalidOption(option="logit_bias", value=f"“{text}”", allowed=allowed) from None


def _read_form(arguments: argparse.Namespace) -> dict[str, str]:
    """Schema and grammar where either is given: each takes the place of both."""
    given = {name: value for name in ("schema", "grammar") if (value := getattr(arguments, name)) is not None}
    if not given:
        return {}
    texts = {"schema": "", "grammar": ""} | {name: _read_text(name, value) for name, value in given.items()}
    if texts["schema"]:
        _check_schema(texts["schema"])
    return texts


def _read_text(option: str, text: str) -> str:
    """The text itself, or what a file says after @."""
    if not text.startswith("@"):
        return text
    path = Path(text[1:]).expanduser()
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no text in UTF-8"
        allowed = f"a text, or @ and a file that can be read ({reason})"
        raise InvalidOption(option=option, value=f"@{path}", allowed=allowed) from error


def _check_schema(text: str) -> None:
    """Refuse what is no JSON before a model is loaded for it; whether a schema makes sense is for the engine to say."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidOption(option="schema", value="this text", allowed=f"a JSON schema in JSON ({error})") from error
    if not isinstance(value, dict):
        raise InvalidOption(option="schema", value=text[:60], allowed='a JSON object, such as {"type": "object"}')
