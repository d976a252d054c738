"""``xbopt scenario new --for``: a scenario from a sentence and a seller's answers, with what was assumed."""

from dataclasses import dataclass, field
from math import log
from typing import Literal, cast

import yaml

from xbopt.core.defaults.ledger import figures
from xbopt.core.defaults.market import Fields
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.provenance import unused_patterns
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.tables.published_ranges import published_ranges
from xbopt.studies.new_for.answers import Answers
from xbopt.studies.new_for.document import Draft, compressed, draft
from xbopt.studies.new_for.volumes import Volumes, fit_volumes

FindingCode = Literal[
    "origin_not_said",
    "duty_not_known",
    "audience_too_small",
    "orders_do_not_fit_budget",
    "conversion_does_not_fit",
    "order_costs_money",
    "sums_do_not_hold",
    "held",
]
_MOST_CONTACTS = 3.5
_LOWER_CONVERSION = 0.8
_MISSED = 0.05
_MUCH = log(1.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a seller should know before he plans.

    Attributes:
        code: What it is.
        places: Countries or paths of numbers that it is about; empty for all.
        figures: The numbers of it, by name.
    """

    code: FindingCode
    places: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewScenario:
    """A scenario made without data.

    Attributes:
        scenario: The scenario, checked.
        text: Its file.
        answers: What the seller said.
        volumes: What its market implies on average days.
        findings: What he should know.
    """

    scenario: Scenario = field(repr=False)
    text: str = field(repr=False)
    answers: Answers
    volumes: Volumes
    findings: tuple[Finding, ...]


def new_for(answers: Answers, *, name: str) -> NewScenario:
    """Make a scenario from public facts and what a seller knows.

    Args:
        answers: What he knows.
        name: Name of the scenario.

    Raises:
        TableError: Something that was asked for is in no table of facts.
    """
    made = draft(answers, name)
    volumes = fit_volumes(made)
    _state_volumes(made, volumes)
    unused = set(unused_patterns(made.document(provenance=_provenance(made))))
    for path in [path for path in made.sources if path in unused]:
        del made.sources[path]
    text = scenario_text(made)
    return NewScenario(
        scenario=load_scenario(text), text=text, answers=answers, volumes=volumes, findings=_findings(made, volumes)
    )


def scenario_text(made: Draft) -> str:
    """The file of a draft, with its provenance."""
    data = {**made.data, "provenance": _provenance(made)}
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=118)


def _provenance(made: Draft) -> list[dict[str, object]]:
    defaults = made.defaults
    ids = {
        "market.regions": list(defaults.regions),
        "segments": list(defaults.segments),
        "channels": list(defaults.channels),
        "market.currencies": list(cast("Fields", defaults.market["currencies"])),
    }
    return compressed(tuple(made.sources.values()), ids)


def _state_volumes(made: Draft, volumes: Volumes) -> None:
    """Say of the numbers that were fitted what they were fitted to."""
    orders, share = f"{figures(volumes.orders_a_month):,.10g} orders a month", f"{volumes.media_share:.0%}"
    stated = made.answers.orders_a_month is not None
    whose = "stated" if stated else "at which this budget about pays, as far as the facts of channels allow"
    made.state("market.regions.*.customers.**", "E", "Computed: whom a year of this plan leaves", orders)
    for segment in made.defaults.segments:
        path = f"segments.{segment}"
        made.state(
            f"{path}.visits_per_1000",
            "E",
            f"Computed: the visits of {orders} ({whose}) at {volumes.conversion:.2%} of visits, less those of media",
        )
        known = made.sources[f"{path}.cart_rate"]
        made.state(
            f"{path}.cart_rate",
            known.evidence,
            known.source,
            f"Fitted so that {volumes.conversion:.2%} of visits order",
        )
        for kind in ("regular", "occasional"):
            there = f"{path}.customer_types.{kind}.visits_per_1000"
            known = made.sources[there]
            evidence = "stated" if made.answers.repeat_frac is not None else known.evidence
            made.state(there, evidence, known.source, f"Fitted: {volumes.repeat_frac:.0%} order again within a year")
    for channel in made.items("channels"):
        path = f"channels.{channel['id']}"
        price = cast("Fields", channel["price"])["amount_base"]
        now = {
            f"{path}.price.amount_base": price,
            f"{path}.visit_quality": channel["visit_quality"],
            f"{path}.visits_per_1000_impressions": channel["visits_per_1000_impressions"],
        }
        for place, value in now.items():
            known = made.sources[place]
            wanted = f"; {made.held[place][0]:g} was wanted, its range ends there" if place in made.held else ""
            note = f"Fitted within its range, to {value:g}, so that media bring {share} of orders{wanted}"
            made.state(place, "E", known.source, note)


def _findings(made: Draft, volumes: Volumes) -> tuple[Finding, ...]:
    answers, defaults = made.answers, made.defaults
    found: list[Finding] = []
    if answers.wish.origin == "any":
        found.append(Finding(code="origin_not_said"))
    if defaults.unknown_duties:
        found.append(Finding(code="duty_not_known", places=defaults.unknown_duties))
    if made.contacts_a_week > _MOST_CONTACTS:
        found.append(Finding(code="audience_too_small", figures={"contacts": made.contacts_a_week}))
    ranges = published_ranges()
    share, sales = ranges["media_share"], ranges["incremental_roas"]
    fits = share.low <= volumes.media_share <= share.high and sales.low <= volumes.incremental_roas <= sales.high
    if answers.orders_a_month is not None and not (fits and volumes.miss < _MISSED):
        found.append(
            Finding(
                code="orders_do_not_fit_budget",
                figures={
                    "stated": answers.orders_a_month,
                    "orders": volumes.orders_a_month,
                    "media_share": volumes.media_share,
                    "incremental_roas": volumes.incremental_roas,
                },
            )
        )
    if volumes.conversion < _LOWER_CONVERSION * volumes.conversion_wanted:
        figures_of = {"conversion": volumes.conversion, "wanted": volumes.conversion_wanted}
        found.append(Finding(code="conversion_does_not_fit", figures=figures_of))
    if volumes.miss >= _MISSED:
        found.append(Finding(code="sums_do_not_hold", figures={"miss": volumes.miss}))
    # A little beyond a range is told where the number stands; much says that what was stated does not fit.
    if far := {path: pair for path, pair in made.held.items() if _is_far(*pair)}:
        figures_of = {
            f"{name}_{n}": value
            for n, pair in enumerate(far.values())
            for name, value in zip(("wanted", "taken"), pair, strict=True)
        }
        found.append(Finding(code="held", places=tuple(far), figures=figures_of))
    if losing := tuple(code for code, margin in volumes.unit_margin_frac.items() if margin <= 0.0):
        worst = min(volumes.unit_margin_frac.values())
        found.append(Finding(code="order_costs_money", places=losing, figures={"margin": worst}))
    return tuple(found)


def _is_far(wanted: float, taken: float) -> bool:
    """Whether a number that was wanted is much beyond the one taken; below 0 no share of a price can tell it."""
    return wanted <= 0.0 or taken <= 0.0 or abs(log(wanted / taken)) > _MUCH
