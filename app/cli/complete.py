"""``yanmo complete``: the raw continuation of a text, for base models."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.cli.chat import add_generation_options, read_generation_options
from app.cli.printable import make_printable, read_piped

if TYPE_CHECKING:
    from app.workstation import Workstation

_EXAMPLES = """examples:
  yanmo complete base-model -p "Once upon a time" -n 100
  yanmo complete base-model -p "def fibonacci(n):" --temperature 0
  yanmo complete coder -p "def add(a, b):\n    " --suffix "\nprint(add(1, 2))"
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
    parser.set_defaults(run=run_complete)


def run_complete(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:  # noqa: ARG001
    """The command."""
    from app.temporary import make_temporary_workstation
    from backends.backend import GenerationRequest
    from backends.events import Failed, Finished, TextDelta
    from backends.options import generation_options_from_json

    if arguments.count is not None:
        arguments.max_tokens = arguments.count
    prompt = arguments.prompt if arguments.prompt is not None else read_piped(is_needed=True).removesuffix("\n")
    if not prompt and arguments.suffix is None:
        print("yanmo complete: there is no text: give -p TEXT, or pipe it in.", file=sys.stderr)
        return 2
    read_generation_options(arguments, {})  # what is refused is refused before the model is loaded
    pieces: list[str] = []
    with make_temporary_workstation(arguments.paths) as workstation, workstation.engines.lease(arguments.model) as engine:
        assert engine.link is not None
        base = {"sampling": workstation.defaults.sampling(engine.reference)}
        options = generation_options_from_json(read_generation_options(arguments, base))
        stream = engine.link.generate(GenerationRequest(prompt=prompt, options=options, suffix=arguments.suffix))
        for event in stream:
            if isinstance(event, TextDelta):
                pieces.append(event.text)
                if not arguments.json:
                    sys.stdout.write(make_printable(event.text, sys.stdout))
                    sys.stdout.flush()
            elif isinstance(event, Failed):
                raise event.error
            elif isinstance(event, Finished):
                end = event
    if arguments.json:
        figures = {"reason": end.reason, "seed": end.seed, "output_tokens": end.usage.output_tokens}
        print(json.dumps({"prompt": prompt, "text": "".join(pieces), **figures}, ensure_ascii=False, indent=1))
    else:
        print()
    return 0
