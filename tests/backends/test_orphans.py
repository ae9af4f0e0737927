"""However the parent ends, no worker is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

PARENT = """
import sys, threading
from backends.backend import GenerationRequest
from backends.options import LoadOptions
from backends.worker_link import WorkerLink

def main():
    link = WorkerLink(sys.argv[1], sys.argv[2], LoadOptions(threads=1))
    loader = threading.Thread(target=link.load)  # a thread that ends must not take the worker with it
    loader.start()
    loader.join()
    stream = link.generate(GenerationRequest(prompt=sys.argv[3]))
    next(iter(stream))
    print(link.pid, flush=True)
    sys.stdin.readline()

if __name__ == "__main__":
    main()
"""


def start_parent(tmp_path: Path, *arguments: str) -> tuple[subprocess.Popen[str], psutil.Process]:
    """A parent process with a busy worker: both."""
    script = tmp_path / "parent.py"
    script.write_text(PARENT, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "PASSIVE"}
    command = [sys.executable, str(script), *arguments]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    line = parent.stdout.readline()
    worker = psutil.Process(int(line))
    assert worker.is_running()
    return parent, worker


def wait_for_end(process: psutil.Process, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def finish(parent: subprocess.Popen[str]) -> None:
    parent.kill()
    parent.wait()
    for stream in (parent.stdin, parent.stdout):
        if stream is not None:
            stream.close()


@pytest.mark.parametrize("script", ["echo:?words=100000&delay=0.01", "echo:?text=x&crash=hang"])
def test_kill_9_of_the_parent_ends_its_worker_within_a_second(tmp_path: Path, script: str) -> None:
    parent, worker = start_parent(tmp_path, "echo", script, "hi")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert wait_for_end(worker, 1.0)
    finish(parent)


def test_kill_9_while_a_real_prompt_is_read_ends_the_worker_within_a_second(tmp_path: Path, slow_model: Path) -> None:
    parent, worker = start_parent(tmp_path, "llamacpp", str(slow_model), "a" * 8000)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert wait_for_end(worker, 1.0)
    finish(parent)


def test_a_parent_that_ends_normally_without_closing_leaves_no_worker(tmp_path: Path) -> None:
    parent, worker = start_parent(tmp_path, "echo", "echo:?words=100000&delay=0.01", "hi")
    parent.communicate("\n", timeout=10)
    assert wait_for_end(worker, 1.0)
    finish(parent)


def test_ctrl_c_in_the_terminal_is_the_parents_affair(tmp_path: Path) -> None:
    parent, worker = start_parent(tmp_path, "echo", "echo:?words=100000&delay=0.01", "hi")
    worker.send_signal(signal.SIGINT)
    assert not wait_for_end(worker, 0.3)
    finish(parent)
    assert wait_for_end(worker, 1.0)


def test_no_log_file_is_left_by_a_link_that_was_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tempfile

    from backends.options import LoadOptions
    from backends.worker_link import WorkerLink

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    link = WorkerLink("echo", "echo:", LoadOptions())
    link.load()
    link.close()
    WorkerLink("echo", "echo:", LoadOptions()).close()
    assert list(tmp_path.iterdir()) == []
