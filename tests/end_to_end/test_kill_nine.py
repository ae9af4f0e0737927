"""``kill -9`` of the whole process tree while a reply streams: the database opens clean and at most a second of text is missing."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from app.paths import make_paths
from app.workstation import make_workstation

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
AT_ONCE = 4
MOST_SECONDS_LOST = 1.0
PROGRAM = """
import json, os, sys, time
from app.paths import make_paths
from app.services.events import ReplyGrew
from app.workstation import make_workstation
from backends.messages import TextPart

def main():
    side = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)

    def note(event):
        if isinstance(event, ReplyGrew):
            os.write(side, (json.dumps([time.time(), event.message_id, event.text]) + "\\n").encode())

    workstation = make_workstation(make_paths(sys.argv[1]))
    workstation.events.subscribe(note)
    conversation = workstation.conversations.create(model="echo:?words=1000000&delay=0.003")
    workstation.chat.send(conversation.id, [TextPart("go on")])
    time.sleep(120)

if __name__ == "__main__":
    main()
"""


@dataclass
class Run:
    """One Yanmo that will be killed: what it printed, when, goes to the side file."""

    data: Path
    side: Path
    process: subprocess.Popen[bytes]
    killed_at: float = 0.0

    def wait_for_growth(self) -> None:
        deadline = time.monotonic() + 30
        while not (self.side.exists() and self.side.stat().st_size):
            assert self.process.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kill(self) -> None:
        """The tree at once: children are found before the parent dies, and die after it, so that it sees none of them go."""
        tree = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        self.killed_at = time.time()
        for process in tree:
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        deadline = time.monotonic() + 10
        while any(is_running(process) for process in tree):
            assert time.monotonic() < deadline, "a process survived"
            time.sleep(0.01)

    def seen(self) -> list[tuple[float, str, str]]:
        """(time, message, text) of every piece that had been shown; a last line cut by the kill is left out."""
        lines = self.side.read_text(encoding="utf-8").split("\n")[:-1]
        return [tuple(json.loads(line)) for line in lines]


def is_running(process: psutil.Process) -> bool:
    """Whether it runs; one that is dead and not yet buried does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start(folder: Path, number: int) -> Run:
    program = folder / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    side = folder / f"side-{number}.jsonl"
    command = [sys.executable, str(program), str(folder / "data"), str(side)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return Run(folder / "data", side, subprocess.Popen(command, env=environment, cwd=folder, start_new_session=True))


def check_file(data: Path) -> None:
    with closing(sqlite3.connect(make_paths(data).database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def check_words(run: Run) -> float:
    """Open as a person would; returns how many seconds of text are missing."""
    seen = run.seen()
    message_id = seen[0][1]
    whole = "".join(text for _, _, text in seen)
    with make_workstation(make_paths(run.data)) as workstation:
        message = workstation.messages.get(message_id)
        assert message.state == "interrupted"
        assert len(workstation.search.find("go on")) >= 1
    kept = message.text
    common = min(len(kept), len(whole))
    assert kept[:common] == whole[:common], "what was kept is not what was shown"
    length = 0
    for moment, _, text in seen:
        length += len(text)
        if length > len(kept):
            return max(0.0, run.killed_at - moment)
    return 0.0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a thing of Unix")
def test_killed_at_twenty_random_moments_it_opens_clean_and_at_most_a_second_is_missing(tmp_path: Path) -> None:
    chance = random.Random(20)
    folders = [tmp_path / f"yanmo-{number}" for number in range(AT_ONCE)]
    for folder in folders:
        folder.mkdir()
    lost = []
    for number in range(KILLS // AT_ONCE):
        runs = [start(folder, number) for folder in folders]
        try:
            for run in runs:
                run.wait_for_growth()
            moments = sorted(chance.uniform(0.0, 2.0) for _ in runs)
            began = time.monotonic()
            for run, moment in zip(runs, moments, strict=True):
                time.sleep(max(0.0, moment - (time.monotonic() - began)))
                run.kill()
        finally:
            for run in runs:
                if run.process.poll() is None:
                    run.kill()
        for run in runs:
            check_file(run.data)
            lost.append(check_words(run))
    print(f"seconds of text missing after each of {len(lost)} kills: {[round(seconds, 2) for seconds in lost]}")
    assert len(lost) == KILLS
    assert max(lost) <= MOST_SECONDS_LOST


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a thing of Unix")
def test_killed_while_it_starts_it_opens_clean(tmp_path: Path) -> None:
    chance = random.Random(5)
    for number in range(6):
        run = start(tmp_path, number)
        time.sleep(chance.uniform(0.1, 0.6))
        run.kill()
        if make_paths(run.data).database.exists() and make_paths(run.data).database.stat().st_size:
            check_file(run.data)
    with make_workstation(make_paths(tmp_path / "data")) as workstation:
        workstation.conversations.list()
