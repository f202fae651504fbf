# ruff: noqa: ANN001  (numba infers the types of a kernel)
"""Which headlines name the same topic: normalised keys, MinHash candidates, verified pairs. Linear in headlines.

Chinese headlines have no word breaks, so similarity is that of character sequences. The same story carries the same
key on two platforms in most cases; the rest differ by a few inserted, dropped or reordered characters.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
from rapidfuzz import process
from rapidfuzz.distance import LCSseq

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

#: 16 bands of 2 rows find a pair whose bigram sets overlap by a third (Jaccard) with probability 0.85, by half 0.99.
_BANDS, _ROWS = 16, 2
#: A formulaic headline ("closing prices of …") meets at most this many others per band and direction.
_MOST_PER_BAND = 64
_VERIFY_BLOCK = 1_000_000
#: Shorter than this, a headline inside a longer one is rather a name ("Huawei Mate 70") than a story.
_LEAST_CONTAINED = 6
#: Shorter than this, one exchanged character makes another story ("men's team wins", "women's team wins").
_LEAST_EXCHANGED = 8
#: Taken off the score where characters were exchanged and not only added.
_EXCHANGE_PENALTY = 0.05
_DIGITS = dict(zip("零一二三四五六七八九两", "01234567892", strict=True))
#: Words that make another story of a headline when only one of the two has them and characters were exchanged.
_TURNS = ("男", "女", "不", "没", "谣", "否认", "早", "晚", "上", "下", "首", "末", "东", "西", "南", "北", "半", "决")


@dataclass(frozen=True)
class Pairs:
    """Matching keys: positions `left` <= `right` in the list of keys, `score` in (0, 1] as accepted."""

    left: Ints
    right: Ints
    score: Floats

    def __add__(self, more: Pairs) -> Pairs:
        both = zip((self.left, self.right, self.score), (more.left, more.right, more.score), strict=True)
        return Pairs(*(np.concatenate(part) for part in both))


@dataclass(frozen=True)
class Appearances:
    """When keys appeared where: `key` (n,) position in the list of keys, `side` (n,) platform number, `at_s` (n,) epoch
    seconds; sorted by key, so that `offsets` (k + 1,) bounds each key's appearances."""

    key: Ints
    side: Ints
    at_s: Ints
    offsets: Ints


def normalised(title: pl.Expr) -> pl.Expr:
    """The key of a headline: NFKC, lower case, letters and digits alone (no space, punctuation, emoji, # or brackets).

    >>> frame = pl.DataFrame({"t": ["#樊振东：夺冠！#🔥", "Ｇ７ 峰会【直播】"]})
    >>> frame.select(normalised(pl.col("t"))).to_series().to_list()
    ['樊振东夺冠', 'g7峰会直播']
    """
    return title.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}]+", "")


def near_pairs(
    keys: pl.Series,
    seen: Appearances,
    *,
    window_s: int,
    shifts_s: Ints,
    threshold: float,
    seed: int,
) -> Pairs:
    """Pairs of different keys that name the same topic and come close in time on two sides.

    Parameters
    ----------
    keys : (k,) distinct normalised headlines.
    seen : the appearances of the keys.
    window_s : appearances on two sides count as close when |t_i − t_j − shift| <= window_s for one of the shifts.
    shifts_s : (m,) the true offset 0 and those of the chance baseline; a pair found at any of them is verified once.
    threshold : the least score (see `similarity`).
    seed : of the hash functions.

    Returns
    -------
    Pairs. Cost: O(n) hashing and sorting, and at most `_MOST_PER_BAND` candidates per appearance, band and shift.
    Source: Broder 1997 (MinHash); Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, ch. 3 (banding).
    """
    lengths = keys.str.len_chars().to_numpy().astype(np.int64)
    points = np.frombuffer("".join(keys.to_list()).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    starts = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    bands = _band_hashes(points, starts, _hash_seeds(seed), _BANDS, _ROWS)
    usable = lengths[seen.key] >= _LEAST_CONTAINED
    key, side, at = seen.key[usable], seen.side[usable], seen.at_s[usable]
    found: list[Ints] = []
    for b in range(_BANDS):
        code = bands[key, b]
        order = np.lexsort((at, code))
        emitted = _close_pairs(code[order], key[order], side[order], at[order], window_s, shifts_s, _MOST_PER_BAND)
        found.append(np.unique(emitted))
    codes = np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)
    return _verified(keys, codes >> 32, codes & 0xFFFFFFFF, threshold=threshold)


def _verified(keys: pl.Series, left: Ints, right: Ints, *, threshold: float) -> Pairs:
    kept: list[tuple[Ints, Ints, Floats]] = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for first in range(0, left.size, _VERIFY_BLOCK):
        a, b = left[first : first + _VERIFY_BLOCK], right[first : first + _VERIFY_BLOCK]
        score = similarity(keys.gather(a), keys.gather(b), threshold=threshold)
        good = score >= threshold
        kept.append((a[good], b[good], score[good]))
    return Pairs(*(np.concatenate(part) for part in zip(*kept, strict=True)))


def similarity(left: pl.Series, right: pl.Series, *, threshold: float = 0.0) -> Floats:
    """How surely two normalised keys name the same topic, in [0, 1]; elementwise; 0 where a guard speaks against it.

    With a longest common subsequence of m characters in keys of a and b characters the score is the Dice coefficient
    2m / (a + b), less `_EXCHANGE_PENALTY` where neither key is contained in the other. Guards: too short; numbers of
    which neither set contains the other; a word like "not" or "women" on one side only. Scores under `threshold` may
    be returned unguarded (the guards are the dear part).

    >>> left, right = ["沪指跌破2900点", "国乒女团3比1夺冠"], ["沪指跌破2900", "国乒男团3比1夺冠"]
    >>> similarity(pl.Series(left), pl.Series(right)).round(2)
    array([0.94, 0.  ])
    """
    common = process.cpdist(left.to_list(), right.to_list(), scorer=LCSseq.similarity, dtype=np.int32).ravel()
    a = left.str.len_chars().to_numpy().astype(np.float64)
    b = right.str.len_chars().to_numpy().astype(np.float64)
    shorter = np.minimum(a, b)
    contained = common == shorter
    score = 2.0 * common / np.maximum(a + b, 1.0) - np.where(contained, 0.0, _EXCHANGE_PENALTY)
    score[shorter < np.where(contained, _LEAST_CONTAINED, _LEAST_EXCHANGED)] = 0.0
    score[(a == b) & contained] = 1.0
    doubtful = np.flatnonzero((score >= threshold) & (score > 0.0) & (score < 1.0))
    against = _guarded(left.gather(doubtful), right.gather(doubtful), pl.Series(~contained[doubtful]))
    score[doubtful[against]] = 0.0
    return np.maximum(score, 0.0)


def _guarded(left: pl.Series, right: pl.Series, exchanged: pl.Series) -> npt.NDArray[np.bool_]:
    pairs = pl.DataFrame({"l": left, "r": right, "exchanged": exchanged})
    numbers = [pl.col(c).str.replace_many(_DIGITS).str.extract_all(r"[0-9]+|[十百千万亿]+") for c in ("l", "r")]
    l_only = numbers[0].list.set_difference(numbers[1]).list.len() > 0
    r_only = numbers[1].list.set_difference(numbers[0]).list.len() > 0
    turned = pl.any_horizontal(
        pl.col("l").str.contains(w, literal=True) != pl.col("r").str.contains(w, literal=True) for w in _TURNS
    )
    return pairs.select((l_only & r_only) | (turned & pl.col("exchanged"))).to_series().to_numpy().astype(np.bool_)


def best_matches(
    seen: Appearances, pairs: Pairs, window_s: int, shifts_s: Ints
) -> tuple[Ints, Floats, npt.NDArray[np.bool_]]:
    """Per appearance and other side: its best match and score; and whether it has one at each shift but the first.

    Returns
    -------
    best : (n, sides) position of the most similar appearance within the window, nearest in time among equals; -1: none.
    score : (n, sides) its score, 0 where there is none.
    shifted : (m − 1, n, sides) whether one lies within the window around each further shift.
    """
    n, sides = seen.at_s.size, int(seen.side.max()) + 1
    best = np.full((n, sides), -1, np.int64)
    best_score = np.zeros((n, sides))
    shifted = np.zeros((shifts_s.size - 1, n, sides), np.bool_)
    places = (seen.offsets, seen.side, seen.at_s)
    _join(pairs.left, pairs.right, pairs.score, *places, window_s, shifts_s, best, best_score, shifted)
    return best, best_score, shifted


@numba.njit(cache=True)
def _join(left, right, score, offsets, side, at, window_s, shifts, best, best_score, by_chance):  # type: ignore[no-untyped-def]
    for p in range(left.size):
        for i in range(offsets[left[p]], offsets[left[p] + 1]):
            for j in range(offsets[right[p]], offsets[right[p] + 1]):
                a, b = side[i], side[j]
                if a == b:
                    continue
                lag = at[j] - at[i]
                if abs(lag) <= window_s:
                    _better(i, j, b, score[p], abs(lag), at, best, best_score)
                    _better(j, i, a, score[p], abs(lag), at, best, best_score)
                for s in range(1, shifts.size):
                    # Shifts come with their opposites, so both directions get each of them.
                    if abs(lag - shifts[s]) <= window_s:
                        by_chance[s - 1, i, b] = True
                    if abs(-lag - shifts[s]) <= window_s:
                        by_chance[s - 1, j, a] = True


@numba.njit(cache=True)
def _better(i, j, b, score, distance, at, best, best_score):  # type: ignore[no-untyped-def]
    # The most similar one; of equally similar ones the nearest in time, which favours neither platform.
    now = best[i, b]
    if now < 0 or score > best_score[i, b] or (score == best_score[i, b] and distance < abs(at[now] - at[i])):
        best[i, b] = j
        best_score[i, b] = score


def _hash_seeds(seed: int) -> npt.NDArray[np.uint64]:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 2**63 - 1, size=_BANDS * _ROWS, dtype=np.uint64) | np.uint64(1)


@numba.njit(cache=True)
def _mix(x):  # type: ignore[no-untyped-def]
    # The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return x


@numba.njit(cache=True)
def _band_hashes(points, starts, seeds, bands, rows):  # type: ignore[no-untyped-def]
    """(k, bands) hashes of the `rows` smallest-hash bigrams per band."""
    k = starts.size - 1
    out = np.empty((k, bands), np.int64)
    low = np.empty(seeds.size, np.uint64)
    for i in range(k):
        low[:] = np.uint64(0xFFFFFFFFFFFFFFFF)
        for p in range(starts[i], starts[i + 1] - 1):
            gram = _mix((np.uint64(points[p]) << np.uint64(32)) | np.uint64(points[p + 1]))
            for h in range(seeds.size):
                value = _mix(gram ^ seeds[h])
                low[h] = min(low[h], value)
        for b in range(bands):
            code = np.uint64(b)
            for r in range(rows):
                code = _mix(code ^ low[b * rows + r])
            out[i, b] = np.int64(code >> np.uint64(1))
    return out


@numba.njit(cache=True)
def _close_pairs(code, key, side, at, window_s, shifts_s, most):  # type: ignore[no-untyped-def]
    """Codes (smaller key << 32 | larger key) of pairs in one bucket, on two sides, close at one of the shifts.

    Rows are sorted by (code, at).
    """
    n = code.size
    out = np.empty(max(1024, n // 4), np.int64)
    size = 0
    first = 0
    while first < n:
        last = first
        while last < n and code[last] == code[first]:
            last += 1
        if last - first > 1:
            for s in shifts_s:
                start = first
                for i in range(first, last):
                    while start < last and at[start] < at[i] + s - window_s:
                        start += 1
                    j = start
                    taken = 0
                    while j < last and at[j] <= at[i] + s + window_s and taken < most:
                        if side[j] > side[i] and key[j] != key[i]:
                            a, b = min(key[i], key[j]), max(key[i], key[j])
                            if size == out.size:
                                grown = np.empty(2 * size, np.int64)
                                grown[:size] = out
                                out = grown
                            out[size] = (a << 32) | b
                            size += 1
                            taken += 1
                        j += 1
        first = last
    return out[:size]
