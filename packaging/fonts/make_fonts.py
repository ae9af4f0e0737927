"""Cut the fonts that ship with Yanmo out of the full ones, which are searched for under the folder given.

Debian's packages fonts-inter, fonts-jetbrains-mono and fonts-noto-cjk hold them. All three are under the SIL Open Font Licence 1.1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

OUT = Path(__file__).resolve().parents[2] / "resources" / "fonts"
LATIN = [*range(0x20, 0x250), *range(0x2B0, 0x300), *range(0x370, 0x400), *range(0x400, 0x460), *range(0x1E00, 0x1F00)]
SIGNS = [*range(0x2000, 0x2070), *range(0x20A0, 0x20C0), *range(0x2100, 0x2200), *range(0x2200, 0x2300), *range(0x2500, 0x2600)]
FONTS = {
    "Inter-Regular.otf": ("Inter-Regular.otf", False),
    "Inter-Italic.otf": ("Inter-Italic.otf", False),
    "Inter-SemiBold.otf": ("Inter-SemiBold.otf", False),
    "Inter-SemiBoldItalic.otf": ("Inter-SemiBoldItalic.otf", False),
    "JetBrainsMono-Regular.ttf": ("JetBrainsMono-Regular.ttf", False),
    "JetBrainsMono-SemiBold.ttf": ("JetBrainsMono-SemiBold.ttf", False),
    "NotoSansCJK-Regular.ttc": ("NotoSansSC-Regular.otf", True),
    "NotoSansCJK-Bold.ttc": ("NotoSansSC-Bold.otf", True),
}
SIMPLIFIED_CHINESE_FACE = 2


def gb2312_characters() -> list[int]:
    """Every character of GB 2312: 6,763 hanzi and the full-width signs."""
    found = set()
    for high in range(0xA1, 0xF8):
        for low in range(0xA1, 0xFF):
            try:
                found.add(ord(bytes((high, low)).decode("gb2312")))
            except UnicodeDecodeError:
                continue
    return sorted(found | set(range(0x3000, 0x3040)) | set(range(0xFF00, 0xFFF0)))


def cut(source: Path, target: Path, is_chinese: bool) -> None:
    """Write the subset of one font."""
    options = subset.Options()
    options.layout_features = ["*"] if not is_chinese else ["kern", "liga", "locl", "vert"]
    if "Mono" in target.name:
        options.layout_features = ["ccmp", "kern", "locl", "mark"]  # a ligature would show other signs than the code has
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.font_number = SIMPLIFIED_CHINESE_FACE if source.suffix == ".ttc" else -1
    options.hinting = False
    options.desubroutinize = False
    font = subset.load_font(str(source), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=gb2312_characters() + SIGNS if is_chinese else LATIN + SIGNS)
    subsetter.subset(font)
    if "SemiBold" in target.name:
        name_as_bold(font)
    subset.save_font(font, str(target), options)


def name_as_bold(font: TTFont) -> None:
    """Let a semi-bold be the bold of its family: every toolkit finds that by the family's plain name."""
    names = font["name"]
    family = names.getDebugName(16) or names.getDebugName(1)
    style = "Bold Italic" if "Italic" in (names.getDebugName(17) or "") else "Bold"
    for number, text in ((1, family), (2, style), (4, f"{family} {style}"), (6, f"{family}-{style}".replace(" ", ""))):
        names.setName(text, number, 3, 1, 0x409)
    for number in (16, 17):
        names.removeNames(nameID=number)
    font["OS/2"].usWeightClass = 700
    font["OS/2"].fsSelection = (font["OS/2"].fsSelection & ~0x40) | 0x20
    font["head"].macStyle |= 1


def main() -> None:
    """Cut every font found under the folder given on the command line."""
    folder = Path(sys.argv[1])
    OUT.mkdir(parents=True, exist_ok=True)
    for name, (target, is_chinese) in FONTS.items():
        source = next(folder.rglob(name))
        cut(source, OUT / target, is_chinese)
        print(f"{target}: {(OUT / target).stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
