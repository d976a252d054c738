"""How much of a plan's lead comes from its discounts, and whether discounts and media rest on estimates."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.provenance import provenance_of
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.kpis import WorldRange
from xbopt.studies.risk import Played, played

_WEAK = ("E", "mem")


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadParts:
    """A plan's lead over the scenario's own plan, in two parts.

    Attributes:
        discounts: What its discounts bring, in the place of the own plan's, in the same worlds with the same luck.
        media: The rest: what its media bring with the own plan's discounts.
        elasticities: Segments whose reaction to prices is an estimate (evidence E, or from memory).
        responses: Channels whose effect in some region is an estimate.
    """

    discounts: WorldRange = field(repr=False)
    media: WorldRange = field(repr=False)
    elasticities: tuple[str, ...]
    responses: tuple[str, ...]


def lead_parts(
    market: MarketParameters, plan: ScheduledPolicy, own: ScheduledPolicy, sampled: Played, before: Played
) -> LeadParts | None:
    """Play a plan with the own plan's discounts; None where it has no others.

    Args:
        market: The market.
        plan: The plan.
        own: The scenario's own plan.
        sampled: The plan in sampled worlds.
        before: The own plan in the same worlds.
    """
    if np.array_equal(plan.discount_frac, own.discount_frac):
        return None
    without = replace(plan, discount_frac=own.discount_frac, mechanic=own.mechanic)
    media_alone = played(market, without, goal=sampled.goal, worlds=sampled.worlds, seed=sampled.seed)
    document = market.scenario.document
    return LeadParts(
        discounts=WorldRange.of(sampled.values - media_alone.values),
        media=WorldRange.of(media_alone.values - before.values),
        elasticities=tuple(
            one.id for one in document.segments if _is_weak(document, [f"segments.{one.id}.elasticity"])
        ),
        responses=tuple(
            one.id
            for one in document.channels
            if _is_weak(
                document,
                [f"channels.{one.id}.region_response.{region}" for region in one.region_response]
                or [f"channels.{one.id}.visits_per_1000_impressions"],
            )
        ),
    )


def _is_weak(document: ScenarioDocument, paths: Iterable[str]) -> bool:
    """Whether an estimate stands behind any of some numbers; one without a source is no better."""
    entries = (provenance_of(document, path) for path in paths)
    return any(entry is None or entry.evidence.rstrip("+-") in _WEAK for entry in entries)
