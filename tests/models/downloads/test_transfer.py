"""A file arrives whole whatever the server does."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.download_errors import DownloadDamaged, DownloadFailed, FileChangedAtHub, GatedModel, NotEnoughSpace
from models.downloads.fetchers import BLOCKS_OF_A_PART, Patience
from models.downloads.part_file import PartFile
from models.downloads.remote_file import NO_PROXY, RemoteFile, Source
from models.downloads.speed import SpeedLimit
from models.downloads.transfer import Receipt, Transfer
from tests.file_server import FAULTS, Answer, FileServer, Request, serve

BLOCK = 1 << 14
QUICK = Patience(connect=2.0, silence=0.4, first_wait=0.01, longest_wait=0.05, failures=8)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("download")]
    assert not left


def make_bytes(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def describe(server: FileServer, data: bytes, path: str = "/model.gguf", **changes: object) -> RemoteFile:
    server.files[path] = data
    source = Source(server.url + path, "Hub", proxy=NO_PROXY)
    values = {"name": "model.gguf", "size": len(data), "sources": (source,), "sha256": hashlib.sha256(data).hexdigest()}
    return RemoteFile(**{**values, **changes})  # type: ignore[arg-type]


def start(file: RemoteFile, folder: Path, **options: object) -> Transfer:
    values = {"patience": QUICK, "block_size": BLOCK, "connections": 4}
    return Transfer(file, folder / "模型 models" / file.name, **{**values, **options})  # type: ignore[arg-type]


def run(transfer: Transfer) -> Receipt:
    receipt = transfer.run()
    assert receipt is not None
    return receipt


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK * 9 + 5])
def test_a_file_of_any_size_arrives(server: FileServer, tmp_path: Path, size: int) -> None:
    data = make_bytes(size)
    transfer = start(describe(server, data), tmp_path)
    receipt = run(transfer)
    assert transfer.target.read_bytes() == data
    assert receipt.sha256 == hashlib.sha256(data).hexdigest()
    assert transfer.progress().phase == "done"
    assert transfer.progress().fetched == size
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("*.journal"))


def test_a_small_file_is_checked_by_its_git_blob_hash(server: FileServer, tmp_path: Path) -> None:
    data = b'{"model_type": "llama"}'
    digest = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    assert run(start(describe(server, data, sha256="", git_sha1=digest), tmp_path)).sha256 == hashlib.sha256(data).hexdigest()
    with pytest.raises(DownloadDamaged):
        start(describe(server, data, name="other.json", sha256="", git_sha1="0" * 40), tmp_path).run()


@pytest.mark.parametrize("fault", FAULTS)
def test_each_kind_of_fault_costs_at_most_a_part(server: FileServer, tmp_path: Path, fault: str) -> None:
    data = make_bytes(BLOCK * 40)
    left = [3]

    def choose(request: Request) -> str:
        with server.lock:
            if left[0] and len(server.requests) % 2 == 0:
                left[0] -= 1
                return fault
        return ""

    server.choose_fault = choose
    transfer = start(describe(server, data), tmp_path)
    run(transfer)
    assert left == [0]
    assert transfer.target.read_bytes() == data
    assert transfer.progress().fetched <= len(data) + 3 * BLOCKS_OF_A_PART * BLOCK


def test_forty_faults_of_every_kind_in_one_file(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 500)
    dice = random.Random(7)
    faults = [kind for kind in FAULTS for _ in range(4)][:40]
    dice.shuffle(faults)
    done: list[str] = []

    def choose(request: Request) -> str:
        with server.lock:
            if faults and dice.random() < 0.5:
                done.append(faults.pop())
                return done[-1]
        return ""

    server.choose_fault = choose
    server.stall_seconds = 0.6
    transfer = start(describe(server, data), tmp_path, patience=Patience(2.0, 0.4, 0.01, 0.05, failures=20))
    run(transfer)
    assert len(done) == 40
    assert transfer.target.read_bytes() == data
    assert transfer.progress().fetched <= len(data) + 40 * BLOCKS_OF_A_PART * BLOCK


SCRIPT = """
import sys
from pathlib import Path
from models.downloads.remote_file import NO_PROXY, RemoteFile, Source
from models.downloads.transfer import Transfer
url, size, sha256, target, block = sys.argv[1:]
file = RemoteFile("model.gguf", int(size), (Source(url, "Hub", proxy=NO_PROXY),), sha256)
Transfer(file, Path(target), block_size=int(block)).run()
"""


@pytest.mark.slow
def test_ten_times_kill_nine_lose_nothing_that_was_kept(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 600)
    file = describe(server, data)
    target = tmp_path / "model.gguf"
    server.pace = 0.004
    command = [sys.executable, "-c", SCRIPT, file.sources[0].url, str(file.size), file.sha256, str(target), str(BLOCK)]
    kills = 0
    for attempt in range(40):
        server.pace = 0.004 if kills < 10 else 0.0
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        kept_before = count_lines(target)
        deadline = time.monotonic() + 20
        while process.poll() is None and kills < 10 and time.monotonic() < deadline:
            if count_lines(target) >= kept_before + 20 + attempt:
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.005)
        if process.wait(timeout=60) == 0:
            break
        assert not target.exists(), "half a file must not bear the name of a whole one"
    assert kills == 10
    assert target.read_bytes() == data
    # A connection may have sent up to a part before the kill was noticed, and the system keeps some in its buffers.
    assert server.sent() <= len(data) + 10 * BLOCKS_OF_A_PART * BLOCK * 4


def count_lines(target: Path) -> int:
    journal = target.with_name(target.name + ".part.journal")
    try:
        return journal.read_bytes().count(b"\n")
    except OSError:
        return 0


def test_a_stop_keeps_what_has_arrived_and_the_next_run_goes_on(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 60)
    server.pace = 0.02
    first = start(describe(server, data), tmp_path)
    thread = threading.Thread(target=first.run)
    thread.start()
    wait_until(lambda: first.progress().done > BLOCK * 10)
    began = time.monotonic()
    first.stop()
    thread.join()
    assert time.monotonic() - began < 1.0
    assert first.progress().phase == "stopped"
    server.pace = 0.0
    second = start(describe(server, data), tmp_path)
    run(second)
    assert second.target.read_bytes() == data
    assert second.progress().fetched <= len(data) - BLOCK * 10


def wait_until(condition: object, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.005)


def test_only_the_blocks_that_the_disk_lost_are_fetched_again(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 30)
    transfer = start(describe(server, data), tmp_path)
    part = PartFile(transfer.target, transfer.file, transfer.file.identity, BLOCK)
    for block in range(25):
        part.write(block, data[block * BLOCK : (block + 1) * BLOCK])
    part.close()
    damaged = bytearray(part.path.read_bytes())
    damaged[3 * BLOCK + 7] ^= 1
    damaged[20 * BLOCK] ^= 255
    part.path.write_bytes(damaged)
    run(transfer)
    assert transfer.target.read_bytes() == data
    assert transfer.progress().fetched == 7 * BLOCK


def test_a_block_that_the_server_sent_wrong_once_is_found(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 20)
    wrong = bytearray(data)
    wrong[11 * BLOCK + 3] ^= 4
    lies = [True]

    def route(request: Request) -> Answer | None:
        if request.headers.get("range", "").startswith(f"bytes={8 * BLOCK}-") and lies:
            lies.clear()
            return Answer(bytes(wrong), is_file=True)
        return None

    server.route = route
    transfer = start(describe(server, data), tmp_path)
    run(transfer)
    assert not lies
    assert transfer.target.read_bytes() == data


def test_a_file_that_is_not_what_the_hub_promises_gets_no_name(server: FileServer, tmp_path: Path) -> None:
    transfer = start(describe(server, make_bytes(BLOCK * 5), sha256="ab" * 32), tmp_path)
    with pytest.raises(DownloadDamaged):
        transfer.run()
    assert not transfer.target.exists() and not list(tmp_path.rglob("*.part"))


def test_a_file_that_is_there_already_stays_until_the_new_one_is_whole(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 5)
    transfer = start(describe(server, data), tmp_path)
    transfer.target.parent.mkdir()
    transfer.target.write_bytes(b"old")
    server.choose_fault = lambda request: "503"
    with pytest.raises(DownloadFailed, match="error 503"):
        transfer.run()
    assert transfer.target.read_bytes() == b"old"
    server.choose_fault = lambda request: ""
    run(start(describe(server, data), tmp_path))
    assert transfer.target.read_bytes() == data


def test_a_server_without_ranges_still_gives_the_file(server: FileServer, tmp_path: Path) -> None:
    server.has_ranges = False
    data = make_bytes(BLOCK * 30 + 1)
    transfer = start(describe(server, data), tmp_path)
    run(transfer)
    assert transfer.target.read_bytes() == data


def test_a_server_that_forgets_ranges_for_a_while_does_not_make_everything_start_over(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 80)
    server.choose_fault = lambda request: "whole" if 3 < len(server.requests) <= 8 else ""
    transfer = start(describe(server, data), tmp_path, connections=1)
    run(transfer)
    assert transfer.target.read_bytes() == data
    assert transfer.progress().fetched == len(data)


def test_the_other_hub_goes_on_where_the_first_one_ended(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 64)
    with serve() as other:
        other.files["/same"] = data
        file = describe(server, data)
        file = RemoteFile(
            file.name, file.size, (*file.sources, Source(other.url + "/same", "Other", proxy=NO_PROXY)), file.sha256
        )
        server.choose_fault = lambda request: "" if len(server.requests) < 6 else "503"
        transfer = start(file, tmp_path, connections=2)
        receipt = run(transfer)
        assert transfer.target.read_bytes() == data
        assert server.sent() > 0 and other.sent() > 0
        assert receipt.hub == "Other"
        assert transfer.progress().fetched <= len(data) + BLOCKS_OF_A_PART * BLOCK


def test_a_file_replaced_midway_is_told(server: FileServer, tmp_path: Path) -> None:
    data, other = make_bytes(BLOCK * 64), make_bytes(BLOCK * 64, seed=2)
    file = describe(server, data)

    def route(request: Request) -> Answer | None:
        if len(server.requests) > 4:
            return Answer(other, is_file=True, headers={"ETag": '"two"'})
        return None

    server.route = route
    transfer = start(file, tmp_path)
    with pytest.raises(FileChangedAtHub):
        transfer.run()
    assert transfer.progress().fetched <= len(data) // 2 + 2 * BLOCK
    assert not transfer.target.exists()


def test_a_name_served_by_machines_that_mark_the_file_differently_is_no_change(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 64)

    def route(request: Request) -> Answer | None:
        return Answer(data, is_file=True, headers={"ETag": '"two"'}) if len(server.requests) > 3 else None

    file = describe(server, data)
    server.route = route
    transfer = start(file, tmp_path)
    run(transfer)
    assert transfer.target.read_bytes() == data


@pytest.mark.parametrize("broken", ["503", "drop", "html", "reset"])
def test_a_fault_while_a_new_mark_is_looked_into_does_not_make_the_file_another_one(
    server: FileServer, tmp_path: Path, broken: str
) -> None:
    data = make_bytes(BLOCK * 64)
    planned = ["", "", *["etag"] * 3, broken, *["etag"] * 3, broken]

    def choose(request: Request) -> str:
        with server.lock:
            return planned.pop(0) if planned else ""

    server.choose_fault = choose
    transfer = start(describe(server, data), tmp_path, connections=1)
    run(transfer)
    assert not planned
    assert transfer.target.read_bytes() == data


def test_a_token_goes_to_its_own_hub_and_not_along_a_redirect(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 20)
    with serve() as store:
        store.files["/blob"] = data
        server.route = lambda request: Answer(status=302, headers={"Location": f"{store.url}/blob?signature=x"})
        source = Source(f"{server.url}/model.gguf", "Hub", token="hf_secret", proxy=NO_PROXY)
        transfer = start(describe(server, data, sources=(source,)), tmp_path)
        run(transfer)
        assert transfer.target.read_bytes() == data
        assert all(request.headers.get("authorization") == "Bearer hf_secret" for request in server.requests)
        assert store.requests and not any("authorization" in request.headers for request in store.requests)
        assert len(server.requests) <= 4, "the place is remembered; the hub is not asked for every part"
        assert "hf_secret" not in repr(transfer.file)


def test_a_signed_address_that_ends_is_asked_for_anew(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 64)
    with serve() as store:
        store.files["/blob"] = data
        good = ["1"]

        def sign(request: Request) -> Answer:
            return Answer(status=302, headers={"Location": f"{store.url}/blob?{good[-1]}"})

        def check(request: Request) -> Answer | None:
            if len(store.requests) == 4:
                good.append("2")
            return None if request.query == good[-1] else Answer(b"expired", 403)

        server.route, store.route = sign, check
        transfer = start(describe(server, data), tmp_path, connections=1)
        run(transfer)
        assert transfer.target.read_bytes() == data
        assert len(server.requests) == 2


def test_a_gated_file_says_where_to_accept_its_conditions(server: FileServer, tmp_path: Path) -> None:
    server.route = lambda request: Answer(b"{}", 403)
    source = Source(f"{server.url}/owner/name/resolve/main/model.gguf", "Hub", proxy=NO_PROXY)
    with pytest.raises(GatedModel) as caught:
        start(describe(server, b"x" * 9, sources=(source,)), tmp_path).run()
    assert caught.value.facts["url"] == f"{server.url}/owner/name"


def test_a_disk_that_is_too_small_is_told_before_a_byte_is_fetched(server: FileServer, tmp_path: Path) -> None:
    file = describe(server, b"x", size=1 << 60)
    with pytest.raises(NotEnoughSpace):
        start(file, tmp_path).run()
    assert not server.requests


def test_the_speed_limit_holds_for_all_connections_together(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 64)
    limit = SpeedLimit(2_000_000)
    began = time.monotonic()
    run(start(describe(server, data), tmp_path, limit=limit))
    assert 0.25 < time.monotonic() - began < 2.0


def test_two_at_once_on_one_file_do_not_meet(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 30)
    server.pace = 0.02
    first, second = start(describe(server, data), tmp_path), start(describe(server, data), tmp_path)
    thread = threading.Thread(target=first.run)
    thread.start()
    wait_until(lambda: first.progress().done > 0)
    with pytest.raises(DownloadFailed, match="Another Yanmo"):
        second.run()
    thread.join()
    assert first.target.read_bytes() == data


def test_a_journal_that_was_cut_off_or_overwritten_costs_only_what_it_does_not_say(server: FileServer, tmp_path: Path) -> None:
    data = make_bytes(BLOCK * 10)
    transfer = start(describe(server, data), tmp_path)
    part = PartFile(transfer.target, transfer.file, transfer.file.identity, BLOCK)
    for block in range(4):
        part.write(block, data[block * BLOCK : (block + 1) * BLOCK])
    part.close()
    part.journal.write_bytes(part.journal.read_bytes()[:-5])
    run(transfer)
    assert transfer.progress().fetched == 7 * BLOCK
    assert transfer.target.read_bytes() == data


def test_what_arrived_of_another_file_of_that_name_is_not_mixed_in(server: FileServer, tmp_path: Path) -> None:
    old, new = make_bytes(BLOCK * 10, seed=3), make_bytes(BLOCK * 10, seed=4)
    transfer = start(describe(server, new), tmp_path)
    part = PartFile(transfer.target, transfer.file, "sha256:" + hashlib.sha256(old).hexdigest(), BLOCK)
    part.write(0, old[:BLOCK])
    part.close()
    run(transfer)
    assert transfer.target.read_bytes() == new
