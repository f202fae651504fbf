"""How topics flow between platforms: which share is also seen elsewhere, who is first, by how many hours."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import ibis
import numpy as np
import numpy.typing as npt
import polars as pl

from tidegauge.errors import MeasureError
from tidegauge.measure import charts
from tidegauge.measure.bootstrap import resampled_sums
from tidegauge.measure.figures import drawn, jeffreys, ratio
from tidegauge.measure.headlines import Appearances, Pairs, best_matches, near_pairs, normalised
from tidegauge.measure.registry import measure
from tidegauge.measure.rows import record, table
from tidegauge.measure.sampling import Grid, grids
from tidegauge.measure.segments import epoch_s, real, whole
from tidegauge.result import Explanation, Result, Text
from tidegauge.workspace.tables import Tables

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DAY_S, _HOUR_S, _BUCKET_S = 86_400, 3_600, 900
#: A topic counts when the other source was watched for at least this part of the window around it.
_WATCHED = 0.8
#: Random shifts of whole days (and their opposites) for matches by chance: far enough for a story to be over.
_SHIFT_DAYS, _SHIFTS = (10, 45), 4
#: A topic that is back within this time has not been away (a list is read anew each day).
_LEAST_REST_S = 2 * _DAY_S
#: With fewer cases than this a share's interval is Jeffreys', for the bootstrap of a handful says too little.
_FEW = 30
_LEAST_LAGS = 10
_LAG_REPLICATES = 400
#: How often each sighting is put somewhere between its two looks.
_PLACED = 5
_LAGS = {"lag_h_q10": 0.1, "lag_h_median": 0.5, "lag_h_q90": 0.9}

EXPLANATION = Explanation(
    question=Text(
        zh="一个平台的话题有多少也出现在另一平台，谁先，早几小时？",
        en="Which share of a platform's topics is also seen on another, who is first, and by how many hours?",
    ),
    formula="s = (m/n − c)/(1 − c): m of n topics matched within H hours, c the share matched after shifting the other "
    "platform by whole days; first = topics whose sighting ends before the other's last empty look / decided pairs; "
    "lag = midpoint of the other's sighting interval − own, hours (positive: this platform is first)",
    assumptions=Text(
        zh="标题（规范化后）相同或字符近似即同一话题；每次看到的时间只在两次采样之间可知；相隔数周的匹配纯属巧合。",
        en="Headlines equal after normalisation, or near in their characters, are one topic; a sighting is known only "
        "to lie between two looks; matches weeks apart are chance.",
    ),
    limits=Text(
        zh="热榜只收录上榜话题；先出现不等于因果；改写幅度大的标题不会匹配，因此共享比例是下限。",
        en="Hot lists hold only what got listed; first is not cause; headlines that are worded quite differently are "
        "not matched, so that shares are a lower bound.",
    ),
    reference="Broder (1997) On the resemblance and containment of documents; Leskovec, Rajaraman, Ullman, Mining of "
    "Massive Datasets, ch. 3; Leskovec, Backstrom, Kleinberg (2009) Meme-tracking and the dynamics of the news cycle",
)


@dataclass(frozen=True)
class _Entries:
    """Appearances on named sides; the last look that did not show each one yet, and whether it is known."""

    sides: tuple[str, ...]
    seen: Appearances
    previous_s: Floats
    known: npt.NDArray[np.bool_]


@measure(
    "flow",
    explanation=EXPLANATION,
    by=("platform", "other", "year", "month"),
    default_by=("platform", "other", "year"),
    options={
        "within_h": "hours within which two sightings count as the same topic (48)",
        "threshold": "least similarity of headlines that are not equal, 0.75 to 1; 1 is exact (0.85)",
        "min_chars": "headlines with fewer letters are left out (5)",
        "seed": "of hashing, shifts and bootstrap (1)",
    },
)
def flow(
    tables: Tables,
    *,
    by: tuple[str, ...],
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    within_h: object = 48,
    threshold: object = 0.85,
    min_chars: object = 5,
    seed: object = 1,
) -> Result:
    """Topics shared between every ordered pair of platforms; see docs/methods/flow.md.

    `quantity` is shared_share (corrected for chance), shared_share_raw, chance_share, first_share (of the decided
    pairs, those in which `platform` was first), undecided_share, and quantiles of the lag in hours.
    """
    window_s = int(real("within_h", within_h, 1, 24 * 30) * _HOUR_S)
    least = real("threshold", threshold, 0.75, 1.0)
    shortest = whole("min_chars", min_chars, 1, 100)
    number = whole("seed", seed, 0, 2**31)
    period = "month" if "month" in by else "year" if "year" in by else None

    rest_s = max(window_s, _LEAST_REST_S)
    looks, sightings = _read(tables, start, end, rest_s)
    found = between_platforms(
        looks,
        sightings,
        zone=tables.settings.zone,
        window_s=window_s,
        rest_s=rest_s,
        threshold=least,
        min_chars=shortest,
        period=period,
        seed=number,
    )
    shown = found.rows.filter(pl.col("quantity") == "shared_share").with_columns(
        pl.concat_str("platform", pl.lit(" → "), "other").alias("pair")
    )
    title = Text(zh="话题在另一平台也出现的比例", en="Share of topics also seen on the other platform")
    lang = tables.settings.language
    return Result(
        "flow",
        tuple(c for c in ("platform", "other", period) if c),
        found.rows,
        tables.provenance(seed=number),
        EXPLANATION,
        notes=found.notes,
        chart=charts.dots(shown, segment="pair", color=period, title=title, lang=lang, percent=True),
    )


@dataclass(frozen=True)
class Flows:
    """The rows of `flow` and what to say beside them."""

    rows: pl.DataFrame
    notes: tuple[Text, ...]


def between_platforms(
    looks: pl.DataFrame,
    sightings: pl.DataFrame,
    *,
    zone: ZoneInfo,
    window_s: int,
    rest_s: int,
    threshold: float,
    min_chars: int,
    period: str | None,
    seed: int,
) -> Flows:
    """The figures from looks (see `sampling.grids`) and first sightings (platform, topic, at in epoch seconds)."""
    rng = np.random.default_rng(seed)
    watch = grids(looks, zone)
    if len(watch) < 2:
        raise MeasureError(
            "topics of at least two platforms are needed", mend="ingest hot lists: platform, topic, observed_at"
        )
    keys, entries = _entries(sightings, watch, min_chars, rest_s)
    shifts = rng.choice(np.arange(*_SHIFT_DAYS), size=_SHIFTS, replace=False) * _DAY_S + rest_s // _DAY_S * _DAY_S
    shifts = np.concatenate(([0], shifts, -shifts)).astype(np.int64)
    same = np.arange(keys.len(), dtype=np.int64)
    pairs = Pairs(same, same, np.ones(same.size))
    if threshold < 1.0:
        pairs += near_pairs(
            keys,
            entries.seen,
            window_s=window_s,
            shifts_s=shifts,
            threshold=threshold,
            seed=seed,
        )
    best, best_score, by_chance = best_matches(entries.seen, pairs, window_s, shifts)
    day, periods = _calendar(entries.seen.at_s, zone, period)
    rows: list[dict[str, Any]] = []
    for a, b in itertools.permutations(range(len(entries.sides)), 2):
        mine = np.flatnonzero(entries.seen.side == a)
        other = watch[entries.sides[b]]
        topics = _pair_table(entries, mine, best[mine, b], by_chance[:, mine, b], other, window_s, shifts)
        for name in np.unique(periods[mine]):
            chosen = periods[mine] == name
            head = {"platform": entries.sides[a], "other": entries.sides[b]} | ({period: str(name)} if period else {})
            rows += [head | r for r in _figures(topics.filter(pl.Series(chosen)), day[mine][chosen], rng)]
    if not rows:
        raise MeasureError(
            "no two platforms were watched at the same time",
            mend="ingest hot lists of the same days, or raise within_h",
        )
    near, matches = int(((best_score > 0.0) & (best_score < 1.0)).sum()), int((best_score > 0.0).sum())
    frame = table(rows, tuple(c for c in ("platform", "other", period, "quantity") if c))
    return Flows(frame, _notes(watch, matches, near, sightings.height, keys.len()))


def _read(
    tables: Tables, start: dt.datetime | None, end: dt.datetime | None, rest_s: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The looks at each source, and the first sighting of each topic after `rest_s` seconds without it."""
    topics = tables.between(tables["topics"], "observed_at", start, end)
    seen = topics.select("platform", "topic", at=epoch_s(topics.observed_at))
    bucketed = seen.mutate(bucket=(seen["at"] / _BUCKET_S).floor().cast("int64"))
    looks = bucketed.group_by(["platform", "bucket"]).aggregate(
        first_s=bucketed["at"].min(), last_s=bucketed["at"].max(), rows=bucketed.count()
    )
    last = seen["at"].lag().over(ibis.window(group_by=[seen.platform, seen.topic], order_by=seen["at"]))
    marked = seen.mutate(last=last)
    starts = marked.filter(marked["last"].isnull() | (marked["at"] - marked["last"] > rest_s))
    return tables.frame(looks.drop("bucket")), tables.frame(starts.select("platform", "topic", "at"))


def _entries(
    sightings: pl.DataFrame, watch: dict[str, Grid], min_chars: int, rest_s: int
) -> tuple[pl.Series, _Entries]:
    """Distinct keys in order, and the appearances of each; a key that is back within `rest_s` did not go away."""
    sides = tuple(sorted(watch))
    named = (
        sightings.select("platform", "at", normalised(pl.col("topic")).alias("key"))
        .filter(pl.col("key").str.len_chars() >= min_chars)
        .with_columns(pl.col("platform").replace_strict({s: i for i, s in enumerate(sides)}, return_dtype=pl.Int64))
        .sort("key", "platform", "at")
    )
    fresh = (pl.col("at") - pl.col("at").shift(1).over("key", "platform") > rest_s).fill_null(True)
    named = named.filter(fresh).with_columns(k=pl.col("key").rle_id().cast(pl.Int64))
    if named.is_empty():
        raise MeasureError(
            f"no topic has {min_chars} letters or more", mend="lower min_chars, or ingest hot lists with titles"
        )
    keys = named.get_column("key").unique(maintain_order=True)
    side, at = named.get_column("platform").to_numpy(), named.get_column("at").to_numpy()
    previous, known = np.empty(side.size), np.zeros(side.size, np.bool_)
    for i, s in enumerate(sides):
        mine = side == i
        previous[mine], known[mine] = watch[s].previous(at[mine])
    key = named.get_column("k").to_numpy()
    offsets = np.searchsorted(key, np.arange(keys.len() + 1)).astype(np.int64)
    return keys, _Entries(sides, Appearances(key, side, at, offsets), previous, known)


def _pair_table(
    e: _Entries,
    mine: Ints,
    best: Ints,
    by_chance: npt.NDArray[np.bool_],
    other: Grid,
    window_s: int,
    shifts: Ints,
) -> pl.DataFrame:
    """One row per topic of a platform: eligible, matched, chance, decided, first, lag in hours (null if unknown)."""
    at = e.seen.at_s[mine].astype(np.float64)
    eligible = other.watched(at - window_s, at + window_s) >= _WATCHED
    matched = (best >= 0) & eligible
    watched = np.stack([other.watched(at + s - window_s, at + s + window_s) >= _WATCHED for s in shifts[1:]])
    tries = watched.sum(axis=0)
    chance = np.where(tries > 0, (by_chance & watched).sum(axis=0) / np.maximum(tries, 1), 0.0)
    j = np.maximum(best, 0)
    usable = matched & e.known[mine] & e.known[j]
    own_before, other_before = e.previous_s[mine], e.previous_s[j]
    first = usable & (at <= other_before)
    second = usable & (e.seen.at_s[j] <= own_before)
    other_at = e.seen.at_s[j].astype(np.float64)
    lag_h = ((other_at + other_before) - (at + own_before)) / (2.0 * _HOUR_S)
    return pl.DataFrame(
        {
            "eligible": eligible,
            "matched": matched,
            "chance": np.where(eligible & (tries > 0), chance, 0.0),
            "tried": eligible & (tries > 0),
            "usable": usable,
            "first": first,
            "decided": first | second,
            "lag_h": pl.Series(lag_h).set(pl.Series(~usable), None),
            "own_width_h": (at - own_before) / _HOUR_S,
            "other_width_h": (other_at - other_before) / _HOUR_S,
        }
    )


def _figures(topics: pl.DataFrame, day: Ints, rng: np.random.Generator) -> list[dict[str, Any]]:
    """The rows of one ordered pair and period, with intervals over blocks of days."""
    block = _blocks(day)
    columns = ["eligible", "matched", "chance", "tried", "usable", "first", "decided"]
    values = topics.select(pl.col(columns).cast(pl.Float64)).to_numpy()
    sums = np.zeros((int(block.max()) + 1, len(columns)))
    np.add.at(sums, block, values)
    n, m, chance, tried, usable, first, decided = sums.sum(axis=0)
    if n == 0:
        return []
    draws = resampled_sums(sums, rng)
    by_chance, by_chance_d = (chance / tried if tried else 0.0), np.nan_to_num(ratio(draws[:, 2], draws[:, 3]))
    raw, raw_d = m / n, ratio(draws[:, 1], draws[:, 0])
    net = drawn(
        "shared_share", (raw - by_chance) / (1 - by_chance), (raw_d - by_chance_d) / (1 - by_chance_d), n, "ratio"
    )
    if min(m, n - m) < _FEW:
        low, high = ((x - by_chance) / (1 - by_chance) for x in jeffreys(m, n))
        net |= {"low": low, "high": high}
    rows = [net, _share("shared_share_raw", m, n, raw_d), drawn("chance_share", by_chance, by_chance_d, tried, "ratio")]
    if decided > 0:
        rows.append(_share("first_share", first, decided, ratio(draws[:, 5], draws[:, 6])))
    if usable > 0:
        rows.append(_share("undecided_share", usable - decided, usable, 1.0 - ratio(draws[:, 6], draws[:, 4])))
    if usable >= _LEAST_LAGS:
        known = topics.get_column("lag_h").is_not_null()
        rows += _lag_rows(topics.filter(known), block[known.to_numpy()], rng)
    return rows


def _share(quantity: str, k: float, n: float, draws: Floats) -> dict[str, Any]:
    if min(k, n - k) < _FEW:
        return record({}, k / n, jeffreys(k, n), round(n), "ratio", quantity=quantity)
    return drawn(quantity, k / n, draws, n, "ratio")


def _lag_rows(pairs: pl.DataFrame, block: Ints, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Quantiles of the lag; each sighting is put anywhere between its two looks, several times over.

    Hourly looks leave whole hours, whose quantiles would jump by an hour and seem exact in between.
    """
    n = pairs.height
    lag, own, other = (
        np.tile(pairs.get_column(c).to_numpy(), _PLACED) for c in ("lag_h", "own_width_h", "other_width_h")
    )
    lag_h = lag + (rng.random(lag.size) - 0.5) * other - (rng.random(lag.size) - 0.5) * own
    order = np.argsort(lag_h, kind="stable")
    sorted_lag = lag_h[order]
    sorted_block = np.tile(np.unique(block, return_inverse=True)[1], _PLACED)[order]
    blocks = int(sorted_block.max()) + 1
    parts = np.array(list(_LAGS.values()))
    draws = np.empty((_LAG_REPLICATES, parts.size))
    for r in range(_LAG_REPLICATES):
        times = np.bincount(rng.integers(0, blocks, blocks), minlength=blocks)
        total = np.cumsum(times[sorted_block])
        places = np.searchsorted(total, parts * total[-1], side="left")
        draws[r] = sorted_lag[np.minimum(places, sorted_lag.size - 1)]
    values = np.quantile(lag_h, parts)
    return [drawn(name, values[k], draws[:, k], n, "h") for k, name in enumerate(_LAGS)]


def _blocks(day: Ints) -> Ints:
    """Weeks where there are enough of them (news of neighbouring days hangs together), else days; numbered from 0."""
    weeks = np.unique(day // 7)
    return np.unique(day // 7 if weeks.size >= 20 else day, return_inverse=True)[1].astype(np.int64)


def _calendar(at_s: Ints, zone: ZoneInfo, period: str | None) -> tuple[Ints, npt.NDArray[np.str_]]:
    """Each appearance's local day (days since 1970) and the name of its period."""
    local = pl.Series(at_s * 1_000_000).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(str(zone))
    day = local.dt.date().cast(pl.Int32).to_numpy().astype(np.int64)
    shape = {"year": "%Y", "month": "%Y-%m", None: ""}[period]
    return day, local.dt.strftime(shape).to_numpy().astype(np.str_)


def _notes(watch: dict[str, Grid], matches: int, near: int, sightings: int, keys: int) -> tuple[Text, ...]:
    gaps = ", ".join(f"{p}: {int(g.gap[1:].sum())} ({g.spacing_s / _HOUR_S:.1f} h)" for p, g in watch.items())
    return (
        Text(
            zh=f"{sightings} 次首次出现，{keys} 个不同标题；{matches} 个匹配方向中 {near} 个靠近似标题。",
            en=f"{sightings} first sightings, {keys} distinct headlines; {near} of {matches} matches (counted from "
            "each side) rest on near-identical headlines.",
        ),
        Text(zh=f"采样缺口（及通常间隔）：{gaps}。", en=f"Sampling gaps (and usual spacing): {gaps}."),
    )
