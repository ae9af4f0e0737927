"""A LoRA adapter as PEFT saves it: which weights it changes, and how strongly. Standard library only.

https://huggingface.co/docs/peft/developer_guides/checkpoint. A pair A (rank, inputs), B (outputs, rank) adds scale · B · A.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from models.errors import NotAModelFile, UserFacingError
from models.formats import ADAPTER_CONFIGURATION, read_json

ADAPTER_WEIGHTS = "adapter_model.safetensors"
_PAIR = re.compile(r"^(?:base_model\.model\.)?(.+)\.lora_(embedding_)?([AB])(?:\.default)?(?:\.weight)?$")

Refuse = Callable[[str], UserFacingError]


@dataclass(frozen=True, slots=True)
class PairNames:
    """Names of the tensors A and B for the module ``stem``; those of an embedding lie the other way round."""

    stem: str
    a: str
    b: str
    is_embedding: bool


class PeftSettings:
    """``adapter_config.json`` of a folder. ``refuse`` makes the error of a reason: who asks knows what cannot be done.

    Raises:
        NotAModelFile: it is no such folder.
        UserFacingError: by ``refuse``: it does more than a plain LoRA.
        DamagedModelFile: its settings cannot be read.
    """

    def __init__(self, folder: Path, refuse: Refuse) -> None:
        if not (folder / ADAPTER_CONFIGURATION).is_file() or not (folder / ADAPTER_WEIGHTS).is_file():
            raise NotAModelFile(
                file=folder.name, reason="The folder holds no adapter_config.json with an adapter_model.safetensors."
            )
        self._refuse = refuse
        self.config = read_json(folder / ADAPTER_CONFIGURATION, 1 << 24)
        for setting, plain in (("use_dora", False), ("bias", "none"), ("peft_type", "LORA")):
            if self.config.get(setting, plain) not in (plain, None):
                raise refuse(f"Its setting {setting} asks for more than a plain LoRA, which cannot be converted.")

    def pairs(self, names: list[str]) -> list[PairNames]:
        """The tensors of the file by what they change, in the order of that.

        Raises:
            UserFacingError: by ``refuse``: something is no part of a LoRA, or half of a pair is missing.
        """
        found: dict[str, dict[str, str]] = {}
        for name in names:
            match = _PAIR.match(name)
            if match is None:
                raise self._refuse(f"It holds “{name}”, which is no part of a LoRA.")
            found.setdefault(match[1], {})[(match[2] or "") + match[3]] = name
        made = []
        for stem, halves in sorted(found.items()):
            is_embedding = any(half.startswith("embedding_") for half in halves)
            prefix = "embedding_" if is_embedding else ""
            if set(halves) != {prefix + "A", prefix + "B"}:
                raise self._refuse(f"Half of the pair for “{stem}” is missing.")
            made.append(PairNames(stem, halves[prefix + "A"], halves[prefix + "B"], is_embedding))
        return made

    def scale(self, stem: str, rank: int) -> float:
        """How much B · A counts."""
        alpha = float(self.config.get("lora_alpha") or rank)
        for pattern, value in (self.config.get("alpha_pattern") or {}).items():
            if re.search(rf"(^|\.){pattern}$", stem):
                alpha = float(value)
        return alpha / (math.sqrt(rank) if self.config.get("use_rslora") else rank)
