"""How soon the frozen app's window is there: ``measure_start.py build/package/yanmo`` (needs Xvfb and Pillow).

Starts it in an X server of its own and looks at the screen every 100 ms (oftener would slow it down) until the window is painted; five
times, on one data folder, the first of which is new.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from PIL import ImageGrab

RUNS = 5
COLOURS_OF_A_WINDOW = 60
PATIENCE_SECONDS = 60.0


def start_screen() -> tuple[subprocess.Popen[bytes], str]:
    """An X server, and what to call it."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1200x800x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        return server, f":{told.readline().strip()}"


def measure_once(program: Path, display: str, data: Path) -> float:
    """Seconds from the start of the process to a painted window.

    Raises:
        TimeoutError: no window came.
    """
    environment = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "YANMO_DATA": str(data)}
    started = time.perf_counter()
    process = subprocess.Popen([str(program)], env=environment, stderr=subprocess.DEVNULL)
    try:
        while time.perf_counter() - started < PATIENCE_SECONDS:
            picture = ImageGrab.grab(xdisplay=display)
            if len(picture.resize((300, 200)).getcolors(300 * 200) or []) > COLOURS_OF_A_WINDOW:
                return time.perf_counter() - started
            time.sleep(0.1)
        raise TimeoutError("no window came")
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)  # a busy disk makes its last words wait


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("app", type=Path, help="the folder of the frozen app")
    program = parser.parse_args().app.resolve() / "yanmo"
    server, display = start_screen()
    try:
        with tempfile.TemporaryDirectory() as folder:
            seconds = [measure_once(program, display, Path(folder) / "data") for _ in range(RUNS)]
    finally:
        server.terminate()
        server.wait()
    print(f"first start {seconds[0]:.2f} s; later {statistics.median(seconds[1:]):.2f} s (median of {RUNS - 1})")


if __name__ == "__main__":
    main()
