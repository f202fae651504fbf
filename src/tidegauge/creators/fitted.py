"""The growth of a workspace's posts, fitted once per metric."""

from __future__ import annotations

import datetime as dt

from tidegauge.creators.growth import Growth, fit_growth
from tidegauge.creators.post_frame import growth_steps
from tidegauge.creators.shared import shared
from tidegauge.workspace.tables import Tables


@shared
def fitted_growth(tables: Tables, metric: str, as_of: dt.datetime | None) -> Growth:
    """Curves and multipliers of a metric, from all posts that were seen at least twice before `as_of`."""
    return fit_growth(growth_steps(tables, metric, as_of=as_of))
