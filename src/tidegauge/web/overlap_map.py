"""The map of overlap: picks on a ring, grouped by platform, each tied to the pick whose audience it shares most."""

from __future__ import annotations

import math

import polars as pl
from markupsafe import escape

from tidegauge.report.figures import clean, compact, percent
from tidegauge.report.words import reads
from tidegauge.vocab import Lang

#: More picks than this and the ring can no longer be read; those with the largest reach are drawn.
MOST_DRAWN = 48
_WIDTH, _HEIGHT, _RADIUS = 760, 730, 185
_COLOURS = 8


def overlap_svg(picks: pl.DataFrame, lang: Lang) -> str:
    """The ring as SVG without script or style; colours are the page's variables.

    `picks`: creator_id, name, platform, reach_alone, reach_added, overlap_with, overlap_share. A dot's area is the
    reach of the pick alone, a tie's width the share of it that the other pick reaches, too.
    """
    drawn = picks.sort("reach_alone", "creator_id", descending=[True, False], nulls_last=True).head(MOST_DRAWN)
    drawn = drawn.sort("platform", "reach_alone", "creator_id", descending=[False, True, False], nulls_last=True)
    rows = drawn.to_dicts()
    if len(rows) < 2:
        return ""
    turn = 2 * math.pi / len(rows)
    places = {r["creator_id"]: _on_ring(i * turn) for i, r in enumerate(rows)}
    names = {r["creator_id"]: clean(r["name"] or r["creator_id"]) for r in rows}
    platforms = list(dict.fromkeys(r["platform"] for r in rows))
    colour = {p: f"var(--c{i % _COLOURS + 1})" for i, p in enumerate(platforms)}
    most = max((r["reach_alone"] or 0.0) for r in rows) or 1.0
    ties = "".join(_tie(r, places, colour) for r in rows)
    dots = "".join(_dot(r, i * turn, places, names, colour, most, lang) for i, r in enumerate(rows))
    legend = "".join(
        f'<g transform="translate({12 + 110 * (i % 6)},{18 + 20 * (i // 6)})"><circle r="5" cx="5" cy="-4" '
        f'fill="{colour[p]}"/><text x="15" fill="var(--ink)" font-size="12">{escape(reads(p, lang))}</text></g>'
        for i, p in enumerate(platforms)
    )
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="group">{ties}{dots}{legend}</svg>'


def _on_ring(angle: float, radius: float = _RADIUS) -> tuple[float, float]:
    return _WIDTH / 2 + radius * math.sin(angle), _HEIGHT / 2 + 14 - radius * math.cos(angle)


def _tie(row: dict[str, object], places: dict[str, tuple[float, float]], colour: dict[str, str]) -> str:
    other, share = row["overlap_with"], row["overlap_share"]
    if other not in places or not isinstance(share, float) or not share > 0:
        return ""
    (x1, y1), (x2, y2) = places[str(row["creator_id"])], places[str(other)]
    # A curve that bends towards the middle keeps neighbours' ties apart.
    cx, cy = (x1 + x2 + _WIDTH) / 4, (y1 + y2 + _HEIGHT) / 4
    return (
        f'<path d="M{x1:.1f} {y1:.1f}Q{cx:.1f} {cy:.1f} {x2:.1f} {y2:.1f}" fill="none" '
        f'stroke="{colour[str(row["platform"])]}" stroke-opacity="0.55" '
        f'stroke-width="{0.8 + 14 * min(share, 1.0):.2f}"/>'
    )


def _dot(
    row: dict[str, object], angle: float, places: dict[str, tuple[float, float]], names: dict[str, str],
    colour: dict[str, str], most: float, lang: Lang,
) -> str:  # fmt: skip
    me = str(row["creator_id"])
    x, y = places[me]
    alone = row["reach_alone"] if isinstance(row["reach_alone"], float) else 0.0
    other = names.get(str(row["overlap_with"]), "")
    share = percent(row["overlap_share"])
    told = f"{names[me]}: {compact(alone, lang)}" + (f" · {share} ↔ {other}" if other else "")
    tx, ty = _on_ring(angle, _RADIUS + 18)
    # Names stand along the ray of their dot, so that neighbours never overprint; those on the left read inwards.
    left = math.sin(angle) < -1e-9
    turned = math.degrees(angle) - 90 + (180 if left else 0)
    anchor = "end" if left else "start"
    name = names[me] if len(names[me]) <= 12 else names[me][:11] + "…"
    return (
        f'<g role="graphics-symbol" aria-roledescription="point" aria-label="{escape(told)}">'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 + 10 * math.sqrt(max(alone, 0.0) / most):.1f}" '
        f'fill="{colour[str(row["platform"])]}"/></g>'
        f'<text transform="translate({tx:.1f} {ty:.1f}) rotate({turned:.1f})" dy="0.35em" text-anchor="{anchor}" '
        f'font-size="11" fill="var(--muted)" aria-hidden="true">{escape(name)}</text>'
    )
