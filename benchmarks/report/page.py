"""The building blocks of a self-contained HTML page: no script, nothing fetched."""

import base64
from collections.abc import Sequence
from html import escape

import cv2
import numpy as np

from refinemask.inference.drawing import Image

_JPEG_QUALITY = 88


def document(title: str, body: Sequence[str]) -> str:
    """Return the whole page; `title` is text, `body` HTML."""
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{_CSS}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            "</body>",
            "</html>",
            "",
        ]
    )


def section(heading: str, *parts: str) -> str:
    """Return a section; `heading` is text, `parts` HTML."""
    return "\n".join(["<section>", f"<h2>{escape(heading)}</h2>", *parts, "</section>"])


def heading(text: str) -> str:
    """Return the page's heading."""
    return f"<h1>{escape(text)}</h1>"


def subheading(text: str) -> str:
    """Return a heading within a section."""
    return f"<h3>{escape(text)}</h3>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of text."""
    attribute = f' class="{escape(kind)}"' if kind else ""
    return f"<p{attribute}>{escape(text)}</p>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int = 1) -> str:
    """Return a table of text; columns after the first `text_columns` hold figures."""

    def cells(tag: str, row: Sequence[str]) -> str:
        marks = ["" if index < text_columns else ' class="n"' for index in range(len(row))]
        return "".join(
            f"<{tag}{mark}>{escape(cell)}</{tag}>" for mark, cell in zip(marks, row, strict=True)
        )

    lines = [f"<tr>{cells('td', row)}</tr>" for row in rows]
    return "\n".join(
        [
            '<div class="scroll"><table>',
            f"<thead><tr>{cells('th', head)}</tr></thead>",
            "<tbody>",
            *lines,
            "</tbody></table></div>",
        ]
    )


def figures(images: Sequence[Image], captions: Sequence[str]) -> str:
    """Return pictures beside each other, each above its caption (text)."""
    parts = [
        f'<figure><img src="{_data_uri(image)}" width="{image.shape[1]}" '
        f'height="{image.shape[0]}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
        for image, caption in zip(images, captions, strict=True)
    ]
    return "\n".join([f'<div class="figures columns{len(parts)}">', *parts, "</div>"])


def bars(
    names: Sequence[str],
    parts: Sequence[str],
    values: Sequence[Sequence[float]],
    labels: Sequence[str],
) -> str:
    """Return a chart of stacked bars.

    Args:
        names: of the bars.
        parts: of what each bar is made of.
        values: of each bar, its parts.
        labels: what to write behind each bar.
    """
    longest = max(sum(row) for row in values) or 1
    legend = "".join(
        f'<span><i class="part{index}"></i>{escape(part)}</span>'
        for index, part in enumerate(parts)
    )
    lines = [f'<div class="legend">{legend}</div>', '<div class="bars">']
    for name, row, label in zip(names, values, labels, strict=True):
        pieces = "".join(
            f'<i class="part{index}" style="width:{100 * value / longest:.2f}%"></i>'
            for index, value in enumerate(row)
        )
        lines.append(
            f'<span>{escape(name)}</span><span class="bar">{pieces}</span>'
            f'<span class="n">{escape(label)}</span>'
        )
    return "\n".join([*lines, "</div>"])


def _data_uri(image: Image) -> str:
    bgr = np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


_CSS = """
:root {
  color-scheme: light dark;
  --paper: #fcfcfb; --ink: #1d1f23; --soft: #5c626d; --line: #dcdee3; --raised: #f2f3f5;
  --part0: #e0a030; --part1: #3b78c9; --part2: #4f9d76;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181c; --ink: #e6e7ea; --soft: #9aa1ad; --line: #32363e; --raised: #1f2228;
    --part0: #d29b3c; --part1: #5b93dd; --part2: #63b58b;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 1120px; margin: 0 auto; padding: 3rem 1.5rem 5rem; }
h1 {
  font-size: 2rem; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 1rem;
  text-wrap: balance;
}
h2 { font-size: 1.3rem; line-height: 1.3; margin: 3.5rem 0 0.75rem; }
h3 { font-size: 1rem; margin: 2rem 0 0.5rem; }
p { max-width: 44rem; margin: 0 0 1rem; }
p.lead { font-size: 1.125rem; }
p.note { color: var(--soft); font-size: 0.9rem; }
.figures { display: grid; gap: 0.75rem; margin: 0 0 0.75rem; align-items: start; }
.columns2 { grid-template-columns: repeat(2, 1fr); }
.columns3 { grid-template-columns: repeat(3, 1fr); }
.figures:not(.columns1, .columns2, .columns3) {
  grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr));
}
figure { margin: 0; }
img { display: block; width: 100%; height: auto; border-radius: 4px; background: var(--raised); }
figcaption { color: var(--soft); font-size: 0.85rem; padding: 0.3rem 0 0; }
.scroll { overflow-x: auto; margin: 0 0 1rem; }
table { border-collapse: collapse; font-size: 0.9rem; min-width: 60%; }
th, td { text-align: left; padding: 0.4rem 1.4rem 0.4rem 0; vertical-align: top; }
th { font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--ink); }
td { border-bottom: 1px solid var(--line); }
th:last-child, td:last-child { padding-right: 0; }
.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.legend {
  display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; font-size: 0.85rem; color: var(--soft);
}
.legend i { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; }
.bars {
  display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.5rem 1rem;
  align-items: center; font-size: 0.9rem; margin: 0.75rem 0 1.5rem;
}
.bar { display: flex; height: 1.25rem; }
.bar i { display: block; height: 100%; }
.part0 { background: var(--part0); }
.part1 { background: var(--part1); }
.part2 { background: var(--part2); }
code { font: 0.85em ui-monospace, "SF Mono", "DejaVu Sans Mono", Consolas, monospace; }
@media (max-width: 700px) {
  .columns2, .columns3 { grid-template-columns: 1fr; }
}
@media print {
  h2, h3 { break-after: avoid; }
  .figures, tr { break-inside: avoid; }
}
"""
