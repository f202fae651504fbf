"""Which column of a media-mix table is what, in the words of Robyn, Meridian and PyMC-Marketing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tidegauge.errors import SourceError
from tidegauge.vocab import Platform

#: Outcome columns by the metric they become; names are compared in lower case without blanks, dots and dashes.
_METRICS: dict[str, tuple[str, ...]] = {
    "sales": (
        "revenue", "sales", "gmv", "turnover", "salesvalue", "revenueincome", "totalrevenue", "totalsales", "netsales",
        "销售额", "营收", "收入", "成交额", "成交金额", "销售金额",
    ),
    "orders": ("conversions", "conversion", "orders", "units", "unitsales", "quantity", "订单", "订单量", "销量"),
    "search_index": ("searchindex", "brandsearch", "brandedsearch", "搜索指数", "百度指数", "微信指数"),
    "mentions": ("mentions", "brandmentions", "声量", "提及", "提及量"),
    "awareness": ("awareness", "brandawareness", "认知度", "品牌认知"),
}  # fmt: skip
#: What these tools call "the outcome" without saying which: taken as sales where nothing else is.
_TARGETS = ("y", "kpi", "target", "depvar", "outcome", "response")
_TIMES = ("date", "ds", "dateweek", "week", "weekstart", "time", "day", "month", "period", "日期", "周", "时间")
_GEOS = ("geo", "region", "dma", "market", "city", "province", "地区", "省份", "城市")
#: Columns that only count time: trend and season are the model's own.
_CALENDAR = ("t", "dayofyear", "weekofyear", "year", "trend", "index", "unnamed:0", "column1", "")
_PER_UNIT = ("revenueperconversion", "revenueperkpi", "revenueperunit", "客单价")
#: Exposure suffixes of Robyn: impressions, clicks, gross rating points.
_ROBYN_EXPOSURES = ("_I", "_P", "_G", "_C")
#: Names of media that would be odd as a control: where one stands without a suffix, it is not for us to guess.
_MEDIA = {
    "tv", "radio", "print", "ooh", "dooh", "facebook", "meta", "google", "display", "video", "social", "paidsocial",
    "paidsearch", "newspaper", "magazine", "influencer", "influencers", "kol", "koc", "kos", "affiliate",
    "affiliates", "programmatic", "sem", "ppc", "outdoor", "电视", "户外", "广播", "信息流", "达人",
    *(p.value for p in Platform),
}  # fmt: skip


@dataclass(frozen=True)
class Roles:
    """Columns by what they are; streams and metrics map their canonical name to the column.

    `reach` pairs a stream with its reach and frequency columns, whose product are its impressions; `per_unit` is the
    revenue of one unit of `orders`.
    """

    time: str
    geo: str | None
    brand: str | None
    cost: dict[str, str]
    impressions: dict[str, str] = field(default_factory=dict)
    reach: dict[str, tuple[str, str]] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    per_unit: str | None = None

    @property
    def taken(self) -> frozenset[str]:
        """Every column that has a role."""
        singles = {self.time, self.geo, self.brand, self.per_unit} - {None}
        pairs = {c for both in self.reach.values() for c in both}
        return frozenset(
            {
                *(c for c in singles if c),
                *self.cost.values(),
                *self.impressions.values(),
                *self.metrics.values(),
                *pairs,
            }
        )


def plain(name: str) -> str:
    """A column's name for comparison: lower case, no blanks, dots, dashes or underscores."""
    return re.sub(r"[\s._\-]+", "", name.lower())


def _first(columns: Iterable[str], names: tuple[str, ...]) -> str | None:
    by_name = {plain(c): c for c in reversed(list(columns))}
    return next((by_name[n] for n in names if n in by_name), None)


def _stream(column: str, suffix: str) -> str:
    return column[: -len(suffix)].rstrip("_ ") or column


def _ending(columns: Iterable[str], *suffixes: str) -> dict[str, str]:
    """stream → column for the columns with one of the suffixes (in any case where the suffix is in lower case)."""
    found: dict[str, str] = {}
    for suffix in suffixes:
        for c in columns:
            if (c.lower() if suffix.islower() else c).endswith(suffix) and len(c) > len(suffix):
                found.setdefault(_stream(c, suffix), c)
    return found


def robyn(columns: tuple[str, ...]) -> Roles | None:
    """Robyn: a date, `<channel>_S` for spend, `_I`, `_P`, `_G`, `_C` for exposure, `_B` or no suffix for context."""
    time, cost = _first(columns, _TIMES), _ending(columns, "_S")
    if time is None or not cost:
        return None
    exposed = _ending(columns, "_I")
    return Roles(
        time, _first(columns, _GEOS), _first(columns, ("brand", "品牌")), cost,
        impressions={s: c for s, c in exposed.items() if s in cost}, metrics=_metrics(columns),
    )  # fmt: skip


def meridian(columns: tuple[str, ...]) -> Roles | None:
    """Meridian: time (and geo), `<channel>_spend`, `_impression(s)` or `_reach` with `_frequency`, a KPI, controls."""
    time, cost = _first(columns, _TIMES), _ending(columns, "_spend", "_cost", "花费", "费用")
    if time is None or not cost:
        return None
    seen = _ending(columns, "_impressions", "_impression", "_imp", "曝光")
    people, often = _ending(columns, "_reach"), _ending(columns, "_frequency")
    return Roles(
        time, _first(columns, _GEOS), _first(columns, ("brand", "品牌")), cost,
        impressions={s: c for s, c in seen.items() if s in cost},
        reach={s: (people[s], often[s]) for s in cost if s in people and s in often and s not in seen},
        metrics=_metrics(columns), per_unit=_first(columns, _PER_UNIT),
    )  # fmt: skip


def pymc(columns: tuple[str, ...]) -> Roles | None:
    """PyMC-Marketing: a date, `y`, channels `x1`, `x2`, …, other columns as controls."""
    time, target = _first(columns, _TIMES), _first(columns, ("y",))
    channels = {c: c for c in columns if re.fullmatch(r"[xX]_?\d+", c)}
    if time is None or target is None or not channels:
        return None
    return Roles(time, _first(columns, _GEOS), _first(columns, ("brand", "品牌")), channels, metrics={"sales": target})


def _metrics(columns: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for metric, names in _METRICS.items():
        mine = [c for c in columns if plain(c) in names]
        if len(mine) > 1:
            raise SourceError(
                f"both '{mine[0]}' and '{mine[1]}' may be {metric}",
                mend=f'say which in a mapping file: [map.table.unpivot] values.value = {{ {metric} = "{mine[0]}" }}',
            )
        if mine:
            found[metric] = mine[0]
    if "sales" not in found and "orders" not in found:
        target = _first(columns, _TARGETS)
        if target is not None:
            found["sales"] = target
    return found


def demand(roles: Roles | None, columns: tuple[str, ...], layout: Callable[[tuple[str, ...]], object]) -> Roles:
    """The roles, or a SourceError that names what is missing and the mapping key that would say it."""
    if roles is None:
        wanted = str(layout.__doc__).split(": ", 1)[1].rstrip(".")
        raise SourceError(
            f"not this layout, which has {wanted}; the columns are: " + ", ".join(columns[:24]),
            mend="describe the columns in a mapping file (--map), see examples/maps/mmm_weekly.toml",
        )
    if not roles.metrics:
        raise SourceError(
            "no column is known as the outcome (revenue, sales, conversions, orders, kpi, y); the columns are: "
            + ", ".join(columns[:24]),
            mend='name it in a mapping file: [map.table.unpivot] values.value = { sales = "your column" }',
        )
    unsure = [c for c in columns if c not in roles.taken and plain(c) in _MEDIA]
    if unsure:
        raise SourceError(
            f"'{unsure[0]}' may be a channel's spend or a control",
            mend=f"rename it to {unsure[0]}_spend, or say it in a mapping file: [map.table.unpivot] values.cost = "
            f'{{ {unsure[0]} = "{unsure[0]}" }} (spend), values.value = {{ "control:{unsure[0]}" = "{unsure[0]}" }}',
        )
    return roles


def leftover(roles: Roles, columns: tuple[str, ...]) -> dict[str, str]:
    """column → metric for what has no role: `exposure:` for a stream's other exposures, else `control:`.

    Clicks and rating points lie between spend and sales: as controls they would take the stream's own effect away.
    """
    found: dict[str, str] = {}
    for c in columns:
        if c in roles.taken or plain(c) in _CALENDAR:
            continue
        suffix = next((s for s in ("_B", "_O", "_control", *_ROBYN_EXPOSURES) if c.endswith(s)), "")
        name = _stream(c, suffix) if suffix else c
        organic = re.match(r"organic[_ ]?", c, re.I) is not None
        seen = suffix in _ROBYN_EXPOSURES or re.search(r"_(impressions?|clicks|reach|frequency|grps?)$", c, re.I)
        paid = any(name == s or name.startswith(f"{s}_") for s in roles.cost)
        found[c] = f"exposure:{c}" if seen and paid and not organic else f"control:{name}"
    return found
