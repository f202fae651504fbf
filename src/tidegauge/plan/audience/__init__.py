"""Whom they reach: persons, overlaps, panels, luck with the views."""
