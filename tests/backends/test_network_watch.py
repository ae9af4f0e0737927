"""Whatever connects to anybody is noted, in this process and in those that it starts."""

from __future__ import annotations

import multiprocessing
import os
import socket
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from backends.child_process import prepare_child
from backends.network_watch import begin_watching, end_watching, list_contacts


class _Greeter(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), _Greeter)
    thread = Thread(target=server.serve_forever)
    thread.start()
    begin_watching(tmp_path / "network.log")
    yield server.server_port
    end_watching()
    server.shutdown()
    thread.join()
    server.server_close()


def _fetch(url: str) -> None:
    prepare_child("", os.getppid())
    urllib.request.urlopen(url).close()


def test_a_request_is_noted_with_the_name_that_was_looked_up(port: int) -> None:
    assert list_contacts() == []
    urllib.request.urlopen(f"http://localhost:{port}/secret?word=ink").close()
    contacts = [contact for contact in list_contacts() if contact.port == port]
    assert {contact.host for contact in contacts} == {"localhost"}
    assert contacts[-1].address in ("127.0.0.1", "::1")
    assert all(contact.is_local and contact.process == os.getpid() for contact in contacts)


def test_what_was_sent_is_not_noted(port: int, tmp_path: Path) -> None:
    urllib.request.urlopen(f"http://127.0.0.1:{port}/secret?word=ink").close()
    assert "ink" not in (tmp_path / "network.log").read_text()
    assert (tmp_path / "network.log").stat().st_mode & 0o077 == 0


def test_a_child_process_is_watched_too(port: int) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_fetch, args=(f"http://127.0.0.1:{port}/",))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert [contact.process for contact in list_contacts()] == [child.pid]


def test_an_attempt_that_fails_and_another_machine_are_noted(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("192.0.2.1", 9))  # nothing is sent: a datagram socket only chooses a way
    (contact,) = list_contacts()
    assert (contact.address, contact.port, contact.is_local) == ("192.0.2.1", 9, False)


def test_afterwards_nothing_is_left(port: int, tmp_path: Path) -> None:
    end_watching()
    urllib.request.urlopen(f"http://127.0.0.1:{port}/").close()
    assert list_contacts() == []
    assert not (tmp_path / "network.log").exists()
