"""The figures of ``yanmo bench`` as bars, in SVG: any browser shows it, any word processor takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from app.cli.bench import Figure

_WIDTH, _LEFT, _BAR, _GAP = 860, 300, 16, 14
_NUMBER = 150
_COLOURS = {"this run": "#2f6f8f", "the last run": "#a9bfc9", "llama-bench": "#c2803a"}


def draw_figures(figures: Sequence[Figure], title: str, subtitle: str) -> str:
    """An SVG document: a group of bars for each figure, each group to its own scale, in tokens per second."""
    rows: list[str] = []
    top = 96
    for figure in figures:
        bars = [("this run", figure.tokens_per_second), ("the last run", figure.before), ("llama-bench", figure.upstream)]
        bars = [(name, value) for name, value in bars if value > 0]
        longest = max((value for _, value in bars), default=1.0)
        middle = top + len(bars) * _BAR / 2
        rows.append(f'<text x="{_LEFT - 12}" y="{middle + 4:.0f}" text-anchor="end">{escape(figure.name)}</text>')
        for name, value in bars:
            length = (_WIDTH - _LEFT - _NUMBER) * value / longest
            rows.append(f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR - 3}" fill="{_COLOURS[name]}"/>')
            rows.append(f'<text x="{_LEFT + length + 8:.1f}" y="{top + 11}" font-size="12" fill="#555">{value:,.1f}</text>')
            top += _BAR
        top += _GAP
    shown = ["this run"]
    shown += ["the last run"] if any(figure.before for figure in figures) else []
    shown += ["llama-bench"] if any(figure.upstream for figure in figures) else []
    legend = []
    for place, name in enumerate(shown):
        left = _LEFT + place * 130
        legend.append(f'<rect x="{left}" y="66" width="12" height="12" fill="{_COLOURS[name]}"/>')
        legend.append(f'<text x="{left + 18}" y="76">{name}</text>')
    head = f'<text x="20" y="30" font-size="17" font-weight="600">{escape(title)}</text><text x="20" y="52">{escape(subtitle)}</text>'
    lines = [head, *legend, *rows]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top + 10}" viewBox="0 0 {_WIDTH} {top + 10}" '
        f'font-family="sans-serif" font-size="13" fill="#222">\n<rect width="100%" height="100%" fill="#fff"/>\n'
        + "\n".join(lines)
        + "\n</svg>\n"
    )
