"""Documents of every kind, written by hand: small, exact, and the same on every machine."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def make_pdf(pages: Sequence[str], compress: bool = False) -> bytes:
    """A PDF whose pages say these texts, one line of text a line; Chinese through a font without outlines that says what it means."""
    objects: list[bytes] = []

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    characters = sorted({character for page in pages for character in page if character != "\n"})
    codes = {character: number for number, character in enumerate(characters, 1)}
    pairs = "\n".join(f"<{code:04X}> <{character.encode('utf-16-be').hex().upper()}>" for character, code in codes.items())
    lines = pairs.split("\n")
    blocks = "\n".join(
        f"{len(lines[start : start + 100])} beginbfchar\n" + "\n".join(lines[start : start + 100]) + "\nendbfchar"
        for start in range(0, len(lines), 100)
    )
    table = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Own def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{blocks}\nendcmap end end"
    ).encode()
    catalog = add(b"")
    tree = add(b"")
    mapping = add(_stream(table, compress))
    descriptor = add(
        b"<< /Type /FontDescriptor /FontName /Own /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0 /Ascent 800 "
        b"/Descent -200 /CapHeight 700 /StemV 80 >>"
    )
    inner = add(
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Own /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) "
        b"/Supplement 0 >> /FontDescriptor %d 0 R /DW 600 >>" % descriptor
    )
    font = add(
        b"<< /Type /Font /Subtype /Type0 /BaseFont /Own /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>"
        % (inner, mapping)
    )
    kids = []
    for page in pages:
        shown = "".join(
            f"1 0 0 1 50 {790 - 14 * number} Tm <{''.join(f'{codes[character]:04X}' for character in line)}> Tj\n"
            for number, line in enumerate(page.split("\n"))
        )
        content = add(_stream(f"BT /F1 10 Tf\n{shown}ET".encode(), compress))
        kids.append(
            add(
                b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 %d 0 R >> "
                b">> >>" % (tree, content, font)
            )
        )
    objects[catalog - 1] = b"<< /Type /Catalog /Pages %d 0 R >>" % tree
    objects[tree - 1] = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(b"%d 0 R" % kid for kid in kids))
    return join_pdf(objects)


def join_pdf(objects: Iterable[bytes], trailer: bytes = b"") -> bytes:
    """Numbered objects, the table that finds them, and the trailer; object 1 is the root."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, trailer, start)
    return bytes(out)


def _stream(data: bytes, compress: bool) -> bytes:
    if compress:
        data = zlib.compress(data)
    return b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(data), b" /Filter /FlateDecode" if compress else b"", data)


def make_zip(members: dict[str, str | bytes]) -> bytes:
    """An archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def relations(items: dict[str, str], external: dict[str, str] | None = None) -> str:
    """A part's relations: id to target."""
    inner = "".join(f'<Relationship Id="{name}" Type="t" Target="{target}"/>' for name, target in items.items())
    inner += "".join(
        f'<Relationship Id="{name}" Type="t" Target="{target}" TargetMode="External"/>'
        for name, target in (external or {}).items()
    )
    return f'<?xml version="1.0"?><Relationships xmlns="{RELATIONS}">{inner}</Relationships>'


def make_docx(body: str = "", extra: dict[str, str | bytes] | None = None) -> bytes:
    """A Word document with this body in XML; without one, a heading, a paragraph, a list and a table."""
    body = body or (
        '<w:p><w:pPr><w:pStyle w:val="H1"/></w:pPr><w:r><w:t>Travel costs 差旅费</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>Trains are </w:t></w:r><w:r><w:t>second class.</w:t></w:r></w:p>"
        "<w:p><w:pPr><w:numPr/></w:pPr><w:r><w:t>Keep receipts</w:t></w:r></w:p>"
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>City</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>Limit</w:t></w:r></w:p></w:tc></w:tr>"
        "<w:tr><w:tc><w:p><w:r><w:t>上海</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>650</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
        "<w:p><w:r><w:t>End.</w:t></w:r></w:p>"
    )
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "word/document.xml": f'<?xml version="1.0"?><w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>',
        "word/styles.xml": f'<w:styles xmlns:w="{W}"><w:style w:styleId="H1"><w:name w:val="heading 1"/></w:style></w:styles>',
    }
    return make_zip({**members, **(extra or {})})


def make_pptx(slides: Sequence[str] = ("Plan 计划\nBuy ink", "Results"), extra: dict[str, str | bytes] | None = None) -> bytes:
    """A presentation; each slide is lines of text."""
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}" xmlns:r="{R}"><p:sldIdLst>'
        + "".join(f'<p:sldId id="{255 + number}" r:id="r{number}"/>' for number in range(1, len(slides) + 1))
        + "</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relations({f"r{n}": f"slides/slide{n}.xml" for n in range(1, len(slides) + 1)}),
    }
    for number, slide in enumerate(slides, 1):
        lines = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in slide.split("\n"))
        members[f"ppt/slides/slide{number}.xml"] = f'<p:sld xmlns:p="{P}" xmlns:a="{A}"><p:txBody>{lines}</p:txBody></p:sld>'
    return make_zip({**members, **(extra or {})})


def make_xlsx(sheet: str = "", extra: dict[str, str | bytes] | None = None) -> bytes:
    """A workbook with one sheet named 库存; without rows in XML, one with a text, a number, a date and a gap."""
    sheet = sheet or (
        '<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="inlineStr"><is><t>Price</t></is></c></row>'
        '<row r="2"><c r="A2" t="s"><v>1</v></c><c r="B2" s="1"><v>45000</v></c><c r="C2"><v>12.5</v></c></row></sheetData>'
    )
    members: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{R}"><sheets><sheet name="库存" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations({"r1": "worksheets/sheet1.xml"}),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{S}">{sheet}</worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{S}"><si><t>Item</t></si><si><r><t>墨</t></r><r><t>条</t></r></si></sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{S}"><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>',
    }
    return make_zip({**members, **(extra or {})})


def make_epub(
    chapters: Sequence[str] = ("<h1>One</h1><p>First words.</p>", "<h1>二</h1><p>第二章。</p>"),
    extra: dict[str, str | bytes] | None = None,
) -> bytes:
    """An electronic book of these chapters in HTML."""
    items = "".join(f'<item id="c{n}" href="text/c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters)))
    order = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    members: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": f"<package><manifest>{items}</manifest><spine>{order}</spine></package>",
    }
    for number, chapter in enumerate(chapters):
        members[f"OEBPS/text/c{number}.xhtml"] = f"<html><head><title>t{number}</title></head><body>{chapter}</body></html>"
    return make_zip({**members, **(extra or {})})
