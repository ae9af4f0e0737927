"""``yanmo complete``: the raw continuation of a text, for base models."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.cli.generating import add_generation_options, read_generation_options
from app.cli.notices import tell_notice
from app.cli.printable import make_printable, read_piped

if TYPE_CHECKING:
    from app.workstation import Workstation
    from backends.events import TokenChosen

_EXAMPLES = """examples:
  yanmo complete base-model -p "Once upon a time" -n 100
  yanmo complete base-model -p "def fibonacci(n):" --temperature 0
  yanmo complete coder -p "def add(a, b):\n    " --suffix "\nprint(add(1, 2))"
  yanmo complete base-model -p "The answer is" -n 1 --logprobs 5 --json
  cat opening.txt | yanmo complete base-model
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``complete`` to the main parser."""
    parser = subparsers.add_parser(
        "complete",
        help="continue a text without a chat template",
        description="Print what the model writes after a text. Nothing is kept.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("-p", "--prompt", metavar="TEXT", help="the text; without it, what is piped in")
    parser.add_argument("--suffix", metavar="TEXT", help="what follows: the gap between is filled (code models)")
    parser.add_argument("-n", dest="count", type=int, metavar="N", help="the same as --max-tokens")
    parser.add_argument("--json", action="store_true", help="print prompt, text and figures as JSON")
    add_generation_options(parser)
    parser.add_argument(
        "--logprobs", type=int, metavar="N", help="with --json: how likely each token was, and the N likeliest in its place"
    )
    parser.set_defaults(run=run_complete)


def run_complete(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:  # noqa: ARG001
    """The command."""
    from app.temporary import make_temporary_workstation
    from backends.backend import GenerationRequest
    from backends.events import Failed, Finished, TextDelta, TokenChosen
    from backends.options import generation_options_from_json

    if arguments.count is not None:
        arguments.max_tokens = arguments.count
    prompt = arguments.prompt if arguments.prompt is not None else read_piped(is_needed=True).removesuffix("\n")
    if not prompt and arguments.suffix is None:
        print("yanmo complete: there is no text: give -p TEXT, or pipe it in.", file=sys.stderr)
        return 2
    if arguments.logprobs is not None and not arguments.json:
        print("yanmo complete: --logprobs needs --json, which has room for them.", file=sys.stderr)
        return 2
    read_generation_options(arguments, {})  # what is refused is refused before the model is loaded
    pieces: list[str] = []
    chosen: list[dict[str, Any]] = []
    with make_temporary_workstation(arguments.paths) as workstation, workstation.engines.lease(arguments.model) as engine:
        assert engine.link is not None
        tell_notice(engine.facts)
        base = {"sampling": workstation.defaults.sampling(engine.reference)}
        options = generation_options_from_json(read_generation_options(arguments, base))
        stream = engine.link.generate(GenerationRequest(prompt=prompt, options=options, suffix=arguments.suffix))
        for event in stream:
            if isinstance(event, TextDelta):
                pieces.append(event.text)
                if not arguments.json:
                    sys.stdout.write(make_printable(event.text, sys.stdout))
                    sys.stdout.flush()
            elif isinstance(event, TokenChosen):
                chosen.append(_describe(event))
            elif isinstance(event, Failed):
                raise event.error
            elif isinstance(event, Finished):
                end = event
    if arguments.json:
        figures: dict[str, Any] = {"reason": end.reason, "seed": end.seed, "output_tokens": end.usage.output_tokens}
        if arguments.logprobs is not None:
            figures["logprobs"] = chosen
        print(json.dumps({"prompt": prompt, "text": "".join(pieces), **figures}, ensure_ascii=False, indent=1))
    else:
        print()
    return 0


def _describe(event: TokenChosen) -> dict[str, Any]:
    """A token, how likely it was, and what else could have stood there; bytes that are no whole character are shown as �."""

    def show(token: int, text: bytes, logprob: float) -> dict[str, Any]:
        return {"token": token, "text": text.decode("utf-8", "replace"), "logprob": round(logprob, 6)}

    others = [show(*one) for one in event.alternatives]
    return {**show(event.token, event.text, event.logprob), "top": others}
