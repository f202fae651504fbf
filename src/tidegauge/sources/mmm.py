"""Media-mix tables of Robyn, Meridian and PyMC-Marketing: a row per period and region, a column per stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from tidegauge.errors import SourceError
from tidegauge.schema import LOCATOR
from tidegauge.sources.counts import Numbers, parse_numbers
from tidegauge.sources.fields import text_of
from tidegauge.sources.mmm_columns import Roles, demand, leftover, meridian, pymc, robyn
from tidegauge.sources.piece import rejects_of
from tidegauge.sources.records import read_records
from tidegauge.sources.registry import Reader, Sample, source
from tidegauge.sources.times import parse_times
from tidegauge.workspace.batch import Batch, ReadContext

Layout = Callable[[tuple[str, ...]], Roles | None]

#: A column of words becomes one control per word; more words than this are no events but texts.
_WORDS = 40
_NO_EVENT = ["", "na", "n/a", "none", "nan", "null", "-", "0", "无"]


def _detector(layout: Layout, sure: float) -> Callable[[Sample], float]:
    def detect(sample: Sample) -> float:
        best = 0.0
        for columns, _ in sample.parts.values():
            try:
                roles = layout(columns)
            except SourceError:  # two candidates for one outcome: this layout, and reading it will say so
                return sure - 0.1
            if roles is not None:
                best = max(best, sure if roles.metrics else 0.55)
        return best

    return detect


def _reader(layout: Layout) -> Reader:
    def read(path: Path, sample: Sample, context: ReadContext) -> Iterator[Batch]:
        for part, (columns, _) in sample.parts.items():
            if len(sample.parts) > 1 and layout(columns) is None:
                continue  # a workbook's other sheets
            try:
                roles = demand(layout(columns), columns, layout)
            except SourceError as e:
                raise SourceError(e.message, where=str(path), mend=e.mend) from None
            pieces = [p for p in read_records(path, columns, parts=[part]) if p.part == part]
            frame = pl.concat([p.frame for p in pieces], how="diagonal_relaxed")
            yield _batch(frame, roles, columns, path, context)

    return read


def _batch(frame: pl.DataFrame, roles: Roles, columns: tuple[str, ...], path: Path, context: ReadContext) -> Batch:
    """Spend and outcomes of one table; cells that are empty are gaps, cells that are no numbers are rejects."""
    zone = context.settings.zone
    when = parse_times(frame[roles.time], zone)
    day = when.value.dt.convert_time_zone(zone.key).dt.date()
    key = pl.DataFrame(
        [
            day.alias("period_start"),
            _period_end(day).alias("period_end"),
            _words(frame, roles.geo, "").alias("geo"),
            _words(frame, roles.brand, _brand_of(path)).alias("brand"),
            frame[LOCATOR].cast(pl.String),
        ]
    )
    rejects = [
        (str(at), f"{roles.time}: '{raw}' is no date", "")
        for at, raw, missing in zip(frame[LOCATOR], frame[roles.time], day.is_null(), strict=True)
        if missing
    ]
    _refuse_doubles(key, path)
    numbers = {c: parse_numbers(frame[c]) for c in columns if c in frame.columns and c != roles.time}
    for c in sorted(roles.taken & set(numbers) - {roles.geo, roles.brand}):
        bad = numbers[c].unreadable & day.is_not_null()
        rejects += [
            (str(at), f"{c}: '{raw}' is no number", "")
            for at, raw in zip(frame[LOCATOR].filter(bad), frame[c].filter(bad), strict=True)
        ]
    spend = [
        _stacked(key, {"stream": stream}, cost=numbers[c].value, impressions=_impressions(stream, roles, numbers))
        for stream, c in roles.cost.items()
    ]
    metrics = {m: numbers[c].value for m, c in roles.metrics.items()}
    if roles.per_unit is not None and "orders" in metrics and "sales" not in metrics:
        metrics["sales"] = metrics["orders"] * numbers[roles.per_unit].value
    for c, metric in leftover(roles, columns).items():
        if c in numbers:
            metrics |= _context(frame, c, metric, numbers[c].value, numbers[c].unreadable)
    outcomes = [_stacked(key, {"metric": m}, value=v) for m, v in metrics.items()]
    return Batch(
        {
            "spend": pl.concat(spend).filter(pl.col("cost").is_not_null()),
            "outcomes": pl.concat(outcomes).filter(pl.col("value").is_not_null()),
        },
        frame.height,
        path.stat().st_size,
        rejects_of(rejects),
    )


def _stacked(key: pl.DataFrame, name: dict[str, str], **values: pl.Series) -> pl.DataFrame:
    """The rows of one stream or metric, those without a date left out."""
    named = key.with_columns(*(pl.lit(v).alias(k) for k, v in name.items()), *(v.alias(k) for k, v in values.items()))
    return named.filter(pl.col("period_start").is_not_null())


def _impressions(stream: str, roles: Roles, numbers: dict[str, Numbers]) -> pl.Series:
    if stream in roles.impressions:
        return numbers[roles.impressions[stream]].value
    if stream in roles.reach:
        people, often = roles.reach[stream]
        return numbers[people].value * numbers[often].value
    return pl.Series([None], dtype=pl.Float64).new_from_index(0, len(numbers[roles.cost[stream]].value))


def _context(
    frame: pl.DataFrame, column: str, metric: str, value: pl.Series, unreadable: pl.Series
) -> dict[str, pl.Series]:
    """A control's values; a column of words becomes one 0/1 control per word ("na" and empty are no event)."""
    if frame[column].dtype == pl.Boolean:
        return {metric: frame[column].cast(pl.Float64)}
    if unreadable.sum() <= 0.1 * value.count():
        return {metric: value} if value.null_count() < len(value) else {}
    word = frame.select(text_of(frame, column).alias("w"))["w"].fill_null("")
    names = sorted({w for w in word.unique().to_list() if w.lower() not in _NO_EVENT})
    if not 0 < len(names) <= _WORDS:
        return {}
    return {f"{metric}={name}": (word == name).cast(pl.Float64) for name in names}


def _period_end(day: pl.Series) -> pl.Series:
    """The last day of each row's period: days, weeks or months, by the commonest step between the table's dates."""
    steps = day.drop_nulls().unique().sort().diff().drop_nulls().dt.total_days()
    step = int(steps.mode().min()) if len(steps) else 7  # type: ignore[arg-type]
    if step in (28, 29, 30, 31):
        return day.dt.month_end()
    return day.dt.offset_by(f"{max(step, 1) - 1}d")


def _words(frame: pl.DataFrame, column: str | None, default: str) -> pl.Series:
    if column is None:
        return pl.Series([default], dtype=pl.String).new_from_index(0, frame.height)
    return frame.select(text_of(frame, column).fill_null(default).alias("w"))["w"]


def _brand_of(path: Path) -> str:
    """The file's name without dates and numbers at its end: next month's file is the same brand's."""
    stem = path.name.split(".")[0]
    return re.sub(r"[\s_\-]*[\d][\d\s_\-wW]*$", "", stem) or stem


def _refuse_doubles(key: pl.DataFrame, path: Path) -> None:
    known = key.filter(pl.col("period_start").is_not_null())
    twice = known.filter(known.select("period_start", "geo", "brand").is_duplicated())
    if twice.height:
        day, geo, where = twice.row(0, named=True)["period_start"], twice["geo"][0], ", ".join(twice[LOCATOR][:2])
        raise SourceError(
            f"two rows for {day}" + (f" in {geo}" if geo else "") + f" (rows {where})",
            where=str(path),
            mend="add them up first, or name what tells them apart: a column geo or brand",
        )


read_robyn = source("robyn", title_zh="Robyn 建模表", title_en="Robyn's weekly table", detect=_detector(robyn, 0.9))(
    _reader(robyn)
)
read_meridian = source(
    "meridian",
    title_zh="Meridian 建模表",
    title_en="Meridian's table by region and week",
    detect=_detector(meridian, 0.88),
)(_reader(meridian))
read_pymc = source(
    "pymc_marketing", title_zh="PyMC-Marketing 建模表", title_en="PyMC-Marketing's table", detect=_detector(pymc, 0.86)
)(_reader(pymc))
