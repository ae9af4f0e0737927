"""What a projector takes, against what llama.cpp said that it reserved for the same shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
from gguf import GGUFWriter

from models.gguf_header import read_header
from models.projector_memory import measure_projector


@pytest.mark.parametrize(
    ("side", "patch", "width", "inner", "kind", "mebibytes"),
    [
        (896, 14, 1152, 4304, "gemma3", 103.53),
        (448, 14, 1024, 4096, "gemma3", 24.25),
        (384, 16, 768, 3072, "gemma3", 10.31),
        (512, 16, 512, 1024, "gemma3", 10.0),
        (560, 14, 1280, 5120, "qwen2vl_merger", 247.97),
    ],
)
def test_the_buffers_are_within_five_percent(
    tmp_path: Path, side: int, patch: int, width: int, inner: int, kind: str, mebibytes: float
) -> None:
    writer = GGUFWriter(tmp_path / "mmproj.gguf", "clip")
    writer.add_string("clip.projector_type", kind)
    for key, value in {"image_size": side, "patch_size": patch, "embedding_length": width, "feed_forward_length": inner}.items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    found = measure_projector(read_header(tmp_path / "mmproj.gguf"))
    assert found.compute / 2**20 == pytest.approx(mebibytes, rel=0.05)
    assert found.total == found.compute
