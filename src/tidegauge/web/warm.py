"""What a visitor asks first is made ready before they ask: the list of creators at once, then estimates and trends."""

from __future__ import annotations

import logging

from tidegauge.errors import TidegaugeError
from tidegauge.web.estimates import estimated, facets, roster_frame
from tidegauge.web.figures import measured
from tidegauge.web.platform_pages import SPLITS
from tidegauge.web.site import Site
from tidegauge.web.tide import TRENDS, counts

#: In the order in which a visitor comes upon them.
_MEASURES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("displacement", ()),
    ("convergence", ()),
    ("renewal", ()),
    ("opportunity", SPLITS[0]),
    ("profile", ("platform",)),
)
_LOG = logging.getLogger("tidegauge.web")


def warm(site: Site) -> None:
    """Load the list of creators into memory and start the jobs of the first views; harmless where it fails."""
    try:
        snapshot = site.snapshot()
        held = counts(site, snapshot)
        if not (held["creators"] or held["topics"] or held["spend"]):
            return
        if held["creators"]:
            frame, complete = roster_frame(site, snapshot)
            site.kept(("facets", snapshot, complete), lambda: facets(frame))
        for name, by in _MEASURES:
            measured(site, snapshot, name, by, finer=name in TRENDS)
        estimated(site, snapshot)
    except TidegaugeError as e:
        _LOG.warning("not made ready: %s", e)
