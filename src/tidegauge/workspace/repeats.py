"""Which keys of a stage may have stood before: a Bloom filter per table, of constant size however long the file is."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numba import njit

#: A filter has 2**_WORDS words of 64 bits (16 MB, of which most files touch a corner): with the 4 million keys of a
#: 5 GB file one key in some thousands is taken for a repeated one, with 40 million one in three.
_WORDS = 21


@njit(cache=True)  # type: ignore[untyped-decorator]
def look_up_and_add(words: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """For each of `hashes` (n,) uint64, whether it may have been added before (n,) bool; adds them all, in order.

    `words` (a power of two,) uint64 is written. A hash has five bits in one word: one place in memory a key.
    """
    found = np.empty(hashes.size, np.bool_)
    one, low, shift = np.uint64(1), np.uint64(63), np.uint64(30)
    last = np.uint64(words.size - 1)
    for i in range(hashes.size):
        h = hashes[i]
        bits = np.uint64(0)
        for k in range(0, 30, 6):
            bits |= one << ((h >> np.uint64(k)) & low)
        place = (h >> shift) & last
        found[i] = (words[place] & bits) == bits
        words[place] |= bits
    return found


@dataclass
class Keys:
    """The keys of one table that were handed in so far.

    A key that stood before is always known; now and then one that did not is taken for known. So rows of unknown keys
    may be taken as they are, and only the others need a closer look.
    """

    _words: np.ndarray = field(default_factory=lambda: np.zeros(2**_WORDS, np.uint64))

    def known(self, keys: pl.DataFrame) -> pl.Series:
        """Whether each row's key may have been handed in before; remembers them all."""
        return pl.Series("known", look_up_and_add(self._words, keys.hash_rows(seed=0).to_numpy()))
