"""Changes of a scenario by path: what they replace, and the scenario that they lead to."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from pydantic import ValidationError

from xbopt.core.documents.document import Path, format_path, put_value, value_at
from xbopt.core.errors import UsageError
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.checks import semantic_problems
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market

_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Edit:
    """One value of a scenario that is another.

    Attributes:
        path: Where.
        old: What stands there.
        new: What shall stand there.
    """

    path: Path
    old: object
    new: object

    @property
    def meaning(self) -> dict[str, object]:
        """Path, and what it goes from and to; of a list that grows, what is added to it."""
        path = format_path(self.path)
        if isinstance(self.old, list) and isinstance(self.new, list):
            before, after = cast("list[object]", self.old), cast("list[object]", self.new)
            return {"path": path, "added": after[len(before) :]}
        return {"path": path, "from": self.old, "to": self.new}


def _plain(scenario: Scenario) -> object:
    return json.loads(scenario.document.model_dump_json(exclude_unset=True))


def with_edits(scenario: Scenario, edits: Sequence[Edit], *, text: str) -> Scenario:
    """The changed scenario.

    Raises:
        UsageError: The change leads to a scenario that is none; the message says why.
    """
    data = _plain(scenario)
    for edit in edits:
        data = put_value(data, edit.path, edit.new)
    try:
        document = ScenarioDocument.model_validate_json(json.dumps(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = format_path(tuple(first["loc"]))
        raise UsageError(f"what-if {text!r}: {where}: {first['msg']}.") from None
    problems = semantic_problems(document)
    if problems:
        path, message = problems[0]
        raise UsageError(f"what-if {text!r}: {format_path(path)}: {message}")
    return build_scenario(document)


def scaled(scenario: Scenario, paths: Sequence[Path], factor: float) -> tuple[Edit, ...]:
    """Numbers at some paths times a factor; a number that the file leaves out has its default."""
    whole = json.loads(scenario.document.model_dump_json())
    edits: list[Edit] = []
    for path in paths:
        old = value_at(whole, path)
        assert isinstance(old, int | float), "a path to a number"
        edits.append(Edit(path, old, old * factor))
    return tuple(edits)


def price_of_goods(scenario: Scenario, products: Sequence[str], factor: float) -> tuple[Edit, ...]:
    """List prices times a factor; what shoppers are used to is held where the file does not state it."""
    edits: list[Edit] = []
    for i, product in enumerate(scenario.document.products):
        if products and product.id not in products:
            continue
        if product.usual_price_base is None:
            edits.append(Edit(("products", i, "usual_price_base"), None, product.price_base))
        edits += scaled(scenario, [("products", i, "price_base")], factor)
    return tuple(edits)


def added_shock(scenario: Scenario, shocks: Sequence[dict[str, object]]) -> Edit:
    """Dated shocks after those of the scenario."""
    own: list[dict[str, object]] = [
        json.loads(shock.model_dump_json(exclude_unset=True)) for shock in scenario.document.shocks
    ]
    return Edit(("shocks",), own, [*own, *shocks])


def wanted_log(frac: float) -> float:
    """The log size of a relative change."""
    return math.log1p(frac)


def currency_move(scenario: Scenario, code: str, log_size: float, day: date) -> tuple[Edit, ...]:
    """A dated move of a currency; one of the base currency moves all others the other way."""
    market = scenario.document.market
    base = market.base_currency
    moved = {code: log_size} if code != base else {other: -log_size for other in market.currencies if other != base}
    if not moved:
        raise UsageError(f"The scenario knows no currency but {base}, so no rate can move.")
    shocks: list[dict[str, object]] = [
        {"kind": "fx_move", "day": day.isoformat(), "currency": other, "log_size": size}
        for other, size in moved.items()
    ]
    return (added_shock(scenario, shocks),)


def tariff_points(
    scenario: Scenario, regions: Sequence[str], points: float, day: date, *, on_every_parcel: bool
) -> tuple[Edit, ...]:
    """Points on the customs value on top of what holds on each day, behind every border of the regions.

    They are owed where duty is: goods that a low-value scheme relieves of it stay relieved, unless the points are
    meant on every parcel. What is taken off comes off the duty first, then off the surcharge.

    Raises:
        UsageError: None of them has a border, or more is taken off than holds.
    """
    start, rules = (day - scenario.start).days, build_market(scenario).rules
    added: dict[tuple[float, float], list[str]] = {}
    for region in _behind_borders(scenario, regions):
        r = scenario.regions.index(region)
        rate, surcharge = (float(each[start:, r].min()) for each in (rules.ad_valorem_frac, rules.surcharge_frac))
        to_rate = 0.0 if on_every_parcel else max(points, -rate)
        to_surcharge = points - to_rate
        if surcharge + to_surcharge < -_ROUNDING:
            least, what = (surcharge, "surcharge") if on_every_parcel else (rate + surcharge, "tariff")
            raise UsageError(
                f"The {what} of {region} is {least:.1%}; it cannot fall by {-points:.1%}. Write the whole tariff "
                f"without a sign, as in '{region} tariff 0%'."
            )
        added.setdefault((to_rate, to_surcharge), []).append(region)
    shocks: list[dict[str, object]] = []
    for (to_rate, to_surcharge), alike in added.items():
        parts = {"ad_valorem_added_frac": to_rate, "surcharge_added_frac": to_surcharge}
        stated = {name: part for name, part in parts.items() if part} or {"ad_valorem_added_frac": 0.0}
        shocks.append({"kind": "rule_change", "day": day.isoformat(), "regions": alike, **stated})
    return (added_shock(scenario, shocks),)


def whole_tariff(
    scenario: Scenario, regions: Sequence[str], rate: float, day: date, *, on_every_parcel: bool
) -> tuple[Edit, ...]:
    """A rate on the customs value in place of duty and surcharges, behind every border of the regions.

    What a low-value scheme charges below its threshold stays, unless the rate is meant on every parcel.

    Raises:
        UsageError: None of them has a border.
    """
    shock: dict[str, object] = {
        "kind": "rule_change",
        "day": day.isoformat(),
        "regions": _behind_borders(scenario, regions),
        "ad_valorem_frac": 0.0 if on_every_parcel else rate,
        "surcharge_frac": rate if on_every_parcel else 0.0,
    }
    return (added_shock(scenario, [shock]),)


def _behind_borders(scenario: Scenario, regions: Sequence[str]) -> list[str]:
    behind = [r.id for r in scenario.document.market.regions if r.id in regions and r.duty != "none"]
    if not behind:
        raise UsageError("No region of the scenario lies behind a customs border: every duty is none.")
    return behind


def nothing_spent(scenario: Scenario) -> tuple[Edit, ...]:
    """A cap of 0 on every channel: a scenario's budget itself is above 0, since shares of it are stated."""
    caps = scenario.document.budget.channel_caps_base
    return (Edit(("budget", "channel_caps_base"), dict(caps), dict.fromkeys(scenario.channels, 0.0)),)


def channel_off(scenario: Scenario, channel: str, region: str | None) -> tuple[Edit, ...]:
    """A channel with a cap of 0; in one region, an outage over the horizon."""
    if region is None:
        caps = scenario.document.budget.channel_caps_base
        return (Edit(("budget", "channel_caps_base"), dict(caps), {**caps, channel: 0.0}),)
    shock: dict[str, object] = {
        "kind": "channel_outage",
        "day": scenario.start.isoformat(),
        "channel": channel,
        "regions": [region],
        "days": scenario.days,
    }
    return (added_shock(scenario, [shock]),)
