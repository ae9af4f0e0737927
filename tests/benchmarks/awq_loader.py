"""Reads logits of a four-bit folder with somebody else's loader, in that tool's own environment: `python awq_loader.py FOLDER TOKENS OUT`.

Nothing of Yanmo is imported here. TOKENS is JSON, OUT becomes a .npy of the logits (tokens, vocabulary). ``transformers`` loads
AutoAWQ's layout through gptqmodel where that is installed, and compressed-tensors' through compressed-tensors.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

GROUP = 128


def main() -> None:
    """Read the arguments, load, compute, save."""
    folder, tokens, out = sys.argv[1:4]
    ids = json.loads(Path(tokens).read_text(encoding="utf-8"))
    import numpy
    import torch

    torch.set_num_threads(1)
    method = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))["quantization_config"]["quant_method"]
    model = load_awq(folder) if method == "awq" else load_compressed(folder)
    with torch.inference_mode():
        numpy.save(out, model(torch.tensor([ids])).logits[0].float().numpy())
    print(type(model).__name__, sorted({type(module).__name__ for module in model.modules() if "inear" in type(module).__name__}))


def load_awq(folder: str) -> Any:
    """Through gptqmodel. Its layer for processors multiplies in float16 or bfloat16 only: for float32 what it has loaded is dequantized by
    its own function and multiplied by torch.
    """
    import torch
    from gptqmodel.quantization.awq.utils.packing_utils import dequantize_gemm
    from transformers import AutoModelForCausalLM, AwqConfig

    settings = AwqConfig(bits=4, group_size=GROUP, zero_point=True, backend="torch_awq")
    model = AutoModelForCausalLM.from_pretrained(folder, device_map="cpu", dtype=torch.float16, quantization_config=settings)
    if len(sys.argv) > 4 and sys.argv[4] == "as-it-is":
        return model.eval()
    for name, module in list(model.named_modules()):
        if type(module).__name__ == "AwqTorchLinear":
            weight = dequantize_gemm(module.qweight, module.qzeros, module.scales.float(), 4, GROUP)
            linear = torch.nn.Linear(*weight.shape, bias=module.bias is not None)
            linear.weight = torch.nn.Parameter(weight.T.contiguous(), requires_grad=False)
            if module.bias is not None:
                linear.bias = torch.nn.Parameter(module.bias.float(), requires_grad=False)
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, linear)
    return torch.nn.Module.float(model).eval()


def load_compressed(folder: str) -> Any:
    """Through compressed-tensors; ``dequantize``, without which its asymmetric files do not load on a processor."""
    import torch
    from transformers import AutoModelForCausalLM, CompressedTensorsConfig

    settings = CompressedTensorsConfig(dequantize=True)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, quantization_config=settings).eval()


if __name__ == "__main__":
    main()
