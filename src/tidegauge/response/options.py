"""Options as words become a form and known returns; wrong words are told with the right ones."""

from __future__ import annotations

import math

from tidegauge.errors import UsageError
from tidegauge.response.posterior import Form


def make_form(adstock: str, saturation: str, *, brand: bool, drift: bool, regional: bool) -> Form:
    """A `Form` from words; UsageError where a word is unknown."""
    if adstock not in ("geometric", "delayed"):
        raise UsageError(f"there is no adstock '{adstock}'", mend="geometric or delayed")
    if saturation not in ("logistic", "hill"):
        raise UsageError(f"there is no saturation '{saturation}'", mend="logistic or hill")
    return Form(
        adstock="delayed" if adstock == "delayed" else "geometric",
        saturation="hill" if saturation == "hill" else "logistic",
        brand="auto" if brand else "off",
        drift=drift,
        regional=regional,
    )


def known_roi(words: dict[str, str]) -> dict[str, tuple[float, float]]:
    """Stream → (low, high) from "low:high".

    >>> known_roi({"douyin/mid/KOL/live": "0.5:2"})
    {'douyin/mid/KOL/live': (0.5, 2.0)}
    """
    found = {}
    for stream, word in words.items():
        low, _, high = word.partition(":")
        try:
            pair = float(low), float(high)
        except ValueError:
            pair = math.nan, math.nan
        if not 0 < pair[0] < pair[1] < math.inf:
            raise UsageError(f"--roi {stream}={word} is no range", mend="write stream=low:high with 0 < low < high")
        found[stream] = pair
    return found
