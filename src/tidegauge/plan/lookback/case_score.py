"""Was it a good case? A campaign's posts against ordinary posts of the same creators.

Matched to a campaign's post are the unsponsored posts of the same creator in the same format, published within some
weeks of it, all brought to the age of 30 days; what the whole platform did in each week is taken out of both. With y
the log count:

    δ_i = y_i − mean of its matched posts                    ratio of a post: exp δ_i
    break-out of a post: y_i above the 90th percentile of its creator's ordinary posts
    effect of the campaign: mean over creators of their δ, random effects (DerSimonian and Laird), interval by
    Hartung and Knapp's t

An ordinary post breaks out one time in ten: a campaign whose share of break-outs lies surely above that did more than
have luck once. Sponsored posts usually do worse than ordinary ones, so the campaign is held against the other
sponsored posts of the workspace as well; the score is the chance that its effect is above theirs, from 0 to 100.

References: DerSimonian and Laird (1986), Controlled Clinical Trials 7; Hartung and Knapp (2001), Statistics in
Medicine 20.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from tidegauge.creators.fitted import fitted_growth
from tidegauge.creators.next_post import mature
from tidegauge.creators.post_frame import latest_posts
from tidegauge.creators.shared import shared_reads
from tidegauge.display import Displayed
from tidegauge.errors import MeasureError
from tidegauge.plan.result import Interval, _json_rows
from tidegauge.result import Explanation, Provenance, Text
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]

WINDOW_DAYS = 60
#: Fewer matched posts tell nothing about a creator's ordinary level.
LEAST_MATCHED = 3
#: A post younger than this is carried too far by the growth curve to stand in a comparison.
LEAST_AGE_DAYS = 3.0
#: A creator more than this share of whose posts are floors cannot be compared.
MOST_FLOORS = 0.05
#: A creator's own spread of posts counts as much as so many posts of the spread of all creators.
_SPREAD_POSTS = 5.0
#: Ordinary posts of a platform in one week that tell what the platform did.
_WEEK_POSTS = 20
#: Rounds in which creators' levels and weeks are fitted in turn.
_ROUNDS = 8
LEVEL = 0.9

EXPLANATION = Explanation(
    question=Text(
        "这次活动的作品，比同一批达人的日常作品好多少？",
        "Did a campaign's posts do better than the same creators' ordinary ones?",
    ),
    formula="δ_i = y_i − mean(y of matched ordinary posts); effect = Σ w_c δ_c / Σ w_c, w_c = 1/(v_c + τ²)",
    assumptions=Text(
        "没有活动时，活动作品会像同一达人同一形式、同一时段的日常作品；创作者之间相互独立。",
        "Without the campaign its posts would have done as the same creator's ordinary posts in that format and time; "
        "creators are independent.",
    ),
    limits=Text(
        "付费推流、选题与发布时间的差别会算在活动头上；未标注的商单会混入日常作品。",
        "Paid boosts, choice of subject and hour count as the campaign's doing; unlabelled sponsored posts pass as "
        "ordinary ones.",
    ),
    reference="DerSimonian & Laird (1986), Control. Clin. Trials 7; Hartung & Knapp (2001), Stat. Med. 20",
)


@dataclass(frozen=True)
class CaseScore(Displayed):
    """A campaign held against matched ordinary posts.

    `effect` is the ratio of the campaign's to ordinary counts (1: no difference), `against_sponsored` the ratio of its
    effect to that of the workspace's other sponsored posts (None where there are too few), `breakouts` the share of
    posts above their creator's ordinary 90th percentile (0.1 by chance). `score` is 0 to 100. `posts`: post_id,
    creator_id, platform, format, metric, age_days, ratio (+ low, high), breakout (probability), matched (n).
    """

    brand: str
    campaign: str
    effect: Interval
    against_sponsored: Interval | None
    breakouts: Interval
    score: float
    verdict: Text
    creators: int
    unmatched: int
    posts: pl.DataFrame
    provenance: Provenance
    level: float = LEVEL
    explanation: Explanation = EXPLANATION

    def as_dict(self) -> dict[str, Any]:
        """The `--json` shape."""
        return {
            "brand": self.brand,
            "campaign": self.campaign,
            "effect": self.effect.as_dict(),
            "against_sponsored": self.against_sponsored.as_dict() if self.against_sponsored else None,
            "breakouts": self.breakouts.as_dict(),
            "score": self.score,
            "verdict": {"zh": self.verdict.zh, "en": self.verdict.en},
            "level": self.level,
            "creators": self.creators,
            "unmatched": self.unmatched,
            "posts": _json_rows(self.posts),
            "provenance": self.provenance.as_dict(),
        }


@dataclass(frozen=True)
class Effect:
    """A mean log effect over creators: `mean`, its standard `error`, degrees of freedom, sd between creators `tau`."""

    mean: float
    error: float
    degrees: int
    tau: float

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        half = float(student.ppf(0.5 + level / 2, max(self.degrees, 1))) * self.error
        return self.mean - half, self.mean + half


def case_score(tables: Tables, *, brand: str = "", campaign: str = "", window_days: int = WINDOW_DAYS) -> CaseScore:
    """Score a campaign, a brand's posts, or (neither named) all sponsored posts of the workspace.

    Parameters: `brand` and `campaign` as `placements` (or posts, for the brand) name them; `window_days` on either
    side of a post in which its creator's ordinary posts are matched. Raises MeasureError where no such post is there,
    or none can be matched.
    """
    with shared_reads():
        posts = _posts(tables)
        chosen = _chosen(tables, posts, brand, campaign)
        matched = matched_posts(posts.with_columns(pl.col("post_id").is_in(chosen).alias("treated")), window_days)
    if matched.is_empty():
        raise MeasureError(
            f"none of {len(chosen)} posts has {LEAST_MATCHED} ordinary posts of its creator beside it",
            mend="ingest more of the creators' ordinary posts, or widen the window",
        )
    own = effect_of(matched.filter("treated"))
    rest = matched.filter(~pl.col("treated"))
    others = effect_of(rest) if rest["creator_id"].n_unique() >= 5 else None
    against = _against(own, others)
    breakouts = _breakouts(matched.filter("treated"))
    rows = matched.filter("treated")
    reference = others.mean if others else 0.0
    error = float(np.hypot(own.error, others.error if others else 0.0))
    score = 100.0 * float(student.cdf((own.mean - reference) / max(error, 1e-9), max(own.degrees, 1)))
    low, high = own.interval()
    return CaseScore(
        brand=brand,
        campaign=campaign,
        effect=Interval(*(float(np.exp(v)) for v in (own.mean, low, high))),
        against_sponsored=against,
        breakouts=breakouts,
        score=score,
        verdict=_verdict(Interval(own.mean, low, high), against, breakouts),
        creators=rows["creator_id"].n_unique(),
        unmatched=len(chosen) - rows.height,
        posts=rows.select(
            "post_id", "creator_id", "platform", "format", "metric", "age_days",
            pl.col("delta").exp().alias("ratio"),
            (pl.col("delta") - 1.6449 * pl.col("error")).exp().alias("low"),
            (pl.col("delta") + 1.6449 * pl.col("error")).exp().alias("high"),
            "breakout", "matched",
        ).sort("ratio", "post_id", descending=[True, False]),
        provenance=tables.provenance(),
    )  # fmt: skip


def _posts(tables: Tables) -> pl.DataFrame:
    """All dated posts with y (log count at 30 days) and spread, in views where the platform's ordinary posts show them,
    else in likes; `paid` marks sponsored posts and placements."""
    placed: pl.DataFrame = tables.frame(tables["placements"].select("post_id").distinct())
    parts, taken = [], set[str]()
    for metric in ("views", "likes"):
        mine = mature(latest_posts(tables, metric), fitted_growth(tables, metric, None)).filter(
            pl.col("published_at").is_not_null() & (pl.col("age_days") >= LEAST_AGE_DAYS)
        )
        # Where posts are often floors ("10万+"), those with a count are the poor ones: no comparison can be fair.
        floors = pl.col("censored").mean().over("creator_id", "format")
        mine = mine.filter((floors <= MOST_FLOORS) & ~pl.col("censored"))
        mine = mine.with_columns(
            (pl.col("sponsored") | pl.col("post_id").is_in(placed["post_id"].to_list())).alias("paid"),
            pl.lit(metric).alias("metric"),
        )
        shown = {p for (p,) in mine.filter(~pl.col("paid")).select("platform").unique().iter_rows()} - taken
        parts.append(mine.filter(pl.col("platform").is_in(sorted(shown))))
        taken |= shown
    columns = [
        "post_id",
        "creator_id",
        "platform",
        "format",
        "published_at",
        "age_days",
        "metric",
        "paid",
        "y",
        "spread",
    ]
    return pl.concat([p.select(columns) for p in parts])


def _chosen(tables: Tables, posts: pl.DataFrame, brand: str, campaign: str) -> list[str]:
    if not brand and not campaign:
        return posts.filter("paid")["post_id"].to_list()
    placements, written = tables["placements"], tables["posts"]
    said = placements.filter(placements.post_id != "")
    if campaign:
        said = said.filter(said.campaign_id.strip().lower() == campaign.strip().lower())
    if brand:
        said = said.filter(said.brand.strip().lower() == brand.strip().lower())
    frame: pl.DataFrame = tables.frame(said.select("post_id").distinct())
    found = set(frame["post_id"].to_list())
    if brand and not campaign:
        own = written.filter(written.brand.strip().lower() == brand.strip().lower(), written.sponsored)
        more: pl.DataFrame = tables.frame(own.select("post_id"))
        found |= set(more["post_id"].to_list())
    if not found:
        named = " ".join(n for n in (brand, campaign) if n)
        raise MeasureError(
            f"no published post of '{named}' is known", mend="ingest placements, or posts with their brand"
        )
    return sorted(found)


def matched_posts(posts: pl.DataFrame, window_days: int) -> pl.DataFrame:
    """Every paid post that has matches, with delta, error (of delta), noise (variance of one ordinary post), breakout
    (probability) and matched (n).

    Parameters: `posts` as read, with `treated` (of the campaign in question). Week effects of each platform come from
    ordinary posts alone.
    """
    posts = _without_weeks(posts)
    plain = posts.filter(~pl.col("paid"))
    key = ["creator_id", "format"]
    sides = posts.filter("paid").join(
        plain.select(
            *key, pl.col("published_at").alias("at"), pl.col("y").alias("y_plain"), pl.col("spread").alias("s_plain")
        ),
        on=key,
    )
    window = dt.timedelta(days=window_days)
    near = sides.filter((pl.col("at") - pl.col("published_at")).abs() <= window)
    pooled = plain.filter(pl.len().over(key) >= 2)
    off = pooled.select((pl.col("y") - pl.col("y").mean().over(key)).pow(2).sum().alias("ss"), pl.len().alias("n"))
    groups = pooled.select(key).n_unique()
    common = float(off["ss"][0] or 0.0) / max(int(off["n"][0]) - groups, 1) if pooled.height else 0.5
    done = near.group_by("post_id").agg(
        pl.col("creator_id", "platform", "format", "metric", "age_days", "treated", "y", "spread").first(),
        pl.col("y_plain").mean().alias("usual"),
        (pl.col("y_plain") - pl.col("y_plain").mean()).pow(2).sum().alias("ss"),
        pl.len().alias("matched"),
    )
    noise = (_SPREAD_POSTS * common + pl.col("ss")) / (_SPREAD_POSTS + pl.col("matched") - 1)
    done = done.filter(pl.col("matched") >= LEAST_MATCHED).with_columns(
        (pl.col("y") - pl.col("usual")).alias("delta"), noise.alias("noise")
    )
    unsure = (pl.col("spread") + pl.col("noise") / pl.col("matched")).sqrt()
    done = done.with_columns(unsure.alias("error")).sort("post_id")
    n, v = done["matched"].to_numpy(), done["noise"].to_numpy()
    # The bar is that of a new ordinary post: level and spread of the matched ones are estimates themselves.
    bar = student.ppf(0.9, _SPREAD_POSTS + n - 1) * np.sqrt(v * (1.0 + 1.0 / n))
    above = (done["delta"].to_numpy() - bar) / np.sqrt(np.maximum(done["spread"].to_numpy(), 1e-9))
    return done.with_columns(pl.Series("breakout", norm.cdf(above), dtype=pl.Float64)).drop("ss", "usual")


def _without_weeks(posts: pl.DataFrame) -> pl.DataFrame:
    """Take out of y what ordinary posts of the platform did in the post's week, shrunk where they are few.

    Creators' levels and weeks are fitted in turn: a creator whose posts all fall into one good week is not good for it.
    """
    cell = ["platform", "metric", "week"]
    week = posts.with_columns(pl.col("published_at").dt.truncate("1w").alias("week"))
    plain = week.filter(~pl.col("paid")).with_columns(pl.lit(0.0).alias("shift"))
    share = pl.len().over(cell) / (pl.len().over(cell) + _WEEK_POSTS)
    for _ in range(_ROUNDS):
        left = pl.col("y") - pl.col("shift")
        plain = plain.with_columns((pl.col("y") - left.mean().over("creator_id", "format")).alias("off"))
        plain = plain.with_columns((pl.col("off").mean().over(cell) * share).alias("shift"))
    moved = plain.group_by(cell).agg(pl.col("shift").first())
    joined = week.join(moved, on=cell, how="left", maintain_order="left")
    return joined.with_columns(pl.col("y") - pl.col("shift").fill_null(0.0)).drop("week", "shift")


def effect_of(matched: pl.DataFrame) -> Effect:
    """Random effects over creators (columns creator_id, delta, noise, matched, spread)."""
    per = (
        matched.group_by("creator_id")
        .agg(
            pl.col("delta").mean(),
            ((pl.col("noise") + pl.col("spread")).sum() / pl.len() ** 2 + (pl.col("noise") / pl.col("matched")).mean())
            .alias("v"),
        )
        .sort("creator_id")
    )  # fmt: skip
    d, v = per["delta"].to_numpy(), np.maximum(per["v"].to_numpy(), 1e-6)
    k = d.size
    if k == 1:
        return Effect(float(d[0]), float(np.sqrt(v[0])), 30, 0.0)
    w = 1.0 / v
    fixed = float((w * d).sum() / w.sum())
    q, c = float((w * (d - fixed) ** 2).sum()), float(w.sum() - (w**2).sum() / w.sum())
    tau2 = max(0.0, (q - (k - 1)) / c) if c > 0 else 0.0
    w = 1.0 / (v + tau2)
    mean = float((w * d).sum() / w.sum())
    # Never below the plain random-effects error: few creators that happen to agree would make it absurdly small.
    knapp = float((w * (d - mean) ** 2).sum()) / ((k - 1) * float(w.sum()))
    return Effect(mean, float(np.sqrt(max(knapp, 1.0 / float(w.sum())))), k - 1, float(np.sqrt(tau2)))


def _against(own: Effect, others: Effect | None) -> Interval | None:
    if others is None:
        return None
    difference = own.mean - others.mean
    half = float(student.ppf(0.5 + LEVEL / 2, max(own.degrees, 1))) * float(np.hypot(own.error, others.error))
    return Interval(*(float(np.exp(v)) for v in (difference, difference - half, difference + half)))


def _breakouts(rows: pl.DataFrame) -> Interval:
    """The expected share of posts that broke out, with a Wilson interval at as many posts as there are creators: posts
    of one creator do not count as independent."""
    share, n = float(rows["breakout"].mean() or 0.0), rows["creator_id"].n_unique()  # type: ignore[arg-type]
    z = 1.6449
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * float(np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))) / (1 + z**2 / n)
    return Interval(share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)))


def _verdict(effect: Interval, against: Interval | None, breakouts: Interval) -> Text:
    if effect.low > 0.0:
        zh, en = "好案例：表现高于同一批达人的日常作品", "A good case: above the same creators' ordinary posts"
    elif against is not None and against.low > 1.0:
        zh, en = "高于其他商单，但未高于日常作品", "Above other sponsored posts, though not above ordinary ones"
    elif effect.high < 0.0 and (against is None or against.high < 1.0):
        zh, en = (
            "低于日常作品，也低于其他商单" if against else "低于日常作品",
            ("Below ordinary posts and below other sponsored ones" if against else "Below ordinary posts"),
        )
    elif effect.high < 0.0:
        zh, en = "低于日常作品，与一般商单相当", "Below ordinary posts, as sponsored posts usually are"
    else:
        zh, en = "与日常作品没有可辨的差别", "No difference from ordinary posts can be told"
    if breakouts.low > 0.1:
        zh, en = (
            f"{zh}；爆款比例 {breakouts.value:.0%}，高于机会",
            f"{en}; break-outs {breakouts.value:.0%}, more than by chance",
        )
    return Text(f"{zh}。", f"{en}.")
