"""The items of a reply of the Responses API, and the events that tell of them as they grow."""

from __future__ import annotations

import json
import time
from typing import Any

from app.api.desk import make_id
from app.api.errors import ApiError
from app.api.openai_chat import show_token
from app.api.response_items import NO_TOOLS, ToolSet
from app.api.running import AnswerEvent, Done
from app.api.streams import dump, event
from backends.events import ReasoningDelta, TextDelta, TokenChosen, Usage
from backends.tool_calls.events import CallArguments, CallBegun, CallEnded


class Writer:
    """Builds the response object piece by piece; :meth:`add` gives the events of each piece as text."""

    def __init__(self, response: dict[str, Any], tools: ToolSet = NO_TOOLS) -> None:
        self.response = response
        self.is_over = False
        self._tools = tools
        self._number = 0
        self._kind = ""
        self._item: dict[str, Any] = {}
        self._text: list[str] = []
        self._tokens: list[dict[str, Any]] = []
        self._pending: list[dict[str, Any]] = []
        self._reasoning_pieces = 0
        self._pieces = 0

    def begin(self) -> str:
        """The events before the first word."""
        return self._event("response.created", response=self._snapshot()) + self._event(
            "response.in_progress", response=self._snapshot()
        )

    def keep_alive(self) -> str:
        """An event without news."""
        return "" if self.is_over else self._event("response.in_progress", response=self._snapshot())

    def add(self, piece: AnswerEvent) -> str:
        """Take in a piece of the reply; what is to be told of it."""
        match piece:
            case TextDelta(text):
                self._pieces += 1
                opened = "" if self._kind == "message" else self._open_message()
                return opened + self._say_text(text)
            case ReasoningDelta(text):
                self._reasoning_pieces += 1
                opened = "" if self._kind == "reasoning" else self._open_reasoning()
                self._text.append(text)
                return opened + self._item_event("response.reasoning_text.delta", content_index=0, delta=text)
            case CallBegun(_, name):
                return self._open_call(name)
            case CallArguments(_, text):
                self._text.append(text)
                if self._kind != "function_call":
                    return ""
                return self._item_event("response.function_call_arguments.delta", delta=text)
            case CallEnded():
                return self._close()
            case TokenChosen():
                self._pending.append(show_token(piece))
                return ""
            case Done():
                return self._finish(piece)
        return ""

    def fail(self, error: ApiError) -> str:
        """It ended in an error."""
        self.is_over = True
        code = "rate_limit_exceeded" if error.status in (429, 503) else "server_error"
        code = error.code if error.code == "context_length_exceeded" else code
        self.response |= {"status": "failed", "error": {"code": code, "message": error.words("openai")}}
        return self._event("response.failed", response=self._snapshot())

    def _open_message(self) -> str:
        closed = self._close()
        self._kind, self._text, self._tokens = "message", [], []
        self._item = {"id": make_id("msg_"), "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        return closed + self._added() + self._item_event("response.content_part.added", content_index=0, part=part)

    def _open_reasoning(self) -> str:
        closed = self._close()
        self._kind, self._text = "reasoning", []
        self._item = {"id": make_id("rs_"), "type": "reasoning", "summary": [], "content": [], "status": "in_progress"}
        return closed + self._added()

    def _open_call(self, name: str) -> str:
        closed = self._close()
        self._text = []
        number, call_id = make_id("fc_"), make_id("call_")
        is_custom = name in self._tools.custom
        space, name = self._tools.spaces.get(name, ("", name))
        if is_custom:
            self._kind = "custom_tool_call"
            self._item = {
                "id": number,
                "type": self._kind,
                "call_id": call_id,
                "name": name,
                "input": "",
                "status": "in_progress",
            }
        else:
            self._kind = "function_call"
            self._item = {
                "id": number,
                "type": self._kind,
                "call_id": call_id,
                "name": name,
                "arguments": "",
                "status": "in_progress",
            }
        if space:
            self._item["namespace"] = space
        return closed + self._added()

    def _say_text(self, text: str) -> str:
        self._text.append(text)
        said, self._pending = self._pending, []
        self._tokens += said
        return self._item_event("response.output_text.delta", content_index=0, delta=text, logprobs=said)

    def _close(self, status: str = "completed") -> str:
        """The end of the item that is open, if one is."""
        kind, item, text = self._kind, self._item, "".join(self._text)
        if not kind:
            return ""
        said = ""
        if kind == "message":
            self._tokens += self._pending
            self._pending = []
            part = {"type": "output_text", "text": text, "annotations": [], "logprobs": self._tokens}
            said += self._item_event("response.output_text.done", content_index=0, text=text, logprobs=self._tokens)
            said += self._item_event("response.content_part.done", content_index=0, part=part)
            item["content"] = [part]
        elif kind == "reasoning":
            said += self._item_event("response.reasoning_text.done", content_index=0, text=text)
            item["content"] = [{"type": "reasoning_text", "text": text}]
        elif kind == "function_call":
            said += self._item_event("response.function_call_arguments.done", arguments=text, name=item["name"])
            item["arguments"] = text
        else:
            item["input"] = _free_text(text)
            said += self._item_event("response.custom_tool_call_input.delta", delta=item["input"])
            said += self._item_event("response.custom_tool_call_input.done", input=item["input"])
        item["status"] = status
        said += self._event("response.output_item.done", output_index=len(self.response["output"]), item=dict(item))
        self.response["output"].append(item)
        self._kind = ""
        return said

    def _finish(self, done: Done) -> str:
        self.is_over = True
        is_cut = done.reason == "length"
        closed = self._close("incomplete" if is_cut else "completed")
        if not self.response["output"]:
            closed += self._open_message() + self._close("incomplete" if is_cut else "completed")
        status = "incomplete" if is_cut else "completed"
        details = {"reason": "max_output_tokens"} if is_cut else None
        self.response |= {"status": status, "incomplete_details": details, "usage": self._usage(done.usage)}
        if not is_cut:
            self.response["completed_at"] = int(time.time())
        return closed + self._event(f"response.{status}", response=self._snapshot())

    def _usage(self, usage: Usage) -> dict[str, Any]:
        """Thoughts are counted by their share of the pieces that were told."""
        pieces = self._reasoning_pieces + self._pieces
        thoughts = round(usage.output_tokens * self._reasoning_pieces / pieces) if pieces else 0
        return {
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": thoughts},
            "total_tokens": usage.prompt_tokens + usage.output_tokens,
        }

    def _added(self) -> str:
        return self._event("response.output_item.added", output_index=len(self.response["output"]), item=dict(self._item))

    def _item_event(self, kind: str, **values: Any) -> str:
        return self._event(kind, item_id=self._item["id"], output_index=len(self.response["output"]), **values)

    def _event(self, kind: str, **values: Any) -> str:
        number, self._number = self._number, self._number + 1
        return event(dump({"type": kind, "sequence_number": number, **values}), kind)

    def _snapshot(self) -> dict[str, Any]:
        return {**self.response, "output": list(self.response["output"])}


def _free_text(arguments: str) -> str:
    """The one argument of a tool that takes free text."""
    try:
        value = json.loads(arguments)
    except ValueError:
        return arguments
    return str(value.get("input", "")) if isinstance(value, dict) else str(value)
