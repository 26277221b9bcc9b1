"""How many faults are killed by how many units, as an SVG that is readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log10

WIDTH, HEIGHT = 760, 472
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 88, 64
_STYLE = """
  svg { --page: #ffffff; --ink: #1f2328; --soft: #59636e; --grid: #d1d9e0;
    --judge: #0969da; --other: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    svg { --page: #0d1117; --ink: #f0f6fc; --soft: #9198a1; --grid: #3d444d;
      --judge: #4493f8; --other: #f0883e }
  }
  text { font: 13px system-ui, sans-serif; fill: var(--ink) }
  .title { font-size: 16px; font-weight: 600 }
  .soft { fill: var(--soft) }
  .page { fill: var(--page) }
  .grid { stroke: var(--grid); stroke-width: 1 }
  .curve { fill: none; stroke: var(--judge); stroke-width: 2.5; stroke-linejoin: round }
  .area { fill: var(--judge); opacity: 0.12 }
  .judge { fill: var(--judge) }
  .other { fill: var(--other) }
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point (units, share of faults killed) with lines of text. `ours` distinguishes the judge from others,
    `last` says that the curve ends there."""

    units: float
    share: float
    words: tuple[str, ...]
    ours: bool = True
    last: bool = False


def curve(prices: Sequence[int], faults: int) -> list[tuple[int, float]]:
    """(units, share of `faults` killed by then) at every cost at which one more is killed, from 0 on."""
    points = [(0, sum(price == 0 for price in prices) / faults)]
    points += [
        (units, sum(price <= units for price in prices) / faults)
        for units in sorted({price for price in prices if price > 0})
    ]
    return points


def picture(points: Sequence[tuple[int, float]], marks: Sequence[Mark], title: str) -> str:
    """The whole file. The axis of units is logarithmic, and begins with 0."""
    most = max([100.0, *(units for units, _ in points), *(mark.units for mark in marks)])

    def x(units: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * log10(1 + units) / log10(1 + most * 1.15), 1)

    def y(share: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="6"/>',
        f'<text class="title" x="{LEFT}" y="28">{escape(title)}</text>',
    ]
    for percent in range(0, 101, 20):
        at = y(percent / 100)
        parts += [
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}"/>',
            f'<text class="soft" x="{LEFT - 8}" y="{at + 4}" text-anchor="end">{percent} %</text>',
        ]
    for units in (0, 1, 3, 10, 30, 100, 300, 1000, 3000):
        if units <= most * 1.15:
            parts.append(
                f'<text class="soft" x="{x(units)}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">'
                f"{units:,}</text>"
            )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(
        f'<text class="soft" x="{middle}" y="{HEIGHT - 16}" text-anchor="middle">'
        "units charged by a conforming server until then (logarithmic)</text>"
    )
    parts += _stairs([(x(units), y(share)) for units, share in points], y(0))
    parts += [_mark(mark, x(mark.units), y(mark.share)) for mark in marks]
    return "\n".join([*parts, "</svg>", ""])


def _stairs(points: Sequence[tuple[float, float]], ground: float) -> list[str]:
    if not points:
        return []
    path = f"M{points[0][0]},{points[0][1]}" + "".join(f"H{across}V{up}" for across, up in points[1:])
    return [f'<path class="area" d="{path}V{ground}H{points[0][0]}Z"/>', f'<path class="curve" d="{path}"/>']


def _mark(mark: Mark, across: float, up: float) -> str:
    kind = "judge" if mark.ours else "other"
    # The stairs only rise, so that there is room to the right and below; at the edge, to the left and above.
    edge = across > WIDTH * 0.78
    anchor, shift, first = ("end", -10, -26) if edge else ("start", 10, 4 if mark.last else 22)
    left, height = round(across + shift, 1), round(up + first, 1)
    lines = "".join(
        f'<tspan x="{left}" y="{height + 16 * number:g}">{escape(line)}</tspan>'
        for number, line in enumerate(mark.words)
    )
    return (
        f'<circle class="{kind}" cx="{across}" cy="{up}" r="5"/><text text-anchor="{anchor}">{lines}</text>'
    )
