"""The creator: what a post will bring, what it is worth, how sure we are. Each figure with its interval."""

from tidegauge.creators.dependence import dependence
from tidegauge.creators.forecast import forecast_views
from tidegauge.creators.half_life import half_life
from tidegauge.creators.next_post import forecast_next_post
from tidegauge.creators.overlap import audience_overlap
from tidegauge.creators.price import fair_prices, price_rationality
from tidegauge.creators.quality import quality
from tidegauge.creators.table import CreatorPage, creator_page, creators_table

__all__ = [
    "CreatorPage",
    "audience_overlap",
    "creator_page",
    "creators_table",
    "dependence",
    "fair_prices",
    "forecast_next_post",
    "forecast_views",
    "half_life",
    "price_rationality",
    "quality",
]
