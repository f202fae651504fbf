"""The shopping and family calendar of China as columns: which share of a period lies in each season of the year.

Spring Festival dates: Hong Kong Observatory, Gregorian-Lunar Calendar Conversion Table
(hko.gov.hk/en/gts/time/conversion.htm). 618 and Double 11 last for weeks: pre-sales begin in late May and in the
second half of October since 2020 (platforms' own announcements).
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt

from tidegauge.response.history import Floats

#: Lunar New Year's Day as month and day, 2000 onwards.
_FIRST_YEAR = 2000
_SPRING = (
    "0205 0124 0212 0201 0122 0209 0129 0218 0207 0126 0214 0203 0123 0210 0131 0219 0208 0128 0216 0205 "
    "0125 0212 0201 0122 0210 0129 0217 0206 0126 0213 0203 0123 0211 0131 0219 0208 0128 0215 0204 0124 "
    "0212 0201 0122 0210 0130 0217 0206 0126 0214 0202 0123"
)
#: Name → (first, last) day relative to the festival's own date.
_WINDOWS = {"spring_before": (-14, -1), "spring": (0, 6), "spring_after": (7, 15)}
#: Name → (month, day) of the first and the last day.
_FIXED = {"sale_618": ((6, 1), (6, 20)), "national_day": ((10, 1), (10, 7)), "double_11": ((10, 24), (11, 11))}
NAMES = (*_WINDOWS, *_FIXED)


def spring_festival(year: int) -> dt.date | None:
    """Lunar New Year's Day, None outside 2000 to 2050.

    >>> spring_festival(2024)
    datetime.date(2024, 2, 10)
    """
    dates = _SPRING.split()
    if not 0 <= year - _FIRST_YEAR < len(dates):
        return None
    word = dates[year - _FIRST_YEAR]
    return dt.date(year, int(word[:2]), int(word[2:]))


def festival_columns(dates: npt.NDArray[np.datetime64], period_days: float) -> dict[str, Floats]:
    """Share of each period's days inside each season, [time]; seasons that the history never meets are left out."""
    first = dates.astype("datetime64[D]").astype(np.int64)
    last = first + max(round(period_days), 1) - 1
    years = range(
        int(dates[0].astype("datetime64[Y]").astype(int)) + 1969,
        int(dates[-1].astype("datetime64[Y]").astype(int)) + 1972,
    )
    found: dict[str, Floats] = {}
    for name in NAMES:
        inside = np.zeros(len(first))
        for year in years:
            window = _window(name, year)
            if window is not None:
                inside += np.clip(np.minimum(last, window[1]) - np.maximum(first, window[0]) + 1, 0, None)
        if inside.any():
            found[name] = inside / (last - first + 1)
    return found


def _window(name: str, year: int) -> tuple[int, int] | None:
    epoch = dt.date(1970, 1, 1).toordinal()
    if name in _FIXED:
        (m1, d1), (m2, d2) = _FIXED[name]
        return dt.date(year, m1, d1).toordinal() - epoch, dt.date(year, m2, d2).toordinal() - epoch
    day = spring_festival(year)
    if day is None:
        return None
    before, after = _WINDOWS[name]
    return day.toordinal() - epoch + before, day.toordinal() - epoch + after
