"""The planner's numbers against what llama.cpp reports after a real load, for every architecture that can be converted here."""

from __future__ import annotations

import statistics
from pathlib import Path

import psutil
import pytest

from backends.backend import GenerationRequest
from backends.options import GenerationOptions, LoadOptions
from backends.worker_link import WorkerLink
from models.gguf_header import read_header
from models.memory_fit import LoadShape, compute_bytes, kv_bytes
from models.memory_plan import DeviceRoom, PlanRequest, plan_memory
from models.memory_shape import read_shape
from quantize.gguf.convert import convert_checkpoint
from resources import resource_folder
from tests.quantize import checkpoints

CONTEXT = 4096


def measure(path: Path) -> tuple[int, int]:
    """Bytes predicted and bytes that llama.cpp says it allocated: weights, cache and compute buffers together."""
    # Not mapped: of a mapped file llama.cpp reports the whole stretch in which tensors lie, also of those that it has laid out anew (AMX).
    options = LoadOptions(context_length=CONTEXT, threads=1, use_mmap=False)
    link = WorkerLink("llamacpp", str(path), options)
    try:
        facts = link.load()
    finally:
        link.close()
    shape = read_shape([read_header(path)])
    load = LoadShape(facts.context_length, "f16", 512, 2 * options.parallel)
    predicted = shape.weights + kv_bytes(shape.layers, load) + compute_bytes(shape, load)
    return predicted, sum(part.weights + part.kv_cache + part.compute for part in facts.memory)


@pytest.mark.slow
def test_every_architecture_takes_what_was_predicted(tmp_path: Path) -> None:
    errors: dict[str, float] = {}
    for number, kind in enumerate([*checkpoints.DECODERS, *checkpoints.SPECIAL]):
        folder = tmp_path / str(number)  # llama.cpp expects certain tokens of a model whose name contains “phi-3”
        make = checkpoints.SPECIAL.get(kind)
        if make:
            make(folder)
        else:
            checkpoints.make_decoder(folder, kind)
        predicted, measured = measure(convert_checkpoint(folder, folder / "made.gguf", "F16"))
        errors[kind] = abs(predicted / measured - 1)
    starter = next((resource_folder() / "starter").glob("*Q8_0.gguf"))
    predicted, measured = measure(starter)
    errors["starter"] = abs(predicted / measured - 1)
    worst = max(errors, key=lambda kind: errors[kind])
    print(f"\n{len(errors)} models: median {statistics.median(errors.values()):.2%}, worst {errors[worst]:.2%} ({worst})")
    assert len(errors) > 30
    assert statistics.median(errors.values()) < 0.03
    assert errors[worst] < 0.10, worst


def test_the_process_of_the_starter_holds_no_more_than_the_plan_says() -> None:
    path = next((resource_folder() / "starter").glob("*Q8_0.gguf"))
    # Not mapped: where weights are laid out anew (AMX), the file's pages lie beside them, which the system takes back when it needs them.
    link = WorkerLink("llamacpp", str(path), LoadOptions(threads=1, context_length=CONTEXT, use_mmap=False))
    try:
        link.load()
        # The likelihoods of the whole prompt, so that every buffer that is reserved is used too.
        options = GenerationOptions(max_tokens=20, seed=1, prompt_logprobs=True)
        request = GenerationRequest(prompt="The ink is ground slowly. " * 300, options=options)
        list(link.generate(request))
        assert link.pid is not None
        held = psutil.Process(link.pid).memory_info().rss
    finally:
        link.close()
    plan = plan_memory(read_shape([read_header(path)]), [DeviceRoom("RAM", 64 << 30)], PlanRequest(context=CONTEXT))
    print(f"\nplanned {plan.needed / 2**20:.0f} MiB, the process holds {held / 2**20:.0f} MiB")
    assert 0.9 < held / plan.needed < 1.1
