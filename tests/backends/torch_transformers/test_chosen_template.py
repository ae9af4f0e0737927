"""A chat template that was chosen for a checkpoint takes the place of its own."""

from __future__ import annotations

from backends.backend import GenerationRequest
from backends.messages import make_text_message
from backends.options import LoadOptions
from backends.torch_transformers.backend import TorchBackend
from resources import resource_folder


def test_a_template_that_was_chosen_is_used_instead_of_the_checkpoints() -> None:
    backend = TorchBackend()
    options = LoadOptions(threads=1, chat_template="<<{{ messages[0].content }}>>")
    backend.load(str(resource_folder() / "starter" / "checkpoint"), options, lambda _: True)
    assert backend.render(GenerationRequest(messages=(make_text_message("user", "hi"),))) == "<<hi>>"
    backend.close()
