"""Brings the projector of a model that came without it, from the repository that the model came from."""

from __future__ import annotations

from pathlib import Path

from app.services.download_records import Download
from app.services.downloads import Downloads
from app.services.hubs import Hubs
from models.card import ModelCard
from models.errors import ModelError
from models.hubs.variants import Variant, group_files


def fetch_projector(hubs: Hubs, downloads: Downloads, card: ModelCard) -> Download:
    """Put the projector at the end of the queue; it will lie beside the model.

    Raises:
        ModelError: where the model came from is not known, or no projector lies there.
        UserFacingError: the hub cannot be reached.
    """
    receipt = downloads.receipts.find(Path(card.path))
    if receipt is None:
        raise ModelError(model=card.name, reason="Yanmo did not download it, so it is not known where its projector lies.")
    repository = hubs.read_repository(receipt["hub"], str(receipt["repository"]))
    projector = next((variant.projector for variant in group_files(repository.files) if variant.projector), None)
    if projector is None:
        raise ModelError(model=card.name, reason=f"There is no projector in {repository.id}.")
    return downloads.add(repository, Variant(Path(projector.path).stem, "gguf", "", (projector,)))
