"""A model by the name that people write, ``owner/name:Q4_K_M``: which files of which hub that is."""

from __future__ import annotations

from app.services.hubs import Hubs
from models.download_errors import HubUnreachable, RepositoryNotFound, VariantNotFound
from models.hubs.hub import Repository
from models.hubs.variants import Variant, choose_variant, group_files

_HOSTS = ("hf.co/", "huggingface.co/", "https://huggingface.co/", "https://hf.co/")


def find_variant(hubs: Hubs, name: str) -> tuple[Repository, Variant]:
    """The repository on the preferred hub, else on the other, and the variant after the colon, else a usual one.

    Raises:
        UserFacingError: there is no such repository or variant, or no hub can be reached.
    """
    for host in _HOSTS:
        name = name.removeprefix(host)
    path, _, wish = name.partition(":")
    first = hubs.preferred
    try:
        repository = hubs.read_repository(first, path)
    except (RepositoryNotFound, HubUnreachable) as error:
        try:
            repository = hubs.read_repository(hubs.other(first), path)
        except (RepositoryNotFound, HubUnreachable):
            raise error from None
    variants = group_files(repository.files)
    chosen = choose_variant(variants, "" if wish == "latest" else wish)
    if chosen is None or not chosen.is_whole:
        names = ", ".join(variant.name for variant in variants if variant.is_whole) or "nothing that Yanmo can load"
        raise VariantNotFound(model=repository.id, variant=wish, candidates=names)
    return repository, chosen
