"""``yanmo models set`` and ``yanmo options``: what a model is used with where nobody says otherwise, shown and changed."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backends.options import OWN_LAYERS
from models.errors import InvalidOption

if TYPE_CHECKING:
    from app.workstation import Workstation
    from backends.options import LoadOptions
    from models.card import ModelCard

_EXAMPLES = """examples:
  yanmo models set Qwen3-32B                                    what it is used with
  yanmo models set Qwen3-32B context_length=16384 kv_type=q8_0
  yanmo models set Qwen3-32B temperature=0.6 top_p=0.95 top_k=20
  yanmo models set Qwen3-32B temperature=                       as usual again
  yanmo models set Qwen3-32B draft_model=Qwen3-0.6B lookup_tokens=8
  yanmo models set Mixtral cpu_experts=-1 'tensor_overrides=[["token_embd", "CPU"]]'
  yanmo models set coder 'adapters=[["style.gguf", 0.7]]'
  yanmo models set coder chat_template=@own.jinja
  yanmo models set Qwen3-32B --reset

What a request, a conversation or its preset says comes first. “yanmo options” is the same command.
"""
_OURS = ("cache_folder", "cache_megabytes")


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser], name: str = "options") -> None:
    """Add the command to the main parser, or under another name to that of ``models``."""
    parser = subparsers.add_parser(
        name,
        help="what a model is used with: sampling, template, context, KV cache, engine, draft model, LoRA",
        description="Show or change what a model is used with where nobody says otherwise: how it is put in memory, which "
        "holds from the next time on that it is, and how tokens are chosen, which holds at once.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument(
        "changes",
        metavar="NAME=VALUE",
        nargs="*",
        help="a value is JSON, a word as it stands, @FILE for what a file says, or nothing",
    )
    parser.add_argument("--reset", action="store_true", help="forget what was chosen for this model")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run_options)
    _take_flags_anywhere(parser)


def _take_flags_anywhere(parser: argparse.ArgumentParser) -> None:
    """Let ``MODEL --reset NAME=VALUE`` mean what it says: argparse has no room for values that come after a flag."""
    parse = parser.parse_known_args

    def parse_flags_first(args: Sequence[str] = (), namespace: Any = None) -> tuple[Any, list[str]]:
        return parse(sorted(args, key=lambda one: one not in ("--reset", "--json")), namespace)

    parser.parse_known_args = parse_flags_first  # type: ignore[method-assign, assignment]


def run_options(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:
    """The command."""
    from backends.options import LoadOptions, SamplingOptions

    try:
        changes = dict(_read(change) for change in arguments.changes)
    except ValueError as error:
        print(f"yanmo: {error}", file=sys.stderr)
        return 2
    with make_workstation() as workstation:
        reference = workstation.find_model(arguments.model)
        defaults = workstation.defaults
        loading = {} if arguments.reset else asdict(defaults.load_options(reference))
        sampling = {} if arguments.reset else defaults.sampling(reference)
        for option in fields(LoadOptions):
            if option.name in changes:
                loading[option.name] = option.default if changes[option.name] is _USUAL else changes[option.name]
        options = _make_absolute(workstation, LoadOptions(**loading))
        chosen = {name for name in changes if name not in loading}
        sampling = {
            name: value for name, value in {**sampling, **{one: changes[one] for one in chosen}}.items() if value is not _USUAL
        }
        _check(workstation, reference, options)
        if changes or arguments.reset:
            defaults.set_sampling(reference, sampling)
            defaults.set_load_options(reference, options)
    loading = {name: value for name, value in asdict(options).items() if name not in _OURS}
    if arguments.json:
        print(json.dumps({**loading, "sampling": sampling}, ensure_ascii=False, indent=1))
        return 0
    usual = asdict(LoadOptions()) | asdict(SamplingOptions())
    _print(loading, {name for name, value in loading.items() if value != usual[name]})
    print()
    _print({**asdict(SamplingOptions()), **sampling}, set(sampling))
    return 0


def _make_absolute(workstation: Workstation, options: LoadOptions) -> LoadOptions:
    """With the whole paths of files that were named from the folder of this command: the model is loaded from others too.

    Raises:
        UserFacingError: no such draft model or adapter.
    """

    def whole(name: str) -> str:
        path = Path(name).expanduser().absolute()
        is_the_one = name not in ("", OWN_LAYERS) and path.exists() and path.samefile(workstation.library.find(name).path)
        return str(path) if is_the_one else name

    projector = Path(options.projector).expanduser()
    return replace(
        options,
        draft_model=whole(options.draft_model),
        projector=str(projector.absolute()) if options.projector and projector.is_file() else options.projector,
        adapters=tuple(replace(adapter, path=whole(adapter.path)) for adapter in options.adapters),
    )


def _check(workstation: Workstation, reference: str, options: LoadOptions) -> None:
    """Refuse now what would be refused when the model is loaded.

    Raises:
        UserFacingError: no such draft model or adapter, no engine for this model, or no template.
    """
    model = workstation.library.find(reference)
    if options.draft_model not in ("", OWN_LAYERS):
        card = workstation.library.find(options.draft_model)
        if card.kind not in ("chat", "base") or card.format != "gguf" or card.id == model.id:
            raise InvalidOption(option="draft_model", value=options.draft_model, allowed="another model in GGUF that writes text")
    for adapter in options.adapters:
        card = workstation.library.find(adapter.path)
        if card.kind != "adapter" or card.format != model.format:
            wanted = (
                "LoRA adapters in GGUF (see yanmo lora convert)" if model.format == "gguf" else "LoRA adapters as PEFT saves them"
            )
            raise InvalidOption(option="adapters", value=adapter.path, allowed=wanted)
    if options.engine:
        _check_engine(options.engine, model)
    if options.chat_template:
        from backends.chat_template import ChatTemplate

        ChatTemplate(options.chat_template)


def _check_engine(name: str, model: ModelCard) -> None:
    """Of our own engines each reads one kind of model; what an added one reads only it knows."""
    from backends.registry import BUILT_IN, choose_backend, list_backends

    known = list_backends()
    fitting = sorted({choose_backend(model.path), *(other for other in known if other not in BUILT_IN)})
    if name not in known or name not in fitting:
        allowed = f"{', '.join(fitting)}, or nothing: what reads models like {model.name}"
        raise InvalidOption(option="engine", value=name, allowed=allowed)


class _Usual:
    """Stands for “as if nothing had been chosen”."""


_USUAL = _Usual()


def _print(values: dict[str, Any], chosen: set[str]) -> None:
    width = max(len(name) for name in values)
    for name, value in values.items():
        mark = "   (chosen)" if name in chosen else ""
        print(f"{name.ljust(width)}  {json.dumps(value, ensure_ascii=False)}{mark}")


def _read(change: str) -> tuple[str, Any]:
    """``NAME=VALUE``. Raises ValueError with a sentence where it is none."""
    from backends.options import LoadOptions, SamplingOptions

    name, separator, text = change.partition("=")
    name = name.strip().replace("-", "_")
    usual = {key: value for key, value in (asdict(LoadOptions()) | asdict(SamplingOptions())).items() if key not in _OURS}
    if not separator or name not in usual:
        raise ValueError(f"“{change}” is no option; there are: {', '.join(usual)}.")
    if not text:
        return name, _USUAL
    kind = type(usual[name])
    if kind is str:
        return name, _read_text(text)
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if kind is bool and not isinstance(value, bool):
        raise ValueError(f"“{name}” is true or false, not {text}.")
    if kind is tuple and not isinstance(value, list):
        raise ValueError(f"“{name}” is a list in JSON, not {text}.")
    if kind is int and (isinstance(value, bool) or not isinstance(value, int)):
        raise ValueError(f"“{name}” is a whole number, not {text}.")
    if kind is float and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"“{name}” is a number, not {text}.")
    if usual[name] is None and value is not None and not isinstance(value, bool):
        raise ValueError(f"“{name}” is true, false or null.")
    return name, float(value) if kind is float else value


def _read_text(text: str) -> str:
    """A word as it stands, a JSON text, or what a file says after @."""
    if text.startswith("@"):
        path = Path(text[1:]).expanduser()
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"{path} cannot be read: {error}.") from error
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text
