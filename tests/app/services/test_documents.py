"""Documents in conversations: what they take, what is chosen of them, and that the original stays with the message."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.paths import Paths
from app.services.documents import DocumentChoice
from app.services.prompts import SEARCHED, make_prompt
from app.workstation import Workstation, make_workstation
from backends.messages import FilePart, ImagePart, PassagePart, TextPart
from backends.questions import Tokenize
from models.document_errors import DocumentTooLong, DocumentUnreadable, PagesNotFound
from tests.app.conftest import Recorder
from tests.made_documents import make_docx, make_pdf

PAGES = [f"Page {number}.\nThe lamp number {number} costs {number * 10} euros." for number in range(1, 13)]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "报告.pdf"
    path.write_bytes(make_pdf(PAGES))
    return path


def only_file(parts: tuple[object, ...]) -> FilePart:
    (part,) = parts
    assert isinstance(part, FilePart)
    return part


def test_chosen_pages_are_what_the_model_reads_and_the_original_is_kept(workstation: Workstation, report: Path) -> None:
    part = only_file(workstation.documents.make_parts(report, DocumentChoice("pages", "2-3,12")))
    assert part.extent == "Pages 2-3, 12 of 12."
    assert "[page 2]\nPage 2." in part.text and "[page 12]" in part.text and "Page 4." not in part.text
    assert Path(part.path).read_bytes() == report.read_bytes()
    with pytest.raises(PagesNotFound, match="It has 12"):
        workstation.documents.make_parts(report, DocumentChoice("pages", "9-13"))


def test_tokens_are_counted_by_the_model_in_memory_and_estimated_without_one(workstation: Workstation, report: Path) -> None:
    guessed = workstation.documents.weigh(report)
    assert not guessed.is_exact and guessed.tokens > 100
    with workstation.engines.lease(workstation.starter_model()) as engine:
        assert engine.link is not None
        counted = workstation.documents.weigh(report)
        assert counted.is_exact
        text = only_file(workstation.documents.make_parts(report)).text
        framing = counted.tokens - len(engine.link.ask(Tokenize(text)))
        assert 0 <= framing <= 10, "the name of the file is all that comes to its text"
        few = workstation.documents.weigh(report, DocumentChoice("pages", "1"))
        assert few.tokens < counted.tokens / 8


def test_a_document_that_is_too_long_can_be_trimmed_to_what_fits(workstation: Workstation, report: Path) -> None:
    with workstation.engines.lease(workstation.starter_model()):
        with pytest.raises(DocumentTooLong, match=r"报告\.pdf is longer than what the model can read"):
            workstation.documents.refuse_if_too_long(report, DocumentChoice(), 200)
        choice = DocumentChoice("trim", tokens=120)
        part = only_file(workstation.documents.make_parts(report, choice))
        assert 90 <= workstation.documents.weigh(report, choice).tokens <= 120
        assert part.extent.startswith("The first 120 of ")
        assert workstation.documents.read(report).text.startswith(part.text)


def test_pages_become_pictures_for_models_that_see(workstation: Workstation, report: Path, tmp_path: Path) -> None:
    parts = workstation.documents.make_parts(report, DocumentChoice("pictures", "2-3"))
    assert [type(part) for part in parts] == [ImagePart, ImagePart]
    assert all(isinstance(part, ImagePart) and Path(part.path).read_bytes().startswith(b"\x89PNG") for part in parts)
    (tmp_path / "a.docx").write_bytes(make_docx())
    with pytest.raises(Exception, match="Only the pages of a PDF can be shown as pictures"):
        workstation.documents.make_parts(tmp_path / "a.docx", DocumentChoice("pictures"))


def test_a_document_that_cannot_be_read_is_named_and_nothing_is_kept(workstation: Workstation, tmp_path: Path) -> None:
    (tmp_path / "broken.docx").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(DocumentUnreadable, match=r"broken\.docx cannot be read"):
        workstation.documents.make_parts(tmp_path / "broken.docx")
    assert not workstation.paths.attachments.exists()


def test_a_conversation_with_a_document_opens_again_with_it_and_exports_it(paths: Paths, report: Path) -> None:
    with make_workstation(paths) as workstation:
        recorder = Recorder(workstation.events)
        conversation = workstation.conversations.create(model="echo:?text=heard")
        parts = workstation.documents.make_parts(report, DocumentChoice("pages", "2"))
        workstation.chat.send(conversation.id, (*parts, TextPart("What does the lamp cost?")))
        recorder.wait_for_reply()
    report.unlink()
    with make_workstation(paths) as workstation:
        (asked, _) = workstation.messages.path(conversation.id)
        part = only_file(tuple(part for part in asked.parts if isinstance(part, FilePart)))
        assert part.extent == "Pages 2 of 12." and "costs 20 euros" in part.text
        assert workstation.documents.read(part.path).count == 12
        prompt = make_prompt("", [asked])[-1]
        assert "报告.pdf (Pages 2 of 12)" in prompt.text and "costs 20 euros" in prompt.text
        for kind in ("html", "md"):
            assert "costs 20 euros" in workstation.portability.export(kind, [conversation.id])
        whole = workstation.portability.export("json", [conversation.id])
        assert "Pages 2 of 12." in whole and "attachment:" in whole


def test_what_is_searched_is_not_written_out_and_passages_are(workstation: Workstation) -> None:
    parts = (
        PassagePart(3, "/x/a.pdf", "a.pdf", "page 7", "The lamp costs 70 euros."),
        FilePart("/x/a.pdf", "a.pdf", "", extent=SEARCHED),
        TextPart("灯多少钱？"),
    )
    conversation = workstation.conversations.create()
    message = workstation.messages.append(conversation.id, None, "user", parts)
    text = make_prompt("", [message])[-1].text
    assert "[3] a.pdf, page 7\n```\nThe lamp costs 70 euros.\n```" in text
    assert text.startswith("以下是从我的文档中") and text.endswith("灯多少钱？")
