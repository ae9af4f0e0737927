"""Documents of every kind become text with places."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.documents.document import Document, parse_pages, write_pages
from app.documents.reading import DocumentReader
from models.document_errors import DocumentUnreadable, PagesNotFound
from models.errors import WorkCancelled
from tests.made_documents import make_docx, make_epub, make_pdf, make_pptx, make_xlsx

CHINESE = "研墨是一张书桌。它把模型放在自己的电脑上运行，所有的资料都不离开这台机器。我们说的话和写的字都在这里。"
TRADITIONAL = "研墨是一張書桌。它把模型放在自己的電腦上運行，所有的資料都不離開這台機器。我們說的話和寫的字都在這裡。"


@pytest.fixture(scope="module")
def reader() -> Iterator[DocumentReader]:
    opened = DocumentReader()
    yield opened
    opened.close()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> None:
    """The reader of this module lives on between its tests."""


def read(reader: DocumentReader, folder: Path, name: str, data: bytes, pages: frozenset[int] | None = None) -> Document:
    (folder / name).write_bytes(data)
    return reader.read(folder / name, pages)


def test_a_pdf_is_read_page_by_page_in_both_languages(reader: DocumentReader, tmp_path: Path) -> None:
    found = read(reader, tmp_path, "a.pdf", make_pdf(["First page\nof two", "第二页：研墨"]))
    assert (found.kind, found.unit, found.count) == ("pdf", "page", 2)
    assert [(section.number, section.text) for section in found.sections] == [(1, "First page\nof two"), (2, "第二页：研墨")]
    assert found.text == "[page 1]\nFirst page\nof two\n\n[page 2]\n第二页：研墨"


def test_only_the_pages_that_are_wanted_are_read(reader: DocumentReader, tmp_path: Path) -> None:
    data = make_pdf([f"This is page {number}" for number in range(1, 31)], compress=True)
    found = read(reader, tmp_path, "long.pdf", data, frozenset((2, 29)))
    assert found.count == 30
    assert [section.text for section in found.sections] == ["This is page 2", "This is page 29"]


def test_a_page_without_text_is_told(reader: DocumentReader, tmp_path: Path) -> None:
    found = read(reader, tmp_path, "scan.pdf", make_pdf(["Words", ""]))
    assert len(found.sections) == 1
    assert found.notes == ("1 pages hold no text; they may be scanned pictures.",)


def test_a_page_is_drawn_and_its_passage_tinted(reader: DocumentReader, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(make_pdf(["One line here\nAnother line there"]))
    plain = reader.render(tmp_path / "a.pdf", 1, 842)
    marked = reader.render(tmp_path / "a.pdf", 1, 842, "Another line there")
    assert (plain.width, plain.height) == (595, 842) and len(plain.pixels) == 595 * 842 * 3
    differing = [place // 3 // 595 for place in range(len(plain.pixels)) if plain.pixels[place] != marked.pixels[place]]
    assert differing and 50 < min(differing) < max(differing) < 80  # the second line, and it alone


def test_word_documents_keep_headings_lists_and_tables(reader: DocumentReader, tmp_path: Path) -> None:
    found = read(reader, tmp_path, "a.docx", make_docx())
    assert (
        found.text
        == "# Travel costs 差旅费\n\nTrains are second class.\n\n- Keep receipts\n| City | Limit |\n| 上海 | 650 |\nEnd."
    )


def test_presentations_are_read_slide_by_slide(reader: DocumentReader, tmp_path: Path) -> None:
    found = read(reader, tmp_path, "a.pptx", make_pptx())
    assert [(one.number, one.heading, one.text) for one in found.sections] == [
        (1, "Plan 计划", "Plan 计划\nBuy ink"),
        (2, "Results", "Results"),
    ]


def test_sheets_keep_their_columns_and_dates_are_dates(reader: DocumentReader, tmp_path: Path) -> None:
    found = read(reader, tmp_path, "a.xlsx", make_xlsx())
    assert found.text == "[sheet 1 库存]\n| Item |  | Price |\n| 墨条 | 2023-03-15 | 12.5 |"


def test_books_are_read_chapter_by_chapter(reader: DocumentReader, tmp_path: Path) -> None:
    found = read(reader, tmp_path, "a.epub", make_epub())
    assert [(one.number, one.heading, one.text) for one in found.sections] == [
        (1, "One", "# One\n\nFirst words."),
        (2, "二", "# 二\n\n第二章。"),
    ]


def test_of_a_web_page_the_words_remain(reader: DocumentReader, tmp_path: Path) -> None:
    page = (
        b"<!DOCTYPE html><head><title>x</title><script>steal()</script><style>p{}</style></head><body><nav>Menu</nav>"
        b"<h2>Ink &amp; paper</h2><p>Black\n  as <b>night</b>.</p><ul><li>one</li><li>two</li></ul>"
        b"<table><tr><th>a<th>b</tr><tr><td><p>1</p></td><td>2</td></tr></table><img src='http://127.0.0.1:9/x' alt='A brush'></body>"
    )
    text = read(reader, tmp_path, "a.html", page).text
    assert text == "Menu\n\n## Ink & paper\n\nBlack as night.\n\n- one\n- two\n\n| a | b |\n| 1 | 2 |\n\nA brush"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", CHINESE),
        ("utf-8-sig", CHINESE),
        ("utf-16", CHINESE),
        ("utf-16-le", CHINESE + " with some Latin words as well"),
        ("utf-16-be", "Plain English without a mark"),
        ("utf-32", CHINESE),
        ("gb18030", CHINESE),
        ("gbk", CHINESE * 3),
        ("big5", TRADITIONAL),
        ("shift_jis", "これは日本語の文章です。コンピューターで読みます。"),
        ("euc_jp", "これは日本語の文章です。コンピューターで読みます。"),
        ("euc_kr", "이것은 한국어 문장입니다. 컴퓨터에서 읽습니다."),
        ("cp1252", "Café crème, naïve façade: 20 € or £5"),
    ],
)
def test_plain_text_is_read_in_any_encoding(reader: DocumentReader, tmp_path: Path, encoding: str, text: str) -> None:
    found = read(reader, tmp_path, "a.txt", text.encode(encoding))
    assert found.text == text, found.encoding


def test_what_a_file_holds_counts_more_than_its_name(reader: DocumentReader, tmp_path: Path) -> None:
    assert read(reader, tmp_path, "photo.jpg", make_pdf(["A PDF all the same"])).kind == "pdf"
    assert read(reader, tmp_path, "a.pdf.docx", make_xlsx()).kind == "xlsx"
    assert read(reader, tmp_path, "notes", b"Just words.").kind == "text"
    with pytest.raises(DocumentUnreadable, match=r"fake\.pdf cannot be read\. It is damaged, or not what its name says"):
        read(reader, tmp_path, "fake.pdf", b"Just words.")


def test_reading_is_cancelled(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words", encoding="utf-8")
    reader = DocumentReader()
    try:
        with pytest.raises(WorkCancelled):
            reader.read(tmp_path / "a.txt", is_cancelled=lambda: True)
        assert reader.read(tmp_path / "a.txt").text == "words"
    finally:
        reader.close()


def test_pages_are_written_as_people_write_them() -> None:
    assert parse_pages("2-5", 9, "a") == {2, 3, 4, 5}
    assert parse_pages("1, 4-6，9", 9, "a") == {1, 4, 5, 6, 9}
    assert parse_pages("7-", 9, "a") == {7, 8, 9}
    assert parse_pages("3至4", 9, "a") == {3, 4}
    assert write_pages(frozenset((1, 4, 5, 6, 9))) == "1, 4-6, 9"
    for wrong in ("", "0", "10", "5-2", "2-99", "x", "1-2-3", "²", "-3", "99999999999999999999"):
        with pytest.raises(PagesNotFound, match="It has 9"):
            parse_pages(wrong, 9, "a")
