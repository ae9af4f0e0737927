"""Whether a window can be shown is found out by knocking, not by looking at variables."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.services import display
from app.services.display import has_display


@pytest.fixture
def listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the socket of X server 5, where X servers are looked for."""
    monkeypatch.setattr(display, "_X11_FOLDER", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "X5"))
        server.listen()
        yield tmp_path


def test_windows_macos_and_a_named_qt_platform_can_show_one() -> None:
    assert has_display("win32", {})
    assert has_display("darwin", {})
    assert has_display("linux", {"QT_QPA_PLATFORM": "offscreen"})
    assert not has_display("linux", {})


@pytest.mark.parametrize("name", [":77", "unix:77", "localhost:77", ":77.0", "x", ":", ":x", "localhost:99999", "/no/such:0"])
def test_an_x_server_that_does_not_answer_is_none(name: str) -> None:
    assert not has_display("linux", {"DISPLAY": name})


@pytest.mark.parametrize("name", [":5", ":5.0", "unix:5"])
def test_an_x_server_is_found_by_its_socket(listen: Path, name: str) -> None:
    assert has_display("linux", {"DISPLAY": name})
    assert not has_display("linux", {"DISPLAY": ":6"})


def test_an_x_server_is_found_by_an_abstract_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "_X11_FOLDER", str(tmp_path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{tmp_path}/X7")
        server.listen()
        assert has_display("linux", {"DISPLAY": ":7"})


def test_an_x_server_is_found_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(display, "_X11_PORT", server.getsockname()[1] - 10)
        assert has_display("linux", {"DISPLAY": "127.0.0.1:10.0"})


def test_a_wayland_server_is_found_by_name_and_by_path(listen: Path) -> None:
    assert has_display("linux", {"WAYLAND_DISPLAY": "X5", "XDG_RUNTIME_DIR": str(listen)})
    assert has_display("linux", {"WAYLAND_DISPLAY": str(listen / "X5")})
    assert not has_display("linux", {"WAYLAND_DISPLAY": "wayland-9", "XDG_RUNTIME_DIR": str(listen)})
    assert not has_display("linux", {"WAYLAND_DISPLAY": "wayland-9"})
