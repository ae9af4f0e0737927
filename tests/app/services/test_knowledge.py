"""Collections are indexed, followed, searched and asked; a crash or a cancel loses nothing that was finished."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.paths import Paths
from app.services.citing import cited_numbers, sort_sources
from app.services.documents import DocumentChoice
from app.services.events import KnowledgeProgress
from app.workstation import Workstation, make_workstation
from backends.messages import PassagePart, TextPart
from models.document_errors import CollectionExists, CollectionNotFound, DocumentUnreadable
from tests.app.conftest import Recorder
from tests.made_documents import make_docx, make_pdf

ANIMALS = ("otter", "heron", "badger", "falcon", "salmon", "lizard", "beetle", "walrus")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder with eight notes, a PDF and a Word document."""
    folder = tmp_path / "资料"
    (folder / "notes").mkdir(parents=True)
    for animal in ANIMALS:
        (folder / "notes" / f"{animal}.md").write_text(
            f"# {animal}\n\nThe {animal} sleeps in barrel {len(animal) * 7}.\n", encoding="utf-8"
        )
    pages = ["Nothing here.", "The warranty lasts 36 months from the day of purchase.", "保修不包括电池。电池只保修六个月。"]
    (folder / "contract.pdf").write_bytes(make_pdf(pages))
    (folder / "travel.docx").write_bytes(make_docx())
    (folder / "broken.pptx").write_bytes(b"PK\x03\x04 no")
    (folder / "photo.png").write_bytes(b"\x89PNG")
    return folder


def index(workstation: Workstation, folder: Path, name: str = "Home") -> str:
    made = workstation.knowledge.create(name)
    workstation.knowledge.add(made.id, folder)
    workstation.knowledge.wait()
    return made.id


def test_a_folder_is_indexed_and_passages_are_found_with_their_page(
    workstation: Workstation, recorder: Recorder, library: Path
) -> None:
    collection = index(workstation, library)
    (root,) = workstation.knowledge.roots(collection)
    assert (root.documents, [one.name for one in root.failures]) == (10, ["broken.pptx"])
    (hit, *_) = workstation.knowledge.search("How long is the guarantee?")
    assert (hit.name, hit.place) == ("contract.pdf", "page 2")
    (hit, *_) = workstation.knowledge.search("电池的质保有多久？")
    assert (hit.name, hit.place) == ("contract.pdf", "page 3")
    (hit, *_) = workstation.knowledge.search("Where does the walrus sleep?")
    assert (hit.name, hit.place) == ("walrus.md", "line 1")
    assert recorder.of(KnowledgeProgress)[-1].done == 11


def test_every_passage_stands_in_its_document(workstation: Workstation, library: Path) -> None:
    from app.retrieval.search import is_quoted_in

    index(workstation, library)
    for question in ("guarantee", "barrel", "电池", "train second class", "上海"):
        for hit in workstation.knowledge.search(question):
            section = next(one for one in workstation.documents.read(hit.path).sections if one.number == hit.number)
            assert hit.text in section.text
            assert section.text.split("\n")[hit.line - 1].startswith(hit.text.split("\n")[0])
            assert is_quoted_in(hit.text, section.text)


def test_the_index_follows_what_changes(workstation: Workstation, library: Path) -> None:
    collection = index(workstation, library)
    before = {one.path: one.indexed_at for one in workstation.knowledge._parts().index.documents()}
    (library / "notes" / "otter.md").write_text("The otter moved to the lighthouse.", encoding="utf-8")
    (library / "notes" / "heron.md").unlink()
    (library / "new.txt").write_text("A giraffe arrived.", encoding="utf-8")
    os.utime(library / "contract.pdf")
    workstation.knowledge.update()
    workstation.knowledge.wait()
    after = {one.path: one.indexed_at for one in workstation.knowledge._parts().index.documents()}
    changed = {Path(path).name for path in after if before.get(path) != after[path]}
    assert changed == {"otter.md", "new.txt"}, "only what changed is read again; another time alone changes nothing"
    assert str(library / "notes" / "heron.md") not in after
    assert workstation.knowledge.search("giraffe")[0].name == "new.txt"
    assert "lighthouse" in workstation.knowledge.search("Where is the otter?")[0].text
    workstation.knowledge.delete(collection)
    assert workstation.knowledge.search("giraffe") == [] and workstation.knowledge._parts().index.documents() == []


def test_a_watched_folder_is_indexed_by_itself(workstation: Workstation, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.services.knowledge.WATCH_SECONDS", 0.05)
    index(workstation, library)
    workstation.knowledge.watch()
    (library / "new.txt").write_text("A giraffe arrived.", encoding="utf-8")
    deadline = time.monotonic() + 10
    while not any(hit.name == "new.txt" for hit in workstation.knowledge.search("giraffe")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_indexing_is_cancelled_and_goes_on_later(workstation: Workstation, library: Path) -> None:
    for number in range(60):
        (library / f"extra{number}.pdf").write_bytes(make_pdf([f"extra {number}"]))
    made = workstation.knowledge.create("Home")
    workstation.knowledge.add(made.id, library)
    while workstation.knowledge.indexing().done < 5:
        time.sleep(0.002)
    workstation.knowledge.cancel()
    workstation.knowledge.wait()
    partial = len(workstation.knowledge._parts().index.documents())
    assert 5 <= partial < 71
    workstation.knowledge.update()
    workstation.knowledge.wait()
    assert len(workstation.knowledge._parts().index.documents()) == 71


def test_names_of_collections_are_their_own(workstation: Workstation, library: Path) -> None:
    knowledge = workstation.knowledge
    made = knowledge.create("  Home   work ")
    assert knowledge.collections.find("home work").id == made.id
    with pytest.raises(CollectionExists):
        knowledge.create("HOME WORK")
    with pytest.raises(CollectionNotFound, match="yanmo index list"):
        knowledge.collections.find("nothing")
    with pytest.raises(DocumentUnreadable, match="There is no such file or folder"):
        knowledge.add(made.id, library / "nowhere")
    knowledge.collections.choose("c1", [made.id])
    assert knowledge.collections.chosen("c1") == [made.id]
    knowledge.delete(made.id)
    assert knowledge.collections.chosen("c1") == []


def test_a_conversation_is_answered_from_its_collections_with_numbers(
    workstation: Workstation, recorder: Recorder, library: Path
) -> None:
    collection = index(workstation, library)
    conversation = workstation.conversations.create(model="echo:?text=It+lasts+36+months+[1].")
    workstation.knowledge.collections.choose(conversation.id, [collection])
    workstation.chat.send(conversation.id, [TextPart("How long is the guarantee?")])
    recorder.wait_for_reply()
    asked, answered = workstation.messages.path(conversation.id)
    given = [part for part in asked.parts if isinstance(part, PassagePart)]
    assert given[0].number == 1 and given[0].place == "page 2" and "36 months" in given[0].text
    assert answered.run is not None and len(answered.run.sources) == len(given) >= 2
    (first, is_cited), *others = sort_sources(answered.text, answered.run.sources)
    assert is_cited and first["place"] == "page 2" and not any(cited for _, cited in others)
    workstation.chat.send(conversation.id, [TextPart("And for batteries?")])
    recorder.wait_for_reply(2)
    again = [part.number for part in workstation.messages.path(conversation.id)[2].parts if isinstance(part, PassagePart)]
    assert again[0] == len(given) + 1, "numbers go on, so that [1] means one passage in a conversation"
    workstation.chat.regenerate(workstation.messages.path(conversation.id)[3].id)
    recorder.wait_for_reply(3)
    assert [part.number for part in workstation.messages.path(conversation.id)[2].parts if isinstance(part, PassagePart)] == again


def test_an_attached_document_is_searched_for_each_question(workstation: Workstation, recorder: Recorder, library: Path) -> None:
    conversation = workstation.conversations.create(model="echo:?text=ok")
    parts = workstation.documents.make_parts(library / "contract.pdf", DocumentChoice("search"))
    workstation.chat.send(conversation.id, [*parts, TextPart("How long is the guarantee?")])
    recorder.wait_for_reply()
    asked = workstation.messages.path(conversation.id)[0]
    given = [part for part in asked.parts if isinstance(part, PassagePart)]
    assert given[0].name == "contract.pdf" and given[0].place == "page 2"
    workstation.chat.send(conversation.id, [TextPart("And how long is the battery covered, in months?")])
    recorder.wait_for_reply(2)
    later = [part for part in workstation.messages.path(conversation.id)[2].parts if isinstance(part, PassagePart)]
    assert any("电池" in part.text for part in later)


def test_citations_are_read_as_models_write_them() -> None:
    assert cited_numbers("Yes [2], and [1, 3]. 见【4】和［5］。[6-8]") == [2, 1, 3, 4, 5, 6, 7, 8]
    assert cited_numbers("`a[1]` and\n```\nb[2]\n```\n[3](http://x) [x] [1234]") == []
    sources = [{"number": 1}, {"number": 2}]
    assert [(one["number"], cited) for one, cited in sort_sources("[2] [9]", sources)] == [(2, True), (1, False)]


def test_a_damaged_index_is_made_anew(paths: Paths, library: Path) -> None:
    with make_workstation(paths) as workstation:
        index(workstation, library)
    paths.knowledge_index.write_bytes(b"SQLite format 3\x00" + b"\xff" * 5000)
    with make_workstation(paths) as workstation:
        assert workstation.knowledge.search("guarantee") == []
        workstation.knowledge.update()
        workstation.knowledge.wait()
        assert workstation.knowledge.search("guarantee")[0].place == "page 2"


@pytest.mark.slow
def test_a_kill_in_the_middle_of_indexing_leaves_whole_documents_only(paths: Paths, library: Path) -> None:
    for number in range(200):
        (library / f"extra{number}.md").write_text(f"# Extra {number}\n\n" + "Some words to read. " * 300, encoding="utf-8")
    code = (
        "import sys\nfrom app.paths import make_paths\nfrom app.workstation import make_workstation\n"
        "with make_workstation(make_paths(sys.argv[1])) as w:\n"
        "    made = w.knowledge.create('Home')\n    w.knowledge.add(made.id, sys.argv[2])\n    w.knowledge.wait()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(paths.data), str(library)], env={**os.environ})
    deadline = time.monotonic() + 30
    log = paths.knowledge_index.with_name("documents.sqlite-wal")
    while not log.exists() or log.stat().st_size < 300_000:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    with make_workstation(paths) as workstation:
        documents = workstation.knowledge._parts().index.documents()
        assert 0 < len(documents) < 211
        counts = workstation.knowledge._parts().index.connections.rows(
            "SELECT d.passages, count(p.id) FROM documents AS d LEFT JOIN passages AS p ON p.document_id = d.id GROUP BY d.id"
        )
        assert all(row[0] == row[1] for row in counts)
        workstation.knowledge.update()
        workstation.knowledge.wait()
        assert len(workstation.knowledge._parts().index.documents()) == 211
