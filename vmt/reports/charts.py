"""Small pictures as SVG text: curves by epoch and a confusion matrix. They name their colours, so
that they read the same in a browser, in a Markdown viewer and on a dark page.
"""

from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 640.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 16.0, 36.0, 32.0
COLOURS = ("#1f6fb4", "#d1640b", "#2a8a3e", "#8a4fb0")


def curves(
    title: str,
    epochs: Sequence[int],
    lines: Mapping[str, Sequence[float]],
    marked: int | None = None,
) -> str:
    """Lines over epochs with a legend, and an upright line at the epoch `marked`."""
    values = [value for line in lines.values() for value in line if value == value]
    if not values:
        return _svg(_WIDTH, _HEIGHT, [_text(_LEFT, 18.0, title, size=14)])
    low, high = min(values), max(values)
    span, steps = (high - low) or 1.0, max(epochs[-1] - epochs[0], 1)

    def x(epoch: int) -> float:
        return _LEFT + (epoch - epochs[0]) / steps * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) / span * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_text(_LEFT, 18.0, title, size=14)]
    for step in range(5):
        value = low + span * step / 4
        parts.append(_line(_LEFT, y(value), _WIDTH - _RIGHT, y(value), "#d8d8d8"))
        parts.append(_text(_LEFT - 6, y(value) + 4, f"{value:.3g}", anchor="end"))
    for epoch in sorted({epochs[0], (epochs[0] + epochs[-1]) // 2, epochs[-1]}):
        parts.append(_text(x(epoch), _HEIGHT - 12, str(epoch), anchor="middle"))
    if marked is not None:
        parts.append(_line(x(marked), _TOP, x(marked), _HEIGHT - _BOTTOM, "#888888", dash="4 3"))
    for index, (name, line) in enumerate(lines.items()):
        colour = COLOURS[index % len(COLOURS)]
        dots = " ".join(
            f"{x(e):.1f},{y(v):.1f}" for e, v in zip(epochs, line, strict=True) if v == v
        )
        parts.append(f'<polyline points="{dots}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            _text(
                _WIDTH - _RIGHT - 150 * (len(lines) - index - 1), 18.0, name, colour, anchor="end"
            )
        )
    return _svg(_WIDTH, _HEIGHT, parts)


def confusion_picture(
    names: Sequence[str], columns: Sequence[str], counts: Sequence[Sequence[int]]
) -> str:
    """Rows of true chords, columns of the likeliest; the darker a cell, the larger its share of the
    row.
    """
    size, left, top = 46.0, 70.0, 56.0
    parts = [
        _text(left, 18.0, "true (rows) and likeliest chord (columns), share of the row", size=14)
    ]
    for index, name in enumerate(columns):
        parts.append(_text(left + size * index + size / 2, top - 8, name, anchor="middle"))
    for row, (name, cells) in enumerate(zip(names, counts, strict=True)):
        parts.append(_text(left - 8, top + size * row + size / 2 + 4, name, anchor="end"))
        for column, count in enumerate(cells):
            share = count / max(sum(cells), 1)
            x, y = left + size * column, top + size * row
            shade = round(255 * (1 - share))
            parts.append(
                f'<rect x="{x:g}" y="{y:g}" width="{size:g}" height="{size:g}" '
                f'fill="rgb({shade},{shade},255)"/>'
            )
            colour = "#ffffff" if share > 0.5 else "#222222"
            parts.append(
                _text(x + size / 2, y + size / 2 + 4, f"{share:.2f}", colour, anchor="middle")
            )
    return _svg(left + size * len(columns) + 8, top + size * len(names) + 8, parts)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" role="img" font-family="sans-serif">'
        f'<rect width="{width:g}" height="{height:g}" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def _text(
    x: float, y: float, text: str, colour: str = "#222222", *, size: int = 12, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{dashes}/>'
    )
