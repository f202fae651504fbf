"""The brief's limits as linear rows over the candidates. A new kind of limit is one function with `@constraint`.

A constraint function gets the brief and the items and returns `Limit`s: a row of the planning problem together with its
words, its kind and its place in the brief. Rows share one shape: low <= sum(coefficient over picks) <= high.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tidegauge.plan.briefs.brief import Brief, Rule
from tidegauge.plan.briefs.names import Named
from tidegauge.plan.solver.problem import Float, GroupRow, Int
from tidegauge.result import Text
from tidegauge.vocab import label

#: Money is compared within this relative slack, since prices are sums of decimals.
MONEY_SLACK = 1e-9


@dataclass(frozen=True)
class Limit:
    """A row of the problem and what it is called.

    `kind` is spend or count; `items` are the positions it concerns and `values` their coefficients (thousands of small
    rows fit in memory only this way). `lazy` rows enter the problem only once a roster breaks them. `place` is where
    the brief asks for it, empty for what always holds.
    """

    text: Text
    kind: str
    items: Int
    values: Float
    low: float
    high: float
    place: str
    lazy: bool = False
    #: Whether the bounds are shares of the budget, so that they move with it.
    of_budget: bool = False

    @property
    def label(self) -> str:
        return self.text.en

    def row(self, n_items: int, *, budget_times: float = 1.0) -> GroupRow:
        """The row as the optimiser takes it, over all items; `budget_times` is for another budget than the brief's."""
        coefficient = np.zeros(n_items)
        coefficient[self.items] = self.values
        times = budget_times if self.of_budget else 1.0
        return GroupRow(self.label, coefficient, self.low * times, self.high * times)

    def actual(self, taken: Int) -> float:
        """The sum over the picks (positions of items)."""
        return float(self.values[np.isin(self.items, taken)].sum())

    def kept(self, taken: Int) -> bool:
        value = self.actual(taken)
        return _at_least(value, self.low) and _at_least(-value, -self.high)


def _at_least(value: float, bound: float) -> bool:
    return value >= bound - MONEY_SLACK * max(1.0, abs(bound)) if math.isfinite(bound) else value >= bound


def _dense(
    text: Text, kind: str, coefficient: Float, bounds: tuple[float, float], place: str, *, of_budget: bool = False
) -> Limit:
    at = np.flatnonzero(coefficient)
    return Limit(text, kind, at, coefficient[at], *bounds, place, of_budget=of_budget)


Maker = Callable[[Brief, pl.DataFrame, Named], list[Limit]]
_CONSTRAINTS: dict[str, Maker] = {}


def constraint(name: str) -> Callable[[Maker], Maker]:
    """Register a function (brief, items, named) → limits under a name."""

    def register(maker: Maker) -> Maker:
        _CONSTRAINTS[name] = maker
        return maker

    return register


def constraints() -> dict[str, Maker]:
    """All registered constraints by name, in alphabetical order."""
    return dict(sorted(_CONSTRAINTS.items()))


def limits_of(brief: Brief, items: pl.DataFrame, named: Named) -> tuple[Limit, ...]:
    """Every limit of the brief on these items; two limits with the same words get numbers."""
    found: list[Limit] = []
    used: dict[str, int] = {}
    for maker in constraints().values():
        for limit in maker(brief, items, named):
            times = used[limit.label] = used.get(limit.label, 0) + 1
            text = Text(f"{limit.text.zh}（{times}）", f"{limit.text.en} #{times}") if times > 1 else limit.text
            found.append(replace(limit, text=text))
    return tuple(found)


def in_rule(rule: Rule, items: pl.DataFrame) -> Float:
    """1 for items that a rule chooses, 0 for others."""
    chosen = np.ones(items.height, dtype=np.float64)
    for dimension, words in rule.chosen().items():
        column = items.get_column(dimension).str.strip_chars().str.to_lowercase()
        chosen *= column.is_in([w.lower() for w in words]).fill_null(False).to_numpy()
    return chosen


def _bounds(low: float | None, high: float | None) -> tuple[float, float]:
    return 0.0 if low is None else float(low), float("inf") if high is None else float(high)


def _span(low: float | None, high: float | None, show: Callable[[float], str]) -> tuple[str, str]:
    """A pair of bounds in words, zh and en."""
    if low is not None and high is not None:
        return f"{show(low)} 至 {show(high)}", f"{show(low)} to {show(high)}"
    if low is not None:
        return f"至少 {show(low)}", f"at least {show(low)}"
    return f"至多 {show(high or 0.0)}", f"at most {show(high or 0.0)}"


@constraint("rule")
def _rules(brief: Brief, items: pl.DataFrame, named: Named) -> list[Limit]:
    """Every [[rule]]: bounds on spend, share of the budget and number of picks of a part of the roster."""
    price = items.get_column("price").to_numpy().astype(np.float64)
    found = []
    for i, rule in enumerate(brief.rule):
        part = in_rule(rule, items)
        zh = rule.name or " ".join(label(w, "zh") for words in rule.chosen().values() for w in words) or "全部"
        en = rule.name or " ".join(w for words in rule.chosen().values() for w in words) or "all"
        for what, zh_what, show, unit, factor in (
            ("spend", "花费", lambda v: f"{v:,.0f}", price, 1.0),
            ("share", "预算占比", lambda v: f"{v:.0%}", price, brief.budget),
            ("count", "人数", lambda v: f"{v:,.0f}", np.ones_like(price), 1.0),
        ):
            low, high = getattr(rule, f"{what}_min"), getattr(rule, f"{what}_max")
            if low is None and high is None:
                continue
            zh_span, en_span = _span(low, high, show)
            key = f"{what}_{'min' if low is not None else 'max'}"
            low_value, high_value = _bounds(low, high)
            en_what = "share of budget" if what == "share" else what
            found.append(
                _dense(
                    Text(f"{zh}：{zh_what}{zh_span}", f"{en}: {en_what} {en_span}"),
                    "count" if what == "count" else "spend",
                    part * unit,
                    (low_value * factor, high_value * factor),
                    brief.where("rule", i, key),
                    of_budget=what == "share",
                )
            )
    return found


@constraint("roster_size")
def _roster_size(brief: Brief, items: pl.DataFrame, named: Named) -> list[Limit]:
    """[limits] min_creators and max_creators."""
    low, high = brief.limits.min_creators, brief.limits.max_creators
    if low is None and high is None:
        return []
    zh, en = _span(low, high, lambda v: f"{v:,.0f}")
    key = "min_creators" if low is not None else "max_creators"
    text = Text(f"达人数{zh}", f"creators: {en}")
    return [_dense(text, "count", np.ones(items.height), _bounds(low, high), brief.where("limits", key))]


@constraint("brand_sales")
def _brand_sales(brief: Brief, items: pl.DataFrame, named: Named) -> list[Limit]:
    """[brand_sales]: spend on the stages that build the brand and on the others, each within the tolerance.

    Shares are of the budget. A floor on both sides leaves room for money that cannot be spent, so the floors are the
    share less the tolerance, the caps the share plus the tolerance.
    """
    split = brief.brand_sales
    if split is None:
        return []
    price = items.get_column("price").to_numpy().astype(np.float64)
    builds = items.get_column("stage").is_in(split.brand_stages).to_numpy()
    found = []
    for zh, en, part, share in (
        ("品牌", "brand", builds, split.brand_share),
        ("销售", "sales", ~builds, 1 - split.brand_share),
    ):
        low, high = max(0.0, share - split.tolerance), min(1.0, share + split.tolerance)
        if low == 0 and high == 1:
            continue  # this side is free
        zh_span, en_span = _span(low, high, lambda v: f"{v:.0%}")
        text = Text(f"{zh}建设阶段预算占比{zh_span}" if en == "brand" else f"{zh}转化阶段预算占比{zh_span}",
                    f"{en} stages: share of budget {en_span}")  # fmt: skip
        place = brief.where("brand_sales", "brand_share")
        bounds = (low * brief.budget, high * brief.budget if high < 1 else float("inf"))
        found.append(_dense(text, "spend", part * price, bounds, place, of_budget=True))
    return found


@constraint("mcn")
def _per_mcn(brief: Brief, items: pl.DataFrame, named: Named) -> list[Limit]:
    """[limits] max_per_mcn: at most so many creators of one agency."""
    most = brief.limits.max_per_mcn
    if most is None:
        return []
    place = brief.where("limits", "max_per_mcn")
    found = []
    for name, members in _groups(items, "mcn", more_than=most):
        text = Text(f"机构 {name}：至多 {most} 人", f"agency {name}: at most {most}")
        found.append(Limit(text, "count", members, np.ones(len(members)), 0.0, float(most), place, lazy=True))
    return found


@constraint("one_account_per_person")
def _per_person(brief: Brief, items: pl.DataFrame, named: Named) -> list[Limit]:
    """[limits] one_account_per_person: of a person's accounts on several platforms at most one."""
    if not brief.limits.one_account_per_person:
        return []
    place = brief.where("limits", "one_account_per_person") if "limits" in brief.model_fields_set else ""
    ids = items.get_column("creator_id").to_list()
    found = []
    for name, members in _groups(items, "person_id", more_than=1):
        if len({ids[j] for j in members} & set(named.wanted)) > 1:
            continue  # whoever names two accounts of one person wants both
        text = Text(f"同一人 {name}：至多一个账号", f"person {name}: at most one account")
        found.append(Limit(text, "count", members, np.ones(len(members)), 0.0, 1.0, place, lazy=True))
    return found


@constraint("exclusive")
def _exclusive(brief: Brief, items: pl.DataFrame, named: Named) -> list[Limit]:
    """`exclusive`: of each list of creators at most one."""
    found = []
    for i, group in enumerate(named.exclusive):
        part = items.get_column("creator_id").is_in(list(group)).to_numpy().astype(np.float64)
        names = ", ".join(group)
        text = Text(f"互斥：{names} 至多一人", f"exclusive: at most one of {names}")
        found.append(_dense(text, "count", part, (0.0, 1.0), brief.where("exclusive", i)))
    return found


def _groups(items: pl.DataFrame, column: str, *, more_than: int) -> list[tuple[str, Int]]:
    """The groups of a column with more creators than so many, each with the positions of its items."""
    rows = items.with_row_index("_row").filter(pl.col(column).is_not_null() & (pl.col(column) != ""))
    crowded = (
        rows.group_by(column)
        .agg(pl.col("_row").cast(pl.Int64), pl.col("creator_id").n_unique().alias("n"))
        .filter(pl.col("n") > more_than)
        .sort(column)
    )
    return [(str(name), np.array(members)) for name, members in crowded.select(column, "_row").iter_rows()]
