"""The five figures that a planner looks for first."""

from __future__ import annotations

import polars as pl

from tidegauge.plan.result import Plan
from tidegauge.report.blocks import Fact, Facts, Section
from tidegauge.report.figures import bound_percent, compact, interval, known, money, percent
from tidegauge.report.registry import section
from tidegauge.report.words import goal_words
from tidegauge.result import Text


def headline_facts(plan: Plan) -> tuple[Fact, ...]:
    """Reach with its interval, cost against budget, the certified gap in words, cost per thousand, creators."""
    return (_reach(plan), _cost(plan), _gap(plan), _per_thousand(plan), _creators(plan))


def _reach(plan: Plan) -> Fact:
    title, _ = goal_words(plan.goal)
    r, level = plan.reach, percent(plan.level, 0)
    low, high = (tuple(compact(x, lang) for x in (r.low, r.high)) for lang in ("zh", "en"))
    return Fact(
        title,
        Text(compact(r.value, "zh"), compact(r.value, "en")),
        Text(f"{level} 区间 {low[0]} 至 {low[1]}", f"{level} interval {high[0]} to {high[1]}"),
        exact=r.value,
    )


def _cost(plan: Plan) -> Fact:
    c = plan.currency
    used = plan.cost / plan.budget if plan.budget > 0 else None
    over = plan.cost > plan.budget * (1 + 1e-9)
    return Fact(
        Text("花费", "Cost"),
        Text(money(plan.cost, c, "zh"), money(plan.cost, c, "en")),
        Text(
            f"预算 {money(plan.budget, c, 'zh')}的 {percent(used)}",
            f"{percent(used)} of the budget of {money(plan.budget, c, 'en')}",
        ),
        "care" if over else "plain",
        plan.cost,
    )


def _gap(plan: Plan) -> Fact:
    panel, whole = bound_percent(plan.panel_gap), bound_percent(plan.population_gap)
    bound = tuple(compact(plan.upper_bound, lang) for lang in ("zh", "en"))
    return Fact(
        Text("离最优名单最多差", "From the best roster, at most"),
        Text(panel, panel),
        Text(
            f"已证明：同样预算与约束下没有名单能超过 {bound[0]}；计入抽样误差 {whole}",
            f"proven: no roster within this budget and these rules exceeds {bound[1]}; with sampling error {whole}",
        ),
        "good" if (known(plan.panel_gap) or 0.0) <= 0.05 else "plain",
        plan.panel_gap,
    )


def _per_thousand(plan: Plan) -> Fact:
    r, c = plan.reach, plan.currency

    def per(x: float) -> float | None:
        number = known(x)
        return 1000 * plan.cost / number if number is not None and number > 0 else None

    _, unit = goal_words(plan.goal)
    return Fact(
        Text(f"每千{unit.zh}成本", f"Cost per thousand {unit.en}"),
        Text(money(per(r.value), c, "zh"), money(per(r.value), c, "en")),
        Text(
            f"区间 {money(per(r.high), c, 'zh')} 至 {money(per(r.low), c, 'zh')}；去重后，不是播放 CPM",
            f"{money(per(r.high), c, 'en')} to {money(per(r.low), c, 'en')}; deduplicated, not a CPM of views",
        ),
        exact=per(r.value),
    )


def _creators(plan: Plan) -> Fact:
    n = plan.picks.height
    platforms = plan.picks.get_column("platform").n_unique() if "platform" in plan.picks.columns and n else 0
    return Fact(
        Text("入选达人", "Creators"),
        Text(f"{n:,} 位", f"{n:,}"),
        Text(
            f"{platforms} 个平台，选自 {plan.candidates:,} 位候选",
            f"on {platforms} platforms, out of {plan.candidates:,} candidates",
        ),
        exact=n,
    )


def assumed_share(plan: Plan) -> tuple[int, float]:
    """How many picks have an assumed price, and their share of the cost."""
    picks = plan.picks
    if picks.is_empty() or "price_assumed" not in picks.columns:
        return 0, 0.0
    assumed = picks.filter(pl.col("price_assumed").fill_null(False))
    total = float(picks.get_column("price").sum() or 0.0)
    part = float(assumed.get_column("price").sum() or 0.0)
    return assumed.height, part / total if total > 0 else 0.0


@section("headline", order=10, title=Text("结论", "In short"), needs="plan")
def headline(plan: Plan) -> Section:
    r, c = plan.reach, plan.currency
    _, unit = goal_words(plan.goal)
    gap = bound_percent(plan.panel_gap)
    n, share = assumed_share(plan)
    zh = f"；其中 {percent(share)} 的花费按假设报价计" if n else ""
    en = f"; {percent(share)} of the cost rests on assumed prices" if n else ""
    return Section(
        Text(
            f"{plan.picks.height} 位达人、{money(plan.cost, c, 'zh')}，"
            f"预计触达 {interval(r.value, r.low, r.high, 'zh')} {unit.zh}，离最优名单最多差 {gap}{zh}。",
            f"{plan.picks.height} creators for {money(plan.cost, c, 'en')} bring "
            f"{interval(r.value, r.low, r.high, 'en')} {unit.en}, at most {gap} below the best possible roster{en}.",
        ),
        (Facts("headlines", headline_facts(plan)),),
        (
            Text(
                "触达：在按平台与受众校准的虚拟人群面板上去重计数；区间含播放不确定性与面板抽样误差。",
                "Reach: counted without duplicates on a panel of virtual people calibrated to platforms and audiences; "
                "the interval holds the uncertainty of views and the panel's sampling error.",
            ),
            Text(
                "差距 =（上限 − 触达）/ 上限；上限来自凹松弛的对偶问题，对每一份满足约束的名单都成立。"
                "它证明的是在受众模型之下的优化质量，不证明受众模型本身。",
                "Gap = (bound − reach) / bound; the bound is the dual of a concave relaxation and holds for every "
                "roster that keeps the rules. It certifies the optimisation given the audience model, not that model.",
            ),
        ),
    )
