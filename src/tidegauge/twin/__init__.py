"""An artificial ecosystem with known truth: in memory (`grow`) or as the files that collectors write (`write_twin`)."""

from tidegauge.twin.canonical import canonical
from tidegauge.twin.ecosystem import Ecosystem, grow
from tidegauge.twin.truth import truth
from tidegauge.twin.world import World
from tidegauge.twin.write import TwinSummary, write_twin

__all__ = ["Ecosystem", "TwinSummary", "World", "canonical", "grow", "truth", "write_twin"]
