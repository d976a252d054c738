"""Checks of what may be decided: budget, discounts, plan, history and tactics."""

from collections.abc import Callable, Iterator

from xbopt.core.document import Path
from xbopt.core.scenario.build import AUDIENCE_TIMING, PLAN_MIX
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.names import Finding, Names, keys, named, unknown, weights

_LARGEST_MENU = 2000


def _budget(document: ScenarioDocument) -> Iterator[Finding]:
    names, budget = Names(document), document.budget
    yield from keys(("budget", "region_caps_base"), "region", budget.region_caps_base, names.regions)
    yield from keys(("budget", "channel_caps_base"), "channel", budget.channel_caps_base, names.channels)
    fixed = 0.0
    minimum_cells: set[tuple[str, str]] = set()
    for i, item in enumerate(budget.minimums):
        path: Path = ("budget", "minimums", i)
        yield from _one((*path, "region"), "region", item.region, names.regions)
        yield from _one((*path, "channel"), "channel", item.channel, names.channels)
        if (item.region, item.channel) in minimum_cells:
            yield path, f"There is already a minimum for {item.channel} in {item.region}."
        minimum_cells.add((item.region, item.channel))
        fixed += item.spend_per_day_base
    locked: set[tuple[str, str, str]] = set()
    for i, item in enumerate(budget.locks):
        path = ("budget", "locks", i)
        yield from _one((*path, "region"), "region", item.region, names.regions)
        yield from _one((*path, "segment"), "segment", item.segment, names.segments)
        yield from _one((*path, "channel"), "channel", item.channel, names.channels)
        cell = item.region, item.segment, item.channel
        if cell in locked:
            yield path, f"The spend of {' / '.join(cell)} is already locked."
        locked.add(cell)
        fixed += item.spend_per_day_base
    daily = budget.total_base / document.horizon.days
    if fixed > daily * (1.0 + 1e-9):
        yield (
            ("budget",),
            f"Minimums and locks need {fixed:,.2f} a day; the budget has {daily:,.2f} a day. "
            "Lower them, or raise total_base.",
        )


def _one(path: Path, what: str, name: str, known: list[str]) -> Iterator[Finding]:
    if name not in known:
        yield path, unknown(what, name, known)


def _discounts(document: ScenarioDocument) -> Iterator[Finding]:
    discounts = document.discounts
    for i, level in enumerate(discounts.levels):
        if level > discounts.ceiling_frac:
            yield ("discounts", "levels", i), f"Deeper than the ceiling of {discounts.ceiling_frac:g}."
    pull = discounts.pull_forward
    if pull.borrowed_frac + pull.switched_frac > 1.0 + 1e-9:
        yield ("discounts", "pull_forward"), "borrowed_frac and switched_frac together exceed the whole bump, 1."


def _plan(document: ScenarioDocument) -> Iterator[Finding]:
    names, plan = Names(document), document.plan
    for part, what, known in (
        ("regions", "region", names.regions),
        ("segments", "segment", names.segments),
        ("channels", "channel", names.channels),
    ):
        yield from keys(("plan", part), what, getattr(plan, part), known)
        yield from weights(("plan", part), getattr(plan, part))
    for i, override in enumerate(plan.channel_overrides):
        path: Path = ("plan", "channel_overrides", i)
        yield from named((*path, "regions"), "region", override.regions, names.regions)
        yield from named((*path, "segments"), "segment", override.segments, names.segments)
        yield from keys((*path, "channels"), "channel", override.channels, names.channels)
        yield from weights((*path, "channels"), override.channels)
    for channel, parts in plan.dayparts.items():
        if channel not in names.channels:
            yield ("plan", "dayparts", channel), unknown("channel", channel, names.channels)
        yield from keys(("plan", "dayparts", channel), "daypart", parts, names.dayparts)
        yield from weights(("plan", "dayparts", channel), parts)
    for i, item in enumerate(plan.discounts):
        path = ("plan", "discounts", i)
        yield from named((*path, "regions"), "region", item.regions, names.regions)
        yield from named((*path, "segments"), "segment", item.segments, names.segments)
        if item.discount_frac > document.discounts.ceiling_frac:
            yield (*path, "discount_frac"), f"Deeper than the ceiling of {document.discounts.ceiling_frac:g}."
        if item.start is not None and item.end is not None and item.end < item.start:
            yield (*path, "end"), f"The discount ends on {item.end}, before it starts on {item.start}."
    if not any(
        region.population.get(segment, 0.0) > 0.0
        and (not plan.regions or plan.regions.get(region.id, 0.0) > 0.0)
        and (not plan.segments or plan.segments.get(segment, 0.0) > 0.0)
        for region in document.market.regions
        for segment in names.segments
    ):
        yield ("plan",), "No cell with people gets any weight, so the plan cannot be spent."


def _history(document: ScenarioDocument) -> Iterator[Finding]:
    names, history = Names(document), document.history
    for part, what, known in (
        ("revenue_by_region", "region", names.regions),
        ("revenue_by_segment", "segment", names.segments),
        ("spend_by_channel", "channel", names.channels),
    ):
        yield from keys(("history", part), what, getattr(history, part), known)
        yield from weights(("history", part), getattr(history, part))


def _tactics(document: ScenarioDocument) -> Iterator[Finding]:
    names, tactics = Names(document), document.tactics
    for part, what, known in (("mixes", "channel", names.channels), ("timings", "daypart", names.dayparts)):
        for name, parts in getattr(tactics, part).items():
            yield from keys(("tactics", part, name), what, parts, known)
            yield from weights(("tactics", part, name), parts)
            if not parts and name not in (PLAN_MIX, AUDIENCE_TIMING):
                yield (
                    ("tactics", part, name),
                    f"Give weights by {what}; only {PLAN_MIX} and {AUDIENCE_TIMING} may be empty.",
                )
    ceiling = document.discounts.ceiling_frac
    for i, level in enumerate(tactics.discount_frac):
        if level > ceiling:
            yield ("tactics", "discount_frac", i), f"Deeper than the ceiling of {ceiling:g}."
    mixes, timings = {PLAN_MIX, *tactics.mixes}, {AUDIENCE_TIMING, *tactics.timings}
    for i, item in enumerate(tactics.menu):
        yield from _one(("tactics", "menu", i, "mix"), "mix", item.mix, sorted(mixes))
        yield from _one(("tactics", "menu", i, "timing"), "timing", item.timing, sorted(timings))
        if item.discount_frac > ceiling:
            yield ("tactics", "menu", i, "discount_frac"), f"Deeper than the ceiling of {ceiling:g}."
    grid = (
        len(tactics.discount_frac)
        * max(1, len(tactics.mixes))
        * len(tactics.intensity)
        * max(1, len(tactics.timings))
        * len(tactics.mechanics)
    )
    if not tactics.menu and grid > _LARGEST_MENU:
        yield ("tactics",), f"The grid has {grid:,} tactics; at most {_LARGEST_MENU:,} are allowed."
    if tactics.decide_every_days > document.horizon.days:
        yield (
            ("tactics", "decide_every_days"),
            f"Longer than the horizon of {document.horizon.days} days: there would be one decision only; shorten it.",
        )


PLAN_CHECKS: tuple[Callable[[ScenarioDocument], Iterator[Finding]], ...] = (
    _budget,
    _discounts,
    _plan,
    _history,
    _tactics,
)
