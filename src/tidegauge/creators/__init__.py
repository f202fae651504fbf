"""The creator: what a post will bring, what it is worth, how sure we are. Each figure with its interval."""

from tidegauge.creators.advise import Advice, advise
from tidegauge.creators.audience_profile import audience_profile
from tidegauge.creators.audience_union import AudienceUnion, audience_union
from tidegauge.creators.dependence import dependence
from tidegauge.creators.discount import discounts
from tidegauge.creators.emotion import emotion_effects
from tidegauge.creators.forecast import forecast_views
from tidegauge.creators.gains import gains
from tidegauge.creators.half_life import half_life
from tidegauge.creators.income import income
from tidegauge.creators.income_spread import income_distribution
from tidegauge.creators.next_post import forecast_next_post
from tidegauge.creators.overlap import audience_overlap
from tidegauge.creators.post_scores import post_scores
from tidegauge.creators.price import fair_prices, price_rationality
from tidegauge.creators.quality import quality
from tidegauge.creators.recovery import recovery
from tidegauge.creators.resonance import Resonance, resonance
from tidegauge.creators.role_fit import RoleFit, role_fit
from tidegauge.creators.roles import roles
from tidegauge.creators.table import CreatorPage, creator_page, creators_table
from tidegauge.creators.unit_costs import unit_costs

__all__ = [
    "Advice",
    "AudienceUnion",
    "CreatorPage",
    "Resonance",
    "RoleFit",
    "advise",
    "audience_overlap",
    "audience_profile",
    "audience_union",
    "creator_page",
    "creators_table",
    "dependence",
    "discounts",
    "emotion_effects",
    "fair_prices",
    "forecast_next_post",
    "forecast_views",
    "gains",
    "half_life",
    "income",
    "income_distribution",
    "post_scores",
    "price_rationality",
    "quality",
    "recovery",
    "resonance",
    "role_fit",
    "roles",
    "unit_costs",
]
