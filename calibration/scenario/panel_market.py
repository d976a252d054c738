"""From a panel alone to a scenario: the market that the panel is about is named, and fitted to it.

A panel has no lines of orders, so it tells no prices, customers or costs: these are the named scenario's own.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from xbopt.calibration.backtest.records import PANEL_FILE, days_of, read_records
from xbopt.calibration.customers.lifecycle import BUCKETS
from xbopt.calibration.fit.market_fit import MarketFit, fit_market
from xbopt.calibration.panel import CalibrationPanel
from xbopt.calibration.scenario.calibration import Calibration, Options, signs_of
from xbopt.calibration.scenario.channels import Bought
from xbopt.calibration.scenario.draft import Draft, Plain, Source, finished, rounded, shares
from xbopt.calibration.scenario.findings import Finding
from xbopt.calibration.scenario.media_fit import DRAWS, put_fit, rounds_told
from xbopt.calibration.scenario.next_tests import next_tests
from xbopt.calibration.scenario.plan import HISTORY_DAYS, LATE_WEEKS
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import CalibrationError, PanelError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.imports.tables import TABLES

if TYPE_CHECKING:
    from xbopt.studies.simulate import Progress

_LEAST_DISCOUNT = 0.0005


def lone_panel(paths: Sequence[Path]) -> Path | None:
    """The panel that is all there is: a file, or the one table of a folder; None where there are tables of a shop.

    Raises:
        UsageError: There are several panels.
    """
    lone = [path for path in paths if path.is_file() or _holds_only_a_panel(path)]
    if not lone:
        return None
    if len(paths) > 1:
        raise UsageError(
            f"{lone[0]} is a panel without orders. A market is fitted to one such panel; name it alone, with the "
            "scenario that it is about: --like SCENARIO."
        )
    return lone[0]


def _holds_only_a_panel(path: Path) -> bool:
    return (path / PANEL_FILE).is_file() and not any((path / f"{name}.parquet").is_file() for name in TABLES)


def calibrate_panel(path: Path, *, chosen: Options, tell: "Progress") -> Calibration:
    """Fit the scenario that a panel is about.

    The result starts on the day after the panel, with its last days as history, its last weeks' media as plan, and the
    customers that the fitted market has by then.

    Args:
        path: A file of ``xbopt simulate --panel``, or a folder that holds no table but one.
        chosen: Names the scenario in ``like``.
        tell: Called with the stage.

    Raises:
        UsageError: No scenario is named, or something is asked of orders.
        CalibrationError: The panel is too short or sells nothing.
        PanelError: It is not about the scenario.
    """
    if chosen.like is None:
        raise UsageError(
            f"{path} is a panel: days, media and sums of orders, and no line of an order. Prices, customers and costs "
            "cannot be read off it. Name the scenario that it is about: --like SCENARIO."
        )
    _nothing_of_orders(path, chosen)
    tell("reading and cleaning", 0, 0)
    like = load_scenario(chosen.like)
    records = read_records(path, like, world=chosen.world)
    panel = _until(records.panel, chosen.until)
    if not panel.spend.any():
        raise CalibrationError(f"{path} has no media: nothing can be said of what they bring.")
    tell("market fit", 0, 0)
    fit = fit_market(
        like,
        panel,
        tests=chosen.tests,
        seed=chosen.seed,
        worlds=chosen.worlds,
        on_round=rounds_told(tell),
    )
    draws = fit.draws(DRAWS)
    draft = _draft(like, fit, chosen)
    last = panel.start + timedelta(days=panel.days - 1)
    put_fit(draft, fit, draws, f"{panel.start} to {last}")
    _put_customers(draft, fit, last)
    past = _put_media(draft, like, panel, chosen.start or last + timedelta(days=1), chosen.days)
    document, scenario = finished(draft, past)
    tell("tests and vital signs", 0, 0)
    findings = [Finding(code="panel_alone", subjects=(like.name,))]
    findings += [
        Finding(code="panel_left_out", subjects=(what,), figures={"rows": rows})
        for what, rows in records.left_out.items()
    ]
    findings += [Finding(code="panel_note", subjects=(note,)) for note in panel.notes]
    if like.document.shocks:
        findings.append(Finding(code="shocks_dropped", figures={"shocks": float(len(like.document.shocks))}))
    return Calibration(
        scenario=scenario,
        document=document,
        past=past,
        first=panel.start,
        last=last,
        bought=_bought(like, panel),
        fit=fit,
        draws=draws,
        next_tests=next_tests(fit),
        signs=signs_of(scenario, draws),
        findings=tuple(findings),
    )


def _nothing_of_orders(path: Path, chosen: Options) -> None:
    """Refuse what only lines of orders could answer."""
    asked = {
        "--currency": chosen.currency is not None,
        "--trade": chosen.trade is not None,
        "--origin": chosen.origin != "any",
        "--regions": chosen.regions is not None,
        "--costs": bool(chosen.costs.by_sku),
        "--gross-margin": chosen.costs.gross_margin is not None,
        "--off": bool(chosen.off),
        "--no-fit": not chosen.fits_media,
    }
    wrong = [option for option, is_asked in asked.items() if is_asked]
    if wrong:
        raise UsageError(
            f"{', '.join(wrong)}: {path} is a panel without orders, and only its media are fitted. Change the scenario "
            f"{chosen.like} itself, or calibrate from orders."
        )


def _until(panel: CalibrationPanel, until: date | None) -> CalibrationPanel:
    if until is None:
        return panel
    days = (until - panel.start).days + 1
    if days < 1:
        raise PanelError(f"--until {until} is before the first day of the panel, {panel.start}.")
    return days_of(panel, 0, min(days, panel.days))


def _draft(like: Scenario, fit: MarketFit, chosen: Options) -> Draft:
    """The scenario named, as it stands, under its new name and with its new days; what is of its own days goes."""
    plain = cast("Plain", like.document.model_dump(mode="json", exclude_unset=True))
    entries = cast("list[Plain]", plain.pop("provenance", []))
    plain.pop("shocks", None)
    cast("Plain", plain.get("uncertainty", {})).pop("draws", None)
    for past in ("steady_spend_per_day_base", "before"):  # the rows put in their place are those of the panel
        cast("Plain", plain.get("history", {})).pop(past, None)
    panel = fit.replay.panel
    last = panel.start + timedelta(days=panel.days - 1)
    head: Plain = {
        "version": 1,
        "name": chosen.name,
        "title": chosen.title or f"{like.document.title or like.name}, fitted to {panel.start} to {last}",
        "description": f"Made by xbopt calibrate from {like.name} and a panel of {panel.start} to {last}.",
    }
    start = chosen.start or last + timedelta(days=1)
    horizon = {**cast("Plain", plain["horizon"]), "start": start.isoformat(), "days": chosen.days}
    return Draft(
        data=head | {key: value for key, value in plain.items() if key not in head} | {"horizon": horizon},
        taken_over=tuple(entries),
        unsourced=Source(evidence="E", source=f"Taken over from {like.name}"),
        sources={"horizon.days": Source(evidence="set", source="By choice")},
    )


def _put_customers(draft: Draft, fit: MarketFit, last: date) -> None:
    """Write the customers that the fitted market has on the morning after the panel."""
    scenario = fit.scenario
    people = fit.replay.customers_after(fit.space.sampled(fit.mode[None]))[0]
    source = Source(
        evidence="E", source=f"The fitted market played to {last}", note="Customers by bucket are in no panel"
    )
    for r in range(len(scenario.regions)):
        counts: Plain = {
            segment: {bucket: rounded(float(people[r, s, k + 1])) for k, bucket in enumerate(BUCKETS)}
            for s, segment in enumerate(scenario.segments)
        }
        draft.put(("market", "regions", r, "customers"), counts, source)


def _put_media(draft: Draft, like: Scenario, panel: CalibrationPanel, start: date, days: int) -> tuple[Plain, ...]:
    """Write budget and plan as the last weeks' media carried on; the rows of ``history.before``."""
    late = panel.spend[-7 * LATE_WEEKS :]
    total = float(late.sum())
    if total > 0.0:
        names = like.regions, like.segments, like.channels
        source = Source(
            evidence="set", source=f"By choice: media of the last {len(late)} days of the panel, carried on"
        )
        draft.put(("budget", "total_base"), rounded(total / len(late) * days), source)
        cells = late.sum(axis=0)
        plan: Plain = {
            part: _shares(ids, cells.sum(axis=tuple(axis for axis in range(3) if axis != at)))
            for at, (part, ids) in enumerate(zip(("regions", "segments", "channels"), names, strict=True))
        }
        plan["channel_overrides"] = [
            {"regions": [region], "segments": [segment], "channels": _shares(like.channels, cells[r, s])}
            for r, region in enumerate(like.regions)
            for s, segment in enumerate(like.segments)
            if cells[r, s].sum() > 0.0
        ]
        own = cast("Plain", draft.data.get("plan", {}))
        draft.put(("plan",), {**{key: own[key] for key in ("dayparts",) if key in own}, **plan}, source)
    return tuple(_past_rows(like, panel, start))


def _past_rows(like: Scenario, panel: CalibrationPanel, start: date) -> list[Plain]:
    first = max(panel.days - HISTORY_DAYS, 0)
    rows: list[Plain] = []
    for day in range(first, panel.days):
        on = panel.start + timedelta(days=day)
        if on >= start:
            break
        for (r, s, c), spend in np.ndenumerate(panel.spend[day]):
            row: Plain = {
                "date": on.isoformat(),
                "region": like.regions[r],
                "segment": like.segments[s],
                "channel": like.channels[c],
                "spend_base": round(float(spend), 4),
            }
            if (depth := float(panel.discount_frac[day, r, s])) > _LEAST_DISCOUNT:
                row["discount_frac"] = round(depth, 3)
            rows.append(row)
    return rows


def _shares(names: Sequence[str], values: FloatArray) -> dict[str, float]:
    return shares(dict(zip(names, values.tolist(), strict=True)))


def _bought(like: Scenario, panel: CalibrationPanel) -> tuple[Bought, ...]:
    """What each channel brought for its money, the dearest first."""
    found: list[Bought] = []
    for c, channel in enumerate(like.document.channels):
        spend = panel.spend[..., c]
        if not spend.any():
            continue
        counts = (panel.impressions[..., c], panel.clicks[..., c])
        impressions, clicks = (float(np.nansum(one)) if np.isfinite(one).any() else None for one in counts)
        found.append(
            Bought(
                channel=channel.name or channel.id,
                id=channel.id,
                days=int((spend.sum(axis=(1, 2)) > 0.0).sum()),
                spend=float(spend.sum()),
                impressions=impressions,
                clicks=clicks,
                by_region=dict(zip(like.regions, spend.sum(axis=(0, 2)).tolist(), strict=True)),
                cost_by_region={},
                by_click=False,
            )
        )
    return tuple(sorted(found, key=lambda one: -one.spend))
