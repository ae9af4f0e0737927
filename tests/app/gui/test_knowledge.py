"""Documents in the window: the Knowledge page, what is attached, and the cards that say where an answer comes from."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QPushButton

from app.gui.chat.document_dialog import DocumentDialog
from app.gui.chat.source_cards import SourcesRow
from app.gui.knowledge.source_viewer import SourceViewer
from app.gui.main_window import MainWindow
from app.gui.translation import Translations
from app.services.documents import DocumentChoice
from app.store.records import Conversation
from app.workstation import Workstation
from backends.messages import FilePart, PassagePart
from tests.made_documents import make_docx, make_pdf

PAGES = ["Nothing here.", "The warranty lasts 36 months from the day of purchase.", "保修不包括电池。"]


def wait(until: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < deadline
        QApplication.processEvents()
        time.sleep(0.005)


def begin(window: MainWindow, workstation: Workstation, model: str, *, is_new: bool = True) -> Conversation:
    """An empty conversation that a scripted model answers."""
    if is_new:
        window.chat.new_conversation()
    conversation = window.chat.ensure_conversation()
    workstation.conversations.update(conversation.id, model=model)
    return conversation


@pytest.fixture
def contract(tmp_path: Path) -> Path:
    path = tmp_path / "contract.pdf"
    path.write_bytes(make_pdf(PAGES))
    return path


def test_a_collection_is_made_filled_and_tried_on_its_page(window: MainWindow, workstation: Workstation, contract: Path) -> None:
    window.show_page("knowledge")
    page = window.knowledge
    page.make_collection("Contracts")
    page.add_paths([str(contract)])
    workstation.knowledge.wait()
    wait(lambda: page.panel.list.count() == 1 and page.panel._states[0].documents == 1)
    page.recall.question.setText("How long is the guarantee?")
    page.recall.search()
    wait(lambda: page.recall.hits)
    assert (page.recall.hits[0].name, page.recall.hits[0].place) == ("contract.pdf", "page 2")
    page.add_paths([str(contract.parent / "nowhere")])
    assert not page.notice.isHidden()


def test_what_was_found_speaks_the_language_that_the_window_changes_to(
    window: MainWindow, workstation: Workstation, contract: Path, translations: Translations
) -> None:
    window.show_page("knowledge")
    window.knowledge.make_collection("Contracts")
    window.knowledge.add_paths([str(contract)])
    workstation.knowledge.wait()
    recall = window.knowledge.recall
    recall.question.setText("How long is the guarantee?")
    recall.search()
    wait(lambda: recall.hits)
    assert "Passages: " in recall._state.text()
    translations.use("zh_CN")
    wait(lambda: "passages" not in recall._state.text())


def test_an_answer_shows_its_sources_and_one_opens_at_its_page(
    window: MainWindow, workstation: Workstation, contract: Path
) -> None:
    made = workstation.knowledge.create("Contracts")
    workstation.knowledge.add(made.id, contract)
    workstation.knowledge.wait()
    window.show_page("chat")
    window.chat.new_conversation()
    window.chat.knowledge.toggle(made.id, True)
    conversation = begin(window, workstation, "echo:?text=It+lasts+36+months+[1].", is_new=False)
    window.chat.knowledge.keep_choice(conversation.id)
    window.chat.writing.submit("How long is the guarantee?", [])
    wait(lambda: window.chat.transcript.findChildren(SourcesRow))
    wait(lambda: not workstation.chat.is_busy(conversation.id))
    (row,) = [row for row in window.chat.transcript.findChildren(SourcesRow) if row.isVisible()]
    cards = row.findChildren(QPushButton)
    assert len(cards) == 1 and "contract.pdf, page 2" in cards[0].text()
    (source, *_) = workstation.messages.path(conversation.id)[1].run.sources  # type: ignore[union-attr]
    named = (source["path"], source["name"], source["place"], source["text"])
    viewer = SourceViewer(workstation, window._tokens, named, source["page"], window)
    viewer.show()
    wait(lambda: not viewer._picture.pixmap().isNull())
    assert viewer.state.isHidden(), "the passage stands there"
    contract.write_bytes(make_pdf(["Something else."]))
    changed = SourceViewer(workstation, window._tokens, named, source["page"], window)
    wait(lambda: "does not stand there any more" in changed.state.text())
    for dialog in (viewer, changed):
        dialog.reject()
        dialog.deleteLater()


def test_an_attached_document_is_weighed_and_as_much_of_it_as_chosen_is_sent(
    window: MainWindow, workstation: Workstation, contract: Path
) -> None:
    conversation = begin(window, workstation, "echo:?text=ok")
    path = str(contract)
    window.chat.composer.add_paths([path])
    wait(lambda: "tokens" in (window.chat.composer.chip_of(path).state.text()))  # type: ignore[union-attr]
    assert "3 pages" in window.chat.composer.chip_of(path).state.text()  # type: ignore[union-attr]
    window.chat.documents.choose(path, DocumentChoice("pages", "2"))
    wait(lambda: "pages 2 of 3" in window.chat.composer.chip_of(path).state.text())  # type: ignore[union-attr]
    window.chat.writing.submit("How long?", [path])
    wait(lambda: workstation.messages.path(conversation.id) and not workstation.chat.is_busy(conversation.id))
    (part,) = [part for part in workstation.messages.path(conversation.id)[0].parts if isinstance(part, FilePart)]
    assert part.text == "[page 2]\nThe warranty lasts 36 months from the day of purchase." and part.extent == "Pages 2 of 3."


def test_a_message_waits_until_its_document_is_read(window: MainWindow, workstation: Workstation, contract: Path) -> None:
    conversation = begin(window, workstation, "echo:?text=ok")
    window.chat.composer.add_paths([str(contract)])
    window.chat.documents.choose(str(contract), DocumentChoice("search"))
    window.chat.writing.submit("How long is the guarantee?", [str(contract)])
    wait(lambda: len(workstation.messages.path(conversation.id)) == 2 and not workstation.chat.is_busy(conversation.id))
    asked = workstation.messages.path(conversation.id)[0]
    assert next(part.place for part in asked.parts if isinstance(part, PassagePart)) == "page 2"
    assert window.chat.composer.paths() == []


def test_the_dialog_offers_what_fits_the_kind_of_document(window: MainWindow, workstation: Workstation, contract: Path) -> None:
    dialog = DocumentDialog(workstation.documents.weigh(contract), DocumentChoice(), 100, False, window)
    dialog.pages.setText("2-9")
    dialog.pages.textEdited.emit("2-9")
    dialog.accept()
    assert "It has 3" in dialog._trouble.text() and dialog.result() == 0
    dialog.pages.setText("2-3")
    dialog.accept()
    assert dialog.choice() == DocumentChoice("pages", "2-3")
    word = contract.with_name("a.docx")
    word.write_bytes(make_docx())
    other = DocumentDialog(workstation.documents.weigh(word), DocumentChoice("trim", tokens=50), 100, True, window)
    assert other.choice() == DocumentChoice("trim", tokens=50)
    assert [button.isEnabled() for button in other._group.buttons()] == [True, False, True, True, False]
    for one in (dialog, other):
        one.deleteLater()
