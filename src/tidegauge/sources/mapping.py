"""Files of any layout through a mapping file: canonical column = source column, with unit, zone and translation."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatch
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from tidegauge.errors import MappingError, SourceError
from tidegauge.schema import LOCATOR, SEEN_AT, polars_schema
from tidegauge.sources.counts import parse_counts, parse_numbers
from tidegauge.sources.fields import native_id, refuse, text_of
from tidegauge.sources.mapping_file import (
    SEEN,
    ColumnRule,
    Lookup,
    MapEntry,
    MappingFile,
    TableRule,
    load,
    template_fields,
)
from tidegauge.sources.records import read_records
from tidegauge.sources.registry import Sample
from tidegauge.sources.times import UTC_US, file_time, parse_times
from tidegauge.vocab import Role
from tidegauge.workspace.batch import Batch, ReadContext

_TRUE, _FALSE = ["true", "1", "yes", "y", "是", "t"], ["false", "0", "no", "n", "否", "f"]


@dataclass(frozen=True)
class Mapping:
    """A checked mapping file and its text."""

    file: Path
    content: MappingFile
    text: bytes

    def match(self, sample: Sample) -> MapEntry | None:
        """The first entry for a file: by its path, else by its columns. A path that matches decides alone."""
        by_path = [e for e in self.content.map if e.match.path and _glob(sample.path, e.match.path)]
        if by_path:
            return by_path[0]
        return next(
            (
                e
                for e in self.content.map
                if not e.match.path and set(e.match.columns) <= sample.columns and _any_part(e, sample)
            ),
            None,
        )

    def fingerprint(self, entry: MapEntry, path: Path) -> bytes:
        """What besides the file decides its rows: the mapping's text and the files it looks things up in."""
        others = [hashlib.sha256(_beside(path, r.lookup).read_bytes()).digest() for r in _rules(entry) if r.lookup]
        return b"".join([self.text, *others])

    def read(self, entry: MapEntry, sample: Sample, context: ReadContext) -> Iterator[Batch]:
        return read_mapped(entry, sample, context)


def read_mapping(file: Path) -> Mapping:
    """Read a mapping file; raises MappingError that names the file, the key and the mend."""
    content, raw = load(file)
    return Mapping(file, content, raw)


def _rules(entry: MapEntry) -> list[ColumnRule]:
    return [rule for table in entry.table for rule in table.columns.values()]


def _beside(path: Path, lookup: Lookup) -> Path:
    """The file to look things up in: beside the data file or in a directory above it."""
    found = next((d / lookup.file for d in path.resolve().parents if (d / lookup.file).is_file()), None)
    if found is None:
        raise MappingError(
            f"the mapping looks things up in '{lookup.file}', which is not there",
            where=str(path),
            mend="put that file beside this one or into a directory above it",
        )
    return found


def _glob(path: Path, pattern: str) -> bool:
    whole = path.as_posix()
    return fnmatch(whole, pattern) or fnmatch(whole, f"*/{pattern}")


def _any_part(entry: MapEntry, sample: Sample) -> bool:
    return entry.match.part is None or entry.match.part in sample.parts


def read_mapped(entry: MapEntry, sample: Sample, context: ReadContext) -> Iterator[Batch]:
    """Batches of the tables an entry describes; raises SourceError where the file lacks a column that it names."""
    wanted = sorted(set().union(*(t.sources() for t in entry.table)) | set(entry.match.columns))
    parts = _parts(entry, sample, set(wanted))
    fallback = file_time(sample.path, context.settings.zone)
    looked_up = {r.lookup: _load_lookup(sample.path, r.lookup) for r in _rules(entry) if r.lookup}
    for piece in read_records(sample.path, wanted, parts=parts):
        if piece.part not in parts:
            continue
        tables: dict[str, list[pl.DataFrame]] = {}
        rejects = [piece.rejects]
        for rule in entry.table:
            frame, refused = _table(_looked_up(piece.frame, rule, looked_up), rule, entry, context, fallback)
            tables.setdefault(rule.name, []).append(frame)
            rejects.append(refused)
        joined = {name: pl.concat(frames, how="diagonal_relaxed") for name, frames in tables.items()}
        yield Batch(joined, piece.records, piece.bytes_done, pl.concat(rejects))


def _load_lookup(path: Path, lookup: Lookup) -> pl.DataFrame:
    """Key and value as text, one row per key (the last one that says something)."""
    file = _beside(path, lookup)
    pieces = [
        p.frame.select(text_of(p.frame, lookup.key).alias("key"), text_of(p.frame, lookup.value).alias("value"))
        for p in read_records(file, [lookup.key, lookup.value])
    ]
    if not pieces:
        return pl.DataFrame(schema={"key": pl.String, "value": pl.String})
    return pl.concat(pieces).drop_nulls().unique("key", keep="last", maintain_order=True)


def _looked_up(frame: pl.DataFrame, rule: TableRule, tables: dict[Lookup, pl.DataFrame]) -> pl.DataFrame:
    """The frame with what its rules look up, in columns of their own."""
    for name, column in rule.columns.items():
        if column.lookup is not None and column.column is not None:
            keys = frame.select(text_of(frame, column.column).alias("key"))
            found = keys.join(tables[column.lookup], on="key", how="left", maintain_order="left")["value"]
            frame = frame.with_columns(found.alias(f"_lookup_{name}"))
    return frame


def _parts(entry: MapEntry, sample: Sample, wanted: set[str]) -> list[str]:
    """The parts (sheets, tables) of the file that have the columns; an error names what the best of them lacks."""
    parts = [entry.match.part] if entry.match.part is not None else list(sample.parts)
    lacking = {p: sorted(wanted - set(sample.parts[p][0])) if p in sample.parts else sorted(wanted) for p in parts}
    whole = [p for p in parts if not lacking[p]]
    if whole:
        return whole
    part = min(parts, key=lambda p: len(lacking[p]))
    if sample.kind in ("json", "jsonl") and part in sample.parts and len(lacking[part]) < len(wanted):
        return [part]  # JSON need not carry every key in its first records
    known = sorted(sample.parts[part][0]) if part in sample.parts else sorted(sample.parts)
    missing = lacking[part][0]
    near = get_close_matches(missing, known, 1)
    raise SourceError(
        f"no column '{missing}', which the entry '{entry.name}' of the mapping file names",
        where=str(sample.path),
        mend=f"did you mean '{near[0]}'?" if near else "the file has: " + ", ".join(known[:30]),
    )


def _table(
    frame: pl.DataFrame, rule: TableRule, entry: MapEntry, context: ReadContext, fallback: dt.datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = _filled(frame, rule.require)
    if rule.unpivot:
        rows = _long(rows, rule)
    types = polars_schema(rule.name)
    columns: list[pl.Series] = []
    reasons: list[pl.Series] = []
    censored: pl.Series | None = None
    given = dict(rule.columns)
    if rule.unpivot:
        given |= {c: ColumnRule(column=f"_{c}") for c in (rule.unpivot.into, *rule.unpivot.values)}
    for canonical, column in given.items():
        dtype = UTC_US if canonical == SEEN else types[canonical]
        value, floor, trouble = _value(rows, canonical, column, dtype, entry, context, fallback)
        columns.append(value.alias(SEEN_AT if canonical == SEEN else canonical))
        if trouble is not None and trouble.any():
            reasons.append(_reason(rows, canonical, column, trouble))
        if floor is not None:
            censored = floor if censored is None else censored | floor
    made = pl.DataFrame([*columns, rows[LOCATOR]])
    made = _defaults(made, rule.name, censored, context, fallback)
    keep, refused = refuse(rows, reasons)
    return (made if keep is None else made.filter(keep)), refused


def _filled(frame: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Rows in which all the named columns are filled."""
    if not names:
        return frame
    return frame.filter(pl.all_horizontal([text_of(frame, n).is_not_null() for n in names]))


def _long(frame: pl.DataFrame, rule: TableRule) -> pl.DataFrame:
    """One row per name in place of one column per name; rows without any value are dropped."""
    assert rule.unpivot is not None
    values = rule.unpivot.values
    names = list(dict.fromkeys(n for columns in values.values() for n in columns))
    stacked = []
    for name in names:
        taken = [
            (pl.col(columns[name]) if name in columns else pl.lit(None)).alias(f"_{canonical}")
            for canonical, columns in values.items()
        ]
        stacked.append(frame.with_columns(pl.lit(name).alias(f"_{rule.unpivot.into}"), *taken))
    tall = pl.concat(stacked, how="diagonal_relaxed")
    return tall.filter(pl.any_horizontal([pl.col(f"_{c}").is_not_null() for c in values]))


def _raw(rows: pl.DataFrame, canonical: str, rule: ColumnRule) -> pl.Series:
    """What the rule starts from, one value per row."""
    if rule.value is not None:
        return pl.Series(canonical, [rule.value]).new_from_index(0, rows.height)
    if rule.template is not None:
        names = template_fields(rule.template)
        pieces = [text_of(rows, n) for n in names]
        return rows.select(pl.format(_braces(rule.template), *pieces).alias(canonical)).to_series()
    name = f"_lookup_{canonical}" if rule.lookup else str(rule.column)
    raw = (
        rows[name] if name in rows.columns else pl.Series(name, [None], dtype=pl.String).new_from_index(0, rows.height)
    )
    if rule.prefix:
        raw = rule.prefix + native_id(pl.DataFrame([raw]), name)
    if rule.translate:
        word = text_of(pl.DataFrame([raw]), name)
        default = pl.lit(str(rule.default)) if rule.default is not None else word
        return (
            pl.DataFrame([raw])
            .select(word.replace_strict(rule.translate, default=default, return_dtype=pl.String))
            .to_series()
        )
    return raw


def _braces(template: str) -> str:
    return "".join("{}" + p.split("}", 1)[1] if i else p for i, p in enumerate(template.split("{")))


def _value(
    rows: pl.DataFrame,
    canonical: str,
    rule: ColumnRule,
    dtype: pl.DataType,
    entry: MapEntry,
    context: ReadContext,
    fallback: dt.datetime,
) -> tuple[pl.Series, pl.Series | None, pl.Series | None]:
    """The typed value, whether it is a floor (numbers only), and where it could not be read."""
    raw = _raw(rows, canonical, rule)
    if dtype.is_numeric():
        return _number(raw, rule, dtype)
    if dtype.is_temporal():
        zone = ZoneInfo(rule.zone or entry.zone or context.settings.timezone)
        return _time(raw, rule, dtype, zone, fallback)
    if dtype == pl.Boolean:
        return _flag(raw)
    if isinstance(dtype, pl.List):
        return _list(raw, rule), None, None
    frame = pl.DataFrame([raw])
    if canonical.endswith("_id"):
        return _default(native_id(frame, raw.name), rule), None, None
    return _default(frame.select(text_of(frame, raw.name)).to_series(), rule), None, None


def _number(raw: pl.Series, rule: ColumnRule, dtype: pl.DataType) -> tuple[pl.Series, pl.Series, pl.Series]:
    if rule.multiply is None:
        found = parse_counts(raw) if dtype == pl.Int64 else parse_numbers(raw)
        return _default(found.value, rule), found.censored, found.unreadable
    found = parse_numbers(raw)
    value = found.value * rule.multiply
    value = value.round(0).cast(pl.Int64, strict=False) if dtype == pl.Int64 else value
    return _default(value, rule), found.censored, found.unreadable


def _time(
    raw: pl.Series, rule: ColumnRule, dtype: pl.DataType, zone: ZoneInfo, fallback: dt.datetime
) -> tuple[pl.Series, None, pl.Series]:
    if rule.format and raw.dtype == pl.String:
        text = raw.str.strip_chars()
        parsed = text.str.to_datetime(rule.format, time_unit="us", strict=False)
        unread = (parsed.is_null() & (text != "")).fill_null(False)
        value = parse_times(parsed, zone).value
    else:
        found = parse_times(raw, zone, fallback)
        value, unread = found.value, found.unreadable
    if dtype == pl.Date:
        value = value.dt.convert_time_zone(zone.key).dt.replace_time_zone(None).dt.date()
    return _moved(value, rule), None, unread


def _flag(raw: pl.Series) -> tuple[pl.Series, None, pl.Series]:
    frame = pl.DataFrame([raw])
    word = text_of(frame, raw.name).str.to_lowercase()
    flags = frame.select(
        v=pl.when(word.is_in(_TRUE)).then(True).when(word.is_in(_FALSE)).then(False),
        bad=word.is_not_null() & ~word.is_in([*_TRUE, *_FALSE]),
    )
    return flags["v"], None, flags["bad"].fill_null(False)


def _list(raw: pl.Series, rule: ColumnRule) -> pl.Series:
    if isinstance(raw.dtype, pl.List):
        return raw.cast(pl.List(pl.String), strict=False)
    frame = pl.DataFrame([raw])
    words = text_of(frame, raw.name).str.split(rule.split or ",")
    trimmed = words.list.eval(pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != ""))
    return frame.select(pl.when(trimmed.list.len() > 0).then(trimmed)).to_series()


def _default(values: pl.Series, rule: ColumnRule) -> pl.Series:
    if rule.default is None or rule.translate:
        return values
    return values.fill_null(pl.lit(rule.default).cast(values.dtype)) if values.null_count() else values


def _moved(times: pl.Series, rule: ColumnRule) -> pl.Series:
    if rule.days is not None:
        times = times + dt.timedelta(days=rule.days)
    if rule.end_of is not None:
        unit = {"week": "1w", "month": "1mo", "quarter": "1q", "year": "1y"}[rule.end_of]
        times = times.dt.truncate(unit).dt.offset_by(unit) - dt.timedelta(days=1)
    return times


def _reason(rows: pl.DataFrame, canonical: str, rule: ColumnRule, bad: pl.Series) -> pl.Series:
    raw = _raw(rows, canonical, rule)
    name = (rule.column or canonical).removeprefix("_")
    shown = pl.Series("v", [None if v is None else str(v)[:80] for v in raw.set(~bad, None)], dtype=pl.String)
    text = pl.lit(f"{name}: '") + pl.col("v") + pl.lit(f"' cannot be read as {canonical}")
    return pl.DataFrame([shown, bad.alias("bad")]).select(pl.when("bad").then(text).alias(canonical)).to_series()


def _defaults(
    made: pl.DataFrame, table: str, censored: pl.Series | None, context: ReadContext, fallback: dt.datetime
) -> pl.DataFrame:
    """What a mapping may leave out: the censored mark, currency, first sight, an offer's role and first day."""
    columns = polars_schema(table)
    if "censored" in columns and "censored" not in made.columns and censored is not None:
        made = made.with_columns(censored.alias("censored"))
    if "currency" in columns and "currency" not in made.columns:
        made = made.with_columns(pl.lit(context.settings.currency).alias("currency"))
    if "first_seen_at" in columns and "first_seen_at" not in made.columns:
        first = pl.col(SEEN_AT) if SEEN_AT in made.columns else pl.lit(fallback, UTC_US)
        made = made.with_columns(first.alias("first_seen_at"))
    if table == "offers":
        if "role" not in made.columns:
            made = made.with_columns(pl.lit(Role.KOL.value).alias("role"))
        if "valid_from" not in made.columns:
            made = made.with_columns(pl.lit(fallback.astimezone(context.settings.zone).date()).alias("valid_from"))
    if table == "creators" and made.height:
        # check() keeps the last row of a key in a batch; the first sighting must survive that
        made = made.with_columns(pl.col("first_seen_at").min().over("creator_id"))
    return made
