"""Do emotional titles bring more views than the same creator's plain ones? Fixed effects, cluster-robust intervals.

    y = creator × format + platform × week + Σ β_k feature_k + controls + noise

y is the log count brought to 30 days (`post_scores`). Only what differs between posts of one creator in one format is
compared, so that what creators who write so get anyway is out. Words come from the package's own lists
(`reference.words("emotion")`; classes after Ekman's, with being moved and awe set apart); general-purpose sentiment
libraries were left out: the light ones are trained on shopping reviews and no longer kept up.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from tidegauge.creators.post_scores import post_scores
from tidegauge.reference import word_pattern, words
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]
Int = NDArray[np.int64]

EMOTIONS = tuple(words("emotion"))
MARKS = {"exclaims": "[!！]", "asks": "[?？]", "counts": "[0-9]"}
_CONTROLS = ("sponsored", "log_age")
_SWEEPS, _FEWEST_POSTS, _FEWEST_CLUSTERS = 25, 20, 10
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "feature": pl.String, "platform": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "p": pl.Float64, "p_holm": pl.Float64, "n": pl.Int64, "posts": pl.Int64, "clusters": pl.Int64,
}  # fmt: skip


def emotion_effects(tables: Tables, *, as_of: dt.datetime | None = None) -> pl.DataFrame:
    """The effect of emotion and form of a title on a post's count, beyond creator, format, age, week and sponsorship.

    Returns feature ("emotional": any emotion; joy, moved, awe, anger, sadness, fear; exclaims, asks, counts), platform
    ("all", and each platform for "emotional"), value (relative effect: 0.1 is 10 % more), low, high (90 %,
    cluster-robust by person, CR1 with G − 1 degrees of freedom), p (two-sided), p_holm (Holm's correction over the
    features tested on "all", over the platforms on each), n (posts with the feature), posts, clusters. Features with
    under twenty posts, and platforms with under ten clusters, are left out; empty where nothing can be compared.

    "emotional" is a model of its own, emotions are fitted jointly, marks jointly: an exclamation mark is a part of
    emotional speech and must not take its effect away. It is an association within creators: they may choose emotional
    words for what they expect to do well. References: Cameron and Miller (2015), J. Human Resources 50; Holm (1979),
    Scandinavian J. Statistics 6.
    """
    scores = post_scores(tables, as_of=as_of).filter(~pl.col("censored"))
    frame = scores.join(title_features(tables), on="post_id").sort("creator_id", "post_id")
    people: pl.DataFrame = tables.frame(tables["creators"].select("creator_id", "person_id"))
    frame = frame.join(people, on="creator_id", how="left", maintain_order="left").with_columns(
        pl.coalesce("person_id", "creator_id").alias("cluster")
    )
    often = [c for c in (*EMOTIONS, *MARKS) if frame.get_column(c).sum() >= _FEWEST_POSTS]
    models = (["emotional"], [c for c in often if c in EMOTIONS], [c for c in often if c in MARKS])
    found = [_holm([row for names in models for row in _fitted(frame, names, "all")])]
    platforms = frame.get_column("platform").unique().sort().to_list()
    found.append(_holm([row for p in platforms for row in _fitted(frame.filter(platform=p), ["emotional"], p)]))
    return pl.concat(found)


def title_features(tables: Tables) -> pl.DataFrame:
    """One row per post with a title: post_id, `EMOTIONS`, `MARKS` and "emotional" (any emotion), as booleans."""
    posts = tables["posts"]
    titled = posts.filter(posts.title.notnull() & posts.creator_id.notnull())
    low = titled.title.lower()
    flags = {e: low.re_search(word_pattern("emotion", e)) for e in EMOTIONS}
    flags |= {m: low.re_search(pattern) for m, pattern in MARKS.items()}
    frame: pl.DataFrame = tables.frame(titled.select("post_id", **flags))
    return frame.with_columns(pl.any_horizontal(EMOTIONS).alias("emotional"))


@dataclass(frozen=True)
class _Fit:
    beta: Float
    se: Float
    clusters: int


def _fitted(frame: pl.DataFrame, names: list[str], platform: str) -> list[dict[str, object]]:
    if not names or frame.height < _FEWEST_POSTS or frame.get_column(names[0]).sum() < _FEWEST_POSTS:
        return []
    if frame.get_column("cluster").n_unique() < _FEWEST_CLUSTERS:
        return []
    design = frame.select(pl.col(*names, *_CONTROLS).cast(pl.Float64)).to_numpy()
    codes = [_codes(frame, *c) for c in (("creator_id", "format"), ("platform", "week"))]
    fit = within_effects(frame.get_column("y").to_numpy(), design, codes, _codes(frame, "cluster"))
    freedom = max(fit.clusters - 1, 1)
    half = float(stats.t.ppf(0.95, freedom))
    out: list[dict[str, object]] = []
    for name, beta, se in zip(names, fit.beta, fit.se, strict=False):
        if not (np.isfinite(se) and se > 0):
            continue
        low, high = np.expm1(np.clip([beta - half * se, beta + half * se], -20, 20))
        p = float(2 * stats.t.sf(abs(beta) / se, freedom))
        n = int(frame.get_column(name).sum())
        out.append({"feature": name, "platform": platform, "value": float(np.expm1(beta)), "low": float(low),
                    "high": float(high), "p": p, "n": n, "posts": frame.height, "clusters": fit.clusters})  # fmt: skip
    return out


def within_effects(y: Float, design: Float, groups: list[Int], cluster: Int) -> _Fit:
    """Least squares after sweeping out group means in turn (alternating projections), CR1 standard errors.

    Parameters: `y` (n); `design` (n, k); `groups` codes of the fixed effects, each (n); `cluster` (n) codes. A column
    without variation inside the groups gets an infinite standard error.
    """
    both = np.column_stack([y, design])
    both = both - both.mean(axis=0)
    for _ in range(_SWEEPS):
        before = both.copy()
        for g in groups:
            size = np.maximum(np.bincount(g), 1)
            for j in range(both.shape[1]):
                both[:, j] -= (np.bincount(g, both[:, j]) / size)[g]
        if np.max(np.abs(both - before)) < 1e-8:
            break
    target, x = both[:, 0], both[:, 1:]
    # Tails are cut at six robust deviations: views have accidents that no title explains.
    cut = 6 * 1.4826 * float(np.median(np.abs(target))) + 1e-9
    target = np.clip(target, -cut, cut)
    usable = x.var(axis=0) > 1e-10
    beta, se = np.zeros(x.shape[1]), np.full(x.shape[1], np.inf)
    clusters = int(cluster.max()) + 1
    if usable.any():
        live = x[:, usable]
        bread = np.linalg.pinv(live.T @ live)
        beta[usable] = bread @ (live.T @ target)
        residual = target - x @ beta
        scores = np.stack([np.bincount(cluster, live[:, j] * residual) for j in range(live.shape[1])], axis=1)
        n, k = len(y), int(usable.sum()) + len(np.unique(groups[-1]))
        factor = clusters / max(clusters - 1, 1) * (n - 1) / max(n - k, 1)
        se[usable] = np.sqrt(np.maximum(np.diag(factor * bread @ (scores.T @ scores) @ bread), 0.0))
    return _Fit(beta, se, clusters)


def _codes(frame: pl.DataFrame, *columns: str) -> Int:
    return frame.select(pl.struct(columns).rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()


def _holm(rows: list[dict[str, object]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, schema={k: v for k, v in _SCHEMA.items() if k != "p_holm"})
    place = pl.col("p").rank("ordinal")
    stepped = (pl.col("p") * (pl.len() - place + 1)).clip(upper_bound=1.0)
    ordered = frame.with_columns(stepped.alias("p_holm")).with_row_index("row").sort("p")
    return ordered.with_columns(pl.col("p_holm").cum_max()).sort("row").select(list(_SCHEMA))
