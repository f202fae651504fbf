"""How creators read on the terminal, in JSON and in a spreadsheet."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from tidegauge.errors import UsageError
from tidegauge.vocab import Lang, label

if TYPE_CHECKING:
    import polars as pl

_HEADS: dict[Lang, tuple[str, ...]] = {
    "zh": ("达人", "平台", "层级", "类目", "未来 7 天播放 [80%]", "合理价 [90%]", "报价", "偏离", "算法依赖", "质量"),
    "en": ("creator", "platform", "tier", "category", "views next 7 days [80 %]", "fair price [90 %]", "price", "over",
           "dependence", "quality"),
}  # fmt: skip


def json_safe(value: Any) -> Any:
    """The value with NaN and infinity as null, at any depth: JSON has neither."""
    if isinstance(value, dict):
        return {k: json_safe(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [json_safe(row) for row in frame.to_dicts()]


def write_rows(frame: pl.DataFrame, out: Path) -> None:
    """Write creators to .xlsx, .csv (with BOM) or .parquet; intervals become three columns, texts stay texts."""
    from tidegauge.report.tables import neutralised, write_csv

    flat = _flat(frame)
    if out.suffix == ".csv":
        write_csv(flat, out)
    elif out.suffix == ".parquet":
        frame.write_parquet(out)
    elif out.suffix == ".xlsx":
        neutralised(flat).write_excel(out, worksheet="creators", freeze_panes=(1, 1), autofit=True)
    else:
        raise UsageError(f"'{out.name}' is no known kind of file", mend="name it .xlsx, .csv or .parquet")


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    parts = []
    for name, kind in frame.schema.items():
        if isinstance(kind, pl.Struct):
            bounds = [f.name for f in kind.fields]
            parts += [pl.col(name).struct.field(b).alias(name if b == "value" else f"{name}_{b}") for b in bounds]
        elif isinstance(kind, pl.List):
            parts.append(pl.col(name).list.join(", "))
        else:
            parts.append(pl.col(name))
    return frame.select(parts)


def creators_view(frame: pl.DataFrame, lang: Lang) -> Table:
    """The ranking as a terminal table."""
    table = Table(*_HEADS[lang])
    for r in frame.iter_rows(named=True):
        over = "–" if r["over"] is None else f"{r['over']:+.0%}"
        price = "–" if r["price"] is None else f"{_short(r['price'], lang)} {r['currency'] or ''}"
        table.add_row(
            f"{escape(str(r['name'] or '–'))}\n[dim]{escape(r['creator_id'])}[/]",
            label(r["platform"], lang),
            label(r["tier"] or "–", lang),
            escape(str(r["category"] or "–")),
            _interval(r["views_next"], lang),
            _interval(r["price_fair"], lang),
            price,
            over,
            _interval(r["dependence"], lang, digits=2),
            _interval(r["quality"], lang, digits=2),
        )
    return table


def creator_view(page: dict[str, Any], lang: Lang) -> Group:
    """One creator's page: a table per part."""
    titles = {"formats": ("下一条作品", "next post"), "prices": ("合理价", "fair price"),
              "half_life": ("半衰期", "half-life"), "peers": ("同层级位置", "among peers")}  # fmt: skip
    head = Table(show_header=False, title=escape(str(page["summary"].get("name") or page["creator_id"])))
    for key, value in page["summary"].items():
        shown = _interval(value, lang) if isinstance(value, dict) else "–" if value is None else str(value)
        head.add_row(key, shown if isinstance(value, dict) else escape(shown))
    parts = [head]
    for key, title in titles.items():
        rows = page[key]
        if not rows:
            continue
        columns = [c for c in rows[0] if c not in ("creator_id", "platform", "tier", "category")]
        if len(columns) > 9:  # too wide for a terminal: one line per figure
            part = Table(show_header=False, title=title[0 if lang == "zh" else 1])
            for row in rows:
                for c in columns:
                    if row[c] is not None:
                        part.add_row(c, escape(_cell(row[c], lang)))
                part.add_section()
            parts.append(part)
            continue
        part = Table(*columns, title=title[0 if lang == "zh" else 1])
        for row in rows:
            part.add_row(*(escape(_cell(row[c], lang)) for c in columns))
        parts.append(part)
    return Group(*parts)


def _cell(value: Any, lang: Lang) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return _short(value, lang) if abs(value) >= 1000 else f"{value:.3g}"
    return label(value, lang) if isinstance(value, str) else str(value)


def _interval(value: dict[str, Any] | None, lang: Lang, digits: int | None = None) -> str:
    if value is None or value.get("value") is None:
        return "–"
    known = [value.get(k) for k in ("value", "low", "high")]
    shown = ["–" if x is None else f"{x:.{digits}f}" if digits is not None else _short(x, lang) for x in known]
    return f"{shown[0]} \\[{shown[1]}, {shown[2]}]"


def _short(x: float, lang: Lang) -> str:
    from tidegauge.report.figures import compact

    return compact(x, lang)
