"""The log file: small, rotating, and the place where unexpected errors go."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

from app.paths import make_private_folder

_FORMAT = "%(asctime)s %(levelname)-7s %(processName)s %(threadName)s %(name)s: %(message)s"


def start_logging(file: Path, *, level: int = logging.INFO) -> logging.Handler | None:
    """Write the log of this process to a file from now on; none where the file cannot be written, which is no reason to stop.

    The handler is returned so that :func:`stop_logging` can take it away again.
    """
    try:
        make_private_folder(file.parent)
        handler = logging.handlers.RotatingFileHandler(file, maxBytes=2_000_000, backupCount=3, encoding="utf-8")
    except OSError:
        return None
    handler.setFormatter(logging.Formatter(_FORMAT))
    handler.setLevel(level)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(min(root.level or level, level))
    return handler


def stop_logging(handler: logging.Handler | None) -> None:
    """Close the file."""
    if handler is not None:
        logging.getLogger().removeHandler(handler)
        handler.close()
