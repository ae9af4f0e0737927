"""Runs pytest as a child and, where a signal ends it, says at the very end which test ran and what its thread was doing.

A fault in native code takes the whole run with it, and Python's own report is longer than what continuous integration keeps of a log.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import IO

RUNNING_TEST = "YANMO_RUNNING_TEST"
"""The environment variable that names the file in which ``tests/conftest.py`` keeps the name of the test that runs."""
FATAL = "Fatal Python error"
KEPT_LINES = 4000
SHOWN_LINES = 25


def main() -> int:
    """Run pytest with the arguments given; its exit status, or 128 and the signal's number as a shell says it."""
    with tempfile.TemporaryDirectory() as folder:
        running = Path(folder) / "running-test"
        environment = {**os.environ, RUNNING_TEST: str(running)}
        command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
        child = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, errors="replace")
        assert child.stderr is not None
        lines: deque[str] = deque(maxlen=KEPT_LINES)
        copying = threading.Thread(target=pass_on, args=(child.stderr, lines), daemon=True)
        copying.start()
        try:
            status = child.wait()
        except KeyboardInterrupt:
            status = child.wait()  # the terminal has sent it to the child too, which ends with its own words
        copying.join(timeout=10)
        if status >= 0:
            return status
        print(describe_end(-status, read(running), list(lines)), file=sys.stderr)
        return 128 - status


def pass_on(source: IO[str], lines: deque[str]) -> None:
    """Show what the child says, and keep the last of it."""
    for line in source:
        sys.stderr.write(line)
        lines.append(line.rstrip("\n"))


def read(path: Path) -> str:
    """The test that ran last; empty where none had begun."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def describe_end(number: int, test: str, lines: list[str]) -> str:
    """What ended the run, in which test, and the top of the stack of the thread that did it."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    start = next((index for index, line in enumerate(lines) if FATAL in line), None)
    report = [] if start is None else lines[start:]
    own = next((index for index, line in enumerate(report) if line.startswith("Current thread")), 0)
    top = [*report[:1], *(line for line in report[own : own + SHOWN_LINES] if line)]
    return "\n".join(["", f"The tests were ended by {name}, in {test or 'no test'}.", *top])


if __name__ == "__main__":
    sys.exit(main())
