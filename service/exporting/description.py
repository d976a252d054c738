"""The documents of a bundle: schema, guardrails and plan, from a scenario."""

from collections.abc import Sequence

import numpy as np

from xbopt.agents.exploration import ExploringPolicy
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.decisions.feasibility import project
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Menu
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle.formats import FEATURE_AXES, Feature, Field, Guardrails, Missing, Plan, PolicyShape, Schema
from xbopt.service.bundle.tensors import to_tensor
from xbopt.service.exporting.schedule import blank_observation

_REFUSE = Missing(rule="refuse")


def describe_features(names: Sequence[str], values: FloatArray) -> list[Feature]:
    """Features ``(..., F)`` with the ranges in which they were seen; the mean stands in for a missing value."""
    flat = values.reshape(-1, len(names))
    return [
        Feature(
            name=name,
            unit="",
            low=float(column.min()),
            high=float(column.max()),
            mean=float(column.mean()),
            deviation=float(column.std()),
            missing=Missing(rule="value", value=float(column.mean())),
        )
        for name, column in zip(names, flat.T, strict=True)
    ]


def build_schema(
    scenario: Scenario,
    shape: PolicyShape,
    features: dict[str, list[Feature]],
    labels: Sequence[str],
) -> Schema:
    """``schema.json`` of a policy for this scenario.

    Args:
        scenario: The scenario.
        shape: ``tactic`` or ``direct``.
        features: Features along ``F``, ``G`` and ``E``.
        labels: Names of the tactics; they count for ``tactic`` only.
    """
    document = scenario.document
    axes = {
        "R": list(scenario.regions),
        "S": list(scenario.segments),
        "C": list(scenario.channels),
        "H": list(scenario.dayparts),
        **{axis: [feature.name for feature in features[axis]] for axis in FEATURE_AXES},
    }
    if shape == "tactic":
        axes["K"] = list(labels)
    money = scenario.base_currency
    return Schema(
        schema_version=1,
        shape=shape,
        axes=axes,
        features=features,
        inputs=_inputs(scenario, shape, channels=bool(features["E"])),
        outputs=_outputs(scenario, shape),
        currency=money,
        start=scenario.start.isoformat(),
        days=scenario.days,
        decide_every_days=document.tactics.decide_every_days,
        window_days=document.tactics.window_days,
        timezones={region.id: region.timezone for region in document.market.regions},
        daypart_hours=[(part.from_hour, part.to_hour) for part in document.calendar.dayparts],
        discount_frac=scenario.menu.discount_frac.tolist() if shape == "tactic" else [],
    )


def _field(
    name: str,
    axes: str,
    unit: str,
    about: str,
    *,
    low: float | None = None,
    high: float | None = None,
    whole: bool = False,
    missing: Missing = _REFUSE,
) -> Field:
    return Field(
        name=name,
        dtype="int64" if whole else "float64",
        axes=axes.split(),
        unit=unit,
        about=about,
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        missing=missing,
    )


def _inputs(scenario: Scenario, shape: PolicyShape, *, channels: bool) -> list[Field]:
    money, total = scenario.base_currency, scenario.limits.total_base
    no_cap = "infinity for no cap"
    fields = [
        _field("regions", "B R F", "", "features of regions; names and ranges under features.F"),
        _field("cells", "B R S G", "", "features of cells; names and ranges under features.G"),
        *(
            [_field("channels", "B R S C E", "", "features of channels in cells; names and ranges under features.E")]
            if channels
            else []
        ),
        _field("day", "B", "days", "day of the horizon, from 0", low=0, high=scenario.days - 1, whole=True),
        _field("budget_base", "B", money, "money left for the rest of the horizon", low=0.0, high=total),
        _field("region_base", "B R", money, f"money left by region; {no_cap}", low=0.0),
        _field("channel_base", "B C", money, f"money left by channel; {no_cap}", low=0.0),
    ]
    if shape == "tactic":
        most = len(scenario.menu) - 1
        fields += [
            _field("uniform", "B R S", "", "a uniform number, which draws the tactic", low=0.0, high=1.0),
            _field("forced", "B R S", "", "a tactic that must be taken, or -1", low=-1, high=most, whole=True),
            _field("allowed", "R S K", "", "1 where the guardrails allow a tactic, else 0", low=0.0, high=1.0),
            _field("default", "R S K", "", "1 at the tactic to take where nothing else is allowed", low=0.0, high=1.0),
        ]
    return fields


def _outputs(scenario: Scenario, shape: PolicyShape) -> list[Field]:
    money = scenario.base_currency
    fields = [
        _field("spend_base", "B R S C", money, "spend of the day, within every cap", low=0.0),
        _field("daypart_weights", "B R C H", "", "how a channel's spend is spread over the day", low=0.0, high=1.0),
        _field("discount_frac", "B R S", "", "discount", low=0.0, high=1.0),
        _field("mechanic", "B R S", "", "promotion mechanic, 0..4", low=0, high=4, whole=True),
    ]
    if shape == "tactic":
        most = len(scenario.menu) - 1
        fields += [
            _field("tactic", "B R S", "", "the drawn tactic", low=0, high=most, whole=True),
            _field("propensity", "B R S", "", "its probability", low=0.0, high=1.0),
            _field("probabilities", "B R S K", "", "probability of each tactic", low=0.0, high=1.0),
            _field("allowed_mass", "B R S 1", "", "probability that the guardrails left to the policy", low=0.0),
        ]
    return fields


def build_guardrails(scenario: Scenario) -> Guardrails:
    """``guardrails.json`` with the limits of the scenario; a file of the planner's own may replace it."""
    cells = [(r, s) for r in range(len(scenario.regions)) for s in range(len(scenario.segments))]
    names = [f"{scenario.regions[r]}/{scenario.segments[s]}" for r, s in cells]
    ceiling, goods = scenario.limits.discount_ceiling, scenario.assortment
    cost = goods.cost_base / np.where(goods.price_base > 0.0, goods.price_base, 1.0)
    return Guardrails(
        guardrails_version=1,
        day_ceiling_base=scenario.limits.daily_base,
        discount_ceiling_frac={name: float(ceiling[cell]) for name, cell in zip(names, cells, strict=True)},
        cost_frac={name: float(cost[cell]) for name, cell in zip(names, cells, strict=True)},
    )


def build_plan(scenario: Scenario, plan: ScheduledPolicy, menu: Menu | None) -> Plan:
    """``plan.json``: a plan that is known from the first day on, and the limits.

    Args:
        scenario: The scenario.
        plan: The plan.
        menu: The menu of a tactic policy, for which the plan's tactics are given too; None for a direct one.
    """
    days = [plan.decide(blank_observation(scenario, day)) for day in range(scenario.days)]
    start, limits = Remaining.at_start(scenario.limits, 1), scenario.limits
    mended, _ = project(days[0], limits, start)
    arrays: dict[str, FloatArray | IntArray] = {
        "spend_base": np.concatenate([day.spend_base for day in days]),
        "daypart_weights": mended.daypart_weights[0],
        "discount_frac": np.concatenate([day.discount_frac for day in days]),
        "mechanic": np.concatenate([day.mechanic for day in days]),
        "region_cap_base": limits.region_cap_base,
        "channel_cap_base": limits.channel_cap_base,
        "minimum_base": limits.minimum_base,
        "locked": limits.locked.astype(np.int64),
        "lock_base": limits.lock_base,
        "discount_ceiling": limits.discount_ceiling,
        "audience": limits.audience,
    }
    if isinstance(menu, AnchoredMenu):
        arrays["tactic"] = np.full((scenario.days, *scenario.shape[:2]), menu.neutral, dtype=np.int64)
    elif menu is not None:
        exact = ExploringPolicy(plan=plan, scenario=scenario, exploration=0.0)
        chosen = [exact.probabilities(blank_observation(scenario, day)).argmax(axis=3) for day in range(scenario.days)]
        arrays["tactic"] = np.concatenate(chosen)
    return Plan(
        plan_version=1,
        name=plan.name,
        arrays={name: to_tensor(array) for name, array in arrays.items()},
        total_base=limits.total_base,
        daily_base=limits.daily_base,
    )
