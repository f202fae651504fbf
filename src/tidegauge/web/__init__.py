"""The page that a planner lives in: server-rendered views of one workspace, with nothing loaded from elsewhere."""

from tidegauge.web.serve import serve

__all__ = ["serve"]
