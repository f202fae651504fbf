"""How many different people a set of creators has, from samples of their commenters: the union, not pairs alone.

    persons = Σ_c N_c · E[1 / (1 + X_c)],   X_c = how many others of the set a person of c's audience is with, too

Every person is counted once for each audience it is in, and weighs one over their number (multiplicity estimator). N_c
is Chao's size; the mean of X_c is what the pairs say (`overlap.audience_overlap`), so that two creators have exactly
N_a + N_b − K; its shape is a sum of chances that a person's own liking moves together (gamma, mean one), as far as the
people who were seen with three creators ask for it. E[1 / (1 + X)] = ∫₀¹ E[t^X] dt, an exact quadrature.

References: Sirken (1970), J. Amer. Statist. Assoc. 65, and Mecatti (2007), Survey Methodology 33 (multiplicity); Chao
(1984), Scandinavian J. Statist. 11 (sizes); Efron (1979), Ann. Statist. 7 (bootstrap).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import gamma

from tidegauge.creators.overlap import commenters, sizes
from tidegauge.errors import MeasureError
from tidegauge.workspace.tables import Tables

Float = NDArray[np.float64]

MOST_CREATORS = 60
_DRAWS = 300
#: Chao's number of people not seen is a lower bound: it falls short where some hardly ever comment. Beyond sampling
#: its log strays per creator (sd), and for all creators of a set together (mean and sd; assumed).
_SIZE_SD, _SHORT_MEAN, _SHORT_SD = 0.2, 0.2, 0.3
#: Where hardly anyone was seen with three creators, people's liking is held alike: worth so many such people.
_PRIOR_TRIPLES = 3.0
_MOST_SPREAD = 8.0
_LIKING_NODES = (np.arange(8) + 0.5) / 8
_NODES, _WEIGHTS = (a / 2 for a in np.polynomial.legendre.leggauss(MOST_CREATORS // 2 + 1))
_ROWS: dict[str, pl.DataType | type[pl.DataType]] = {
    "creator_id": pl.String, "persons": pl.Float64, "low": pl.Float64, "high": pl.Float64, "alone": pl.Float64,
    "alone_low": pl.Float64, "alone_high": pl.Float64, "n": pl.Int64,
}  # fmt: skip


@dataclass(frozen=True)
class AudienceUnion:
    """Different people in the commenting audiences of a set.

    persons (with its 90 % interval low, high), summed (the audiences added up, people in several counted as often),
    seen (different people in the samples), `rows`: per creator with a sample its persons, low, high, alone (people whom
    no other creator of the set has), alone_low, alone_high, n (seen); `unsampled`: creators without a sample, whose
    audience is not in the figures.
    """

    persons: float
    low: float
    high: float
    summed: float
    seen: int
    rows: pl.DataFrame
    unsampled: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """JSON-ready."""
        plain = {k: getattr(self, k) for k in ("persons", "low", "high", "summed", "seen")}
        return {**plain, "rows": self.rows.to_dicts(), "unsampled": list(self.unsampled)}


def audience_union(tables: Tables, creators: list[str], *, seed: int = 0) -> AudienceUnion:
    """Different people whom the commenting audiences of `creators` (up to 60) hold together.

    Consistent with `audience_overlap`: a pair has the sum of its sizes less the persons in both. Interval: bootstrap
    over the people seen (sizes, pairs and triples together), and what Chao's sizes, which are lower bounds, may miss:
    the high end reaches further than the low one. They are people who comment, a part of those who watch; machines
    that comment count as people. Raises MeasureError for more creators than that.
    """
    names = list(dict.fromkeys(creators))
    if len(names) > MOST_CREATORS:
        raise MeasureError(
            f"the audiences of {len(names)} creators are asked for", mend=f"ask for at most {MOST_CREATORS}"
        )
    frame = commenters(tables, names) if names else pl.DataFrame(schema={"creator_id": pl.String})
    known = sizes(frame).sort("creator_id") if frame.height else frame.select("creator_id")
    unsampled = tuple(n for n in names if n not in set(known.get_column("creator_id")))
    if known.is_empty():
        return AudienceUnion(0.0, 0.0, 0.0, 0.0, 0, pl.DataFrame(schema=_ROWS), unsampled)
    ids = known.get_column("creator_id").to_list()
    kinds, often = _kinds(frame, ids)
    rng = np.random.default_rng(seed)
    size, union, alone = _estimate(kinds, often, np.zeros(len(ids)), 0.0)
    draws = [_draw(kinds, often, rng) for _ in range(_DRAWS)]
    ends = [np.quantile(np.stack([d[k] for d in draws]), [0.05, 0.95], axis=0) for k in range(3)]
    seen = frame.get_column("audience_key").n_unique()
    rows = known.select("creator_id", pl.col("n").cast(pl.Int64)).with_columns(
        pl.Series("persons", size), pl.Series("low", np.minimum(ends[0][0], size)),
        pl.Series("high", np.maximum(ends[0][1], size)), pl.Series("alone", alone),
        pl.Series("alone_low", np.minimum(ends[2][0], alone)), pl.Series("alone_high", np.maximum(ends[2][1], alone)),
    )  # fmt: skip
    low, high = max(float(ends[1][0]), float(seen)), float(ends[1][1])
    persons = max(float(union), float(seen))
    return AudienceUnion(
        persons, min(low, persons), max(high, persons), float(size.sum()), seen, rows.select(list(_ROWS)), unsampled
    )


@dataclass(frozen=True)
class _Kinds:
    """People alike in what was seen of them (k kinds): with which creators (k × c), and there once or twice."""

    seen: Float
    once: Float
    twice: Float


def _kinds(frame: pl.DataFrame, ids: list[str]) -> tuple[_Kinds, Float]:
    """Kinds of people, and how many of each were seen (k)."""
    number = pl.DataFrame({"creator_id": ids}).with_row_index("c")
    marked = frame.join(number, on="creator_id").select(
        "audience_key", code=pl.col("c").cast(pl.Int64) * 4 + pl.col("times").clip(upper_bound=3)
    )
    kinds = marked.sort("audience_key", "code").group_by("audience_key").agg("code").group_by("code").len("people")
    kinds = kinds.sort("people", "code", descending=[True, False]).with_row_index("kind")
    flat = kinds.explode("code")
    kind, code = flat.get_column("kind").to_numpy(), flat.get_column("code").to_numpy()
    tables = np.zeros((3, kinds.height, len(ids)))
    tables[0][kind, code // 4] = 1.0
    for times in (1, 2):
        mine = code % 4 == times
        tables[times][kind[mine], code[mine] // 4] = 1.0
    return _Kinds(*tables), kinds.get_column("people").to_numpy().astype(np.float64)


def _draw(kinds: _Kinds, often: Float, rng: np.random.Generator) -> tuple[Float, float, Float]:
    """One bootstrap sample of people; sizes stray besides, each on its own and all together, rather upwards."""
    own = np.asarray(rng.standard_normal(kinds.seen.shape[1]), dtype=np.float64)
    size_log = np.asarray(_SIZE_SD * own + _SHORT_MEAN + _SHORT_SD * float(rng.standard_normal()))
    # Nobody seen in two audiences does not mean that nobody is: half a person more in all (Jeffreys).
    return _estimate(kinds, rng.poisson(often).astype(np.float64), size_log, float(rng.gamma(0.5)))


def _estimate(kinds: _Kinds, often: Float, size_log: Float, more: float) -> tuple[Float, float, Float]:
    """Sizes (c), the union, and people whom each creator has alone (c), from how often each kind of person was seen."""
    weighted = often[:, None] * kinds.seen
    seen = np.maximum(weighted.sum(axis=0), 1e-9)
    once, twice = (often @ kinds.once, often @ kinds.twice)
    unseen = once * np.maximum(once - 1.0, 0.0) / (2.0 * (twice + 1.0))
    size = seen + unseen * np.exp(size_log)
    both = weighted.T @ kinds.seen
    np.fill_diagonal(both, 0.0)
    spread = _liking_spread(kinds, often, both, seen)
    usual = np.outer(seen, seen)
    np.fill_diagonal(usual, 0.0)
    both = both + more * usual / max(float(usual.sum()) / 2.0, 1e-9)
    persons = np.minimum(both * np.outer(size / seen, size / seen), np.minimum.outer(size, size))
    chance = persons / size[:, None]  # of c's people, how many are with the other (c × others)
    weighs, alone = _weighs(chance, spread)
    union = float(np.clip(size @ weighs, size.max(), size.sum()))
    return size, union, size * alone


def _liking_spread(kinds: _Kinds, often: Float, both: Float, seen: Float) -> float:
    """Variance of people's liking, by those who were seen with three creators against what pairs alone would give."""
    number = kinds.seen.sum(axis=1)
    triples = float(np.sum(often * number * (number - 1) * (number - 2)))  # ordered: six per triple
    pairs = both.sum(axis=1)
    expected = float(np.sum((pairs**2 - np.square(both).sum(axis=1)) / seen))
    prior = 6.0 * _PRIOR_TRIPLES
    return float(np.clip((triples + prior) / (expected + prior) - 1.0, 1e-3, _MOST_SPREAD))


def _weighs(chance: Float, spread: float) -> tuple[Float, Float]:
    """E[1 / (1 + X)] and P(X = 0) per creator, where X adds up chances (c × others) that move together."""
    liking = gamma.ppf(_LIKING_NODES, 1.0 / spread) * spread
    liking = liking / liking.mean()
    each = np.minimum(chance[None, :, :] * liking[:, None, None], 1.0)
    for _ in range(6):  # nobody is sure to more than one: what is cut goes to the others, so that pairs stay as seen
        each = np.minimum(each * (chance / np.maximum(each.mean(axis=0), 1e-12))[None, :, :], 1.0)
    nodes, weights = _NODES + 0.5, _WEIGHTS
    missed = np.stack([np.prod(1.0 - each * (1.0 - t), axis=2).mean(axis=0) for t in nodes])
    return weights @ missed, np.prod(1.0 - each, axis=2).mean(axis=0)
