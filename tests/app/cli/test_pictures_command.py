"""``yanmo chat --image`` and ``--audio``, and their commands in the terminal's chat, with tiny models that see and hear."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from app.cli.main import main
from app.cli.repl import Repl
from app.workstation import Workstation
from backends.messages import ImagePart
from tests.tiny_eyes import draw, make_ears, sing
from tests.tiny_models import make_tiny_model
from tests.tiny_vision import make_tiny_vision

Yanmo = Callable[..., tuple[int, str, str]]


@pytest.fixture
def yanmo(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Yanmo:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["--data-folder", str(tmp_path / "data"), *arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture(scope="module")
def eyes(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_vision(tmp_path_factory.mktemp("眼睛")).model)


@pytest.fixture(scope="module")
def ears(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("耳朵")
    make_ears(folder / "mmproj-tiny.gguf")
    return str(make_tiny_model(folder / "tiny.gguf", context=4096))


def test_a_picture_of_the_command_line_reaches_the_model(yanmo: Yanmo, eyes: str, tmp_path: Path) -> None:
    red, green = draw(tmp_path / "red 红.png"), draw(tmp_path / "green.png", (10, 240, 10), seed=4)
    asked = ("-p", "What?", "--max-tokens", "2", "--json")
    tokens = []
    for pictures in ((), (red,), (red, green)):
        given = [part for picture in pictures for part in ("--image", str(picture))]
        status, out, err = yanmo("chat", eyes, *asked, *given)
        assert status == 0, err
        tokens.append(json.loads(out)["run"]["prompt_tokens"])
    assert tokens[0] < tokens[1] < tokens[2]


def test_a_picture_that_is_too_large_is_scaled_and_that_is_told(yanmo: Yanmo, eyes: str, tmp_path: Path) -> None:
    Image.new("RGB", (4000, 1000), "red").save(tmp_path / "wide.png")
    status, _, err = yanmo("chat", eyes, "-p", "What?", "--max-tokens", "1", "--image", str(tmp_path / "wide.png"))
    assert status == 0
    assert "wide.png was scaled down from 4000 × 1000 to 3072 × 768 pixels" in err


def test_a_sound_of_the_command_line_is_heard_and_other_files_are_none(
    yanmo: Yanmo, ears: str, eyes: str, tmp_path: Path
) -> None:
    song = sing(tmp_path / "song.ogg")
    status, out, err = yanmo("chat", ears, "-p", "What?", "--max-tokens", "1", "--audio", str(song), "--json")
    assert status == 0, err
    assert json.loads(out)["run"]["prompt_tokens"] > 500
    status, _, err = yanmo("chat", eyes, "-p", "What?", "--audio", str(song))
    assert status == 1 and "cannot hear" in err
    status, _, err = yanmo("chat", ears, "-p", "What?", "--audio", str(draw(tmp_path / "red.png")))
    assert status == 1 and "It is not a sound" in err


def test_damaged_pictures_are_refused_by_name(yanmo: Yanmo, eyes: str, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jpg"
    draw(tmp_path / "whole.jpg", size=(200, 200))
    cut.write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    status, _, err = yanmo("chat", eyes, "-p", "What?", "--image", str(cut))
    assert status == 1 and "cut.jpg" in err and "cut off" in err
    assert yanmo("data", "list")[1] == ""


def test_the_terminals_chat_shows_pictures(
    workstation: Workstation, eyes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "readline", None)  # type: ignore[arg-type]
    conversation = workstation.conversations.create(model=workstation.find_model(eyes))
    workstation.conversations.update(conversation.id, options={"max_tokens": 2})
    lines: Iterator[str] = iter([f"/image {draw(tmp_path / 'red.png')}", "What is it?", "And now?", "/audio pyproject.toml"])

    def read(_: str) -> str:
        line = next(lines, None)
        if line is None:
            raise EOFError
        return line

    assert Repl(workstation, conversation.id, read_line=read).run() == 0
    first = workstation.messages.path(conversation.id)[0]
    assert isinstance(first.parts[0], ImagePart) and first.parts[0].name == "red.png"
    assert "It is no sound" in capsys.readouterr().err
