"""Times as collectors and people write them: epoch s or ms, '2024-06-12 08:00:00', ISO 8601, '06-12', '3天前'.

Times without an offset are in the zone given (the workspace's). Relative ones count from a reference: the moment at
which the record was collected. A local time that daylight saving skipped is moved forward by the hour, one that
occurred twice is the earlier.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

UTC_US = pl.Datetime("us", "UTC")
_NAIVE_US = pl.Datetime("us")
#: Epoch numbers by magnitude (seconds, milliseconds, microseconds) and their factors to microseconds. Smaller numbers
#: are no epochs: eight digits that read as a date are one.
_EPOCHS = ((10**8, 10**11, 10**6), (10**11, 10**14, 10**3), (10**14, 10**17, 1))
_ABSENT = ["", "-", "--", "—", "/", "0", "null", "none", "nan", "nat", "n/a", "na", "无", "暂无", "未知", "unknown"]
_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
_ZONED = (
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M%#z",
    "%a %b %d %H:%M:%S %z %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d %b %Y %H:%M:%S %z",
)
_BACK = {
    "秒": "s", "秒钟": "s", "second": "s", "sec": "s", "s": "s", "分": "m", "分钟": "m", "minute": "m", "min": "m",
    "小时": "h", "个小时": "h", "hour": "h", "hr": "h", "h": "h", "天": "d", "日": "d", "day": "d", "d": "d",
    "周": "w", "星期": "w", "个星期": "w", "week": "w", "w": "w", "月": "mo", "个月": "mo", "month": "mo", "mo": "mo",
    "年": "y", "year": "y", "yr": "y", "y": "y",
}  # fmt: skip
_BACK_FORM = (
    r"^(\d+) ?(秒钟|秒|分钟|分|个小时|小时|天|日|周|个星期|星期|个月|月|年|"
    r"seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|w|months?|mo|years?|yrs?|y) ?(?:之?前|ago)$"
)
_DAYS = {"今天": 0, "today": 0, "昨天": 1, "昨日": 1, "yesterday": 1, "前天": 2}
_DAY_FORM = r"^(今天|today|昨天|昨日|yesterday|前天)?[ ,]*(?:(\d{1,2}):(\d{2})(?::(\d{2}))?)?$"
_NOW = ["刚刚", "现在", "just now", "now"]
_FILE_DATE = re.compile(r"(?<!\d)(20\d{2})[-_.年]?(0[1-9]|1[0-2])[-_.月]?(0[1-9]|[12]\d|3[01])(?!\d)")


@dataclass(frozen=True)
class Times:
    """`value` (UTC, microseconds, null where absent) and `unreadable` (Boolean), row by row."""

    value: pl.Series
    unreadable: pl.Series


def parse_times(raw: pl.Series, zone: ZoneInfo, reference: pl.Series | dt.datetime | None = None) -> Times:
    """Times from a column of any type.

    `reference` (UTC, one per row or one for all) is when the record was collected; without it relative times and dates
    without a year are unreadable.
    """
    if raw.dtype.is_numeric():
        return _from_numbers(raw, zone)
    if raw.dtype != pl.String:
        return _from_typed(raw, zone)
    whole = raw.cast(pl.Int64, strict=False)
    if whole.null_count() == raw.null_count():
        return parse_times(whole, zone)
    # The commonest text form is tried on the whole column first.
    plain = raw.str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
    if plain.null_count() == raw.null_count():
        return Times(_localise(plain, zone).alias(raw.name), _never(raw))
    return _mixed(raw, whole, zone, reference)


def _from_typed(raw: pl.Series, zone: ZoneInfo) -> Times:
    """Dates and datetimes; anything else (lists, booleans) is no time."""
    if raw.dtype == pl.Date:
        return Times(_localise(raw.cast(_NAIVE_US), zone).alias(raw.name), _never(raw))
    if isinstance(raw.dtype, pl.Datetime):
        known = raw.dt.convert_time_zone("UTC") if raw.dtype.time_zone else _localise(raw, zone)
        return Times(known.cast(UTC_US).alias(raw.name), _never(raw))
    return Times(pl.Series(raw.name, [None] * len(raw), dtype=UTC_US), raw.is_not_null())


def _from_numbers(raw: pl.Series, zone: ZoneInfo) -> Times:
    """Epochs by magnitude, and integers that read as YYYYMMDD."""
    value = _epochs(raw.cast(pl.Int64, strict=False))
    if raw.dtype.is_float():
        # Fractions of a second count; beyond milliseconds floats carry noise.
        seconds = (raw.abs() < _EPOCHS[0][1]).fill_null(False)
        fine = _epochs((raw * 1e3).round(0).cast(pl.Int64, strict=False).set(~seconds, None))
        value = pl.select(pl.coalesce(fine, value)).to_series()
        return Times(value.alias(raw.name), value.is_null() & (raw.is_finite() & (raw != 0)).fill_null(False))
    dates = raw.is_between(19_000_101, 21_001_231).fill_null(False)
    if dates.any():
        value = pl.select(pl.coalesce(value, _dates(raw.cast(pl.String).set(~dates, None), zone))).to_series()
    return Times(value.alias(raw.name), value.is_null() & (raw != 0).fill_null(False))


def _mixed(raw: pl.Series, whole: pl.Series, zone: ZoneInfo, reference: pl.Series | dt.datetime | None) -> Times:
    numbers = parse_times(whole, zone).value
    text = _tidy(raw)
    fractional = parse_times(text.cast(pl.Float64, strict=False), zone).value
    naive = [text.str.to_datetime(f, time_unit="us", strict=False) for f in _FORMATS]
    naive += [(text + " 00:00").str.to_datetime("%Y-%m-%d %H:%M", time_unit="us", strict=False)]
    zoned = [text.str.to_datetime(f, time_unit="us", time_zone="UTC", strict=False) for f in _ZONED]
    local = _localise(pl.select(pl.coalesce(naive)).to_series(), zone)
    value = pl.select(pl.coalesce(numbers, *zoned, local, fractional)).to_series()
    absent = text.str.to_lowercase().is_in(_ABSENT) | raw.is_null()
    left = value.is_null() & ~absent
    if left.any() and reference is not None:
        since = reference if isinstance(reference, pl.Series) else pl.Series([reference], dtype=UTC_US)
        since = since.new_from_index(0, len(raw)) if len(since) == 1 else since
        value = value.set(left, None).zip_with(~left, _relative(text.set(~left, None), zone, since.cast(UTC_US)))
    return Times(value.alias(raw.name), value.is_null() & ~absent)


def _tidy(raw: pl.Series) -> pl.Series:
    """One spelling of dates: 2024年6月12日, 2024/6/12 and 2024.6.12 as 2024-6-12; T and words around taken away."""
    expr = (
        pl.col("t")
        .str.normalize("NFKC")
        .str.replace_all(r"[\u{feff}\u{200b}\u{0}]", "")
        .str.strip_chars()
        .str.replace(r"^(?:编辑于|发布于|更新于|发表于|最后编辑于|edited|published)[ :]*", "")
        .str.replace(r"^(\d{1,4})年(\d{1,2})月(\d{1,2})日?", "${1}-${2}-${3}")
        .str.replace(r"^(\d{1,2})月(\d{1,2})日?", "${1}-${2}")
        .str.replace(r"^(\d{4})[/.](\d{1,2})[/.](\d{1,2})", "${1}-${2}-${3}")
        .str.replace(r"^(\d{1,2})/(\d{1,2})( |$)", "${1}-${2}${3}")
        .str.replace(r"^(\d{4}-\d{1,2}-\d{1,2})[T_ ]+(\d)", "${1} ${2}")
        .str.replace(r"(\d{1,2})[时点](\d{1,2})分?", "${1}:${2}")
        .str.replace(r"(:\d{2}(?:\.\d+)?) ?(?:Z|UTC|GMT)$", "${1}+00:00")
        .str.replace(r"(:\d{2}(?:\.\d+)?) ([+-]\d{2}:?\d{2})$", "${1}${2}")
        # xiaohongshu adds the place after the time: '3天前 上海'
        .str.replace(r"^(.*(?:前|刚刚|\d)) +[\p{Han}]{2,8}$", "${1}")
    )
    return pl.DataFrame({"t": raw}).select(expr).to_series()


def _relative(text: pl.Series, zone: ZoneInfo, since: pl.Series) -> pl.Series:
    """Times told from when they were read; null where the text is of another form."""
    frame = pl.DataFrame({"t": text.str.to_lowercase(), "since": since})
    frame = frame.with_columns(
        pl.col("t").str.extract_groups(_BACK_FORM).alias("back"),
        pl.col("t").str.extract_groups(_DAY_FORM).alias("day"),
        pl.col("t").str.extract_groups(r"^(\d{1,2})-(\d{1,2})(?: +(\d{1,2}):(\d{2})(?::(\d{2}))?)?$").alias("date"),
        pl.col("since").dt.convert_time_zone(zone.key).dt.replace_time_zone(None).alias("local"),
    )
    n = pl.col("back").struct[0].cast(pl.Int64, strict=False)
    word = pl.col("back").struct[1].str.replace(r"(?:([a-z]{2,}))s$", "${1}")
    unit = word.replace_strict(_BACK, default=None, return_dtype=pl.String)
    back = pl.coalesce(
        *(
            pl.when((unit == u) & (n < 1_000_000)).then(pl.col("since").dt.offset_by(pl.format("-{}" + u, n)))
            for u in ("s", "m", "h", "d", "w", "mo", "y")
        ),
        pl.when(pl.col("t").is_in(_NOW)).then(pl.col("since")),
    )
    found = frame.select(back.alias("back"))["back"]
    days_ago = pl.col("day").struct[0].replace_strict(_DAYS, default=None, return_dtype=pl.Int64)
    clock = [pl.col("day").struct[i].cast(pl.Int64, strict=False).fill_null(0) for i in (1, 2, 3)]
    named = pl.col("day").struct[0].is_not_null() | pl.col("day").struct[1].is_not_null()
    midnight = pl.col("local").dt.truncate("1d")
    on_day = pl.when(named & (clock[0] < 24) & (clock[1] < 60) & (clock[2] < 60)).then(
        midnight
        - pl.duration(days=days_ago.fill_null(0))
        + pl.duration(hours=clock[0], minutes=clock[1], seconds=clock[2])
    )
    parts = [pl.col("date").struct[i].cast(pl.Int64, strict=False) for i in range(5)]
    # A date without a year is the latest such day that was not after the reading (a day's grace for zones).
    dated = [
        pl.format(
            "{}-{}-{} {}:{}:{}",
            pl.col("local").dt.year() - back_years,
            *parts[:2],
            *(p.fill_null(0) for p in parts[2:]),
        ).str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", strict=False)
        for back_years in range(0, 5)
    ]
    limit = pl.col("local") + pl.duration(days=1)
    by_date = pl.coalesce(*(pl.when(d <= limit).then(d) for d in dated))
    local = _localise(frame.select(pl.coalesce(on_day, by_date).alias("local"))["local"], zone)
    return pl.select(pl.coalesce(found, local)).to_series()


def _epochs(numbers: pl.Series) -> pl.Series:
    micros = pl.lit(None, pl.Int64)
    size = pl.col("n").abs()
    for low, high, factor in _EPOCHS:
        micros = pl.when((size >= low) & (size < high)).then(pl.col("n") * factor).otherwise(micros)
    micros = pl.when(size >= 10**17).then(pl.col("n") // 1000).otherwise(micros)
    return pl.DataFrame({"n": numbers}).select(micros.cast(UTC_US)).to_series()


def _dates(text: pl.Series, zone: ZoneInfo) -> pl.Series:
    naive = (text + " 00:00").str.to_datetime("%Y%m%d %H:%M", time_unit="us", strict=False)
    return _localise(naive, zone)


def _localise(naive: pl.Series, zone: ZoneInfo) -> pl.Series:
    """Local times as UTC; what daylight saving skipped moves forward by the hour."""
    local = naive.cast(_NAIVE_US)

    def placed(times: pl.Series) -> pl.Series:
        return times.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null")

    found = placed(local)
    if found.null_count() > local.null_count():
        found = pl.select(pl.coalesce(found, placed(local + dt.timedelta(hours=1)))).to_series()
    return found.dt.convert_time_zone("UTC")


def _never(like: pl.Series) -> pl.Series:
    return pl.select(pl.repeat(False, len(like), dtype=pl.Boolean)).to_series()


def date_in_name(path: Path) -> dt.date | None:
    """The date in a file's name, else in its directory's: search_contents_2026-06-12.jsonl, 20260612.csv."""
    for name in (path.name, path.parent.name):
        found = list(_FILE_DATE.finditer(name))
        if found:
            try:
                return dt.date(*(int(g) for g in found[-1].groups()))
            except ValueError:
                continue
    return None


def file_time(path: Path, zone: ZoneInfo, clock: dt.time = dt.time(23, 59, 59)) -> dt.datetime:
    """When a file was collected (UTC): the date in its name at that time of day, else when it was last written.

    A collector writes during the day and its file holds the whole of it, so the day's end is the safe reading:
    nothing in the file was published later.
    """
    day = date_in_name(path)
    if day is not None:
        return dt.datetime.combine(day, clock, tzinfo=zone).astimezone(dt.UTC)
    return dt.datetime.fromtimestamp(int(path.stat().st_mtime), dt.UTC)
