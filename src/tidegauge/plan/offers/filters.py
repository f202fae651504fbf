"""The brief's filters, one after the other, with how many creators each removed."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import ibis
import polars as pl

from tidegauge.errors import BriefError, InfeasibleError
from tidegauge.plan.briefs.brief import Brief
from tidegauge.plan.briefs.names import Booking, Named
from tidegauge.plan.briefs.values import nearest
from tidegauge.plan.offers.candidates import Found
from tidegauge.result import Text
from tidegauge.vocab import Role
from tidegauge.workspace.tables import Tables


@dataclass(frozen=True)
class Step:
    """One filter: what it keeps, in words, and the place in the brief that asks for it (empty: always applied)."""

    reason: Text
    keeps: pl.Expr
    place: str = ""
    #: A limit on money: whoever the brief wants by name and fails it clashes with it.
    money: bool = False


@dataclass(frozen=True)
class Kept:
    """`items` that passed, `removed`: reason and number of creators per step, `left_out`: creator_id and reason."""

    items: pl.DataFrame
    removed: tuple[tuple[Step, int], ...]
    left_out: pl.DataFrame


def apply_filters(tables: Tables, found: Found, brief: Brief, named: Named) -> Kept:
    """Filter the candidates. Whom the brief wants by name passes the brief's own filters, never a missing price.

    Raises BriefError with the count per filter where nobody is left.
    """
    items = _booked_items(found.items, named, brief)
    wanted = pl.col("creator_id").is_in(sorted(named.wanted))
    removed, left_out = [], []
    for step in _steps(tables, found, brief, named):
        passes = step.keeps.fill_null(False)
        kept = items.filter(passes | wanted if step.place and not step.money else passes)
        gone = items.join(kept, on="creator_id", how="anti").unique("creator_id", maintain_order=True)
        if step.money:
            _affordable(gone, step, named)
        if gone.height:
            removed.append((step, gone.height))
            texts = (pl.lit(step.reason.zh).alias("reason_zh"), pl.lit(step.reason.en).alias("reason_en"))
            left_out.append(gone.select("creator_id", "name", "platform", "tier", "format", "price", "views", *texts))
        items = kept
    _all_there(items, named)
    if items.is_empty():
        raise _nobody(found, brief, removed)
    schema = ["creator_id", "name", "platform", "tier", "format", "price", "views", "reason_zh", "reason_en"]
    out = (
        pl.concat(left_out, how="vertical_relaxed")
        if left_out
        else pl.DataFrame(schema=dict.fromkeys(schema, pl.String))
    )
    return Kept(items.sort("creator_id", "format"), tuple(removed), out)


def _booked_items(items: pl.DataFrame, named: Named, brief: Brief) -> pl.DataFrame:
    """What is booked: only its own format, at its own price."""
    for b in named.booked:
        own = pl.col("creator_id") == b.creator_id
        rows = items.filter(own & ((pl.col("format") == b.format) if b.format else pl.lit(True)))
        if rows.is_empty():
            rows = _made_up(items, b)
        if b.price is not None:
            rows = rows.with_columns(
                *(pl.lit(b.price).alias(c) for c in ("price", "price_low", "price_high", "list_price")),
                pl.lit(False).alias("price_assumed"),
                pl.lit("booked").alias("price_source"),
            )
        items = pl.concat([items.filter(~own), rows], how="vertical_relaxed")
    return items


def _made_up(items: pl.DataFrame, b: Booking) -> pl.DataFrame:
    """A booked pick whose offer is no longer on the rate card: the creator's other item in the booked format."""
    other = items.filter(pl.col("creator_id") == b.creator_id).head(1)
    if other.is_empty() or b.price is None:
        raise BriefError(
            f"{b.creator_id} has no offer" + (f" for {b.format}" if b.format else ""),
            mend="add its rate card, or book it with a price and a format on the rate card",
            where=b.place,
        )
    return other.with_columns(pl.lit(b.format or other.item(0, "format")).alias("format"))


def _steps(tables: Tables, found: Found, brief: Brief, named: Named) -> list[Step]:
    f = brief.candidates

    def at(key: str) -> str:
        return brief.where("candidates", key)

    paid = ~pl.col("role").is_in([Role.KOE.value, Role.KOB.value, Role.KOS.value])
    steps = [
        Step(Text("没有报价，引用数据也推不出价格", "no price, stated or assumable"), pl.col("price").is_not_null()),
        Step(Text("报价为零（非自有账号）", "a price of zero (not an own account)"), (pl.col("price") > 0) | ~paid),
        Step(Text("没有可用的播放估计", "no estimate of views"), pl.col("views") > 0),
    ]
    excluded = pl.col("creator_id").is_in(sorted(named.excluded))
    if named.excluded:
        steps.append(Step(Text("被排除名单排除", "excluded by name"), ~excluded, brief.where("must_exclude")))
    for key, column, zh in (
        ("platforms", "platform", "平台"),
        ("tiers", "tier", "量级"),
        ("roles", "role", "角色"),
        ("formats", "format", "形式"),
        ("stages", "stage", "阶段"),
    ):
        if words := getattr(f, key):
            text = Text(f"{zh}不在 {', '.join(words)}", f"{column} is not {', '.join(words)}")
            steps.append(Step(text, pl.col(column).is_in(words), at(key)))
    for key, column, keep, zh in (
        ("categories", "category", True, "类目"),
        ("exclude_categories", "category", False, "类目"),
        ("regions", "region", True, "地域"),
        ("mcns", "mcn", True, "机构"),
        ("exclude_mcns", "mcn", False, "机构"),
    ):
        if words := getattr(f, key):
            same = pl.col(column).str.strip_chars().str.to_lowercase().is_in([w.lower() for w in words])
            text = Text(f"{zh}{'不在' if keep else '属于'} {', '.join(words)}",
                        f"{column} is {'not ' if keep else ''}{', '.join(words)}")  # fmt: skip
            steps.append(Step(text, same if keep else ~same.fill_null(False), at(key)))
    if f.verified is not None:
        text = Text("认证状态不符", "not verified" if f.verified else "verified")
        steps.append(Step(text, pl.col("verified").fill_null(False) == f.verified, at("verified")))
    cpm = pl.col("price") / pl.col("views") * 1000
    for key, value, above, zh, en in (
        ("min_followers", pl.col("followers"), False, "粉丝", "followers"),
        ("max_followers", pl.col("followers"), True, "粉丝", "followers"),
        ("min_views", pl.col("views"), False, "预期播放", "expected views"),
        ("min_price", pl.col("price"), False, "报价", "price"),
        ("max_price", pl.col("price"), True, "报价", "price"),
        ("max_cpm", cpm, True, "千次播放成本", "price per 1,000 views"),
    ):
        bound = getattr(f, key)
        if bound is not None:
            text = Text(
                f"{zh}{'高于' if above else '低于'} {bound:,.0f}", f"{en} {'above' if above else 'below'} {bound:,.0f}"
            )
            steps.append(Step(text, value <= bound if above else value >= bound, at(key)))
    if f.active_within_days is not None:
        since = found.now - dt.timedelta(days=f.active_within_days)
        text = Text(f"{f.active_within_days} 天内没有发布", f"no post within {f.active_within_days} days")
        steps.append(Step(text, pl.col("last_post_at") >= since, at("active_within_days")))
    if f.max_offer_age_days is not None:
        first = (brief.flight.start if brief.flight else found.now.date()) - dt.timedelta(days=f.max_offer_age_days)
        text = Text(f"报价早于 {f.max_offer_age_days} 天前", f"rate card older than {f.max_offer_age_days} days")
        steps.append(Step(text, pl.col("price_assumed") | (pl.col("valid_from") >= first), at("max_offer_age_days")))
    if brief.competitors is not None:
        names = ", ".join(brief.competitors.brands)
        rivals = pl.col("creator_id").is_in(_worked_for(tables, brief, found.now))
        text = Text(f"{brief.competitors.within_days} 天内为竞品 {names} 发布过", f"worked for {names} lately")
        steps.append(Step(text, ~rivals, brief.where("competitors")))
    if brief.limits.max_share_per_creator is not None:
        cap = brief.limits.max_share_per_creator * brief.budget
        text = Text(f"报价高于单人上限 {cap:,.0f}", f"price above the cap per creator of {cap:,.0f}")
        place = brief.where("limits", "max_share_per_creator")
        steps.append(Step(text, pl.col("price") <= cap, place, money=True))
    text = Text("报价高于预算", "price above the budget")
    steps.append(Step(text, pl.col("price") <= brief.budget, brief.where("budget"), money=True))
    return steps


def _worked_for(tables: Tables, brief: Brief, now: dt.datetime) -> list[str]:
    """Creators whose posts or placements in the last days name one of the competing brands."""
    assert brief.competitors is not None
    brands = [b.lower() for b in brief.competitors.brands]
    since = ibis.literal(now - dt.timedelta(days=brief.competitors.within_days))
    found: set[str] = set()
    for name in ("posts", "placements"):
        t = tables[name]
        dealt = t.filter(t.brand.notnull(), t.creator_id.notnull(), t.published_at >= since)
        rows: pl.DataFrame = tables.frame(dealt.select("creator_id", "brand").distinct())
        lower = pl.col("brand").str.strip_chars().str.to_lowercase()
        found |= set(rows.filter(lower.is_in(brands)).get_column("creator_id"))
    return sorted(found)


def _affordable(gone: pl.DataFrame, step: Step, named: Named) -> None:
    """Whom the brief wants by name must pass its limits on money; otherwise both lines clash."""
    dear = gone.filter(pl.col("creator_id").is_in(sorted(named.wanted)))
    for creator_id, price in dear.select("creator_id", "price").iter_rows():
        place = named.wanted[creator_id]
        raise InfeasibleError(
            f"{creator_id} has to be in the roster ({place}), but its {step.reason.en}: {price:,.0f}",
            clash=(f"must include {creator_id} ({place})", f"{step.reason.en} ({step.place})"),
            mend="raise that limit, book the creator at another price, or drop the name",
            where=place,
        )


def _all_there(items: pl.DataFrame, named: Named) -> None:
    """Whom the brief wants must still be a candidate; otherwise say why not."""
    absent = sorted(set(named.wanted) - set(items.get_column("creator_id")))
    if absent:
        raise BriefError(
            f"{', '.join(absent)}: wanted, but without a price or expected views",
            mend="add a rate card, set [prices] allow_assumed = true, or drop the name",
            where=named.wanted[absent[0]],
        )


def _nobody(found: Found, brief: Brief, removed: list[tuple[Step, int]]) -> BriefError:
    """The error of a brief that leaves no candidate: every filter with how many creators it removed."""
    lines = [f"of {found.accounts.height:,} creators in the workspace nobody is left"]
    if not brief.prices.allow_assumed and found.without_offer:
        lines.append(f"  {found.without_offer:,}: no offer that holds in the flight (in any terms but a repost)")
    if found.other_currency:
        lines.append(f"  {found.other_currency:,}: offers in another currency than {brief.currency} only")
    lines += [f"  {n:,}: {step.reason.en}" + (f" ({step.place})" if step.place else "") for step, n in removed]
    biggest = max(removed, key=lambda r: r[1], default=None)
    mend = f"widen the filter that removes most ({biggest[0].reason.en})" if biggest else "ingest a rate card first"
    if found.accounts.is_empty():
        mend = "ingest creators and rate cards first"
    elif not brief.prices.allow_assumed and found.without_offer > (biggest[1] if biggest else 0):
        mend = "ingest a rate card, or set [prices] allow_assumed = true"
        first, last = found.offers_hold
        flight = brief.flight
        if flight and ((first and first > flight.end) or (last and last < flight.start)):
            until = f" until {last}" if last else " on"
            lines.append(f"  rate cards hold from {first}{until}; the flight is {flight.start} to {flight.end}")
            mend = "move the flight, " + mend
    elif biggest and "category is not" in biggest[0].reason.en:
        have = [c for c in found.items.get_column("category").drop_nulls().unique().sort().to_list() if c]
        close = nearest(brief.candidates.categories[0], have)
        shown = ", ".join(([close] if close else []) + [c for c in have if c != close][:8])
        mend += f"; categories in the workspace: {shown or 'none'}"
    return BriefError(
        "\n".join(lines), mend=mend, where=biggest[0].place if biggest and biggest[0].place else brief.where()
    )
