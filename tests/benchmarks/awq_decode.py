"""How long a token takes in four bits and in bfloat16, of one shape: `python -m tests.benchmarks.awq_decode [THREADS]`.

A Llama of the shape of 0.5 billion parameters with random weights, as it would be saved, and with random numbers in AutoAWQ's layout;
both are loaded by the torch engine, read a prompt of 128 tokens and write. Prints figures; tests nothing.
"""

from __future__ import annotations

import itertools
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backends.backend import GenerationRequest
from backends.events import TokenChosen
from backends.options import GenerationOptions, LoadOptions, SamplingOptions
from backends.torch_transformers.backend import TorchBackend
from tests.structured_models import STARTER

GROUP, PROMPT, WRITTEN = 128, 128, 24
SHAPE: dict[str, Any] = {
    "vocab_size": 151_936, "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
    "num_key_value_heads": 2, "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 2, "max_position_embeddings": 2048,
}  # fmt: skip


def main() -> None:
    """Both, one after the other."""
    threads = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    with tempfile.TemporaryDirectory() as name:
        plain, packed = make_folders(Path(name))
        found = {kind: measure(folder, threads) for kind, folder in (("bfloat16", plain), ("four bits", packed))}
    for kind, (read, written) in found.items():
        print(f"{kind}: {read:.1f} s for a prompt of {PROMPT} tokens, {written * 1000:.0f} ms a token")
    print(f"in four bits {found['bfloat16'][1] / found['four bits'][1]:.2f} times as fast")


def make_folders(folder: Path) -> tuple[Path, Path]:
    """The same network in bfloat16, and with random four-bit numbers in its Linears."""
    import torch
    import transformers
    from safetensors.torch import save_file

    from backends.torch_transformers.packing import pack_autoawq

    plain, packed = folder / "plain", folder / "packed"
    torch.manual_seed(1)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**SHAPE)).bfloat16()
    model.save_pretrained(plain)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(STARTER / name, plain / name)
    shutil.copytree(plain, packed, ignore=shutil.ignore_patterns("*.safetensors"))
    linears = {
        f"{name}.weight": module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and name != "lm_head"
    }
    tensors = {name: value for name, value in model.state_dict().items() if name not in linears and name != "lm_head.weight"}
    for name, linear in linears.items():
        rows, columns = linear.weight.shape
        numbers = torch.randint(0, 16, (rows, columns), dtype=torch.uint8)
        zeros = torch.full((rows, columns // GROUP), 8, dtype=torch.uint8)
        parts = pack_autoawq(numbers, zeros, torch.full(zeros.shape, 0.005))
        tensors |= {f"{name.removesuffix('weight')}{part}": value for part, value in parts.items()}
    save_file(
        {name: value.contiguous() for name, value in tensors.items()}, packed / "model.safetensors", metadata={"format": "pt"}
    )
    config = json.loads((packed / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {"quant_method": "awq", "bits": 4, "group_size": GROUP, "zero_point": True, "version": "gemm"}
    (packed / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return plain, packed


def measure(folder: Path, threads: int) -> tuple[float, float]:
    """Seconds to the first token, and for each one after it in the middle."""
    backend = TorchBackend()
    backend.load(str(folder), LoadOptions(threads=threads, compute_type="bf16", context_length=512), lambda fraction: True)
    options = GenerationOptions(
        sampling=SamplingOptions(temperature=0.0), max_tokens=WRITTEN, logit_bias=((2, -100.0),), logprobs=1
    )
    request = GenerationRequest(messages=(), options=options, prompt_tokens=tuple(range(5, 5 + PROMPT)))
    times = [time.perf_counter()]
    for event in backend.generate(request, lambda: False):
        if isinstance(event, TokenChosen):
            times.append(time.perf_counter())
    backend.close()
    steps = [after - before for before, after in itertools.pairwise(times)]
    return steps[0], statistics.median(steps[1:])


if __name__ == "__main__":
    main()
