"""Tiny random MiniCPM-V checkpoints, and what they must compute.

transformers has no code for these: the tower is its Idefics 2's, which is the same one, the text models are its own, and the resampler is
written here from its description (queries that look at keys with sines of two dimensions, Bai et al., 2023, and Yao et al., 2024).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch
from torch import Tensor, nn

from tests.tiny_vision import write_tokenizer

WIDTH, EYES, SIDE, PATCH, QUERIES = 256, 32, 32, 8, 6
MARKS = ("<bos>", "<image>", "</image>", "<slice>", "</slice>")
VERSIONS: dict[str, tuple[str, Any]] = {
    "2.5": ("Llama", None),
    "2.6": ("Qwen2", 2.6),
    "4.0": ("Llama", 4),
    "4.5": ("Qwen3", "4.5"),
}
"""The text model of each, and how its ``config.json`` tells the version."""


class Resampler(nn.Module):
    """Looks at the patches of a picture with a fixed number of learned questions."""

    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(QUERIES, WIDTH))
        self.kv_proj = nn.Linear(EYES, WIDTH, bias=False)
        self.attn = nn.MultiheadAttention(WIDTH, WIDTH // 128)
        self.ln_q, self.ln_kv, self.ln_post = (nn.LayerNorm(WIDTH, eps=1e-6) for _ in range(3))
        self.proj = nn.Parameter(torch.randn(WIDTH, WIDTH) / WIDTH**0.5)

    def forward(self, patches: Tensor, high: int, wide: int) -> Tensor:
        """Return (questions, width) for patches (high × wide, eyes)."""
        values = self.ln_kv(self.kv_proj(patches))
        row, column = torch.meshgrid(torch.arange(high), torch.arange(wide), indexing="ij")
        places = torch.cat([_sines(column.flatten()), _sines(row.flatten())], dim=1)
        found, _ = self.attn(self.ln_q(self.query), values + places, values, need_weights=False)
        seen: Tensor = self.ln_post(found) @ self.proj
        return seen


def _sines(places: Tensor) -> Tensor:
    count = WIDTH // 4
    angles = places[:, None] * 10000.0 ** (-torch.arange(count) / count)
    return torch.cat([angles.sin(), angles.cos()], dim=1)


@dataclass(frozen=True, slots=True)
class MiniCPMV:
    """The three parts in float32."""

    tower: Any
    resampler: Resampler
    text: Any

    def look(self, picture: numpy.ndarray) -> Tensor:
        """What becomes of a picture (height, width, 3) of uint8 whose sides are whole patches."""
        pixels = torch.from_numpy(picture.astype(numpy.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        high, wide = picture.shape[0] // PATCH, picture.shape[1] // PATCH
        with torch.no_grad():
            patches = self.tower(pixels, patch_attention_mask=torch.ones(1, high, wide, dtype=torch.bool)).last_hidden_state
            return self.resampler(patches[0], high, wide)

    def read(self, before: list[int], picture: numpy.ndarray, after: list[int]) -> numpy.ndarray:
        """What the text model expects after ids, a picture and ids."""
        with torch.no_grad():
            words = [self.text.get_input_embeddings()(torch.tensor(ids)) for ids in (before, after)]
            given = torch.cat([words[0], self.look(picture), words[1]])
            return numpy.asarray(self.text(inputs_embeds=given[None]).logits[0, -1])


def make_minicpmv(version: str, folder: Path, **changes: Any) -> MiniCPMV:
    """Save a random model of a version as its authors lay it out; ``changes`` go into ``config.json``."""
    import transformers
    from safetensors.torch import save_file
    from transformers.models.idefics2.configuration_idefics2 import Idefics2VisionConfig
    from transformers.models.idefics2.modeling_idefics2 import Idefics2VisionTransformer

    torch.manual_seed(11)
    folder.mkdir(parents=True, exist_ok=True)
    rows = write_tokenizer(folder, MARKS)
    text = {
        "hidden_size": WIDTH, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "max_position_embeddings": 512, "tie_word_embeddings": False, "vocab_size": rows, "bos_token_id": rows - len(MARKS),
        "eos_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip
    eyes = {
        "hidden_size": EYES, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 70 * PATCH,
        "patch_size": PATCH,
    }  # fmt: skip
    name, told = VERSIONS[version]
    config = getattr(transformers, f"{name}Config")(**text, attn_implementation="eager")
    writer = getattr(transformers, f"{name}ForCausalLM")(config)
    tower = Idefics2VisionTransformer(Idefics2VisionConfig(**eyes, attn_implementation="eager"))
    model = MiniCPMV(tower.eval().float(), Resampler().eval(), writer.eval().float())
    tensors: dict[str, Tensor] = {}
    for prefix, part in (("vpm.", model.tower), ("resampler.", model.resampler), ("llm.", model.text)):
        for key, parameter in part.named_parameters():
            with torch.no_grad():
                _spread(key, parameter)
            tensors[prefix + key] = parameter.detach().clone().contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    own = {
        **config.to_dict(), "architectures": ["MiniCPMV"], "model_type": "minicpmv", "vision_config": eyes, "image_size": SIDE,
        "query_num": QUERIES, "slice_config": {"max_slice_nums": 9, "patch_size": PATCH},
    }  # fmt: skip
    if told is not None:
        own["version"] = told
    (folder / "config.json").write_text(json.dumps({**own, **changes}))
    images = {"image_processor_type": "MiniCPMVImageProcessor", "norm_mean": [0.5] * 3, "norm_std": [0.5] * 3}
    (folder / "preprocessor_config.json").write_text(json.dumps(images))
    return model


def _spread(name: str, parameter: Tensor) -> None:
    """Weights with which words, patches and places all decide what comes out."""
    if parameter.ndim == 1:
        parameter.add_(torch.randn_like(parameter) * 0.1)
    elif "embed" in name or "query" in name:
        parameter.copy_(torch.randn_like(parameter) * 0.3)
    else:
        parameter.copy_(torch.randn_like(parameter) * 1.5 / parameter[0].numel() ** 0.5)
