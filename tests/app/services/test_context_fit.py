"""A conversation that no longer fits: refused, shortened or summarised as it was chosen, and it is told what was not seen."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.context_fit import ContextFit, Fitted, describe_shift
from app.services.prompts import make_prompt
from app.store.records import RunCard, StoredMessage
from app.workstation import Workstation
from backends.backend import GenerationRequest
from backends.events import ContextShifted
from backends.messages import TextPart
from backends.options import GenerationOptions


def make_branch(turns: int, words: int = 10) -> list[StoredMessage]:
    branch = []
    for number in range(turns):
        for role in ("user", "assistant")[: 1 if number == turns - 1 else 2]:
            text = f"{role} {number} " + "word " * (words - 2)
            branch.append(StoredMessage(f"{role[0]}{number}", "c", None, role, (TextPart(text),), "complete", 0.0))  # type: ignore[arg-type]
    return branch


def count(request: GenerationRequest) -> int:
    return sum(len(message.text.split()) for message in request.messages)


class Asked:
    """Summarises by naming the turns that it was shown."""

    def __init__(self) -> None:
        self.questions: list[str] = []

    def __call__(self, request: GenerationRequest) -> str:
        self.questions.append("\n".join(message.text for message in request.messages))
        return f"summary {len(self.questions)}"


def fit(branch: list[StoredMessage], policy: str, available: int, ask: Any = None, system: str = "") -> Fitted:
    request = GenerationRequest(make_prompt(system, branch), options=GenerationOptions(context_policy=policy))
    return ContextFit(system, available, count, ask or Asked()).fit(request, branch)


def text_of(fitted: Fitted) -> str:
    return "\n".join(message.text for message in fitted.request.messages)


@pytest.mark.parametrize("policy", ["refuse", "shift", "drop", "summarise"])
def test_what_fits_is_shown_whole(policy: str) -> None:
    branch = make_branch(3)
    fitted = fit(branch, policy, 1000)
    assert fitted.unseen == {}
    assert len(fitted.request.messages) == len(branch)


@pytest.mark.parametrize("policy", ["refuse", "shift"])
def test_what_is_the_engines_to_decide_is_left_to_it(policy: str) -> None:
    branch = make_branch(50)
    assert count(fit(branch, policy, 200).request) == 990


@given(st.integers(1, 60), st.integers(3, 40), st.integers(60, 600))
def test_dropping_leaves_the_newest_turns_that_fit(turns: int, words: int, available: int) -> None:
    branch = make_branch(turns, words)
    fitted = fit(branch, "drop", available, system="be brief")
    shown = text_of(fitted)
    assert "be brief" in shown
    assert f"user {turns - 1} " in shown
    room = available - available // 4
    alone = 2 + words
    assert count(fitted.request) < room or count(fitted.request) == alone
    if fitted.unseen:
        assert fitted.unseen["policy"] == "drop"
        first = next(message for message in branch if message.id == fitted.unseen["first_seen_id"])
        assert first.role == "user"
        assert branch.index(first) == fitted.unseen["messages"]
        assert fitted.request.messages[1].text == first.text
        assert fitted.unseen["first_seen"] == first.text[:60].strip()
    else:
        assert len(fitted.request.messages) == len(branch) + 1


def test_the_cut_stays_for_some_turns_and_goes_when_all_fits_again() -> None:
    cuts = []
    branch = make_branch(14)
    for _ in range(12):
        fitted = fit(branch, "drop", 200)
        cuts.append(fitted.unseen.get("messages", 0))
        number = (len(branch) + 1) // 2
        answer = StoredMessage(f"a{number - 1}", "c", None, "assistant", (TextPart("word " * 10),), "complete", 0.0)
        question = StoredMessage(f"u{number}", "c", None, "user", (TextPart("word " * 10),), "complete", 0.0)
        branch += [replace(answer, run=RunCard(unseen=fitted.unseen)), question]
    assert cuts == sorted(cuts)
    assert 1 < len(set(cuts)) <= 6
    assert fit(branch, "drop", 10_000).unseen == {}


def test_a_summary_stands_in_the_place_of_what_is_left_out_and_grows_with_the_next() -> None:
    ask = Asked()
    branch = make_branch(60)
    fitted = fit(branch, "summarise", 1200, ask)
    assert fitted.unseen["summary"] == f"summary {len(ask.questions)}"
    assert fitted.unseen["summary"] in fitted.request.messages[0].text
    assert "user 0 " in ask.questions[0]
    assert all(len(question.split()) < 800 for question in ask.questions)
    gone = fitted.unseen["messages"]
    asked = "\n".join(ask.questions)
    assert all(f"{message.role} {message.id[1:]} " in asked for message in branch[:gone])
    assert branch[gone].text not in asked
    answer = replace(branch[1], id="a59", run=RunCard(unseen=fitted.unseen))
    longer = [*branch, answer, *make_branch(60)]
    again = fit(longer, "summarise", 1200, ask)
    assert again.unseen["messages"] > gone
    assert fitted.unseen["summary"] in ask.questions[-1] or "summary" in ask.questions[-1]


def test_turns_that_fit_no_question_are_left_out_of_the_summary_and_nothing_hangs() -> None:
    ask = Asked()
    branch = [*make_branch(2, 4000)[:2], *make_branch(3)]
    fitted = fit(branch, "summarise", 600, ask)
    assert fitted.unseen["messages"] == 2
    assert ask.questions == []
    assert "summary" not in fitted.unseen


def test_roles_alternate_whatever_is_left_out() -> None:
    asked: list[GenerationRequest] = []
    branch = make_branch(40)
    fit(branch, "summarise", 1000, lambda request: asked.append(request) or "short")
    for request in asked:
        roles = [message.role for message in request.messages]
        assert all(one != other for one, other in itertools.pairwise(roles))


def test_what_the_engine_forgot_is_added_up() -> None:
    assert describe_shift([]) == {}
    shifts = [ContextShifted(64, "a", "b"), ContextShifted(64, "c", "d")]
    assert describe_shift(shifts) == {"policy": "shift", "tokens": 128, "begin": "c", "end": "d"}


def talk(workstation: Workstation, conversation: str, text: str) -> StoredMessage:
    workstation.chat.send(conversation, [TextPart(text)])
    deadline = time.monotonic() + 30
    while workstation.chat.is_busy(conversation):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return workstation.messages.path(conversation)[-1]


def test_a_real_conversation_is_refused_unless_another_policy_was_chosen(workstation: Workstation) -> None:
    conversation = workstation.conversations.create(model="echo:?context=64&text=yes").id
    for number in range(2):
        assert talk(workstation, conversation, f"question {number} " + "word " * 12).state == "complete"
    refused = None
    for number in range(6):
        refused = talk(workstation, conversation, f"more {number} " + "word " * 12)
        if refused.state == "failed":
            break
    assert refused is not None
    assert refused.error is not None
    assert refused.error["code"] == "context_overflow"
    workstation.conversations.update(conversation, options={"context_policy": "drop"})
    answer = talk(workstation, conversation, "and now? " + "word " * 12)
    assert answer.state == "complete"
    assert answer.run is not None
    assert answer.run.unseen["policy"] == "drop"
    assert answer.run.unseen["messages"] > 0
    workstation.conversations.update(conversation, options={})
    workstation.settings.set("chat.context_policy", "summarise")
    workstation.settings.set("chat.context_policy", "drop")
    assert talk(workstation, conversation, "and again? " + "word " * 12).state == "complete"
