"""Runs one step in a child process that may crash, be cancelled or killed without harm; progress comes back while it runs."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from backends.child_process import import_apart, prepare_child
from backends.crashes import explain_crash
from backends.other_python import start_child
from models.errors import OutOfMemory, QuantizationFailed, UserFacingError, WorkCancelled, error_from_json
from models.torch_place import find_torch_python

Progress = Callable[[float, str], None]
"""Takes the fraction done (0–1) and what is being worked on."""

_POLL_SECONDS = 0.1


def run_step(
    target: str,
    arguments: dict[str, Any],
    *,
    subject: str,
    progress: Progress,
    is_cancelled: Callable[[], bool],
    needs_torch: bool = False,
) -> Any:
    """Call ``module:function`` with ``arguments`` and a ``progress`` callback in a fresh process; returns what it returns.

    ``subject`` is the file that is worked on, for the error where the process dies. With ``needs_torch`` the process is one of the
    Python that has torch, where another one was named.

    Raises:
        UserFacingError: what the step raised, why its process died, or WorkCancelled after ``is_cancelled`` was true.
    """
    handle, log_name = tempfile.mkstemp(prefix="yanmo-step-", suffix=".log")
    os.close(handle)
    log = Path(log_name)
    python = find_torch_python() if needs_torch else None
    try:
        values = (target, arguments, str(log), os.getpid())
        process, ours = start_child(_run, values, name="yanmo step", log_path=str(log), python=python)
    except BaseException:
        log.unlink(missing_ok=True)
        raise
    try:
        answer = _follow(ours, progress, is_cancelled)
        if answer is None:
            process.join(5)
            raise explain_crash(
                process.exitcode, log.read_text(encoding="utf-8", errors="replace")[-4000:], subject, loading=False
            )
    finally:
        process.kill()
        process.join()
        ours.close()
        log.unlink(missing_ok=True)
    kind, value = answer
    if kind == "failed":
        raise error_from_json(value)
    return value


def _follow(connection: Connection, progress: Progress, is_cancelled: Callable[[], bool]) -> tuple[str, Any] | None:
    """Pass progress on until the step answers; None where its process died."""
    while True:
        if is_cancelled():
            raise WorkCancelled()
        if not connection.poll(_POLL_SECONDS):
            continue
        try:
            kind, value = connection.recv()
        except (EOFError, OSError):
            return None
        if kind != "progress":
            return kind, value
        progress(*value)


def _run(target: str, arguments: dict[str, Any], log_path: str, parent_pid: int, connection: Connection) -> None:
    """The body of the child."""
    prepare_child(log_path, parent_pid)
    module, _, name = target.partition(":")
    try:
        step = getattr(import_apart(module), name)
        answer = ("done", step(**arguments, progress=lambda fraction, text: connection.send(("progress", (fraction, text)))))
    except UserFacingError as error:
        answer = ("failed", error.to_json())
    except MemoryError:
        answer = ("failed", OutOfMemory(model=name, reason="Python ran out of memory.").to_json())
    except Exception as error:  # noqa: BLE001 - the outermost loop of a process: the parent must hear of it
        answer = (
            "failed",
            QuantizationFailed(file=name, reason="An unexpected error; the log has it.", details=repr(error)).to_json(),
        )
    with contextlib.suppress(OSError):
        connection.send(answer)
