"""The process that reads documents: it answers one request after another until its parent closes the pipe."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from app.documents.document import Section
from app.documents.fence import FenceError, raise_fence
from app.documents.formats import read_pieces
from app.documents.parts import Head, Note, refuse
from backends.child_process import prepare_child
from models.errors import UserFacingError

_BUFFERED = 64 * 1024
"""Characters of sections that travel in one message."""

_log = logging.getLogger(__name__)


def run(connection: Connection, log_path: str, parent_pid: int, memory: int) -> None:
    """The body of the process. ``memory`` is how many bytes it may take beyond what it has at its start."""
    prepare_child(log_path, parent_pid)
    _import_readers()
    _limit_memory(memory)
    current = [""]
    raise_fence(lambda: current[0])
    while True:
        try:
            kind, arguments = connection.recv()
        except (EOFError, OSError):
            return
        current[0] = str(arguments["path"])
        for answer in _answer(kind, arguments):
            with contextlib.suppress(OSError):
                connection.send(answer)
        current[0] = ""


def _answer(kind: str, arguments: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Everything that is told of one request; the last is ``end`` or ``failed``."""
    path = Path(arguments["path"])
    try:
        if kind == "render":
            from app.documents.pdf import render

            yield "end", render(path, arguments["page"], arguments["side"], arguments["marked"])
        else:
            yield from _read(path, arguments["pages"])
    except UserFacingError as error:
        yield "failed", error.to_json()
    except MemoryError:
        yield "failed", refuse(path, "Reading it takes more memory than a document may.").to_json()
    except RecursionError:
        yield "failed", refuse(path, "It is nested deeper than any document that is meant to be read.").to_json()
    except FenceError as error:
        yield "failed", refuse(path, f"It tried to reach something outside of itself: {error}.").to_json()
    except OSError as error:
        yield "failed", refuse(path, f"{error.strerror or error}.").to_json()
    except Exception as error:  # noqa: BLE001 - whatever a damaged file makes a library raise, the parent hears which file
        _log.exception("reading failed")
        yield "failed", refuse(path, f"It is damaged: {type(error).__name__} while reading it.").to_json()


def _read(path: Path, pages: frozenset[int] | None) -> Iterator[tuple[str, Any]]:
    waiting: list[Section] = []
    notes: list[str] = []
    size = 0

    def wanted(number: int) -> bool:
        return pages is None or number == 0 or number in pages

    for piece in read_pieces(path, wanted):
        if isinstance(piece, Head):
            yield "head", piece
        elif isinstance(piece, Note):
            notes.append(piece.text)
        else:
            waiting.append(piece)
            size += len(piece.text)
            if size > _BUFFERED:
                yield "sections", waiting
                waiting, size = [], 0
    yield "end", (waiting, tuple(notes))


def _import_readers() -> None:
    """Everything that a reader may need, before files can no longer be opened and memory is limited."""
    import csv  # noqa: F401
    import encodings.big5
    import encodings.big5hkscs
    import encodings.cp1252
    import encodings.euc_jp
    import encodings.euc_kr
    import encodings.gb18030
    import encodings.shift_jis
    import encodings.utf_16
    import encodings.utf_32  # noqa: F401
    import zipfile  # noqa: F401

    import defusedxml.ElementTree  # noqa: F401
    import pypdfium2  # noqa: F401

    import app.documents.epub
    import app.documents.pdf
    import app.documents.slides
    import app.documents.spreadsheet
    import app.documents.word  # noqa: F401


def _limit_memory(extra: int) -> None:
    """Have the kernel refuse more; where it cannot (Windows, macOS) the parent looks at what the process takes."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
