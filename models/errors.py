"""The one error tree: everything that can be said to a user about what went wrong.

::

    YanmoError
    └── UserFacingError                 what happened, why, what to try
        ├── InvalidOption               a value outside its range
        ├── ModelError
        │   ├── ModelNotFound           no such file, id or folder
        │   ├── AmbiguousModel          a name that fits several models
        │   ├── CannotSee               a picture for a model of text
        │   ├── CannotHear              a sound for a model of text
        │   ├── CannotWrite             an embedding or reranking model is asked to write
        │   ├── CannotRerank            a model that was not trained to rank is asked to
        │   ├── AdapterRefused          a LoRA that is damaged or made for another model
        │   ├── DraftRefused            a draft model whose guesses another cannot use
        │   ├── CannotInfill            a model that does not know how to fill a gap is asked to
        │   ├── NotAModelFile           the file is something else
        │   │   └── NotACheckpoint      a folder that lacks files
        │   ├── DamagedModelFile        a model, but cut off or corrupted
        │   ├── UnsupportedArchitecture the engine does not know this network
        │   │   └── CannotCompute       and why the torch engine does not
        │   └── WrongModelKind          an adapter, projector or embedder where a chat model is needed
        ├── EngineError
        │   ├── EngineUnavailable       not installed or not built
        │   ├── OutOfMemory             RAM or VRAM
        │   ├── OldProcessor            an instruction this CPU lacks
        │   ├── EngineCrashed           the worker process died
        │   ├── ContextOverflow         the prompt is longer than the context
        │   ├── TextTooLong             a text to embed or rank is longer than the model reads
        │   ├── TemplateFailed          the model's chat template refused the messages
        │   ├── LoadCancelled           the user cancelled the load
        │   ├── GenerationFailed        the engine reported an error
        │   ├── EngineBusy              too many requests are waiting
        │   ├── FormRefused             a JSON schema or grammar that cannot be followed
        │   └── ReplyInProgress         a reply is being written in this conversation
        ├── StoreError
        │   ├── DatabaseDamaged         the integrity check failed
        │   ├── DatabaseInUse           another Yanmo has the same data open
        │   ├── DatabaseTooNew          written by a later Yanmo
        │   ├── ConversationNotFound
        │   ├── SnapshotNotFound
        │   ├── ImportFailed            a file that is not an export
        │   └── DiskFull
        ├── ServerNotStarted            the own server: a port that is taken, a key that is missing
        ├── OwnRequestFailed            what the window asked of the own server
        ├── WorkCancelled               a long job was cancelled by the user
        ├── QuantizationFailed          a smaller file could not be made, or not be measured
        └── AttachmentRefused           a file that cannot be attached

A class carries English templates with ``{placeholders}``; an instance carries the facts that fill them. A face translates
the template and fills it itself, so that an error raised in a worker process can be read in any language.
"""

from __future__ import annotations

from typing import ClassVar

from models.error_root import UserFacingError as UserFacingError
from models.error_root import YanmoError as YanmoError
from models.error_root import error_from_json as error_from_json
from models.error_root import fill as fill
from models.error_root import iter_error_kinds as iter_error_kinds


class InvalidOption(UserFacingError):
    code = "invalid_option"
    what = "“{option}” cannot be {value}."
    why = "It must be {allowed}."
    remedy = "Change the value and try again."


class ModelError(UserFacingError):
    code = "model_error"
    what = "There is a problem with the model {model}."


class ModelNotFound(ModelError):
    code = "model_not_found"
    what = "The model {model} was not found."
    why = "Nothing of that name is in the library, and no such file exists."
    remedy = "Check the path, or list what is here with “yanmo models list”."
    fixes = ("choose_model",)


class AmbiguousModel(ModelError):
    code = "ambiguous_model"
    what = "“{model}” could be any of several models."
    why = "It fits {candidates}."
    remedy = "Use one of these ids, or the path of the file."
    fixes = ("choose_model",)


class CannotSee(ModelError):
    code = "cannot_see"
    what = "{model} cannot see pictures."
    why = "There is a picture in this conversation."
    remedy = "Choose a model that can see, or ask without the picture."
    fixes: ClassVar[tuple[str, ...]] = ("choose_model",)


class ProjectorMissing(CannotSee):
    code = "projector_missing"
    what = "{model} could see or hear, but its projector is missing."
    why = "Such a model is two files: the language model, and a projector (mmproj) that turns pictures or sounds into what it reads."
    remedy = "Download the projector from the model's repository into the folder of the model, or choose another model."
    fixes = ("get_projector", "choose_model")


class CannotHear(ModelError):
    code = "cannot_hear"
    what = "{model} cannot hear sounds."
    why = "There is a sound in this conversation."
    remedy = "Choose a model that can hear, or ask without the sound."
    fixes = ("choose_model",)


class CannotWrite(ModelError):
    code = "cannot_write"
    what = "{model} cannot write text."
    why = "It is {kind}."
    remedy = "Use it for embeddings or for ranking documents, and choose a chat model for this."
    fixes = ("choose_model",)


class CannotRerank(ModelError):
    code = "cannot_rerank"
    what = "{model} cannot rank documents."
    why = "It was not trained for that: its file has no ranking head."
    remedy = "Choose a reranking model, such as one of the bge-reranker family."
    fixes = ("choose_model",)


class AdapterRefused(ModelError):
    code = "adapter_refused"
    what = "The adapter {file} cannot be used with {model}."
    why = "{reason}"
    remedy = "Choose an adapter that was made for this model, or load the model without it."


class DraftRefused(ModelError):
    code = "draft_refused"
    what = "{file} cannot guess for {model}."
    why = "{reason}"
    remedy = "Choose a small model of the same family as draft model, or load the model without one."


class ProjectorRefused(ModelError):
    code = "projector_refused"
    what = "The projector {file} cannot be used with this model."
    why = "{reason}"
    remedy = "Choose the projector (mmproj) that was made for this model, or load the model without it."


class CannotInfill(ModelError):
    code = "cannot_infill"
    what = "{model} cannot fill a gap in a text."
    why = "Its vocabulary has no tokens that mark what stands before and after the gap."
    remedy = "Choose a model that was trained for it, such as Qwen Coder or StarCoder."
    fixes = ("choose_model",)


class NotAModelFile(ModelError):
    code = "not_a_model_file"
    what = "{file} is not a GGUF model."
    why = "{reason}"
    remedy = "Choose a file whose name ends in .gguf, or download the model again."
    fixes = ("choose_model",)


class NotACheckpoint(NotAModelFile):
    code = "not_a_checkpoint"
    what = "{file} is not a whole checkpoint."
    remedy = "Download the folder again: config.json, the tokenizer and every safetensors file belong to it."


class DamagedModelFile(ModelError):
    code = "damaged_model_file"
    what = "{file} is damaged."
    why = "{reason}"
    remedy = "Verify the file, and download it again if it differs."
    fixes = ("verify_file", "choose_model")


class UnsupportedArchitecture(ModelError):
    code = "unsupported_architecture"
    what = "The engine does not know the architecture “{architecture}”."
    why = "{file} was made for a newer or a different engine."
    remedy = "Update Yanmo, or choose another model."
    fixes = ("choose_model",)


class CannotCompute(UnsupportedArchitecture):
    code = "cannot_compute"
    what = "The torch engine does not compute the architecture “{architecture}”."
    why = "{reason}"
    remedy = "Convert it to GGUF (“yanmo convert”, or the Quantize page), which llama.cpp computes, or choose another model."


class WrongModelKind(ModelError):
    code = "wrong_model_kind"
    what = "{file} is {kind}, not a chat model."
    why = "It works only together with a language model."
    remedy = "Choose the language model itself."
    fixes = ("choose_model",)


class EngineError(UserFacingError):
    code = "engine_error"
    what = "The engine reported an error."


class EngineUnavailable(EngineError):
    code = "engine_unavailable"
    what = "The engine “{engine}” is not available."
    why = "{reason}"
    remedy = "Run “yanmo doctor” to see what is installed and what to add."


class OutOfMemory(EngineError):
    code = "out_of_memory"
    what = "There was not enough memory for {model}."
    why = "{reason}"
    remedy = "Try a smaller context length, a smaller quantization, or close other programs."
    fixes = ("reload_smaller_context", "choose_model")


class OldProcessor(EngineError):
    code = "old_processor"
    what = "This processor cannot run the engine as it was built."
    why = "The engine used an instruction that this processor does not have."
    remedy = "Rebuild the engine on this machine: delete .venv and run “make run”."


class EngineCrashed(EngineError):
    code = "engine_crashed"
    what = "The engine stopped unexpectedly."
    why = "{reason}"
    remedy = "Everything written so far is kept. Load the model again and go on."
    fixes = ("reload_model", "choose_model")


class ContextOverflow(EngineError):
    code = "context_overflow"
    what = "The conversation is longer than the model's context."
    why = "It needs {needed} tokens and the context holds {available}."
    remedy = "Load the model with a longer context, or start a new conversation."
    fixes = ("reload_larger_context", "new_conversation")


class TextTooLong(EngineError):
    code = "text_too_long"
    what = "Text {number} is too long for {model}."
    why = "It has {needed} tokens and the model reads {available} at once."
    remedy = "Split it into shorter pieces."


class TemplateFailed(EngineError):
    code = "template_failed"
    what = "The model's chat template could not be applied."
    why = "{reason}"
    remedy = "Remove the system prompt, or choose another model."


class LoadCancelled(EngineError):
    code = "load_cancelled"
    what = "Loading was cancelled."
    why = remedy = ""
    fixes = ("reload_model",)


class GenerationFailed(EngineError):
    code = "generation_failed"
    what = "The engine could not finish this reply."
    why = "{reason}"
    remedy = "Try again; if it happens again, load the model anew."
    fixes = ("regenerate", "reload_model")


class EngineBusy(EngineError):
    code = "engine_busy"
    what = "The engine has too many requests waiting."
    why = "{waiting} requests are waiting for their turn already."
    remedy = "Wait until some of them are answered, then try again."


class FormRefused(EngineError):
    code = "form_refused"
    what = "The form that was prescribed for the reply cannot be followed."
    why = "{reason}"
    remedy = "Correct or simplify the JSON schema or the grammar, and try again."


class ReplyInProgress(EngineError):
    code = "reply_in_progress"
    what = "A reply is still being written in this conversation."
    why = ""
    remedy = "Wait until it ends, or stop it."


class StoreError(UserFacingError):
    code = "store_error"
    what = "The conversations could not be read or written."


class DatabaseDamaged(StoreError):
    code = "database_damaged"
    what = "The database {file} is damaged."
    why = "{reason}"
    remedy = "Restore a snapshot with “yanmo data restore”."
    fixes = ("restore_snapshot",)


class DatabaseInUse(StoreError):
    code = "database_in_use"
    what = "Yanmo is already open with this data."
    why = "Another Yanmo (process {pid}) uses {folder}."
    remedy = "Switch to the window that is open, or close it first."


class DatabaseTooNew(StoreError):
    code = "database_too_new"
    what = "The database {file} was written by a newer Yanmo."
    why = "It holds the migration “{migration}”, which this version does not know."
    remedy = "Update Yanmo, or restore an older snapshot."
    fixes = ("restore_snapshot",)


class ConversationNotFound(StoreError):
    code = "conversation_not_found"
    what = "This conversation does not exist any more."
    why = "It was deleted, or its id {id} is wrong."
    remedy = "Look in the trash, or choose another conversation."


class SnapshotNotFound(StoreError):
    code = "snapshot_not_found"
    what = "There is no snapshot {name}."
    why = "Snapshots are kept for seven days."
    remedy = "List what is there with “yanmo data restore --list”."


class ImportFailed(StoreError):
    code = "import_failed"
    what = "{file} could not be imported."
    why = "{reason}"
    remedy = "Choose a JSON file that Yanmo exported."


class DiskFull(StoreError):
    code = "disk_full"
    what = "The disk is full."
    why = "{folder} has {free} left."
    remedy = "Free some space; nothing that was saved is lost."


class ServerNotStarted(UserFacingError):
    code = "server_not_started"
    what = "The server could not be started at {address}."
    why = "{reason}"
    remedy = "Choose another port or address, or make a key first where others are to use it."


class OwnRequestFailed(UserFacingError):
    code = "own_request_failed"
    what = "The server did not answer as it should."
    why = "{reason}"
    remedy = "Look at the call in the list; it says more."


class WorkCancelled(UserFacingError):
    code = "work_cancelled"
    what, why = "It was cancelled.", ""
    remedy = "Nothing was left behind."


class QuantizationFailed(UserFacingError):
    code = "quantization_failed"
    what = "{file} could not be quantized."
    why = "{reason}"
    remedy = "Nothing was left behind; mend the cause and run the same command again."


class AttachmentRefused(UserFacingError):
    code = "attachment_refused"
    what = "{file} cannot be attached."
    why = "{reason}"
    remedy = "Choose another file."
