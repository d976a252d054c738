"""From the edge model to arrays. The document has passed every check before it comes here."""

import hashlib
import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray
from xbopt.core.decisions.decision import MECHANICS
from xbopt.core.decisions.limits import Limits
from xbopt.core.decisions.menu import AUDIENCE_TIMING, PLAN_MIX, TacticMenu
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.draws import JointDraws
from xbopt.core.scenario.past import past_arrays
from xbopt.core.scenario.plan import Tactic
from xbopt.core.scenario.scenario import Assortment, PlanArrays, Scenario


def build_scenario(document: ScenarioDocument, draws: JointDraws | None = None) -> Scenario:
    """Build the arrays of a checked document.

    Args:
        document: Passed every check.
        draws: What the file that ``uncertainty.draws`` names holds.
    """
    assert (draws is None) == (document.uncertainty.draws is None), "draws come with the document that names them"
    regions = tuple(region.id for region in document.market.regions)
    segments = tuple(segment.id for segment in document.segments)
    channels = tuple(channel.id for channel in document.channels)
    dayparts = tuple(daypart.id for daypart in document.calendar.dayparts)
    population = np.array(
        [[region.population.get(segment, 0.0) for segment in segments] for region in document.market.regions]
    )
    customers = _customers(document, segments, population)
    audience = _audience(document, regions)
    assortment = _assortment(document)
    plan = _plan(document, regions, segments, channels, dayparts, population, audience)
    return Scenario(
        name=document.name,
        title=document.title or document.name,
        hash=_hash(document, draws),
        document=document,
        start=document.horizon.start,
        days=document.horizon.days,
        base_currency=document.market.base_currency,
        regions=regions,
        segments=segments,
        channels=channels,
        dayparts=dayparts,
        population=population,
        customers=customers,
        audience=audience,
        assortment=assortment,
        limits=_limits(document, regions, channels, audience, assortment),
        plan=plan,
        past=past_arrays(document, regions, segments, channels),
        menu=_menu(document, channels, dayparts, audience, plan),
        draws=draws,
    )


def _hash(document: ScenarioDocument, draws: JointDraws | None) -> str:
    """By the content of the draws, not by the name of their file.

    What is left empty does not count, so that a new optional field of the format changes no hash of before.
    """
    if draws is not None:
        unsure = document.uncertainty.model_copy(update={"draws": draws.digest})
        document = document.model_copy(update={"uncertainty": unsure})
    return hashlib.sha256(document.model_dump_json(exclude_none=True).encode()).hexdigest()[:16]


def weights_of(weights: Mapping[str, float], names: Sequence[str]) -> FloatArray:
    """Named weights as shares that sum to 1; equal shares where no name has a weight."""
    array = np.array([weights.get(name, 0.0) for name in names], dtype=np.float64)
    total = array.sum()
    return array / total if total > 0.0 else np.full(len(names), 1.0 / len(names))


def _customers(document: ScenarioDocument, segments: Sequence[str], population: FloatArray) -> FloatArray:
    customers = np.zeros((*population.shape, 5))
    for r, region in enumerate(document.market.regions):
        for s, segment in enumerate(segments):
            known = region.customers.get(segment)
            if known is not None:
                customers[r, s, 1:] = known.new, known.active, known.at_risk, known.lapsed
    # The checks have seen that customers do not exceed people; only rounding could bring this below zero.
    customers[..., 0] = np.maximum(population - customers[..., 1:].sum(axis=2), 0.0)
    return customers


def _audience(document: ScenarioDocument, regions: Sequence[str]) -> FloatArray:
    calendar = document.calendar
    rows: list[list[float]] = []
    for region in regions:
        own = calendar.regions[region].activity if region in calendar.regions else None
        rows.append([(own or {}).get(part.id, part.activity) for part in calendar.dayparts])
    array = np.array(rows)
    return array / array.sum(axis=1, keepdims=True)


def _assortment(document: ScenarioDocument) -> Assortment:
    products = {product.id: product for product in document.products}
    shape = (len(document.market.regions), len(document.segments))
    price, usual, cost, returns, return_days = (np.zeros(shape) for _ in range(5))
    for s, segment in enumerate(document.segments):
        mix = [(products[name], share * segment.items_per_order) for name, share in segment.product_mix.items()]
        value = sum(product.price_base * items for product, items in mix)
        level = np.array([region.price_level for region in document.market.regions])
        price[:, s] = value * level
        usual[:, s] = sum((product.usual_price_base or product.price_base) * items for product, items in mix)
        cost[:, s] = sum(product.unit_cost_base * items for product, items in mix)
        returns[:, s] = sum(p.return_rate * p.price_base * items for p, items in mix) / value
        return_days[:, s] = sum(p.return_days * p.price_base * items for p, items in mix) / value
    return Assortment(
        price_base=price,
        usual_price_base=usual,
        cost_base=cost,
        return_rate=returns,
        return_days=return_days,
    )


def fixed_spend(document: ScenarioDocument) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Minimums, which cells are locked, and locks, a day ``(R, S, C)`` each, base currency.

    A region's minimum or lock is shared over its segments by people. A lock takes the place of a minimum in its cell.
    """
    regions = [region.id for region in document.market.regions]
    segments = [segment.id for segment in document.segments]
    channels = [channel.id for channel in document.channels]
    shape = (len(regions), len(segments), len(channels))
    minimum, lock = np.zeros(shape), np.zeros(shape)
    locked = np.zeros(shape, dtype=np.bool_)
    for item in document.budget.minimums:
        r = regions.index(item.region)
        share = weights_of(document.market.regions[r].population, segments)
        minimum[r, :, channels.index(item.channel)] = item.spend_per_day_base * share
    for item in document.budget.locks:
        r, c = regions.index(item.region), channels.index(item.channel)
        if item.segment is None:
            locked[r, :, c] = True
            lock[r, :, c] = item.spend_per_day_base * weights_of(document.market.regions[r].population, segments)
        else:
            s = segments.index(item.segment)
            locked[r, s, c], lock[r, s, c] = True, item.spend_per_day_base
    return minimum, locked, lock


def _most_spend(document: ScenarioDocument, regions: Sequence[str], channels: Sequence[str]) -> FloatArray:
    """Most spend a day by region and channel ``(R, C)``, base currency; infinite where there is no maximum."""
    most = np.full((len(regions), len(channels)), np.inf)
    for item in document.budget.maximums:
        most[regions.index(item.region), channels.index(item.channel)] = item.spend_per_day_base
    return most


def _limits(
    document: ScenarioDocument,
    regions: Sequence[str],
    channels: Sequence[str],
    audience: FloatArray,
    assortment: Assortment,
) -> Limits:
    budget = document.budget
    minimum, locked, lock = fixed_spend(document)
    floor = document.discounts.margin_floor_frac
    by_margin = 1.0 - assortment.cost_base / (assortment.price_base * (1.0 - floor))
    return Limits(
        total_base=budget.total_base,
        daily_base=min(budget.total_base, budget.total_base / document.horizon.days * budget.max_daily_multiple),
        region_cap_base=np.array([budget.region_caps_base.get(name, np.inf) for name in regions]),
        channel_cap_base=np.array([budget.channel_caps_base.get(name, np.inf) for name in channels]),
        minimum_base=minimum,
        maximum_base=_most_spend(document, regions, channels),
        locked=locked,
        lock_base=lock,
        discount_ceiling=np.clip(by_margin, 0.0, document.discounts.ceiling_frac),
        audience=audience,
    )


def _plan(
    document: ScenarioDocument,
    regions: Sequence[str],
    segments: Sequence[str],
    channels: Sequence[str],
    dayparts: Sequence[str],
    population: FloatArray,
    audience: FloatArray,
) -> PlanArrays:
    plan, days = document.plan, document.horizon.days
    mix = np.tile(weights_of(plan.channels, channels), (len(regions), len(segments), 1))
    for override in plan.channel_overrides:
        cells = np.ix_(*_positions(override.regions, override.segments, regions, segments))
        mix[cells] = weights_of(override.channels, channels)
    cell = weights_of(plan.regions, regions)[:, None] * weights_of(plan.segments, segments)
    # A cell without people gets no money: its share goes to the cells that have some.
    cell = np.where(population > 0.0, cell, 0.0)
    cell = cell / cell.sum() if cell.sum() > 0.0 else np.full(cell.shape, 1.0 / cell.size)
    timing = np.repeat(audience[:, None, :], len(channels), axis=1)
    for c, channel in enumerate(channels):
        if channel in plan.dayparts:
            timing[:, c] = weights_of(plan.dayparts[channel], dayparts)
    discount = np.zeros((days, len(regions), len(segments)))
    mechanic = np.zeros(discount.shape, dtype=np.int64)
    for item in plan.discounts:
        first = 0 if item.start is None else max(0, (item.start - document.horizon.start).days)
        last = days - 1 if item.end is None else min(days - 1, (item.end - document.horizon.start).days)
        if last >= first:
            window = np.ix_(range(first, last + 1), *_positions(item.regions, item.segments, regions, segments))
            discount[window], mechanic[window] = item.discount_frac, MECHANICS.index(item.mechanic)
    return PlanArrays(
        share=cell[:, :, None] * mix,
        spend_frac=plan.spend_frac,
        daypart_weights=timing,
        discount_frac=discount,
        mechanic=mechanic,
    )


def _positions(
    wanted_regions: Sequence[str],
    wanted_segments: Sequence[str],
    regions: Sequence[str],
    segments: Sequence[str],
) -> tuple[list[int], list[int]]:
    """Positions of the named regions and segments; all of them where none is named."""
    return (
        [regions.index(name) for name in wanted_regions] or list(range(len(regions))),
        [segments.index(name) for name in wanted_segments] or list(range(len(segments))),
    )


def menu_items(document: ScenarioDocument) -> list[Tactic]:
    """The tactics of the menu: the list where there is one, else the grid of all components.

    In the grid a tactic without a discount stands once, with the first mechanic: others would do the same.
    """
    tactics = document.tactics
    if tactics.menu:
        return list(tactics.menu)
    return [
        Tactic(discount_frac=discount, mix=mix, intensity=intensity, timing=timing, mechanic=mechanic)
        for discount, mix, intensity, timing, mechanic in itertools.product(
            tactics.discount_frac,
            list(tactics.mixes) or [PLAN_MIX],
            tactics.intensity,
            list(tactics.timings) or [AUDIENCE_TIMING],
            tactics.mechanics,
        )
        if discount > 0.0 or mechanic == tactics.mechanics[0]
    ]


def _menu(
    document: ScenarioDocument,
    channels: Sequence[str],
    dayparts: Sequence[str],
    audience: FloatArray,
    plan: PlanArrays,
) -> TacticMenu:
    tactics, items = document.tactics, menu_items(document)
    cell_share = plan.share.sum(axis=2)
    plan_mix = plan.share / np.where(cell_share > 0.0, cell_share, 1.0)[..., None]
    plan_mix = np.where(cell_share[..., None] > 0.0, plan_mix, 1.0 / len(channels))
    mix_names = tuple(dict.fromkeys(item.mix for item in items))
    timing_names = tuple(dict.fromkeys(item.timing for item in items))
    mix_rows: list[FloatArray] = []
    for name in mix_names:
        weights = tactics.mixes.get(name)
        shares = plan_mix if not weights else np.broadcast_to(weights_of(weights, channels), plan_mix.shape)
        mix_rows.append(shares)
    timing_rows: list[FloatArray] = []
    for name in timing_names:
        weights = tactics.timings.get(name)
        shares = audience if not weights else np.broadcast_to(weights_of(weights, dayparts), audience.shape)
        timing_rows.append(shares)

    def positions(names: Sequence[str], chosen: Sequence[str]) -> IntArray:
        return np.array([names.index(name) for name in chosen], dtype=np.int64)

    return TacticMenu(
        labels=tuple(_label(item) for item in items),
        discount_frac=np.array([item.discount_frac for item in items]),
        intensity=np.array([item.intensity for item in items]),
        mix=positions(mix_names, [item.mix for item in items]),
        timing=positions(timing_names, [item.timing for item in items]),
        mechanic=positions(MECHANICS, [item.mechanic for item in items]),
        mixes=np.stack(mix_rows),
        timings=np.stack(timing_rows),
        mix_names=mix_names,
        timing_names=timing_names,
        cell_share=cell_share,
    )


def _label(item: Tactic) -> str:
    discount = f"{item.discount_frac * 100:g}% {item.mechanic}" if item.discount_frac else "no discount"
    return f"{discount} / {item.mix} x{item.intensity:g} / {item.timing}"
