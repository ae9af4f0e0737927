"""Starts Yanmo: the command ``yanmo``, and ``python -m app``."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for (this process's own, where none is given); returns the exit status."""
    multiprocessing.freeze_support()  # first: in a frozen app a worker process starts here
    from app.cli.main import main as run

    return run(sys.argv[1:] if arguments is None else arguments)


if __name__ == "__main__":
    sys.exit(main())
