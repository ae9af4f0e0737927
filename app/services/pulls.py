"""A model by the name that people write, ``owner/name:Q4_K_M``: which files of which hub that is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from app.services.hubs import Hubs
from app.services.planner import Planner
from models.download_errors import HubError, HubUnreachable, RepositoryNotFound, VariantNotFound
from models.errors import UserFacingError
from models.hubs.hub import HubKey, Repository
from models.hubs.variants import Variant, choose_variant, group_files
from models.memory_plan import MemoryPlan

_HOSTS = ("hf.co/", "huggingface.co/", "https://huggingface.co/", "https://hf.co/")


@dataclass(frozen=True, slots=True)
class FoundRepository:
    """A repository and what it offers. ``wish`` is what stood after the colon; ``instead_of`` says why the first hub was not taken."""

    repository: Repository
    variants: tuple[Variant, ...]
    wish: str
    instead_of: HubError | None = None

    def choose(self) -> Variant:
        """The variant that was wished for, else a usual one.

        Raises:
            VariantNotFound: there is none such, or parts of it are missing; the error names those that are there.
        """
        chosen = choose_variant(list(self.variants), self.wish)
        if chosen is None or not chosen.is_whole:
            names = ", ".join(variant.name for variant in self.variants if variant.is_whole) or "nothing that Yanmo can load"
            raise VariantNotFound(model=self.repository.id, variant=self.wish, candidates=names)
        return chosen


def find_repository(hubs: Hubs, name: str, hub: HubKey | None = None) -> FoundRepository:
    """The repository on ``hub``, else on the preferred one, else on the other.

    Raises:
        UserFacingError: there is no such repository, or no hub can be reached.
    """
    for host in _HOSTS:
        name = name.removeprefix(host)
    path, _, wish = name.partition(":")
    first, trouble = hub or hubs.preferred, None
    try:
        repository = hubs.read_repository(first, path)
    except (RepositoryNotFound, HubUnreachable) as error:
        if hub is not None:
            raise
        trouble = error
        try:
            repository = hubs.read_repository(hubs.other(first), path)
        except (RepositoryNotFound, HubUnreachable):
            raise error from None
    return FoundRepository(repository, tuple(group_files(repository.files)), "" if wish == "latest" else wish, trouble)


def find_variant(hubs: Hubs, name: str) -> tuple[Repository, Variant]:
    """As :func:`find_repository`, with the variant that was wished for.

    Raises:
        UserFacingError: there is no such repository or variant, or no hub can be reached.
    """
    found = find_repository(hubs, name)
    return found.repository, found.choose()


def plan_repository(hubs: Hubs, planner: Planner, found: FoundRepository) -> dict[str, MemoryPlan]:
    """A plan for every variant that says what it needs, by its name: one header is read for all GGUFs, and every configuration."""
    plans: dict[str, MemoryPlan] = {}
    for variant in found.variants:
        if variant.is_whole and variant.name not in plans:
            with contextlib.suppress(UserFacingError):
                shape = hubs.read_memory_shape(found.repository, variant)
                plans |= planner.plan_variants(shape, variant, found.variants)
    return plans
