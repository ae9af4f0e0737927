"""The test runner: what a signal ended is said last, with the test's name; everything else is pytest's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RUNNER = Path(__file__).resolve().parents[2] / "packaging" / "run_tests.py"
CONFTEST = Path(__file__).resolve().parents[1] / "conftest.py"


def run(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """The runner over one test in a folder of its own."""
    (folder / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "test_one.py").write_text(f"def test_one():\n    {body}\n", encoding="utf-8")
    command = [sys.executable, str(RUNNER), "-p", "no:cacheprovider", "test_one.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_a_signal_that_ends_the_run_is_named_with_its_test(tmp_path: Path) -> None:
    done = run(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    assert done.returncode == 132
    end = done.stderr[done.stderr.rindex("The tests were ended") :]
    assert "SIGILL, in test_one.py::test_one" in end
    assert "Fatal Python error: Illegal instruction" in end
    assert "in test_one\n" in end, "the stack of the thread that died"


def test_the_status_and_the_words_of_pytest_are_passed_on(tmp_path: Path) -> None:
    failed = run(tmp_path, "assert False")
    assert (failed.returncode, failed.stderr) == (1, "")
    assert "1 failed" in failed.stdout
    assert run(tmp_path, "pass").returncode == 0
