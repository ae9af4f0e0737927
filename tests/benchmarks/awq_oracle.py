"""Runs one reference tool over a checkpoint, in that tool's own environment: `python awq_oracle.py TOOL MODEL OUT TOKENS.json`.

Nothing of Yanmo is imported here. Every tool computes on one thread of the processor, in float32 where it can, gets the same windows
of tokens, and writes groups of 128, asymmetric. The last line that is printed is JSON: seconds and processor seconds from loading to the
finished folder.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

GROUP = 128


def run_autoawq(model: str, out: str, windows: list[list[int]]) -> None:
    """AutoAWQ 0.2.9, with the copy of its weights that it means to make before it tries scales: on a CPU `v.cpu()` is none."""
    import torch
    from awq import AutoAWQForCausalLM
    from awq.quantize import quantizer
    from transformers import AutoTokenizer

    kind: Any = quantizer.AwqQuantizer
    source = textwrap.dedent(inspect.getsource(kind._compute_best_scale))
    assert source.count("v.cpu() for") == 1, "another version: look at the patch again"
    names: dict[str, Any] = {}
    exec(source.replace("v.cpu() for", "v.cpu().clone() for"), vars(quantizer), names)
    kind._compute_best_scale = names["_compute_best_scale"]
    found = AutoAWQForCausalLM.from_pretrained(model, torch_dtype=torch.float32, device_map="cpu", safetensors=True)
    settings = {"zero_point": True, "q_group_size": GROUP, "w_bit": 4, "version": "GEMM"}
    tokenizer = AutoTokenizer.from_pretrained(model)
    found.quantize(tokenizer, quant_config=settings, calib_data=windows, max_calib_samples=len(windows), max_calib_seq_len=512)
    found.save_quantized(out)
    tokenizer.save_pretrained(out)


def run_gptqmodel(model: str, out: str, windows: list[list[int]]) -> None:
    """gptqmodel 7.6.0, in bfloat16: its layer for processors takes no float32."""
    import torch
    from gptqmodel import BACKEND, GPTQModel, QuantizeConfig
    from gptqmodel.quantization import FORMAT, METHOD

    settings = QuantizeConfig(bits=4, group_size=GROUP, sym=False, method=METHOD.AWQ, format=FORMAT.GEMM, device="cpu")
    found = GPTQModel.load(model, settings, dtype=torch.bfloat16)
    found.quantize([{"input_ids": window, "attention_mask": [1] * len(window)} for window in windows], backend=BACKEND.AWQ_TORCH)
    found.save(out)


def run_llmcompressor(model: str, out: str, windows: list[list[int]]) -> None:
    """llm-compressor 0.14.0.1; its pinning of memory, which asks for a GPU, does nothing."""
    import torch
    from datasets import Dataset
    from llmcompressor import oneshot
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.awq import AWQModifier
    from llmcompressor.pipelines.cache import IntermediatesCache
    from transformers import AutoModelForCausalLM, AutoTokenizer

    IntermediatesCache.pin_memory = lambda *_values, **_named: None
    found = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(model)
    data = Dataset.from_dict({"input_ids": windows, "attention_mask": [[1] * len(window) for window in windows]})
    recipe = [
        AWQModifier(duo_scaling="both"),
        QuantizationModifier(targets=["Linear"], scheme="W4A16_ASYM", ignore=["lm_head"]),
    ]
    oneshot(
        model=found,
        tokenizer=tokenizer,
        dataset=data,
        recipe=recipe,
        max_seq_length=512,
        num_calibration_samples=len(windows),
        shuffle_calibration_samples=False,
    )
    found.save_pretrained(out, save_compressed=True)
    tokenizer.save_pretrained(out)


TOOLS = {"autoawq": run_autoawq, "gptqmodel": run_gptqmodel, "llmcompressor": run_llmcompressor}


def main() -> None:
    """Read the arguments, run, tell how long it took."""
    tool, model, out, tokens = sys.argv[1:5]
    windows = json.loads(Path(tokens).read_text(encoding="utf-8"))
    import torch

    torch.set_num_threads(1)
    started, worked = time.perf_counter(), time.process_time()
    TOOLS[tool](model, out, windows)
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="utf-8"))[1]) // 1024  # type: ignore[index]
    print(json.dumps({"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - worked, "memory_mb": peak}))


if __name__ == "__main__":
    main()
