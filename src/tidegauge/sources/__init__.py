"""Readers: files of collectors, hot lists, rate cards, and any layout through a mapping file."""

from tidegauge.sources.reading import Skipped, Unreadable, choose, open_readings
from tidegauge.sources.records import sniff
from tidegauge.sources.registry import Sample, Source, find, source, sources

__all__ = ["Sample", "Skipped", "Source", "Unreadable", "choose", "find", "open_readings", "sniff", "source", "sources"]
