"""How each family of models that see lays a picture out in its prompt: which text stands around it, and which places are the picture's.

Each follows its own processor of transformers, from which the numbers come too; pictures are prepared by transformers' image processors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch


@dataclass(frozen=True, slots=True)
class Run:
    """Places of a picture that follow each other: how many, and where they lie on its grid (3, count), None where in a row."""

    count: int
    offsets: Any = None


Layout = list[str | Run]
"""What stands for one picture in a prompt, in order: text, and runs of places."""


class Shape(Protocol):
    """One family. ``sees_itself`` says that the places of a picture look at each other in both directions."""

    sees_itself: bool
    options: dict[str, Any]

    def layout(self, config: Any, prepared: Any) -> Layout:
        """What a prompt says for a picture that was ``prepared`` by the image processor."""

    def features(self, model: Any, prepared: Any, dtype: torch.dtype, device: str) -> torch.Tensor:
        """The embeddings of all its places (places, width), as the model's own ``get_image_features`` gives them.

        Where the first layers take what is seen too, what is theirs follows in the same row, one width a layer.
        """

    def deep_layers(self, config: Any) -> int:
        """How many of the first layers take what is seen too."""


class _Usual:
    """``options`` are given to the image processor with every picture."""

    sees_itself = False
    options: dict[str, Any] = {}
    others: tuple[str, ...] = ()
    """What else of the prepared picture the vision tower takes."""

    def features(self, model: Any, prepared: Any, dtype: torch.dtype, device: str) -> torch.Tensor:
        found = self._look(model, prepared, dtype, device)
        return _in_rows(found.pooler_output if hasattr(found, "pooler_output") else found)

    def deep_layers(self, _config: Any) -> int:
        return 0

    def _look(self, model: Any, prepared: Any, dtype: torch.dtype, device: str) -> Any:
        pixels = prepared["pixel_values"].to(device, dtype)
        more = {name: prepared[name].to(device) for name in self.others if name in prepared}
        return model.get_image_features(pixels, **more)


class Gemma3(_Usual):
    """Blank lines and marks around a fixed number of places."""

    sees_itself = True

    def layout(self, config: Any, _prepared: Any) -> Layout:
        return [
            "\n\n",
            _Token(config.boi_token_index),
            Run(int(config.mm_tokens_per_image)),
            _Token(config.eoi_token_index),
            "\n\n",
        ]


class Llava(_Usual):
    """The patches of CLIP or SigLIP, without a word around them."""

    def layout(self, config: Any, prepared: Any) -> Layout:
        eyes = config.vision_config
        high, wide = prepared["pixel_values"].shape[-2:]
        count = (high // eyes.patch_size) * (wide // eyes.patch_size)
        count += int(eyes.model_type == "clip_vision_model")  # its first place is the class
        return [Run(count - int(config.vision_feature_select_strategy == "default"))]


class LlavaNext(_Usual):
    """The whole picture in one tile, then its tiles joined, cut to the picture's shape, with a mark at the end of each line."""

    others = ("image_sizes",)

    def layout(self, config: Any, prepared: Any) -> Layout:
        from transformers.models.llava_next import modeling_llava_next

        own: Any = modeling_llava_next
        eyes = config.vision_config
        side = eyes.image_size // eyes.patch_size
        size = prepared["image_sizes"][0]
        high, wide = own.get_anyres_image_grid_shape(size, config.image_grid_pinpoints, eyes.image_size)
        rows, columns = own.unpad_image(torch.empty(1, high * side, wide * side, device="meta"), size).shape[1:]
        return [Run(side * side + rows * (columns + 1))]


class Idefics3(_Usual):
    """A picture that is cut is told tile by tile and then as a whole; each tile has a mark."""

    options = {"return_row_col_info": True}
    others = ("pixel_attention_mask",)

    def layout(self, config: Any, prepared: Any) -> Layout:
        eyes = config.vision_config
        run = Run((eyes.image_size // eyes.patch_size) ** 2 // config.scale_factor**2)
        fake = "<fake_token_around_image>"
        rows, columns = int(prepared["rows"][0][0]), int(prepared["cols"][0][0])
        found: Layout = []
        for row in range(1, rows + 1):
            for column in range(1, columns + 1):
                found += [f"{fake}<row_{row}_col_{column}>", run]
            found.append("\n")
        return [*found, f"{chr(10) * bool(rows)}{fake}<global-img>", run, fake]


class InternVL(_Usual):
    """Tiles one after another between two marks."""

    options = {"crop_to_patches": True}

    def layout(self, config: Any, prepared: Any) -> Layout:
        eyes = config.vision_config
        side = [
            int(size // patch * config.downsample_ratio) for size, patch in zip(eyes.image_size, eyes.patch_size, strict=True)
        ]
        return ["<img>", Run(prepared["pixel_values"].shape[0] * side[0] * side[1]), "</img>"]


class Qwen2VL(_Usual):
    """As many places as the picture's size asks for, on a grid: M-RoPE gives each a row and a column."""

    others = ("image_grid_thw",)

    def marks(self, config: Any) -> tuple[str, str]:
        """What stands before and after a picture."""
        return _Token(config.vision_start_token_id), _Token(config.vision_end_token_id)

    def layout(self, config: Any, prepared: Any) -> Layout:
        times, high, wide = (int(extent) for extent in prepared["image_grid_thw"][0])
        merged = int(config.vision_config.spatial_merge_size)
        grid = torch.meshgrid(*(torch.arange(extent) for extent in (times, high // merged, wide // merged)), indexing="ij")
        offsets = torch.stack([axis.reshape(-1) for axis in grid])
        before, after = self.marks(config)
        return [before, Run(offsets.shape[1], offsets), after]


class Qwen25Omni(Qwen2VL):
    """As Qwen2-VL, under other marks, which its configuration does not tell."""

    def marks(self, _config: Any) -> tuple[str, str]:
        return "<|vision_bos|>", "<|vision_eos|>"


class Qwen3VL(Qwen2VL):
    """As Qwen2-VL, and what the tower's earlier layers saw is added behind the first layers of the text (DeepStack)."""

    def features(self, model: Any, prepared: Any, dtype: torch.dtype, device: str) -> torch.Tensor:
        found = self._look(model, prepared, dtype, device)
        return torch.cat([_in_rows(part) for part in (found.pooler_output, *found.deepstack_features)], dim=1)

    def deep_layers(self, config: Any) -> int:
        return len(config.vision_config.deepstack_visual_indexes)


def _in_rows(found: Any) -> torch.Tensor:
    """What a tower gives, one tensor or one for each picture, as (places, width)."""
    parts = found if isinstance(found, list | tuple) else [found]
    return torch.cat([part.reshape(-1, part.shape[-1]) for part in parts])


class _Token(str):
    """A mark by its id: what it is called is the tokenizer's affair."""

    id: int

    def __new__(cls, number: int) -> _Token:
        made = super().__new__(cls, "")
        made.id = int(number)
        return made


SHAPES: dict[str, Shape] = {
    "gemma3": Gemma3(),
    "llava": Llava(),
    "llava_next": LlavaNext(),
    **dict.fromkeys(("idefics3", "smolvlm"), Idefics3()),
    "internvl": InternVL(),
    **dict.fromkeys(("qwen2_vl", "qwen2_5_vl"), Qwen2VL()),
    "qwen2_5_omni_thinker": Qwen25Omni(),
    **dict.fromkeys(("qwen3_vl", "qwen3_vl_moe"), Qwen3VL()),
}
"""By ``model_type``."""

TOWERS = ("clip_vision_model", "siglip_vision_model")
"""What a LLaVA may see with: the places of others depend on more than the size of a picture."""


def find_shape(config: Any) -> Shape | None:
    """The family of a configuration; None where it is not known."""
    kind = str(config.model_type)
    if kind in ("llava", "llava_next") and config.vision_config.model_type not in TOWERS:
        return None
    return SHAPES.get(kind)


def mark_of(piece: str) -> int | None:
    """The id of a piece that is a mark by its id; None for text."""
    return piece.id if isinstance(piece, _Token) else None
