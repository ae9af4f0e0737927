"""How fast documents are read, indexed and searched: a thousand pages in ten PDFs, made of the calibration texts.

python -m tests.benchmarks.knowledge_benchmarks
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path

from app.paths import make_paths
from app.workstation import make_workstation
from tests.made_documents import make_pdf

_LINES, _CHARACTERS = 42, 85
_QUESTIONS = ("Where does the river rise?", "Who wrote the letter?", "他为什么离开家乡？", "机器是怎么工作的？")


def make_pages(count: int) -> list[str]:
    """Pages of 42 lines; English and Chinese in turn."""
    root = Path(__file__).resolve().parents[2] / "resources" / "calibration"
    texts = [" ".join((root / name).read_text(encoding="utf-8").split()) for name in ("prose-en.txt", "prose-zh.txt")]
    pages = []
    for number in range(count):
        text, width = texts[number % 2], _CHARACTERS // (1 + number % 2)
        size = _LINES * width
        start = (number * 977) % max(1, len(text) - size)
        piece = text[start : start + size]
        pages.append("\n".join(piece[place : place + width] for place in range(0, len(piece), width)))
    return pages


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "papers"
        folder.mkdir()
        pages = make_pages(1000)
        for number in range(10):
            (folder / f"paper{number}.pdf").write_bytes(make_pdf(pages[number * 100 : number * 100 + 100], compress=True))
        with make_workstation(make_paths(Path(name) / "data")) as workstation:
            begun = time.monotonic()
            workstation.documents.read(folder / "paper0.pdf")
            print(f"read 100 pages with the start of the child: {time.monotonic() - begun:.2f} s")
            knowledge = workstation.knowledge
            made = knowledge.create("Papers")
            begun, worked = time.monotonic(), time.process_time()
            knowledge.add(made.id, folder)
            knowledge.wait()
            seconds, own = time.monotonic() - begun, time.process_time() - worked
            (state,) = knowledge.roots(made.id)
            size = sum(path.stat().st_size for path in (Path(name) / "data").glob("documents.sqlite*"))
            print(
                f"indexed 1,000 pages in {seconds:.1f} s ({1000 / seconds:.0f} pages a second, {own:.1f} s of processor time here)"
            )
            print(f"{state.passages:,} passages, {size / 1e6:.1f} MB on disk")
            begun = time.monotonic()
            knowledge.update()
            knowledge.wait()
            print(f"looked again, nothing changed: {time.monotonic() - begun:.3f} s")
            for question in (_QUESTIONS[0], *_QUESTIONS):
                begun = time.monotonic()
                hits = knowledge.search(question)
                print(
                    f"{question}  {1000 * (time.monotonic() - begun):.0f} ms, {len(hits)} passages, first {hits[0].place if hits else '-'}"
                )
    own, child = (resource.getrusage(who).ru_maxrss / 1000 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"peak memory: {own:.0f} MB here, {child:.0f} MB in the child that reads")


if __name__ == "__main__":
    main()
