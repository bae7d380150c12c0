"""A page of HTML that stands alone: text, tables and figures inlined, no network, no scripts."""

import base64
import html
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURE_DPI = 150

_LOOKS = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #222; font: 16px/1.5 "Helvetica Neue", Helvetica, Arial, "DejaVu Sans", sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 28px 24px 64px; }
h1 { font-size: 27px; line-height: 1.25; margin: 0 0 6px; }
h2 { font-size: 20px; margin: 40px 0 10px; padding-top: 14px; border-top: 1px solid #ddd; }
p { margin: 8px 0; max-width: 860px; }
ul, ol { margin: 6px 0 12px; padding-left: 24px; max-width: 860px; }
li { margin: 5px 0; }
.headline { font-size: 19px; line-height: 1.4; max-width: 860px; margin: 10px 0 4px; }
.note { color: #5a5a5a; font-size: 14px; }
.cards { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0 6px; }
.card { border: 1px solid #ddd; border-left-width: 6px; border-radius: 4px; padding: 10px 14px; min-width: 190px; flex: 1; }
.card b { display: block; font-size: 21px; margin-top: 1px; }
.card span { display: block; color: #5a5a5a; font-size: 14px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 14px; margin: 10px 0; min-width: 60%; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px 5px 0; text-align: right; vertical-align: top; border-bottom: 1px solid #e6e6e6; }
th { border-bottom: 2px solid #999; font-weight: 600; line-height: 1.25; }
th:first-child, td:first-child, .words th, .words td { text-align: left; }
th:first-child, td:first-child { white-space: nowrap; }
td small { display: block; color: #6a6a6a; white-space: nowrap; }
tr.marked td { background: #f3f6f8; }
figure { margin: 18px 0 26px; }
figure img { width: 100%; height: auto; display: block; }
figcaption { color: #444; font-size: 14.5px; margin-top: 6px; max-width: 860px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; font-size: 15px; margin: 8px 0; }
dt { color: #5a5a5a; }
dd { margin: 0; overflow-wrap: anywhere; }
pre { background: #f5f5f5; border: 1px solid #e2e2e2; border-radius: 4px; padding: 10px 12px; font-size: 13.5px; overflow-x: auto; }
.swatch { display: inline-block; width: 10px; height: 10px; margin-right: 7px; }
""".strip()


class Block(str):
    """A piece of finished HTML; only the functions below make them, and they escape what they are given."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """A heading with what stands under it."""

    heading: str
    blocks: Sequence[Block]


def paragraph(text: str, kind: str = "") -> Block:
    """Return a paragraph; ``kind`` is ``headline`` or ``note``."""
    return Block(f"<p{_class(kind)}>{html.escape(text)}</p>")


def listed(lines: Iterable[str], is_ranked: bool = False) -> Block:
    """Return a list of sentences, numbered if it is a ranking."""
    tag = "ol" if is_ranked else "ul"
    return Block(f"<{tag}>{''.join(f'<li>{html.escape(line)}</li>' for line in lines)}</{tag}>")


def facts(entries: Mapping[str, str]) -> Block:
    """Return a list of names and what they are."""
    rows = (f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in entries.items())
    return Block(f"<dl>{''.join(rows)}</dl>")


def command(text: str) -> Block:
    """Return text as typed."""
    return Block(f"<pre>{html.escape(text)}</pre>")


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[Any]],
    colors: Sequence[str] | None = None,
    marked: int | None = None,
    of_words: bool = False,
) -> Block:
    """Return a table.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequences
        Cells as text; a pair is a text with a smaller line beneath it.
    colors : sequence of str, optional
        One colour a row, shown as a swatch before its first cell.
    marked : int, optional
        Row with a tinted ground.
    of_words : bool
        Aligned to the left instead of the right.
    """
    head = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    body = []
    for k, row in enumerate(rows):
        cells = [_cell(cell) for cell in row]
        if colors is not None:
            cells[0] = f'<i class="swatch" style="background:{html.escape(colors[k])}"></i>{cells[0]}'
        body.append(
            f"<tr{_class('marked' if k == marked else '')}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        )
    kind = _class("words" if of_words else "")
    return Block(
        f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def cards(entries: Sequence[tuple[str, str, str, str]]) -> Block:
    """Return boxes of a title, a number in large type, a line beneath and a colour each."""
    boxes = (
        f'<div class="card" style="border-left-color:{html.escape(color)}"><span>{html.escape(title)}</span>'
        f"<b>{html.escape(value)}</b><span>{html.escape(line)}</span></div>"
        for title, value, line, color in entries
    )
    return Block(f'<div class="cards">{"".join(boxes)}</div>')


def figure(drawing: "Figure", caption: str, alt: str | None = None) -> Block:
    """Return a matplotlib figure as a picture inside the page."""
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", dpi=FIGURE_DPI)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    words = html.escape(alt or caption, quote=True)
    return Block(
        f'<figure><img alt="{words}" src="data:image/png;base64,{data}">'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def write_page(
    path: str | Path, title: str, headline: str, sections: Sequence[Section], opening: Sequence[Block] = ()
) -> Path:
    """Write a page to a temporary name and move it into place, so that a reader never sees half of it.

    Parameters
    ----------
    path : str or Path
        Its folder is there.
    title, headline : str
    sections : sequence of Section
    opening : sequence of Block
        What stands between the headline and the first section.

    Returns
    -------
    Path
    """
    path = Path(path)
    body = "".join(
        f"<section><h2>{html.escape(section.heading)}</h2>{''.join(section.blocks)}</section>\n" for section in sections
    )
    page = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_LOOKS}</style></head>\n<body><main>\n"
        f"<h1>{html.escape(title)}</h1>{paragraph(headline, 'headline')}{''.join(opening)}\n{body}</main></body></html>\n"
    )
    unfinished = path.with_name(f".tmp-{path.name}")
    try:
        unfinished.write_text(page, encoding="utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _cell(cell: Any) -> str:
    if isinstance(cell, tuple):
        text, beneath = cell
        return html.escape(str(text)) + (f"<small>{html.escape(str(beneath))}</small>" if beneath else "")
    return html.escape(str(cell))


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""
