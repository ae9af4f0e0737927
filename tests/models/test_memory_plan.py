"""A plan says where everything lies, whether it fits, and what to change."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.gguf_header import read_header
from models.memory_plan import Correction, DeviceRoom, PlanRequest, plan_memory
from models.memory_shape import MemoryShape, read_shape
from tests.models.sparse_models import SHAPES

GB = 10**9


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> MemoryShape:
    return read_shape([read_header(SHAPES["llama_8b"](tmp_path_factory.mktemp("plan") / "llama.gguf"))])


def room(total: float, used: float = 0, name: str = "RAM") -> DeviceRoom:
    return DeviceRoom(name, round(total * GB), round(used * GB))


def test_a_large_memory_takes_all_and_a_small_one_nothing(llama: MemoryShape) -> None:
    assert plan_memory(llama, [room(32, 4)], PlanRequest()).verdict == "fits"
    small = plan_memory(llama, [room(4, 1)], PlanRequest())
    assert (small.verdict, small.longest_context) == ("too_large", 0)
    assert "smaller_quantization" in small.advice


def test_what_others_use_now_counts(llama: MemoryShape) -> None:
    assert plan_memory(llama, [room(16, 1)], PlanRequest()).verdict == "fits"
    busy = plan_memory(llama, [room(16, 11)], PlanRequest())
    assert busy.verdict == "tight"
    assert "close_programs" in busy.advice


def test_the_longest_context_fits_and_one_step_more_does_not(llama: MemoryShape) -> None:
    rooms = [room(12, 2)]
    longest = plan_memory(llama, rooms, PlanRequest()).longest_context
    assert 8192 < longest < 131_072
    at = plan_memory(llama, rooms, PlanRequest(context=longest)).devices[0]
    above = plan_memory(llama, rooms, PlanRequest(context=longest + 256)).devices[0]
    assert at.needed <= rooms[0].free < above.needed
    too_long = plan_memory(llama, rooms, PlanRequest(context=131_072))
    assert too_long.verdict == "too_large"
    assert too_long.advice[0] == "shorter_context" and "smaller_cache" in too_long.advice


def test_a_smaller_cache_makes_room_for_nearly_twice_the_context(llama: MemoryShape) -> None:
    rooms = [room(12, 2)]
    plain = plan_memory(llama, rooms, PlanRequest()).longest_context
    small = plan_memory(llama, rooms, PlanRequest(kv_type="q8_0")).longest_context
    assert small > 1.6 * plain


def test_layers_go_to_a_gpu_until_it_is_full(llama: MemoryShape) -> None:
    whole = plan_memory(llama, [room(32), room(24, 1, "GPU")], PlanRequest())
    assert whole.gpu_layers == whole.layer_count == 33
    assert whole.devices[1].weights > 4 * GB > 1 * GB > whole.devices[0].weights
    half = plan_memory(llama, [room(32), room(4, 0.5, "GPU")], PlanRequest())
    assert 5 < half.gpu_layers < 30
    assert half.verdict == "fits"
    assert half.devices[0].weights + half.devices[1].weights == llama.weights
    one_more = plan_memory(llama, [room(32), room(4, 0.5, "GPU")], PlanRequest(gpu_layers=half.gpu_layers + 3))
    assert one_more.verdict != "fits" and "fewer_gpu_layers" in one_more.advice


def test_two_gpus_share_by_what_they_have(llama: MemoryShape) -> None:
    plan = plan_memory(llama, [room(32), room(12, 0, "A"), room(6, 0, "B")], PlanRequest())
    assert plan.gpu_layers == plan.layer_count
    first, second = plan.devices[1], plan.devices[2]
    assert first.kv_cache == pytest.approx(2 * second.kv_cache, rel=0.2)


def test_a_projector_and_a_draft_count(llama: MemoryShape) -> None:
    alone = plan_memory(llama, [room(32)], PlanRequest())
    both = plan_memory(llama, [room(32)], PlanRequest(projector_bytes=GB, draft=llama))
    assert both.needed - alone.needed > GB + llama.weights
    assert both.devices[0].projector == GB


def test_what_was_learnt_changes_the_plan(llama: MemoryShape) -> None:
    plain = plan_memory(llama, [room(32)], PlanRequest())
    learnt = plan_memory(llama, [room(32)], PlanRequest(correction=Correction(compute=1.5)))
    assert learnt.devices[0].compute == pytest.approx(1.5 * plain.devices[0].compute)
    assert learnt.devices[0].weights == plain.devices[0].weights


def test_every_known_shape_gives_a_plan(tmp_path: Path) -> None:
    for name, make in SHAPES.items():
        shape = read_shape([read_header(make(tmp_path / f"{name}.gguf"))])
        plan = plan_memory(shape, [room(64), room(16, 2, "GPU")], PlanRequest())
        assert plan.needed > shape.weights * 0.99
        assert plan.longest_context >= 512, name
