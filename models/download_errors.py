"""What can go wrong between a hub and the disk: a branch of the error tree in ``models/errors.py``.

::

    UserFacingError
    ├── HubError
    │   ├── HubUnreachable          no network, a proxy, a firewall
    │   ├── HubOffline              the user set Yanmo to work offline
    │   ├── HubRefused              an answer that makes no sense, or an error of the hub
    │   ├── GatedModel              conditions must be accepted first
    │   ├── RepositoryNotFound      no such repository, revision or file
    │   └── VariantNotFound         the repository offers something else
    └── DownloadError
        ├── DownloadFailed          every source failed; what is here is kept
        ├── DownloadDamaged         whole, but not what the hub promises
        ├── FileChangedAtHub        another file now lies under the name
        └── NotEnoughSpace          the disk is too small for it
"""

from __future__ import annotations

from models.errors import UserFacingError


class HubError(UserFacingError):
    code = "hub_error"
    what = "{hub} reported an error."


class HubUnreachable(HubError):
    code = "hub_unreachable"
    what = "{hub} cannot be reached."
    why = "{reason}"
    remedy = "Check the network and the proxy, choose a mirror in the settings, or use the other hub."
    fixes = ("other_hub", "hub_settings")


class HubOffline(HubError):
    code = "hub_offline"
    what = "Yanmo is set to work offline."
    why = "Nothing is sent to a hub while it is."
    remedy = "Turn off “Work offline” in the settings, or use a model that is here."
    fixes = ("hub_settings",)


class HubRefused(HubError):
    code = "hub_refused"
    what = "{hub} did not answer as a hub does."
    why = "{reason}"
    remedy = "Check the address of the mirror and the proxy, or try again later."
    fixes = ("other_hub", "hub_settings")


class GatedModel(HubError):
    code = "gated_model"
    what = "{model} is given only to people who accepted its conditions."
    why = "{hub} wants you to sign in and agree to them first; a token tells it who you are."
    remedy = "Open {url}, accept the conditions, and put your token into the settings. A token is never sent to a mirror."
    fixes = ("open_page", "hub_settings")


class RepositoryNotFound(HubError):
    code = "repository_not_found"
    what = "{model} was not found on {hub}."
    why = "There is no such repository or file, or it is private and the token is missing."
    remedy = "Check the name, or search for it with “yanmo models search”."


class VariantNotFound(HubError):
    code = "variant_not_found"
    what = "{model} has no variant “{variant}”."
    why = "It offers {candidates}."
    remedy = "Name one of these after a colon, such as OWNER/NAME:Q4_K_M."


class DownloadError(UserFacingError):
    code = "download_error"
    what = "{file} could not be downloaded."


class DownloadFailed(DownloadError):
    code = "download_failed"
    what = "{file} could not be downloaded."
    why = "{reason}"
    remedy = "What has arrived is kept. Resume the download later, or choose another source."
    fixes = ("resume", "other_hub")


class DownloadDamaged(DownloadError):
    code = "download_damaged"
    what = "{file} arrived, but it is not the file that the hub promises."
    why = "{reason}"
    remedy = "Nothing was put in its place. Try another mirror or hub, or check the disk."
    fixes = ("other_hub",)


class FileChangedAtHub(DownloadError):
    code = "file_changed_at_hub"
    what = "{file} was replaced at the hub while it was downloaded."
    why = "{reason}"
    remedy = "Start the download again to get the new file."
    fixes = ("resume",)


class NotEnoughSpace(DownloadError):
    code = "not_enough_space"
    what = "There is not enough room for {file}."
    why = "It needs {needed} more, and {folder} has {free} left."
    remedy = "Free some space or choose another folder for models. What has arrived is kept."
    fixes = ("resume",)
