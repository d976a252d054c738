"""What a reader of a calibrated scenario has to know: codes and figures, worded by the faces that show them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FindingCode = Literal[
    "no_media",
    "not_fitted",
    "no_customers",
    "trade_assumed",
    "no_prices",
    "few_weeks",
    "no_repeat_model",
    "countries_left_out",
    "without_country",
    "foreign_region",
    "rare_channels",
    "media_exceed_orders",
    "costs_assumed",
    "visits_assumed",
    "panel_note",
    "segments_few",
    "levels_differ",
    "panel_alone",
    "panel_left_out",
    "shocks_dropped",
    "held",
    "burn_in",
    "media_hole",
    "orders_hole",
    "covered_days",
    "second_orders_differ",
    "folders_overlap",
    "order_value_unusual",
    "amounts_in_other_money",
    "spend_shared",
    "costs_odd",
    "table_unread",
    "own_plan_without_deals",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know.

    Attributes:
        code: What it is.
        subjects: What it is about: countries, segments, channels, parameters.
        figures: Numbers of it, by name.
        is_loud: Whether it stands before everything else: a part of the scenario that the data do not speak about.
    """

    code: FindingCode
    subjects: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict[str, float])
    is_loud: bool = False
