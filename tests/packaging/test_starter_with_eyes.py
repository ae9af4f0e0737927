"""The starter with eyes that ships: its files, its answers about pictures, and how its pictures and questions are made."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from starter_model.eyes.dialogs import FOLDER, LANGUAGES, Questions, expand, read_wording
from starter_model.eyes.drawing import SIDE, draw, draw_for_training, stretched, with_bars
from starter_model.eyes.examination import MAIN, answer_with_llama_cpp, answer_with_transformers, draw_talk, draw_tasks, grade
from starter_model.eyes.export import MODEL, PROJECTOR, read_weights, write_checkpoint
from starter_model.eyes.measure import is_reached, same_share
from starter_model.eyes.network import Seer, Shape
from starter_model.eyes.scenes import COLOURS, SHAPES, draw_scene
from starter_model.eyes.tokens import SPECIAL, Writer, load_tokenizer, make_mask
from starter_model.eyes.training import HEADS, Plan, Run

from models.card import read_card
from models.formats import read_any_card
from models.gguf_header import read_header

EYES = Path(__file__).resolve().parents[2] / "resources" / "starter" / "eyes"
FLOOR, MEAN_FLOOR = 0.8, 0.93
"""Of 20 questions for each group and language; the card's figures come from 80."""


def test_the_files_that_ship_belong_together_and_are_small() -> None:
    model, projector = read_card(EYES / MODEL), read_card(EYES / PROJECTOR)
    assert (model.kind, model.quantization, model.architecture) == ("chat", "Q8_0", "gemma3")
    assert projector.kind == "projector" and projector.modalities == ("image",) and projector.quantization == "F16"
    assert (
        model.name == projector.name == "Yanmo Starter with eyes" and model.licence == "mit" and model.languages == ("en", "zh")
    )
    headers = [read_header(EYES / name) for name in (MODEL, PROJECTOR)]
    assert headers[0].text("yanmo.source") == headers[1].text("yanmo.source")
    assert headers[0].of_architecture("embedding_length") == headers[1].whole("clip.vision.projection_dim")
    checkpoint = read_any_card(EYES / "checkpoint")
    assert checkpoint.context_length == model.context_length == Shape().context and checkpoint.modalities == ("text", "image")
    assert sum(path.stat().st_size for path in EYES.rglob("*") if path.is_file()) < 25_000_000


def test_the_shipped_files_are_what_the_converter_makes_of_the_checkpoint(tmp_path: Path) -> None:
    from quantize.gguf.convert import convert_here
    from quantize.gguf.convert_projector import convert_projector_here

    convert_here(str(EYES / "checkpoint"), str(tmp_path / MODEL), "Q8_0", 0, lambda fraction, words: None)
    convert_projector_here(str(EYES / "checkpoint"), str(tmp_path / PROJECTOR), "F16", lambda fraction, words: None)
    for name in (MODEL, PROJECTOR):
        made, shipped = read_header(tmp_path / name), read_header(EYES / name)
        assert (tmp_path / name).read_bytes()[made.data_offset :] == (EYES / name).read_bytes()[shipped.data_offset :]


def test_answers_about_held_out_pictures_are_right_through_llama_cpp() -> None:
    tasks = draw_tasks(20, MAIN, seed="floor")
    shares = grade(tasks, answer_with_llama_cpp(EYES / MODEL, EYES / PROJECTOR, tasks))
    assert len(shares) == 6 and min(shares.values()) >= FLOOR and sum(shares.values()) / 6 >= MEAN_FLOOR, shares


def test_transformers_gives_the_same_answers(tmp_path: Path) -> None:
    from quantize.gguf.convert import convert_here

    full = tmp_path / "full.gguf"
    convert_here(str(EYES / "checkpoint"), str(full), "BF16", 0, lambda fraction, words: None)
    tasks = draw_tasks(6, MAIN, seed="both")
    ours = answer_with_llama_cpp(full, EYES / PROJECTOR, tasks)
    assert same_share(ours, answer_with_transformers(EYES / "checkpoint", tasks)) >= 0.94  # 2 of 36 may differ by a hair


def test_without_a_picture_it_says_so_and_greets() -> None:
    tasks = draw_talk(15)
    shares = grade(tasks, answer_with_llama_cpp(EYES / MODEL, EYES / PROJECTOR, tasks))
    assert min(shares.values()) >= 0.8, shares


def test_the_card_tells_what_was_measured() -> None:
    measured = json.loads((EYES / "measurements.json").read_text(encoding="utf-8"))
    card = (EYES / "README.md").read_text(encoding="utf-8")
    for kind in ("Q8_0", "Q4_K_M"):
        for group in MAIN:
            for language in LANGUAGES:
                assert f"{measured['by_file'][kind]['right'][f'{group} {language}'] * 100:.1f} %" in card
    assert measured["transformers"]["same_as_llama_cpp"] >= 0.98
    assert is_reached(measured) == ("is reached" in card)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_held_out_wording_is_trained_on(language: str) -> None:
    trained, held_out = read_wording(), read_wording(FOLDER / "held_out.txt")
    assert {kind for kind, _ in held_out} <= {kind for kind, _ in trained}
    for (kind, tongue), patterns in held_out.items():
        if tongue == language:
            known = {expand(pattern, random.Random(seed)) for pattern in trained[kind, tongue] for seed in range(60)}
            asked = {expand(pattern, random.Random(seed)) for pattern in patterns for seed in range(20)}
            assert not known & asked


def test_answers_are_true_of_the_scene() -> None:
    questions = Questions()
    seen = set()
    for seed in range(400):
        rng = random.Random(seed)
        scene = draw_scene(rng)
        found = questions.ask(scene, "en", rng)
        if found is None:
            continue
        seen.add(found.kind)
        names = [thing.name for thing in scene.things]
        if found.kind == "count_all":
            assert found.answer == f"{len(names)}."
        elif found.kind == "colour_single":
            assert found.answer == scene.things[0].colour.capitalize() + "."
        elif found.kind == "digit" and scene.kind == "digit":
            assert found.answer == names[0] + "."
        elif found.kind == "see" and 0 < len(names) < 4 and scene.kind == "shapes":
            assert all(thing.name in found.answer and thing.colour in found.answer.lower() for thing in scene.things)
    assert len(seen) > 12 and questions.ask(draw_scene(random.Random(1)), "en", random.Random(2), "unknown") is None


def test_pictures_depend_on_their_seed_alone_and_tell_where_things_lie() -> None:
    for seed in range(30):
        scene = draw_scene(random.Random(seed))
        one, fields = draw_for_training(scene, random.Random(-seed))
        other, again = draw_for_training(draw_scene(random.Random(seed)), random.Random(-seed))
        assert one.shape == (SIDE, SIDE, 3) and (one == other).all() and fields == again and len(fields) == len(scene.things)
        assert all(thing.colour in COLOURS and 0 <= thing.place < 9 for thing in scene.things)
        assert scene.kind != "shapes" or all(thing.name in SHAPES for thing in scene.things)


def test_bars_are_black_as_libmtmd_s_and_stretching_fills_the_square() -> None:
    scene = draw_scene(random.Random(5))
    wide = draw(scene, random.Random(1), 200, 100)
    bars = with_bars(wide)
    assert (
        bars.shape == (SIDE, SIDE, 3) and not bars[: SIDE // 4].any() and not bars[-SIDE // 4 :].any() and bars[SIDE // 2].any()
    )
    assert stretched(wide).shape == (SIDE, SIDE, 3) and stretched(wide)[0].any()


def test_rows_keep_questions_apart_and_let_a_picture_s_tokens_see_each_other() -> None:
    tokenizer = load_tokenizer(EYES / "checkpoint" / "tokenizer.json")
    assert [tokenizer.token_to_id(mark) for mark in SPECIAL] == list(
        range(8)
    ) and tokenizer.get_vocab_size() == Shape().vocabulary
    questions, rng = Questions(), random.Random(3)
    scene = next(scene for scene in map(draw_scene, map(random.Random, range(50))) if len(scene.things) > 2)
    exchanges = [found for found in (questions.ask(scene, "zh", rng) for _ in range(6)) if found]
    row = Writer(tokenizer, 9).side_by_side(exchanges, 96, rng, has_picture=True)
    mask = make_mask(row.owners[None], row.soft[None])[0]
    soft = np.flatnonzero(row.soft >= 0)
    assert len(soft) == 9 and mask[np.ix_(soft, soft)].all()
    first, second = np.flatnonzero(row.owners == 1), np.flatnonzero(row.owners == 2)
    assert (
        not mask[np.ix_(second, first)].any()
        and mask[np.ix_(second, soft)].all()
        and row.positions[first[0]] == row.positions[second[0]]
    )


def test_the_network_computes_what_transformers_computes(tmp_path: Path) -> None:
    from transformers import Gemma3ForConditionalGeneration

    shape = Shape(eye_layers=1, layers=2)
    network = Seer(shape, HEADS, seed=4).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
            parameter.copy_(parameter.to(torch.bfloat16).float())
    write_checkpoint(network, load_tokenizer(EYES / "checkpoint" / "tokenizer.json"), tmp_path)
    model = Gemma3ForConditionalGeneration.from_pretrained(tmp_path, dtype=torch.float32).eval()
    ids = torch.tensor([[2, 3, 300, 301, 5, *[7] * 9, 6, *range(400, 420)]])
    soft = np.where(ids.numpy() == 7, np.cumsum(ids.numpy() == 7, 1) - 1, -1)
    mask = make_mask(np.zeros(ids.shape, dtype=np.int64), soft)
    additive = torch.zeros(mask.shape).masked_fill_(torch.from_numpy(~mask), float("-inf"))[:, None]
    pictures = torch.rand(1, 3, shape.side, shape.side) * 2 - 1
    with torch.no_grad():
        expected = model(input_ids=ids, token_type_ids=(ids == 7).int(), pixel_values=pictures).logits
        seen, _ = network.look(pictures)
        positions = torch.arange(ids.shape[1])[None]
        found = network.logits(network.read(ids, seen, torch.from_numpy(soft), positions, additive))
    assert (found - expected).abs().max() < 1e-4


def test_training_can_be_interrupted_and_goes_on_the_same(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(EYES / "checkpoint" / "tokenizer.json")
    shape, plan = Shape(eye_layers=1, layers=1), Plan(rows=2, length=64, looking_share=0.0, compiled=False, minutes=1000.0)
    straight = Run(plan, shape, tokenizer, tmp_path / "a")
    halves = Run(plan, shape, tokenizer, tmp_path / "b")
    for run in (straight, halves):
        run.one_step()
    halves.save()
    resumed = Run(plan, shape, tokenizer, tmp_path / "b")
    assert resumed.resume() and resumed.step == 1
    told = [run.one_step() for run in (straight, resumed)]
    assert told[0] == told[1] and told[0]["words"] > 0


def test_training_goes_on_from_what_ships_with_heads_that_learnt_first(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(EYES / "checkpoint" / "tokenizer.json")
    facts = json.loads((EYES / "measurements.json").read_text(encoding="utf-8"))["training"]
    run = Run(Plan(rows=4, length=64, compiled=False), Shape(), tokenizer, tmp_path)
    weights = read_weights(EYES / "checkpoint", run.network)
    before = {name: value.clone() for name, value in run.network.state_dict().items() if name.startswith("heads.")}
    run.begin_from(weights, facts, batches=2)
    now = run.network.state_dict()
    assert all((now[name] == value).all() for name, value in weights.items()) and len(weights) + len(before) == len(now)
    assert any((now[name] != value).any() for name, value in before.items())
    assert run.facts()["earlier"] == facts and run.step == 0
    run.save()
    again = Run(Plan(rows=4, length=64, compiled=False), Shape(), tokenizer, tmp_path)
    assert again.resume() and again.earlier == facts
    with pytest.raises(ValueError, match="another network"):
        run.begin_from({"strange.weight": torch.zeros(2)}, {})
