"""Which projector belongs to which model: by what both files say, beside the model, and refused with the reason where it does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ProjectorRefused
from models.gguf_header import read_header
from models.library import Library
from models.projectors import check_pair, expects_projector, find_projector
from tests.models.gguf_bytes import STRING, write_gguf
from tests.tiny_eyes import make_ears, make_eyes
from tests.tiny_models import make_tiny_model
from tests.tiny_vision import make_tiny_vision


def test_the_projector_beside_a_model_is_found_by_what_it_was_made_for(tmp_path: Path) -> None:
    made = make_tiny_vision(tmp_path)
    assert find_projector(made.model, read_header(made.model)) == made.projector
    wide = make_eyes(tmp_path / "mmproj-tiny-eyes-wide.gguf", text_width=256)
    assert find_projector(made.model, read_header(made.model)) == made.projector
    made.projector.unlink()
    assert find_projector(made.model, read_header(made.model)) is None
    assert find_projector(made.model, read_header(made.model), "none") is None
    with pytest.raises(ProjectorRefused, match="256 numbers"):
        find_projector(made.model, read_header(made.model), str(wide))


def test_another_family_and_another_file_are_refused_with_the_reason(tmp_path: Path) -> None:
    llama = make_tiny_model(tmp_path / "llama.gguf")
    with pytest.raises(ProjectorRefused, match="of the kind gemma3, and this one is of the kind llama"):
        check_pair(read_header(llama), make_eyes(tmp_path / "eyes.gguf"))
    with pytest.raises(ProjectorRefused, match="no projector"):
        check_pair(read_header(llama), llama)
    check_pair(read_header(llama), make_ears(tmp_path / "ears.gguf"))


def test_the_library_says_what_a_model_with_its_projector_can(tmp_path: Path) -> None:
    for name in ("eyes", "ears", "wrong"):
        (tmp_path / "models" / name).mkdir(parents=True)
    seeing = make_tiny_vision(tmp_path / "models" / "eyes")
    make_tiny_model(tmp_path / "models" / "ears" / "ears.gguf")
    make_ears(tmp_path / "models" / "ears" / "mmproj-ears.gguf")
    make_tiny_model(tmp_path / "models" / "wrong" / "wrong.gguf")
    make_eyes(tmp_path / "models" / "wrong" / "mmproj-wrong.gguf", text_width=256)
    library = Library(tmp_path / "models", tmp_path / "data")
    cards = {Path(card.path).stem: card for card in library.list_models()}
    assert cards[seeing.model.stem].modalities == ("text", "image")
    assert cards[seeing.model.stem].projector == str(seeing.projector)
    assert cards["ears"].modalities == ("text", "audio")
    assert (cards["wrong"].modalities, cards["wrong"].projector) == (("text",), "")


@pytest.mark.parametrize(
    ("architecture", "name", "expected"),
    [
        ("qwen2vl", "Qwen2 VL 2B", True),
        ("llama", "SmolVLM 256M", True),
        ("llama", "Llama 3", False),
        ("qwen2", "InternVL3 1B", True),
    ],
)
def test_a_model_that_is_half_of_one_that_sees_is_known_by_its_file(
    tmp_path: Path, architecture: str, name: str, expected: bool
) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(
        path,
        {
            "general.architecture": (STRING, architecture),
            "general.name": (STRING, name),
            f"{architecture}.embedding_length": (4, 64),
        },
    )
    assert expects_projector(read_header(path)) is expected
