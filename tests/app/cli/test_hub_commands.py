"""``yanmo models search``, ``pull``, ``fit``, ``update`` … against servers that speak as the hubs do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli.main import main
from tests.hub_server import HubServer, serve_hub
from tests.tiny_models import make_tiny_model

NAME = "owner/Tiny-4B-GGUF"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "tiny.gguf").read_bytes()


@pytest.fixture
def hubs(tiny: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, HubServer]]:
    with serve_hub("huggingface") as first, serve_hub("modelscope") as second:
        for server, variable in ((first, "HF_ENDPOINT"), (second, "MODELSCOPE_ENDPOINT")):
            server.publish(NAME, {"tiny-Q4_K_M.gguf": tiny, "tiny-Q8_0.gguf": tiny + b"\0" * 32, "README.md": b"# Tiny"})
            monkeypatch.setenv(variable, server.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield {"huggingface": first, "modelscope": second}


@pytest.fixture
def run(hubs: dict[str, HubServer], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        status = main(["--data-folder", str(tmp_path / "data"), "models", *words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def test_a_search_prints_what_both_hubs_have(run: Run) -> None:
    status, out, _ = run("search", "tiny")
    assert status == 0
    assert out.count(NAME) == 2 and "huggingface" in out and "modelscope" in out
    found = json.loads(run("search", "tiny", "--hub", "modelscope", "--json")[1])
    assert [model["id"] for model in found["models"]] == [NAME] and found["troubles"] == {}
    assert "Nothing was found" in run("search", "nothing-of-that-name")[1]


def test_variants_say_whether_they_fit(run: Run) -> None:
    status, out, _ = run("variants", NAME)
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["VARIANT", "Q4_K_M", "Q8_0"]
    assert out.count("fits") == 2


def test_a_pulled_model_is_in_the_library_and_can_be_planned(run: Run, tiny: bytes, tmp_path: Path) -> None:
    status, out, err = run("pull", f"{NAME}:Q4_K_M")
    path = tmp_path / "data" / "models" / "owner" / "Tiny-4B-GGUF" / "tiny-Q4_K_M.gguf"
    assert status == 0 and str(path) in out, err
    assert path.read_bytes() == tiny
    assert "tiny-q4_k_m" in run("list")[1]
    status, out, _ = run("fit", "tiny-Q4_K_M", "--context", "512")
    assert status == 0 and "fits with 512 tokens" in out and "longest context: 512" in out
    again = json.loads(run("pull", f"{NAME}:Q4_K_M", "--json")[1])
    assert again["path"] == str(path)


def test_a_model_is_planned_before_it_is_downloaded(run: Run, hubs: dict[str, HubServer], tmp_path: Path) -> None:
    plan = json.loads(run("fit", f"{NAME}:Q8_0", "--json")[1])
    assert plan["verdict"] == "fits" and plan["devices"][0]["weights"] > 0
    assert not list((tmp_path / "data").rglob("*.gguf"))


def test_an_update_is_found_by_hash_and_applied(run: Run, hubs: dict[str, HubServer], tiny: bytes, tmp_path: Path) -> None:
    run("pull", f"{NAME}:Q8_0")
    assert "is what the hubs have" in run("update")[1]
    newer = tiny + b"\1" * 32
    hubs["huggingface"].repositories[NAME].files["tiny-Q8_0.gguf"] = newer
    status, out, _ = run("update")
    assert status == 0 and "has a newer tiny-Q8_0.gguf" in out
    run("update", "--apply")
    assert next((tmp_path / "data").rglob("tiny-Q8_0.gguf")).read_bytes() == newer
    assert "is what the hubs have" in run("update")[1]


def test_a_variant_that_is_not_there_is_told_with_what_is(run: Run) -> None:
    status, _, err = run("pull", f"{NAME}:Q2_K")
    assert status == 1 and "Q4_K_M, Q8_0" in err


def test_the_other_hub_serves_what_the_first_lacks(run: Run, hubs: dict[str, HubServer]) -> None:
    hubs["huggingface"].repositories.clear()
    status, out, err = run("pull", NAME)
    assert status == 0 and "Taken from modelscope instead" in err and "verified" in out
    assert run("pull", "no/such")[0] == 1


def test_the_first_models_bear_a_date_and_say_what_fits(run: Run) -> None:
    status, out, _ = run("first", "--language", "zh")
    assert status == 0 and "Chosen on 20" in out and "Qwen3-4B-GGUF:Q4_K_M" in out
    listed = json.loads(run("first", "--json")[1])["models"]
    assert [one["memory_bytes"] for one in listed] == sorted(one["memory_bytes"] for one in listed)
    assert all(one["why_en"] and one["why_zh"] for one in listed)


def test_no_request_of_any_command_bears_a_token_to_a_mirror(
    run: Run, hubs: dict[str, HubServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", "ms-secret")
    for words in (("search", "tiny"), ("variants", NAME), ("fit", f"{NAME}:Q8_0"), ("pull", NAME), ("update",)):
        assert run(*words)[0] == 0
    for server in hubs.values():
        assert server.server.requests and server.secrets_heard() == []
        assert "secret" not in repr(server.server.requests)


def test_a_downloaded_model_that_the_disk_damaged_is_mended_block_by_block(
    run: Run, hubs: dict[str, HubServer], tiny: bytes, tmp_path: Path
) -> None:
    large = tiny + b"\2" * (5 << 20)
    hubs["huggingface"].publish("owner/Large-GGUF", {"large-Q8_0.gguf": large})
    assert run("pull", "owner/Large-GGUF")[0] == 0
    path = next((tmp_path / "data").rglob("large-Q8_0.gguf"))
    assert run("verify", str(path))[0] == 0
    damaged = bytearray(large)
    damaged[3_000_000] ^= 1
    path.write_bytes(damaged)
    status, out, _ = run("verify", str(path))
    assert status == 1 and "--repair" in out
    sent = hubs["huggingface"].server.sent()
    status, out, err = run("verify", str(path), "--repair")
    assert status == 0 and "whole again" in out, err
    assert path.read_bytes() == large
    assert hubs["huggingface"].server.sent() - sent <= 2 << 20
    path.write_bytes(large[:-1000])
    assert run("verify", str(path), "--repair")[0] == 0
    assert path.read_bytes() == large
    other = tmp_path / "own.gguf"
    other.write_bytes(tiny[:-100])
    assert run("verify", str(other), "--repair")[0] == 1
