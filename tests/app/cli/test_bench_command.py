"""``yanmo bench`` as a shell sees it."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from app.cli.bench import Figure, compare, keep, read_history, warm_up
from app.cli.main import main
from backends.backend import GenerationRequest
from backends.events import Finished, Usage
from backends.llamacpp.thread_choice import ThreadChoice
from tests.tiny_models import SPECIAL, WORDS, byte_characters, make_tiny_model

QUICK = ("--prompt", "40", "--output", "4", "--depth", "0,80", "--streams", "1,3", "--repeat", "1", "--threads", "1")


@pytest.fixture
def yanmo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command on an empty data folder: exit status and standard output."""

    def run(*arguments: str) -> tuple[int, str]:
        status = main(["--data-folder", str(tmp_path / "data"), *arguments])
        return status, capsys.readouterr().out

    return run


def test_figures_are_told_and_compared_with_the_last_run(yanmo: Any, tmp_path: Path) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf", context=4096))
    status, out = yanmo("bench", model, *QUICK, "--json")
    first = json.loads(out)
    assert status == 0
    names = [row["name"] for row in first["figures"]]
    assert names == ["read 40", "write 4", "write 4 after 80", "1 at once, read 40 and write 4", "3 at once, read 40 and write 4"]
    assert all(row["tokens_per_second"] > 0 for row in first["figures"])
    assert all(row["ratio"] is None for row in first["figures"])
    _, out = yanmo("bench", model, *QUICK, "--csv", str(tmp_path / "figures.csv"), "--separate-contexts")
    assert "times the last run" not in out  # other settings are another thing
    _, out = yanmo("bench", model, *QUICK, "--csv", str(tmp_path / "figures.csv"))
    assert out.count("times the last run") == 5
    rows = list(csv.DictReader(io.StringIO((tmp_path / "figures.csv").read_text(encoding="utf-8"))))
    assert [row["name"] for row in rows] == names
    assert all(float(row["times_last_run"]) > 0 for row in rows)


def test_a_model_that_always_begins_with_its_end_is_measured_too(yanmo: Any, tmp_path: Path) -> None:
    tokens = [*byte_characters(), *WORDS, *SPECIAL]
    head = np.zeros((len(tokens), 64), np.float32)
    head[tokens.index("<|im_end|>"), 0] = 100.0  # every embedding points there
    direction = np.zeros((len(tokens), 64), np.float32)
    direction[:, 0] = 100.0
    deltas = {"token_embd.weight": direction, "output.weight": head}
    model = str(make_tiny_model(tmp_path / "silent.gguf", context=4096, deltas=deltas))
    status, out = yanmo("bench", model, *QUICK, "--json")
    assert status == 0
    assert all(row["tokens_per_second"] > 0 for row in json.loads(out)["figures"])


def test_how_many_guesses_of_a_draft_were_right_is_told(yanmo: Any, tmp_path: Path) -> None:
    # Slow enough beside its draft that guessing pays on a busy machine too, where it would be given up otherwise.
    model = str(make_tiny_model(tmp_path / "sharp.gguf", context=4096, scale=2.0, idle_layers=60))
    draft = str(make_tiny_model(tmp_path / "draft.gguf", context=4096, scale=2.0))
    arguments = ("--prompt", "40", "--output", "60", "--depth", "0", "--streams", "1", "--repeat", "2", "--threads", "1")
    status, out = yanmo("bench", model, *arguments, "--draft", draft, "--json")
    assert status == 0
    rows = {row["name"]: row for row in json.loads(out)["figures"]}
    assert 0 <= rows["write 60"]["acceptance"] <= 1
    assert rows["read 40"]["acceptance"] is None
    _, out = yanmo("bench", model, *arguments, "--draft", draft)
    assert "of guesses right" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--streams", "x"),
        ("--streams", "0"),
        ("--streams", "1,,2"),
        ("--prompt", "0"),
        ("--prompt", "abc"),
        ("--depth", "-1"),
        ("--repeat", "-2"),
        ("--lookup", "65"),
        ("--threads", "-5"),
    ],
)
def test_wrong_usage_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--data-folder", str(tmp_path / "data"), "bench", *arguments])
    assert caught.value.code == 2
    (last,) = capsys.readouterr().err.splitlines()[-1:]
    assert f"argument {arguments[0]}" in last
    assert "is not a whole number from" in last


@pytest.mark.parametrize(
    ("arguments", "status", "word"),
    [
        (("--csv", "{place}/nowhere/figures.csv"), 1, "csv"),
        (("--csv", "{place}"), 1, "csv"),
        (("--picture", "{place}/nowhere/bars.svg"), 1, "picture"),
        (("--picture", "{place}/bars.png"), 1, ".svg"),
        (("--csv", "-", "--json"), 2, "standard output"),
    ],
    ids=str,
)
def test_what_could_not_be_written_is_refused_before_anything_is_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int, word: str
) -> None:
    given = [one.format(place=tmp_path) for one in arguments]
    assert main(["--data-folder", str(tmp_path / "data"), "bench", "no-such-model", *given]) == status
    said = capsys.readouterr().err
    assert word in said
    assert "no-such-model" not in said  # nothing was looked for yet
    assert list(tmp_path.rglob("*.png")) == []


def test_a_file_that_cannot_be_written_in_the_end_loses_no_figure(
    yanmo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf", context=4096))
    folder = tmp_path / "out"
    folder.mkdir()

    def measure(*arguments: Any, **options: Any) -> Any:
        folder.rmdir()  # someone takes the disk away meanwhile
        yield Figure("read 40", 7.0)

    monkeypatch.setattr("app.cli.bench.iter_figures", measure)
    status, out = yanmo("bench", model, *QUICK, "--csv", str(folder / "figures.csv"), "--picture", str(tmp_path / "bars.svg"))
    assert (status, "read 40" in out, "7.0 tokens/s" in out) == (1, True, True)
    assert (tmp_path / "bars.svg").is_file()


def test_a_model_is_measured_as_it_is_set_and_only_runs_of_like_settings_are_compared(yanmo: Any, tmp_path: Path) -> None:
    model = str(make_tiny_model(tmp_path / "tiny.gguf", context=4096, heads=2))
    first = json.loads(yanmo("bench", model, *QUICK, "--lookup", "0", "--json")[1])
    assert "options" not in first["settings"]
    assert yanmo("options", model, "kv_type=q8_0", "context_length=512", "kv_unified=false", "lookup_tokens=4")[0] == 0
    second = json.loads(yanmo("bench", model, *QUICK, "--json")[1])
    assert second["settings"]["options"] == {"kv_type": "q8_0", "lookup_tokens": 4}
    assert second["settings"]["separate_contexts"] is True
    assert all(row["ratio"] is None for row in second["figures"])  # another thing than the first run
    third = json.loads(yanmo("bench", model, *QUICK, "--json")[1])
    assert third["settings"] == second["settings"]
    assert all(row["ratio"] for row in third["figures"])
    fourth = json.loads(yanmo("bench", model, *QUICK, "--lookup", "2", "--json")[1])
    assert fourth["settings"]["lookup"] == 2
    assert fourth["settings"]["options"] == {"kv_type": "q8_0"}


@pytest.mark.parametrize("cores", range(2, 65, 3))
def test_the_warm_up_is_longer_than_the_trial_of_threads(cores: int) -> None:
    class Link:
        """Counts steps of one token as the engine does: the first token of a reply comes with its prompt."""

        def __init__(self) -> None:
            self.choice = ThreadChoice(cores - 1, cores, lambda number: None)
            self.asked = 0

        def count_tokens(self, request: GenerationRequest) -> int:
            return 8

        def generate(self, request: GenerationRequest) -> Any:
            self.asked += 1
            written = min(request.options.max_tokens, 10)  # a model that ends early
            for _ in range(written - 1):
                self.choice.note(0.01)
            yield Finished("stop", Usage(8, 0, written, 0.1, 0.1, 0.1), 1)

    link = Link()
    warm_up(link)  # type: ignore[arg-type]
    assert link.choice.chosen > 0
    assert link.asked < 20


def test_a_model_that_is_not_there_is_an_error(yanmo: Any) -> None:
    assert yanmo("bench", "no-such-model")[0] == 1


def test_a_damaged_history_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    path.write_text("{", encoding="utf-8")
    assert read_history(path) == []
    keep(path, {"settings": {"a": 1}, "figures": {"x": 4.0}})
    keep(path, {"settings": {"a": 2}, "figures": {"x": 9.0}})
    (figure,) = compare([Figure("x", 2.0)], read_history(path), {"a": 1})
    assert figure.ratio == 0.5
    for _ in range(60):
        keep(path, {})
    assert len(read_history(path)) == 50


def test_llama_bench_is_measured_beside_it_where_it_is_there_and_bars_are_drawn(
    yanmo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "tools" / "llama-bench"
    program.parent.mkdir()
    # Speaks as llama-bench does with -o json; the real one is compared in tests/benchmarks.
    program.write_text(
        f"#!{sys.executable}\nimport json, sys\n"
        "said = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "print(json.dumps([{'avg_ts': 1000.0 + float(said['-p']) + float(said.get('-d', 0))}]))\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("YANMO_UPSTREAM", str(program.parent))
    model = str(make_tiny_model(tmp_path / "tiny <小>.gguf", context=4096, name="Tiny <小>"))
    picture = tmp_path / "bars.svg"
    _, out = yanmo("bench", model, *QUICK, "--json", "--picture", str(picture))
    told = {row["name"]: row["llama_bench"] for row in json.loads(out)["figures"]}
    assert told["read 40"] == 1040
    assert told["write 4 after 80"] == 1080
    assert told["3 at once, read 40 and write 4"] is None
    texts = [text.text for text in ElementTree.parse(picture).getroot().iter("{http://www.w3.org/2000/svg}text")]
    assert {"Tiny <小>", "read 40", "1,040.0", "llama-bench"} <= {(text or "").removesuffix(" F32") for text in texts}
    _, out = yanmo("bench", model, *QUICK)
    assert "times llama-bench" in out
    _, out = yanmo("bench", model, *QUICK, "--json", "--no-upstream")
    assert all(row["llama_bench"] is None for row in json.loads(out)["figures"])


def test_a_llama_bench_that_fails_loses_no_figure(yanmo: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "llama-bench"
    program.write_text("#!/bin/sh\necho unknown architecture >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("YANMO_UPSTREAM", str(tmp_path))
    status, out = yanmo("bench", str(make_tiny_model(tmp_path / "tiny.gguf", context=4096)), *QUICK, "--json")
    assert status == 0
    assert all(row["tokens_per_second"] > 0 and row["llama_bench"] is None for row in json.loads(out)["figures"])
