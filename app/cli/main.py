"""The command ``yanmo``: opens the window, or runs one of its commands; tells every error in one place."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__
from app.cli import (
    bench,
    chat,
    complete,
    convert,
    data,
    doctor,
    index,
    models,
    options,
    quality,
    quantize,
    remote,
    search_recipe,
    serve,
    settings,
)
from app.paths import DATA_VARIABLE, Paths, make_paths
from models.errors import DatabaseInUse, StoreError, UserFacingError

if TYPE_CHECKING:
    from app.services.server import RunningServer, ServerOptions
    from app.workstation import Workstation

OK, USER_ERROR, USAGE_ERROR, INTERRUPTED = 0, 1, 2, 130
_DESCRIPTION = "Yanmo 研墨: one desk for local language models. Without a command it opens the window."
_EPILOG = f"""examples:
  yanmo                                    open the window
  yanmo chat                               talk to the default model in the terminal
  yanmo chat -p "What is quantization?"    one question, one answer
  yanmo models search qwen3                look for models on Hugging Face and ModelScope
  yanmo models pull OWNER/NAME:Q4_K_M      download one, whole and verified
  yanmo models list                        which models are here
  yanmo index add papers ~/papers          answer from your own documents, with citations
  yanmo serve                              answer other programs
  yanmo remote add box http://box:8000/v1  use the models of another server
  yanmo options MODEL context_length=16384 how a model is loaded
  yanmo bench                              how fast a model is here
  yanmo settings theme=dark                show and change every setting
  yanmo doctor                             what this machine can do, what to install
  yanmo data backup                        copy every conversation to a snapshot

exit status: 0 done, 1 something went wrong (it is said what), 2 wrong usage, 130 interrupted
environment: {DATA_VARIABLE} names another data folder
"""


def main(argv: Sequence[str]) -> int:
    """Run one command line; returns the exit status."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal of another encoding shows a ? rather than an error
    parser = make_parser()
    arguments = parser.parse_args(argv)
    paths = make_paths(arguments.data_folder)
    arguments.paths = paths
    from app.logs import start_logging, stop_logging
    from backends.network_watch import begin_watching, end_watching

    handler = start_logging(paths.log_file)
    begin_watching(paths.logs / f"network-{os.getpid()}.log")
    try:
        return _run(arguments, paths)
    finally:
        end_watching()
        stop_logging(handler)


def make_parser() -> argparse.ArgumentParser:
    """The whole grammar of the command line."""
    parser = argparse.ArgumentParser(
        prog="yanmo", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"Yanmo {__version__}")
    parser.add_argument("--data-folder", metavar="DIR", help="keep conversations, models and settings here")
    parser.set_defaults(run=open_window)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    opening = subparsers.add_parser(
        "open", help="open the window, with a model file", description="Open the window with GGUF files."
    )
    opening.add_argument("files", nargs="*", metavar="FILE", help="a GGUF file: it is used where it lies")
    opening.set_defaults(run=open_window)
    for family in (
        chat,
        complete,
        models,
        options,
        remote,
        serve,
        bench,
        convert,
        quantize,
        quality,
        search_recipe,
        index,
        settings,
        doctor,
        data,
    ):
        family.add_parser(subparsers)
    return parser


def open_window(arguments: argparse.Namespace, make_workstation: Callable[[], Workstation]) -> int:  # noqa: ARG001
    """The window; where none can be shown, the same job in the terminal."""
    from app.services.display import has_display

    if not has_display(sys.platform, os.environ):
        print("There is no display here, so Yanmo answers in the terminal.", file=sys.stderr)
        return chat.run_without_window(arguments)
    try:
        from app.gui import application
    except ImportError as error:
        logging.getLogger(__name__).warning("the window cannot be imported", exc_info=True)
        print(f"The window cannot be shown ({error}), so Yanmo answers in the terminal.", file=sys.stderr)
        return chat.run_without_window(arguments)
    files = [str(Path(file).absolute()) for file in getattr(arguments, "files", ())]
    return int(application.main(arguments.paths, files, start_server=_start_server))


def _start_server(workstation: Workstation, options: ServerOptions) -> RunningServer:
    """The window's server; its libraries are imported when it is switched on."""
    from app.api.server import run_server

    return run_server(workstation, options)


def _run(arguments: argparse.Namespace, paths: Paths) -> int:
    """The one place where errors become words and exit statuses."""
    try:
        return int(arguments.run(arguments, lambda: _open_workstation(paths)) or OK)
    except UserFacingError as error:
        _tell(error)
        return USER_ERROR
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone; do not complain at exit
        return OK
    except Exception:  # a bug: its traceback belongs in the log, one line to the person
        logging.getLogger(__name__).exception("an unexpected error")
        print(f"yanmo: something went wrong inside Yanmo; {paths.log_file} says what.", file=sys.stderr)
        return USER_ERROR


def _tell(error: UserFacingError) -> None:
    print(f"yanmo: {error.english()}", file=sys.stderr)
    if error.details:
        logging.getLogger(__name__).info("details of %s: %s", error.code, error.details)


def _open_workstation(paths: Paths) -> Workstation:
    """For commands that look at models and settings: beside an open window, or on a disk that is read-only, they only read."""
    from app.workstation import make_workstation

    try:
        return make_workstation(paths)
    except DatabaseInUse:
        return make_workstation(paths, exclusive=False)
    except StoreError as error:
        if type(error) is StoreError:  # it cannot be written; what is damaged or too new cannot be read either
            with contextlib.suppress(UserFacingError):
                return make_workstation(paths, exclusive=False)
        raise
