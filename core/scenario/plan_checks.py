"""Checks of what may be decided: budget, discounts, plan, history and tactics."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from xbopt.core.decisions.menu import AUDIENCE_TIMING, PLAN_MIX
from xbopt.core.documents.document import Path
from xbopt.core.scenario.build import fixed_spend
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.history_checks import history_findings
from xbopt.core.scenario.names import Finding, Names, keys, named, unknown, weights

_LARGEST_MENU = 2000
# The price response takes the logarithm of what is left of the price.
_DEEPEST_OFFER = 0.95


def _budget(document: ScenarioDocument) -> Iterator[Finding]:
    names, budget = Names(document), document.budget
    yield from keys(("budget", "region_caps_base"), "region", budget.region_caps_base, names.regions)
    yield from keys(("budget", "channel_caps_base"), "channel", budget.channel_caps_base, names.channels)
    names_missing = False
    minimum_cells: set[tuple[str, str]] = set()
    for i, item in enumerate(budget.minimums):
        path: Path = ("budget", "minimums", i)
        yield from _one((*path, "region"), "region", item.region, names.regions)
        yield from _one((*path, "channel"), "channel", item.channel, names.channels)
        if (item.region, item.channel) in minimum_cells:
            yield path, f"There is already a minimum for {item.channel} in {item.region}."
        minimum_cells.add((item.region, item.channel))
        names_missing |= item.region not in names.regions or item.channel not in names.channels
    maximum_cells: set[tuple[str, str]] = set()
    for i, item in enumerate(budget.maximums):
        path = ("budget", "maximums", i)
        yield from _one((*path, "region"), "region", item.region, names.regions)
        yield from _one((*path, "channel"), "channel", item.channel, names.channels)
        if (item.region, item.channel) in maximum_cells:
            yield path, f"There is already a maximum for {item.channel} in {item.region}."
        maximum_cells.add((item.region, item.channel))
        names_missing |= item.region not in names.regions or item.channel not in names.channels
    locked: set[tuple[str, str, str]] = set()
    for i, item in enumerate(budget.locks):
        path = ("budget", "locks", i)
        segments = names.segments if item.segment is None else [item.segment]
        yield from _one((*path, "region"), "region", item.region, names.regions)
        if item.segment is not None:
            yield from _one((*path, "segment"), "segment", item.segment, names.segments)
        yield from _one((*path, "channel"), "channel", item.channel, names.channels)
        cells = {(item.region, segment, item.channel) for segment in segments}
        if cells & locked:
            place = " / ".join(name for name in (item.region, item.segment, item.channel) if name is not None)
            yield path, f"The spend of {place} is already locked."
        locked |= cells
        names_missing |= (
            item.region not in names.regions
            or not set(segments) <= set(names.segments)
            or item.channel not in names.channels
        )
    if not names_missing:
        yield from _floors(document)


def _floors(document: ScenarioDocument) -> Iterator[Finding]:
    """Minimums and locks that the budget, a cap or a maximum cannot pay on every day."""
    names, budget, days = Names(document), document.budget, document.horizon.days
    minimum, locked, lock = fixed_spend(document)
    floor = np.where(locked, lock, minimum)
    needed, daily = float(floor.sum()), budget.total_base / days
    if needed > daily * (1.0 + 1e-9):
        message = f"Minimums and locks need {needed:,.2f} a day; the budget has {daily:,.2f} a day."
        yield ("budget",), f"{message} Lower them, or raise total_base."
    for part, what, known, caps, sums in (
        ("region_caps_base", "region", names.regions, budget.region_caps_base, floor.sum(axis=(1, 2))),
        ("channel_caps_base", "channel", names.channels, budget.channel_caps_base, floor.sum(axis=(0, 1))),
    ):
        for name, by_day in zip(known, sums.tolist(), strict=True):
            if name in caps and by_day * days > caps[name] * (1.0 + 1e-9):
                message = f"Minimums and locks of this {what} need {by_day * days:,.2f} over the horizon."
                yield ("budget", part, name), f"{message} Lower them, or raise this cap of {caps[name]:,.2f}."
    by_channel = floor.sum(axis=1)
    for i, item in enumerate(budget.maximums):
        least = float(by_channel[names.regions.index(item.region), names.channels.index(item.channel)])
        if least > item.spend_per_day_base * (1.0 + 1e-9):
            message = f"Minimums and locks of this channel in this region need {least:,.2f} a day."
            remedy = f"Lower them, or raise this maximum of {item.spend_per_day_base:,.2f}."
            yield ("budget", "maximums", i), f"{message} {remedy}"


def _one(path: Path, what: str, name: str, known: list[str]) -> Iterator[Finding]:
    if name not in known:
        yield path, unknown(what, name, known)


def _discounts(document: ScenarioDocument) -> Iterator[Finding]:
    discounts = document.discounts
    for i, level in enumerate(discounts.levels):
        if level > discounts.ceiling_frac:
            yield (
                ("discounts", "levels", i),
                f"Deeper than discounts.ceiling_frac, which is {discounts.ceiling_frac:g}.",
            )
    for name, mechanic in discounts.mechanics.items():
        if discounts.ceiling_frac * mechanic.appeal > _DEEPEST_OFFER:
            yield (
                ("discounts", "mechanics", name, "appeal"),
                f"At the ceiling of {discounts.ceiling_frac:g} this looks like more than {_DEEPEST_OFFER:.0%} off.",
            )
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
            yield (
                (*path, "discount_frac"),
                f"Deeper than discounts.ceiling_frac, which is {document.discounts.ceiling_frac:g}.",
            )
        if item.start is not None and item.end is not None and item.end < item.start:
            yield (*path, "end"), f"The discount ends on {item.end}, before it starts on {item.start}."
    known = set(plan.regions) <= set(names.regions) and set(plan.segments) <= set(names.segments)
    peopled = any(any(region.population.values()) for region in document.market.regions)
    if (
        known
        and peopled
        and not any(
            region.population.get(segment, 0.0) > 0.0
            and (not plan.regions or plan.regions.get(region.id, 0.0) > 0.0)
            and (not plan.segments or plan.segments.get(segment, 0.0) > 0.0)
            for region in document.market.regions
            for segment in names.segments
        )
    ):
        yield ("plan",), "No cell with people gets any weight, so the plan cannot be spent."


def _tactics(document: ScenarioDocument) -> Iterator[Finding]:
    names, tactics = Names(document), document.tactics
    for part, what, known, own in (
        ("mixes", "channel", names.channels, PLAN_MIX),
        ("timings", "daypart", names.dayparts, AUDIENCE_TIMING),
    ):
        for name, parts in getattr(tactics, part).items():
            yield from keys(("tactics", part, name), what, parts, known)
            yield from weights(("tactics", part, name), parts)
            if not parts and name != own:
                yield ("tactics", part, name), f"Give weights by {what}; only {own!r} may be empty."
    ceiling = document.discounts.ceiling_frac
    yield from _twice(("tactics", "discount_frac"), tactics.discount_frac)
    yield from _twice(("tactics", "intensity"), tactics.intensity)
    yield from _twice(("tactics", "mechanics"), tactics.mechanics)
    yield from _twice(("tactics", "menu"), tactics.menu)
    for i, level in enumerate(tactics.discount_frac):
        if level > ceiling:
            yield ("tactics", "discount_frac", i), f"Deeper than discounts.ceiling_frac, which is {ceiling:g}."
    mixes, timings = {PLAN_MIX, *tactics.mixes}, {AUDIENCE_TIMING, *tactics.timings}
    for i, item in enumerate(tactics.menu):
        yield from _one(("tactics", "menu", i, "mix"), "mix", item.mix, sorted(mixes))
        yield from _one(("tactics", "menu", i, "timing"), "timing", item.timing, sorted(timings))
        if item.discount_frac > ceiling:
            yield ("tactics", "menu", i, "discount_frac"), f"Deeper than discounts.ceiling_frac, which is {ceiling:g}."
    grid = (
        len(tactics.discount_frac)
        * max(1, len(tactics.mixes))
        * len(tactics.intensity)
        * max(1, len(tactics.timings))
        * len(tactics.mechanics)
    )
    if not tactics.menu and grid > _LARGEST_MENU:
        yield ("tactics",), f"The grid has {grid:,} tactics; at most {_LARGEST_MENU:,} are allowed."
    # The default stands for short horizons too, also where a run has written it out.
    usual = type(tactics).model_fields["decide_every_days"].default
    if tactics.decide_every_days > max(document.horizon.days, usual):
        yield (
            ("tactics", "decide_every_days"),
            f"Longer than the horizon of {document.horizon.days} days: there would be one decision only; shorten it.",
        )


def _twice(path: Path, items: Sequence[object]) -> Iterator[Finding]:
    """Items that repeat an earlier one, so that two tactics of the menu would be the same."""
    for i, item in enumerate(items):
        if item in items[:i]:
            yield (*path, i), f"This is the same as item {items.index(item) + 1} of the list; delete one."


PLAN_CHECKS: tuple[Callable[[ScenarioDocument], Iterator[Finding]], ...] = (
    _budget,
    _discounts,
    _plan,
    history_findings,
    _tactics,
)
