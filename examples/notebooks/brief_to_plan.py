"""A brief, a plan, a change, the difference. Run it with `marimo edit brief_to_plan.py`, or as a script."""

import marimo

app = marimo.App(width="medium", app_title="Tidegauge: brief → plan → compare")


@app.cell
def _():
    import os
    from pathlib import Path

    import marimo as mo
    import polars as pl

    import tidegauge as tg
    from tidegauge.plan.briefs.brief import parse_brief
    from tidegauge.twin import canonical, grow

    return Path, canonical, grow, mo, os, parse_brief, pl, tg


@app.cell
def _(mo):
    mo.md("""
    # From a brief to a plan, and to a better brief · 从简报到方案

    Write a brief, see the roster with its proven gap, change one rule, see what the change costs.
    写一份简报，看名单与已证明的差距；改一条约束，看代价。
    """)
    return


@app.cell
def _(Path, canonical, grow, os, tg):
    place = Path(os.environ.get("TIDEGAUGE_WS", "notebook-ws"))
    ws = tg.open(place)
    if not ws.status().tables["posts"]:
        ws.load(canonical(grow(creators=300, days=45, seed=1)))
    return (ws,)


@app.cell
def _(mo):
    budget = mo.ui.slider(50_000, 400_000, step=50_000, value=200_000, label="Budget 预算 (CNY)", show_value=True)
    share_max = mo.ui.slider(10, 100, step=5, value=30, label="Douyin at most 抖音至多 (%)", show_value=True)
    mo.vstack([budget, share_max])
    return budget, share_max


@app.cell
def _(budget, parse_brief):
    def brief_text(rules: str = "") -> str:
        return f"""
    brand = "沐研 Muyan"
    budget = {budget.value}
    panel_persons = 30_000

    [goal]
    kind = "reach"

    [limits]
    max_creators = 30
    max_share_per_creator = "20%"
    {rules}
    """

    free = parse_brief(brief_text())
    return brief_text, free


@app.cell
def _(free, ws):
    plan = ws.plan(free)
    plan
    return (plan,)


@app.cell
def _(mo):
    mo.md("""
    ## The same with a cap on one platform · 给一个平台加上限
    """)
    return


@app.cell
def _(brief_text, parse_brief, share_max, ws):
    capped = ws.plan(parse_brief(brief_text(f'[[rule]]\n    platform = "抖音"\n    share_max = "{share_max.value}%"')))
    capped
    return (capped,)


@app.cell
def _(capped, pl, plan):
    def line(name: str, p) -> dict:
        return {
            "plan": name,
            "reach": p.reach.value,
            "low": p.reach.low,
            "high": p.reach.high,
            "proven bound": p.upper_bound,
            "gap": p.panel_gap,
            "cost": p.cost,
            "creators": p.picks.height,
        }

    compared = pl.DataFrame([line("free 不限", plan), line("capped 有上限", capped)])
    compared
    return (compared,)


@app.cell
def _(capped, mo, plan, pl):
    both = plan.picks.join(capped.picks.select("creator_id", "format"), on=["creator_id", "format"], how="semi").height
    spent = capped.split.filter((pl.col("dimension") == "platform") & (pl.col("bucket") == "douyin"))
    douyin_share = float(spent["cost_share"].sum())
    price = plan.reach.value - capped.reach.value
    mo.md(
        f"The cap costs about **{price:,.0f}** people of {plan.reach.value:,.0f} "
        f"[{plan.reach.low:,.0f}, {plan.reach.high:,.0f}]; {both} of {plan.picks.height} picks stay; "
        f"Douyin takes {douyin_share:.0%} of the money."
    )
    return both, douyin_share, price


@app.cell
def _(plan):
    plan.plot()
    return


if __name__ == "__main__":
    app.run()
