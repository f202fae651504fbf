"""What is told beside a split, in Chinese and English."""

from __future__ import annotations

import polars as pl

from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.result import Interval
from tidegauge.plan.split.solve import Solved
from tidegauge.response.posterior import Posterior
from tidegauge.result import Text


def split_notes(
    brief: Brief, streams: pl.DataFrame, best: Solved, marginal: Interval | None, posterior: Posterior, margin: float
) -> tuple[Text, ...]:
    """What a reader should know: money left over, revenue or profit, unprofitable last money, guesses, no brand."""
    told = []
    times = brief.split.max_times_recent
    left = brief.budget - float(best.money.sum())
    if left > 1e-3 * brief.budget:
        told.append(
            Text(
                f"预算还剩 {left:,.0f}：渠道流都到了上限（历史最高四周均值的 {times:g} 倍，或简报所写）。",
                f"{left:,.0f} of the budget is left: every stream is at its cap ({times:g} times its highest "
                "four-week mean so far, or the brief's).",
            )
        )
    if margin == 1.0:
        told.append(
            Text(
                "价值按收入计，不是利润：在 [split] 写 margin 得到利润口径。",
                "Value counts revenue, not profit: set margin under [split] for profit.",
            )
        )
    if marginal is not None and marginal.high < 1.0:
        told.append(
            Text(
                f"最后一元只带回 {marginal.value:.2f} 元：少花一些更合算。",
                f"The last unit of money brings back {marginal.value:.2f}: spending less would pay better.",
            )
        )
    far = streams.filter("beyond")["stream"].to_list()
    if far:
        names = ", ".join(far)
        told.append(
            Text(
                f"超过历史上任何一周的花费，曲线在此是外推：{names}。",
                f"More a week than ever before, so the curve is a guess there: {names}.",
            )
        )
    if not posterior.has_brand:
        told.append(
            Text(
                "响应模型没有品牌部分：各时段的差别只来自短期延续。",
                "The response holds no brand part: horizons differ by short carry-over alone.",
            )
        )
    return tuple(told)
