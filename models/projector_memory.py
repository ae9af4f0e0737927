"""What a projector (mmproj) takes beside its model: its weights, and the buffers in which a picture is computed."""

from __future__ import annotations

from dataclasses import dataclass

from models.gguf_header import GgufHeader

_MERGED_AT_LOAD = 46 * 46
"""Places of the picture for which buffers are reserved at load where a model takes pictures of any size (Qwen's kinds)."""
_ANY_SIZE = ("qwen2vl_merger", "qwen2.5vl_merger", "qwen3vl_merger")
_SLACK = 1.02
_FRAMES = 1500
"""Places of the 30 seconds of sound that Whisper's encoder computes at once."""


@dataclass(frozen=True, slots=True)
class ProjectorMemory:
    """Bytes of the weights, and of the buffers that llama.cpp reserves for one picture or sound."""

    weights: int
    compute: int

    @property
    def total(self) -> int:
        """Both."""
        return self.weights + self.compute


def measure_projector(header: GgufHeader) -> ProjectorMemory:
    """What a projector takes.

    The buffers hold, for every patch of a picture, what a layer reads, adds and widens: measured against llama.cpp's own log for
    widths from 32 to 1,280.
    """
    compute = 0
    for sense in ("vision", "audio"):
        width = header.whole(f"clip.{sense}.embedding_length")
        inner = header.whole(f"clip.{sense}.feed_forward_length")
        patches = _count_patches(header) if sense == "vision" else _FRAMES
        if width:
            compute += int(4 * patches * max(2 * width + inner, 5 * width) * _SLACK)
    return ProjectorMemory(sum(tensor.byte_count for tensor in header.tensors), compute)


def _count_patches(header: GgufHeader) -> int:
    kind = header.text("clip.vision.projector_type") or header.text("clip.projector_type")
    if kind in _ANY_SIZE:
        merge = header.whole("clip.vision.spatial_merge_size", 2) or 2
        return _MERGED_AT_LOAD * merge * merge
    side, patch = header.whole("clip.vision.image_size"), header.whole("clip.vision.patch_size")
    return (side // patch) ** 2 if patch else 0
