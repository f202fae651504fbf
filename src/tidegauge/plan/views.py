"""How many views (or engagements) a creator's next post in a format will get, with an interval.

A hierarchical model on the log scale, fitted to the workspace per platform: log count = platform line in log followers
+ format + creator + creator within format + noise. A creator with posts of the format is judged by them, shrunk to the
line by how noisy they are; one with other posts borrows from those; one with none gets the line. Counts are corrected
to the age of 30 days by the platform's own growth curve. The figure returned is the *expected* count of one post (the
mean of the log-normal predictive distribution), since reach adds up over a roster; the interval is that of one post.

Reference: partial pooling as in Gelman & Hill (2007), Data Analysis Using Regression and Multilevel Models, ch. 12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tidegauge.reference import facts

Float = NDArray[np.float64]

#: The age at which a post counts as grown, in days.
GROWN_DAYS = 30.0
#: Predictive spread (log scale) beyond this does not raise the mean any more: a log-normal mean explodes with it.
MAX_SD_IN_MEAN = 1.0
#: 90 % of a normal distribution lies within this many standard deviations.
Z90 = 1.6449
#: Prior of the slope of log views on log followers: below 1, since reach per follower falls with size.
SLOPE_PRIOR, SLOPE_SD = 0.8, 0.2
#: Spreads assumed where the workspace has too little to estimate them (log scale).
NOISE_SD, CREATOR_SD = 0.9, 0.8
#: The part of a creator's deviation that all of its formats share, where it cannot be estimated.
SHARED = 0.7


@dataclass(frozen=True)
class Line:
    """The fit of one platform: mean log count = intercept + slope · (log followers − centre) + format offset."""

    intercept: float
    slope: float
    centre: float
    followers_sd: float
    formats: dict[str, float]
    noise_var: float
    creator_var: float
    fit_var: float
    cells: int


def half_life_days(posts: pl.DataFrame, metric: str) -> dict[str, float]:
    """Days after which half of a post's final count is there, per platform.

    Estimated within creators: young posts against the median of the same creator's grown ones; the half-life with the
    least median error of the log ratio wins. Where the workspace cannot tell, the cited figure; else two days.
    """
    found = dict.fromkeys(posts.get_column("platform").unique().to_list(), 2.0)
    cited = facts().filter(pl.col("topic") == "half_life").select("platform", "value_low").to_dicts()
    found |= {r["platform"]: r["value_low"] / 1440 for r in cited if r["platform"] in found}
    known = posts.filter(pl.col(metric) > 0).with_columns(pl.col(metric).log().alias("y"))
    grown = (
        known.filter(pl.col("age_days") >= GROWN_DAYS)
        .group_by("creator_id", "format")
        .agg(pl.col("y").median().alias("grown"), pl.len().alias("n"))
        .filter(pl.col("n") >= 3)
    )
    young = known.filter(pl.col("age_days") < GROWN_DAYS).join(grown, on=["creator_id", "format"])
    grid = np.exp(np.linspace(np.log(0.05), np.log(20), 60))
    for platform, rows in young.group_by("platform"):
        if rows.height >= 50:
            age, drop = rows["age_days"].to_numpy(), (rows["y"] - rows["grown"]).to_numpy()
            loss = [float(np.median(np.abs(drop - np.log(_grown_share(age, h))))) for h in grid]
            found[str(platform[0])] = float(grid[int(np.argmin(loss))])
    return found


def _grown_share(age_days: Float, half_life: Float | float) -> Float:
    share: Float = (1 - 2 ** (-age_days / half_life)) / (1 - 2 ** (-GROWN_DAYS / half_life))
    return np.clip(share, 0.2, 1.0)


def cells_of(posts: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Per creator and format: mean (median-of-logs) and number of grown-up log counts.

    Columns: creator_id, platform, format, y, n, spread (sum of squared deviations), floor (share of censored posts).
    """
    known = posts.filter(pl.col(metric).is_not_null())
    if known.is_empty():
        kinds = {"creator_id": pl.String, "platform": pl.String, "format": pl.String, "y": pl.Float64}
        return pl.DataFrame(schema=kinds | {"n": pl.UInt32, "spread": pl.Float64, "floor": pl.Float64})
    lives = half_life_days(known, metric)
    life = known.get_column("platform").replace_strict(lives, return_dtype=pl.Float64).to_numpy()
    age = known.get_column("age_days").to_numpy()
    share = _grown_share(age, life)
    y = known.with_columns(pl.Series("y", np.log1p(known.get_column(metric).to_numpy() / share)))
    return (
        y.group_by("creator_id", "platform", "format")
        .agg(
            pl.col("y").median(),
            pl.len().alias("n"),
            ((pl.col("y") - pl.col("y").median()) ** 2).sum().alias("spread"),
            pl.col("censored").mean().alias("floor"),
        )
        .sort("creator_id", "format")
    )


def fit_line(cells: pl.DataFrame) -> Line | None:
    """Fit one platform's line to its cells (with column `log_followers`, null where not known); None without cells."""
    rows = cells.filter(pl.col("y").is_finite())
    if rows.is_empty():
        return None
    y, n = rows["y"].to_numpy(), rows["n"].to_numpy().astype(np.float64)
    many = rows.filter(pl.col("n") >= 3)
    # The prior counts as 20 posts, so that a handful of posts cannot claim that there is no noise.
    noise = (float(many["spread"].sum()) + 20 * NOISE_SD**2) / (float(many["n"].sum()) - many.height + 20)
    x_all = rows["log_followers"].to_numpy()
    seen = np.isfinite(x_all)
    centre = float(np.median(x_all[seen])) if seen.any() else 0.0
    spread_x = float(np.std(x_all[seen])) if seen.sum() > 2 else 2.0
    x = np.where(seen, x_all - centre, 0.0)
    names = sorted(rows["format"].unique().to_list())
    index = {f: i for i, f in enumerate(names)}
    design = np.zeros((len(y), 2 + len(names)))
    design[:, 0], design[:, 1] = 1.0, x
    design[np.arange(len(y)), 2 + np.array([index[f] for f in rows["format"]])] = 1.0
    prior = np.concatenate([[1e-4, 1 / SLOPE_SD**2], np.full(len(names), 1 / 0.7**2)])
    pull = np.concatenate([[0.0, SLOPE_PRIOR / SLOPE_SD**2], np.zeros(len(names))])
    between = CREATOR_SD**2
    for _ in range(4):
        weight = 1 / (between + 1.57 * noise / n)  # a median is 1.57 times as noisy as a mean
        resid_scale = np.ones(len(y))
        for _ in range(3):  # Huber weights: one viral account must not bend the line
            w = weight * resid_scale
            gram = design.T @ (design * w[:, None]) + np.diag(prior)
            beta = np.linalg.solve(gram, design.T @ (w * y) + pull)
            z = np.abs(y - design @ beta) * np.sqrt(weight)
            resid_scale = np.minimum(1.0, 2.0 / np.maximum(z, 1e-9))
        moment = float(np.average((y - design @ beta) ** 2 - 1.57 * noise / n, weights=resid_scale))
        between = max(0.05, (moment * len(y) + 10 * CREATOR_SD**2) / (len(y) + 10))
    fit_var = float(np.linalg.inv(gram)[0, 0]) if len(y) > 2 else between
    formats = {f: float(beta[2 + i]) for f, i in index.items()}
    return Line(float(beta[0]), float(beta[1]), centre, spread_x, formats, noise, between, min(fit_var, 4.0), len(y))


def predict(cells: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Log mean and spread of the next post for every wanted creator and format.

    `wanted`: creator_id, platform, format, followers. Returns it with mu, sd (log scale, null where the platform has no
    posts at all), n (posts of the format), n_all (posts of any format), floor.
    """
    logs = wanted.select("creator_id", pl.col("followers").cast(pl.Float64).log1p().alias("log_followers"))
    cells = cells.join(logs.unique("creator_id"), on="creator_id", how="left", maintain_order="left")
    parts = []
    for key, rows in wanted.with_row_index("_row").group_by("platform", maintain_order=True):
        own = cells.filter(pl.col("platform") == key[0])
        line = fit_line(own)
        if line is not None:
            parts.append(_posterior(own, rows, line))
    columns = ["_row", "mu", "sd", "n", "n_all", "floor"]
    if not parts:
        empty = pl.DataFrame(schema=dict(zip(columns, [pl.UInt32, *[pl.Float64] * 5], strict=True)))
        return wanted.with_row_index("_row").join(empty, on="_row", how="left", maintain_order="left").drop("_row")
    found = pl.concat(parts).select(columns)
    return wanted.with_row_index("_row").join(found, on="_row", how="left", maintain_order="left").drop("_row")


def _expected(frame: pl.DataFrame, line: Line) -> tuple[Float, Float]:
    """Mean by the platform's line, and the variance that unknown followers add."""
    x = frame["followers"].cast(pl.Float64).log1p().to_numpy()
    seen = np.isfinite(x)
    offset = np.array([line.formats.get(f, 0.0) for f in frame["format"]])
    mean = line.intercept + line.slope * np.where(seen, x - line.centre, 0.0) + offset
    return mean, np.where(seen, 0.0, (line.slope * line.followers_sd) ** 2)


def _posterior(cells: pl.DataFrame, wanted: pl.DataFrame, line: Line) -> pl.DataFrame:
    named = cells.with_columns((pl.col("log_followers").exp() - 1).alias("followers"))
    mean, _ = _expected(named, line)
    resid = named["y"].to_numpy() - mean
    shared, own = SHARED * line.creator_var, (1 - SHARED) * line.creator_var
    precision = 1 / (own + 1.57 * line.noise_var / named["n"].to_numpy())
    by_cell = named.select("creator_id", "format", "n", "floor").with_columns(
        pl.Series("resid", resid), pl.Series("precision", precision)
    )
    by_creator = by_cell.group_by("creator_id").agg(
        (pl.col("resid") * pl.col("precision")).sum().alias("pull"),
        pl.col("precision").sum().alias("information"),
        pl.col("n").sum().alias("n_all"),
    )
    rows = wanted.join(by_creator, on="creator_id", how="left", maintain_order="left").join(
        by_cell.drop("precision"), on=["creator_id", "format"], how="left", maintain_order="left"
    )
    base, loose = _expected(rows, line)
    info = rows["information"].fill_null(0.0).to_numpy()
    creator_var = 1 / (1 / shared + info)
    creator = creator_var * rows["pull"].fill_null(0.0).to_numpy()
    n = rows["n"].fill_null(0).to_numpy().astype(np.float64)
    cell_noise = 1.57 * line.noise_var / np.maximum(n, 1)
    trust = np.where(n > 0, own / (own + cell_noise), 0.0)
    cell = trust * (rows["resid"].fill_null(0.0).to_numpy() - creator)
    # Unknown followers loosen only those who have no posts to be judged by.
    var = line.noise_var + (1 - trust) * own + creator_var + np.where(info > 0, 0.0, loose + line.fit_var)
    return rows.select("_row").with_columns(
        pl.Series("mu", base + creator + cell),
        pl.Series("sd", np.sqrt(var)),
        pl.Series("n", n),
        rows["n_all"].fill_null(0).cast(pl.Float64),
        rows["floor"].fill_null(0.0).cast(pl.Float64),
    )


def as_counts(mu: pl.Expr, sd: pl.Expr) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """Expected count, and the 5 % and 95 % quantiles of one post, from log mean and spread."""
    capped = pl.min_horizontal(sd, pl.lit(MAX_SD_IN_MEAN))
    return (mu + capped**2 / 2).exp(), (mu - Z90 * sd).exp(), (mu + Z90 * sd).exp()
