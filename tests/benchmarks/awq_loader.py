"""Reads logits of a four-bit folder with somebody else's loader, in its own environment: `python awq_loader.py HOW FOLDER TOKENS OUT`.

Nothing of Yanmo is imported here. TOKENS is JSON, OUT becomes a .npy of the logits (tokens, vocabulary). HOW is a name in ``LOADERS``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the arguments, load, compute, save."""
    how, folder, tokens, out = sys.argv[1:5]
    ids = json.loads(Path(tokens).read_text(encoding="utf-8"))
    import numpy

    numpy.save(out, LOADERS[how](folder, ids))


def read_through_gptqmodel(folder: str, ids: list[int]) -> Any:
    """transformers' own loader of AWQ, in float32: gptqmodel's layer rounds what it is given and its weights to float16 all the same."""
    return _compute(_load_gptqmodel(folder), ids)


def read_through_gptqmodel_multiplied(folder: str, ids: list[int]) -> Any:
    """The same loader; what it has loaded is dequantized by gptqmodel's own function, in float32, and multiplied by torch."""
    import torch
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm

    model = _load_gptqmodel(folder)
    for name, module in list(model.named_modules()):
        if type(module).__name__ == "AwqTorchLinear":
            weight = dequantize_gemm(module.qweight, module.qzeros, module.scales.float(), 4, module.group_size)
            linear = torch.nn.Linear(*weight.shape, bias=module.bias is not None)
            linear.weight = torch.nn.Parameter(weight.T.contiguous(), requires_grad=False)
            if module.bias is not None:
                linear.bias = torch.nn.Parameter(module.bias.float(), requires_grad=False)
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, linear)
    return _compute(model, ids)


def read_through_compressed_tensors(folder: str, ids: list[int]) -> Any:
    """Through compressed-tensors; ``dequantize``, without which its asymmetric files do not load on a processor."""
    import torch
    from transformers import AutoModelForCausalLM, CompressedTensorsConfig

    settings = CompressedTensorsConfig(dequantize=True)
    return _compute(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=settings), ids)


def read_through_mlx(folder: str, ids: list[int]) -> Any:
    """mlx-lm, in float32, on whatever device mlx has. What it subtracts for a zero, zero × scale, it rounds to float16 all the same."""
    import mlx.core as mx
    import numpy
    from mlx_lm import load

    model = load(folder)[0]
    model.set_dtype(mx.float32)
    return numpy.array(model(mx.array([ids]))[0].astype(mx.float32))


def read_through_mlx_unrounded(folder: str, ids: list[int]) -> Any:
    """The same loader given the same scales in float32, so that zero × scale is not rounded."""
    import mlx.core as mx
    from mlx_lm import utils

    usual = utils._transform_awq_weights

    def in_float32(weights: dict[str, Any], settings: dict[str, Any]) -> Any:
        wide = {name: values.astype(mx.float32) if name.endswith(".scales") else values for name, values in weights.items()}
        return usual(wide, settings)

    utils._transform_awq_weights = in_float32
    return read_through_mlx(folder, ids)


def _load_gptqmodel(folder: str) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AwqConfig

    stored = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))["quantization_config"]
    settings = AwqConfig(bits=4, group_size=stored["group_size"], zero_point=True, backend="torch_awq")
    model = AutoModelForCausalLM.from_pretrained(folder, device_map="cpu", dtype=torch.float32, quantization_config=settings)
    kinds = {type(module).__name__ for module in model.modules()}
    assert "AwqTorchLinear" in kinds, sorted(kinds)
    return model


def _compute(model: Any, ids: list[int]) -> Any:
    import torch

    torch.set_num_threads(1)
    with torch.inference_mode():
        return model.eval()(torch.tensor([ids])).logits[0].float().numpy()


LOADERS: dict[str, Callable[[str, list[int]], Any]] = {
    "gptqmodel": read_through_gptqmodel,
    "gptqmodel-multiplied": read_through_gptqmodel_multiplied,
    "compressed-tensors": read_through_compressed_tensors,
    "mlx": read_through_mlx,
    "mlx-unrounded": read_through_mlx_unrounded,
}

if __name__ == "__main__":
    main()
