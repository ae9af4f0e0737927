"""What can go wrong with a model on another server: a branch of the error tree in ``models/errors.py``.

::

    EngineError
    └── RemoteError
        ├── RemoteUnreachable       no route, nobody listens, too slow, a certificate that is not trusted
        ├── RemoteKeyRefused        the key is wrong, or one is needed
        ├── RemoteModelMissing      the server does not offer this model
        ├── RemoteBusy              it has too much to do, or asks for patience
        ├── RemoteRefused           it answers, but not this
        └── RemoteBroken            the reply broke off on the way
"""

from __future__ import annotations

from models.errors import EngineError, UserFacingError


class RemoteError(EngineError):
    code = "remote_error"
    what = "The server {server} reported an error."
    remedy = "Try again, or look into that server's log."


class RemoteUnreachable(RemoteError):
    code = "remote_unreachable"
    what = "The server {server} cannot be reached."
    why = "{reason}"
    remedy = "Check that it runs and that its address is right; “yanmo remote test” tries it."
    fixes = ("choose_model",)


class RemoteKeyRefused(RemoteError):
    code = "remote_key_refused"
    what = "The server {server} does not accept the key."
    why = "{reason}"
    remedy = "Give this connection the right key in the settings, or with “yanmo remote key”."
    fixes = ("choose_model",)


class RemoteModelMissing(RemoteError):
    code = "remote_model_missing"
    what = "The server {server} does not offer the model {model}."
    why = "{reason}"
    remedy = "Look what it offers with “yanmo remote list --refresh”, and choose one of these."
    fixes = ("choose_model",)


class RemoteBusy(RemoteError):
    code = "remote_busy"
    what = "The server {server} has too much to do."
    why = "{reason}"
    remedy = "Try again in a while."
    fixes = ("regenerate",)


class RemoteRefused(RemoteError):
    code = "remote_refused"
    what = "The server {server} refused the request."
    why = "{reason}"
    remedy = "Change what it names, or choose another model."
    fixes = ("choose_model",)


class RemoteBroken(RemoteError):
    code = "remote_broken"
    what = "The reply of the server {server} broke off."
    why = "{reason}"
    remedy = "What came before is kept. Continue the reply, or try again."
    fixes = ("regenerate",)


class ConnectionNotFound(UserFacingError):
    code = "connection_not_found"
    what = "There is no connection “{name}”."
    why = "These are kept: {known}."
    remedy = "Make one in the settings, or with “yanmo remote add NAME ADDRESS”."
