"""Where torch can compute and in which type of number: devices named as llama.cpp's are, chosen and checked before a load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch

from backends.options import LoadOptions
from models.errors import EngineUnavailable, InvalidOption
from models.formats import read_json

COMPUTE_TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
_CUDA = re.compile(r"cuda:?(\d*)", re.IGNORECASE)


def list_devices() -> list[str]:
    """Names of what torch can compute on here: CUDA0, CUDA1 …, MPS, CPU."""
    found = [f"CUDA{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        found.append("MPS")
    return [*found, "CPU"]


def choose_device(options: LoadOptions) -> tuple[str, str]:
    """Name and torch's own name of the device to load to: as asked, else the first there is.

    Raises:
        EngineUnavailable: it is not here, with what is.
        InvalidOption: several are asked for.
    """
    here = list_devices()
    wished = options.device.strip()
    if "," in wished:
        raise InvalidOption(option="device", value=wished, allowed=f"one of {', '.join(here)} for this engine")
    if not wished:
        name = "CPU" if options.gpu_layers == 0 else here[0]
    elif match := _CUDA.fullmatch(wished):
        name = f"CUDA{match[1] or 0}"
    else:
        name = {"MTL0": "MPS", "METAL": "MPS"}.get(wished.upper(), wished.upper())
    if name not in here:
        reason = f"It has no device {wished} here: there is {', '.join(here)}."
        raise EngineUnavailable(engine="torch", reason=reason)
    return name, {"CPU": "cpu", "MPS": "mps"}.get(name, f"cuda:{name[4:]}")


def find_type(wished: str, device: str, folder: Path) -> torch.dtype:
    """The type to compute in: as wished, else the checkpoint's where the device is quick with it.

    Raises:
        InvalidOption: this device does not compute in it.
    """
    if wished:
        if wished == "bf16" and device.startswith("cuda") and not torch.cuda.is_bf16_supported():
            raise InvalidOption(option="compute_type", value=wished, allowed="f16 or f32 on this GPU")
        return COMPUTE_TYPES[wished]
    settings = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    stored = str(settings.get("dtype") or settings.get("torch_dtype") or "").removeprefix("torch.")
    if device == "cpu":  # float16 is very slow there
        if stored == "float32" and not settings.get("quantization_config"):
            return torch.float32
        return torch.bfloat16 if _has_quick_bf16() else torch.float32
    if device.startswith("cuda") and not torch.cuda.is_bf16_supported():
        return torch.float16
    return torch.float16 if stored == "float16" and not settings.get("quantization_config") else torch.bfloat16


def _has_quick_bf16() -> bool:
    ops: Any = torch.ops.mkldnn
    try:
        return bool(ops._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):
        return False
