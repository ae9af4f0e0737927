"""What the command line refuses, and that a refusal leaves nothing behind."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.main import main
from app.cli.printable import make_printable
from tests.models.gguf_bytes import STRING, write_gguf
from tests.tiny_eyes import draw

ECHO = "echo:?text=Hello%20there"
ROOT = Path(__file__).resolve().parents[3]
STARTER = ROOT / "resources" / "starter" / "yanmo-starter-Q8_0.gguf"
Yanmo = Callable[..., tuple[int, str, str]]


@pytest.fixture
def yanmo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Yanmo:
    """Runs a command on an empty data folder: exit status, standard output, standard error."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["--data-folder", str(tmp_path / "data"), *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The starter model under another name in a folder with a Chinese name, imported nowhere."""
    if not STARTER.is_file():
        pytest.skip("the starter model has not been made yet")
    (tmp_path / "模型").mkdir()
    return Path(shutil.copy(STARTER, tmp_path / "模型" / "小模型 model.gguf"))


def test_a_model_answers_by_its_path_without_an_import(yanmo: Yanmo, model: Path) -> None:
    status, out, _ = yanmo("chat", str(model), "-p", "hi", "--max-tokens", "4", "--json")
    assert status == 0
    assert json.loads(out)["run"]["model_sha256"]
    assert yanmo("chat", "--conversation", "last", "-p", "more", "--max-tokens", "4")[0] == 0
    assert yanmo("complete", str(model), "-p", "Once", "-n", "4")[0] == 0


def test_a_model_is_loaded_by_its_path(workstation: Any, recorder: Any, model: Path) -> None:
    reference = workstation.find_model(str(model))
    assert workstation.find_model(reference) == reference
    assert workstation.engines.ensure(reference) is workstation.engines.ensure(str(model))


def test_a_display_that_does_not_answer_is_no_display(tmp_path: Path) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    if not STARTER.is_file():
        pytest.skip("the starter model has not been made yet")
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**clean, "DISPLAY": ":77", "YANMO_DATA": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 0, done
    assert done.stderr.count("no display") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--image", "nofile.png"),
        ("--file", "nofile.txt"),
        ("--image", "pyproject.toml"),
        ("--temperature", "9"),
        ("--image", "{picture}"),
        ("--file", "{picture}"),
        ("--file", "{sound}"),
    ],
)
def test_a_refused_call_leaves_no_conversation(yanmo: Yanmo, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    draw(tmp_path / "x.png")
    (tmp_path / "x.wav").write_bytes(b"RIFF0000WAVE")
    given = [one.format(picture=tmp_path / "x.png", sound=tmp_path / "x.wav") for one in arguments]
    status, _, err = yanmo("chat", ECHO, "-p", "hi", *given)
    assert (status, err.startswith("yanmo: ")) == (1, True)
    assert yanmo("data", "list")[1] == ""


def test_a_chat_in_which_nothing_was_said_is_not_kept(yanmo: Yanmo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.chat._read_prompt", lambda arguments: None)
    monkeypatch.setattr("app.cli.repl.Repl._read", lambda self: (_ for _ in ()).throw(EOFError))
    assert yanmo("chat", ECHO)[0] == 0
    assert yanmo("data", "list")[1] == ""


def test_a_name_of_two_models_removes_neither(yanmo: Yanmo, tmp_path: Path) -> None:
    files = [write_gguf(tmp_path / name, {"general.name": (STRING, "Twin")}) for name in ("one.gguf", "two.gguf")]
    ids = [json.loads(yanmo("models", "import", str(file), "--json")[1])["id"] for file in files]
    for name in ("Twin", "twi", "one"[:2], ".", "data/.."):
        status, _, err = yanmo("models", "remove", name, "--delete", "--yes")
        assert status == 1, name
        assert name != "Twin" or all(one in err for one in ids)
    assert all(file.is_file() for file in files)
    assert yanmo("models", "remove", ids[0], "--delete", "--yes")[0] == 0
    assert [file.is_file() for file in files] == [False, True]


@pytest.mark.parametrize("kind", ["md", "json", "html"])
def test_an_export_to_a_folder_gets_a_name(yanmo: Yanmo, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    yanmo("chat", ECHO, "-p", "first")
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    status, _, err = yanmo("data", "export", "--out", ".", "--format", kind)
    (written,) = (tmp_path / "out").iterdir()
    assert (status, written.suffix, written.name in err) == (0, f".{kind}", True)
    assert "first" in written.read_text(encoding="utf-8")
    assert yanmo("data", "backup", ".")[0] == 0
    assert [path.suffix for path in sorted((tmp_path / "out").iterdir()) if path != written] == [".zip"]


def test_what_is_already_here_is_imported_again_only_on_wish(yanmo: Yanmo, tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    yanmo("chat", ECHO, "-p", "first")
    yanmo("data", "export", "--format", "json", "--out", str(file))
    out = yanmo("data", "import", str(file))[1]
    assert out.startswith("0 conversations were added.\n1 were already here")
    assert len(yanmo("data", "list")[1].splitlines()) == 1
    assert yanmo("data", "import", str(file), "--copies")[1] == "1 conversations were added.\n"
    assert len(yanmo("data", "list")[1].splitlines()) == 2


def test_a_terminal_gets_no_control_characters_and_a_file_gets_all() -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    text = "a\x1b[31mb\x9b2J\x07\r\n\tc\x00研"
    assert make_printable(text, Screen()) == "a[31mb2J\n\tc研"
    assert make_printable(text, io.StringIO()) == text


@pytest.mark.parametrize(
    "command", [("chat", "echo:?text=%1b%5b2Jx", "-p", "hi"), ("complete", "echo:?text=%1b%5b2Jx", "-p", "hi")]
)
def test_a_models_escape_codes_do_not_reach_a_terminal(
    yanmo: Yanmo, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert yanmo(*command)[1] == "[2Jx\n"


def test_an_open_and_silent_input_does_not_keep_a_prompt_waiting(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--data-folder", str(tmp_path), "chat", ECHO, "-p", "hi"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.wait(30) == 0
        assert process.stdout is not None
        assert process.stdout.read() == b"Hello there\n"
    finally:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_data_is_for_its_owner_alone(yanmo: Yanmo, tmp_path: Path) -> None:
    yanmo("chat", ECHO, "-p", "hi")
    yanmo("data", "backup")
    data = tmp_path / "data"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data, data / "yanmo.sqlite", data / "snapshots")}
    assert modes == {"data": 0o700, "yanmo.sqlite": 0o600, "snapshots": 0o700}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (data / "snapshots").iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_read_only_disk_is_read(yanmo: Yanmo, tmp_path: Path) -> None:
    yanmo("chat", ECHO, "-p", "first words")
    data = tmp_path / "data"
    with read_only(data) as run:
        for arguments in (("data", "list"), ("data", "check"), ("models", "list"), ("data", "export")):
            done = run(*arguments)
            assert done.returncode == 0, done
            assert "damaged" not in done.stderr
        assert "first words" in run("data", "list").stdout
        assert run("data", "backup", str(tmp_path / "all.zip")).returncode == 0
        assert run("data", "export", "--format", "json", "--out", str(tmp_path / "all.json")).returncode == 0
        done = run("data", "backup")
        assert (done.returncode, "damaged" in done.stderr, "inside Yanmo" in done.stderr) == (1, False, False)


_DROPPING = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(24, 1, 0, 0, 0); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
"""Root may write everywhere: a process begins by giving that right (CAP_DAC_OVERRIDE) up for the one it becomes."""


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Makes a folder unwritable; runs commands that cannot write there."""
    places = [folder, *folder.rglob("*")]

    def python(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _DROPPING, *arguments] if os.getuid() == 0 else [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=60)

    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        if python("-c", f"open({str(folder / 'probe')!r}, 'w')").returncode == 0:
            pytest.skip("this machine lets root write everywhere")
        yield lambda *arguments: python("-m", "app", "--data-folder", str(folder), *arguments)
    finally:
        for place in places:
            place.chmod(0o755 if place.is_dir() else 0o644)
