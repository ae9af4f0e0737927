"""Tiny projectors (mmproj) with random weights, made in milliseconds: of Gemma 3's, Qwen2-VL's and Qwen2-Audio's shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter

PATCH = 4


class _Writer:
    """Tensors with random weights under the names that libmtmd looks for."""

    def __init__(self, path: Path, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.file = GGUFWriter(path, "clip")
        self.file.add_type("mmproj")
        self.file.add_file_type(0)

    def weights(self, name: str, *shape: int, scale: float = 1.0) -> None:
        values = self._random.standard_normal(shape) * scale / np.sqrt(np.prod(shape[1:]) or 1)
        self.file.add_tensor(name, values.astype(np.float32))

    def norm(self, name: str, width: int) -> None:
        self.file.add_tensor(f"{name}.weight", np.ones(width, np.float32))
        self.file.add_tensor(f"{name}.bias", np.zeros(width, np.float32))

    def encoder(self, prefix: str, layers: int, width: int, *, key_bias: bool = True) -> None:
        for layer in range(layers):
            block = f"{prefix}.blk.{layer}"
            for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
                self.weights(f"{block}.{part}.weight", width, width)
                if part != "attn_k" or key_bias:
                    self.weights(f"{block}.{part}.bias", width, scale=0.1)
            self.norm(f"{block}.ln1", width)
            self.norm(f"{block}.ln2", width)
            self.weights(f"{block}.ffn_up.weight", 2 * width, width)
            self.weights(f"{block}.ffn_up.bias", 2 * width, scale=0.1)
            self.weights(f"{block}.ffn_down.weight", width, 2 * width)
            self.weights(f"{block}.ffn_down.bias", width, scale=0.1)

    def close(self) -> None:
        self.file.write_header_to_file()
        self.file.write_kv_data_to_file()
        self.file.write_tensors_to_file()
        self.file.close()


def _describe(writer: GGUFWriter, sense: str, kind: str, width: int, text_width: int, layers: int) -> None:
    writer.add_bool(f"clip.has_{sense}_encoder", True)
    writer.add_string("clip.projector_type", kind)
    prefix = f"clip.{sense}"
    writer.add_uint32(f"{prefix}.embedding_length", width)
    writer.add_uint32(f"{prefix}.feed_forward_length", 2 * width)
    writer.add_uint32(f"{prefix}.block_count", layers)
    writer.add_uint32(f"{prefix}.projection_dim", text_width)
    writer.add_uint32(f"{prefix}.attention.head_count", 4)
    writer.add_float32(f"{prefix}.attention.layer_norm_epsilon", 1e-6)


def make_eyes(
    path: Path, *, text_width: int = 64, side: int = 32, kind: str = "gemma3", seed: int = 5, scale: float = 4.0, layers: int = 1
) -> Path:
    """A projector that sees: ``gemma3`` (each picture 16 places that see each other) or ``qwen2vl_merger`` (rows and columns)."""
    width = 32
    writer = _Writer(path, seed)
    _describe(writer.file, "vision", kind, width, text_width, layers)
    writer.file.add_bool("clip.use_gelu", True)
    writer.file.add_uint32("clip.vision.image_size", side)
    writer.file.add_uint32("clip.vision.patch_size", PATCH)
    writer.file.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.file.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.weights("v.patch_embd.weight", width, 3, PATCH, PATCH, scale=scale)
    writer.encoder("v", layers, width)
    writer.norm("v.post_ln", width)
    if kind == "gemma3":
        writer.file.add_uint32("clip.vision.projector.scale_factor", 2)
        writer.weights("v.patch_embd.bias", width)
        writer.weights("v.position_embd.weight", (side // PATCH) ** 2, width)
        writer.weights("mm.input_projection.weight", width, text_width, scale=scale)
        writer.file.add_tensor("mm.soft_emb_norm.weight", np.ones(width, np.float32))
    else:
        writer.weights("v.patch_embd.weight.1", width, 3, PATCH, PATCH, scale=scale)
        writer.weights("mm.0.weight", 4 * width, 4 * width)
        writer.weights("mm.0.bias", 4 * width)
        writer.weights("mm.2.weight", text_width, 4 * width, scale=scale)
        writer.weights("mm.2.bias", text_width)
    writer.close()
    return path


def make_ears(path: Path, *, text_width: int = 64, seed: int = 6, scale: float = 4.0) -> Path:
    """A projector that hears, of Qwen2-Audio's shape: Whisper's encoder, and pairs of frames made one."""
    width, mels = 32, 80
    writer = _Writer(path, seed)
    _describe(writer.file, "audio", "qwen2a", width, text_width, 1)
    writer.file.add_uint32("clip.audio.num_mel_bins", mels)
    writer.weights("a.position_embd.weight", 1500, width)
    writer.encoder("a", 1, width, key_bias=False)
    writer.norm("a.post_ln", width)
    writer.weights("a.conv1d.1.weight", width, mels, 3, scale=scale)
    writer.weights("a.conv1d.1.bias", width, 1)
    writer.weights("a.conv1d.2.weight", width, width, 3)
    writer.weights("a.conv1d.2.bias", width, 1)
    writer.weights("mm.a.fc.weight", text_width, width, scale=scale)
    writer.weights("mm.a.fc.bias", text_width)
    writer.close()
    return path


def draw(path: Path, colour: tuple[int, int, int] = (200, 30, 30), size: tuple[int, int] = (40, 40), seed: int = 0) -> Path:
    """A picture of a square on noise."""
    from PIL import Image

    random = np.random.default_rng(seed)
    pixels = random.integers(0, 90, (size[1], size[0], 3), dtype=np.uint8)
    pixels[size[1] // 4 : size[1] // 2, size[0] // 4 : size[0] // 2] = colour
    Image.fromarray(pixels).save(path)
    return path


def sing(path: Path, hertz: float = 440.0, seconds: float = 1.0, rate: int = 16_000) -> Path:
    """A sound of one tone."""
    import soundfile

    time = np.arange(int(seconds * rate)) / rate
    soundfile.write(path, (np.sin(2 * np.pi * hertz * time) * 0.5).astype(np.float32), rate)
    return path
