"""The documents of a bundle: schema, guardrails and plan, from a scenario."""

from collections.abc import Sequence

import numpy as np
from msgspec import UNSET

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.anchored_menu import RelativeMenu
from xbopt.core.decisions.factors import Factors
from xbopt.core.decisions.feasibility import project
from xbopt.core.decisions.limits import Remaining
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Menu
from xbopt.core.scenario.memory import reward_reach
from xbopt.core.scenario.scenario import Scenario
from xbopt.service.bundle.factors import describe_factors
from xbopt.service.bundle.formats import MOST_MISSING, Guardrails, Plan, PolicyShape
from xbopt.service.bundle.schema import FEATURE_AXES, SHAPES, Feature, Field, Missing, Schema
from xbopt.service.bundle.tensors import to_tensor
from xbopt.service.exporting.inputs import describe, input_fields
from xbopt.service.exporting.schedule import blank_observation


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
    drawn: Menu | Factors | None,
    anchor: str = "",
) -> Schema:
    """``schema.json`` of a policy for this scenario.

    Args:
        scenario: The scenario.
        shape: ``tactic``, ``factored`` or ``direct``.
        features: Features along ``F``, ``G`` and ``E``.
        drawn: The menu of a tactic policy, or the factors of a factored one; None for a direct one.
        anchor: Name of the policy that the neutral levels of factors are.
    """
    document = scenario.document
    axes = {
        "R": list(scenario.regions),
        "S": list(scenario.segments),
        "C": list(scenario.channels),
        "H": list(scenario.dayparts),
        **{axis: [feature.name for feature in features[axis]] for axis in FEATURE_AXES},
    }
    choices = 0
    if isinstance(drawn, Factors):
        choices = drawn.most_levels
        axes |= {"A": list(drawn.names), "L": [str(level) for level in range(choices)]}
    elif drawn is not None:
        choices = len(drawn)
        axes["K"] = list(drawn.labels)
    factors = drawn if isinstance(drawn, Factors) else None
    money = scenario.base_currency
    return Schema(
        schema_version=1,
        shape=shape,
        axes=axes,
        features=features,
        inputs=input_fields(scenario, shape, channels=bool(features["E"]), choices=choices),
        outputs=_outputs(scenario, shape, choices),
        currency=money,
        start=scenario.start.isoformat(),
        days=scenario.days,
        decide_every_days=document.tactics.decide_every_days,
        window_days=document.tactics.window_days,
        timezones={region.id: region.timezone for region in document.market.regions},
        daypart_hours=[(part.from_hour, part.to_hour) for part in document.calendar.dayparts],
        discount_frac=_depths(scenario, choices) if shape == "tactic" else [],
        factors=UNSET if factors is None else describe_factors(factors, axes),
        anchor=UNSET if factors is None else anchor,
        late_effects=UNSET
        if drawn is None
        else list(reward_reach(scenario, None if factors is None else factors.kinds).effects),
    )


def _depths(scenario: Scenario, tactics: int) -> list[float]:
    """Discount of each tactic; the neutral one that a menu around a policy may have besides gives none of its own."""
    depths = scenario.menu.discount_frac.tolist()
    return depths + [0.0] * (tactics - len(depths))


def _outputs(scenario: Scenario, shape: PolicyShape, choices: int) -> list[Field]:
    money, what = scenario.base_currency, "tactic" if shape == "tactic" else "level"
    fields = [
        describe("spend_base", money, "spend of the day, within every cap", low=0.0),
        describe("daypart_weights", "", "how a channel's spend is spread over the day", low=0.0, high=1.0),
        describe("discount_frac", "", "discount", low=0.0, high=1.0),
        describe("mechanic", "", "promotion mechanic, 0..4", low=0, high=4),
    ]
    drawn = {
        "tactic": ("the drawn tactic", choices - 1),
        "levels": ("the drawn level of each factor", choices - 1),
        "propensity": ("its probability", 1),
        "probabilities": (f"probability of each {what}", 1),
        "allowed_mass": ("probability that the guardrails left to the policy", None),
    }
    for name, axes in SHAPES[shape].outputs.items():
        about, high = drawn[name]
        fields.append(describe(name, "", about, low=0, high=high, axes=axes))
    return fields


def build_guardrails(scenario: Scenario) -> Guardrails:
    """``guardrails.json`` with the limits of the scenario; a file of the planner's own may replace it."""
    cells = [(r, s) for r in range(len(scenario.regions)) for s in range(len(scenario.segments))]
    names = [f"{scenario.regions[r]}/{scenario.segments[s]}" for r, s in cells]
    ceiling, goods = scenario.limits.discount_ceiling, scenario.assortment
    cost = goods.cost_base / np.where(goods.price_base > 0.0, goods.price_base, 1.0)
    return Guardrails(
        guardrails_version=1,
        most_missing_frac=MOST_MISSING,
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
        "maximum_base": limits.maximum_base,
        "locked": limits.locked.astype(np.int64),
        "lock_base": limits.lock_base,
        "discount_ceiling": limits.discount_ceiling,
        "audience": limits.audience,
    }
    if isinstance(menu, RelativeMenu):
        arrays["tactic"] = np.full((scenario.days, *scenario.shape[:2]), menu.neutral, dtype=np.int64)
    return Plan(
        plan_version=1,
        name=plan.name,
        arrays={name: to_tensor(array) for name, array in arrays.items()},
        total_base=limits.total_base,
        daily_base=limits.daily_base,
    )
