"""What is wrong with what was told: figures that stopped, days that are late, amounts in another unit or currency."""

from dataclasses import dataclass

import numpy as np

from xbopt.campaigns.actuals.actual_day import FIGURES
from xbopt.campaigns.advice.alarm import Alarm
from xbopt.campaigns.advice.drift import Drift
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.standing import Standing
from xbopt.core.arrays import BoolArray
from xbopt.core.scenario.scenario import Scenario

LATE_DAYS = 2
"""Exports are a day or two behind."""
_LEVEL = 1.5
_NEAR = 0.1
_SAME_CURRENCY, _LEAST_RATE = 0.03, 0.05
_OFTEN = 0.5
_COMPARED = ("spend_base", "clicks", "impressions", "visits", "orders", "gross_revenue_base", "net_revenue_base")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A figure that was told on other days, and not on days of which others told something."""

    figure: str
    region: str | None
    channel: str | None
    days: tuple[int, ...]


def missing_data(standing: Standing, this_day: int | None) -> list[Alarm]:
    """Gaps in what was told, and days that should have been told by today."""
    found = [
        Alarm(
            code="gap",
            severity="warning",
            advice="tell_missing",
            region=gap.region,
            channel=gap.channel,
            measure=gap.figure,
            figures={"first_day": float(gap.days[0]), "last_day": float(gap.days[-1]), "days": float(len(gap.days))},
        )
        for gap in gaps(standing.record)
    ]
    found += [
        Alarm(
            code="out_of_range",
            severity="critical",
            advice="correct_file",
            measure=name,
            figures={"day": float(day)},
        )
        for day, names in standing.record.known.unusable.items()
        for name in names
    ]
    late = late_by(standing.record, this_day)
    if late is not None:
        found.append(
            Alarm(
                code="actuals_late",
                severity="warning",
                advice="tell_actuals",
                figures={"days": float(late), "known_until": float(standing.today)},
            )
        )
    return found


def gaps(record: CampaignRecord) -> tuple[Gap, ...]:
    """Days without figures that are told on most others; the last ``LATE_DAYS`` may still come.

    A figure that lacks in all regions or all channels of a day is told once.
    """
    days = [day for day in sorted(record.days) if day >= 0]
    if not days:
        return ()
    scenario = record.scenario
    regions, segments, channels, _ = scenario.shape
    found: list[Gap] = []
    if record.missing_days:
        found.append(Gap(figure="", region=None, channel=None, days=record.missing_days))
    for name in _COMPARED:
        axes = FIGURES[name].axes
        shape = (regions, segments, *((channels,) if axes == "RSC" else (channels + 1,) if axes == "RSX" else ()))
        told = np.stack([_told(record, day, name, shape) for day in days])  # (T', R, X)
        # Told as often while it was told: a figure that stopped for good is not told on most days.
        last = len(days) - told[::-1].argmax(axis=0)
        often = told.any(axis=0) & (told.sum(axis=0) >= _OFTEN * (last - told.argmax(axis=0)))
        since = np.cumsum(told, axis=0) > 0
        closed = (np.array(days) < record.known_until - LATE_DAYS)[:, None, None]
        lacks = ~told & often & since & closed & _expected(record, name, days, told.shape)
        found += _of_figure(name, lacks, often, days, scenario)
    return tuple(found)


def _expected(record: CampaignRecord, name: str, days: list[int], shape: tuple[int, ...]) -> BoolArray:
    """Where a figure is to be told ``(T', R, X)``: a channel without money has none."""
    expected = np.ones(shape, dtype=np.bool_)
    if "C" in FIGURES[name].axes or "X" in FIGURES[name].axes:
        granted = record.ledger.committed_base[days].sum(axis=2) > 0.0
        expected[..., : granted.shape[2]] = granted
    return expected


def _told(record: CampaignRecord, day: int, name: str, shape: tuple[int, ...]) -> BoolArray:
    """Whether a figure is told, by region and source ``(R, X)``; X is 1 where it has none."""
    array = record.days[day].figures.get(name)
    if array is None:
        return np.zeros((shape[0], shape[2] if len(shape) > 2 else 1), dtype=np.bool_)
    known: BoolArray = np.any(np.broadcast_to(~np.isnan(array), shape), axis=1)
    return known if len(shape) > 2 else known[:, None]


def _of_figure(name: str, lacks: BoolArray, often: BoolArray, days: list[int], scenario: Scenario) -> list[Gap]:
    """Gaps of one figure ``(T', R, X)``: everywhere, of a source in all regions, of a region, or of a single place."""
    found: list[Gap] = []
    rest = lacks.copy()

    def take(region: int | None, source: int | None) -> None:
        rows = slice(None) if region is None else slice(region, region + 1)
        columns = slice(None) if source is None else slice(source, source + 1)
        wanted = often[rows, columns]
        if not wanted.any():
            return
        here: BoolArray = np.all(rest[:, rows, columns] | ~wanted, axis=(1, 2))
        if here.any():
            rest[here, rows, columns] = False
            channel = None if source is None or lacks.shape[2] == 1 else (*scenario.channels, "organic")[source]
            found.append(
                Gap(
                    figure=name,
                    region=None if region is None else scenario.regions[region],
                    channel=channel,
                    days=tuple(days[n] for n in np.flatnonzero(here).tolist()),
                )
            )

    take(None, None)
    for source in range(lacks.shape[2]):
        take(None, source)
    for region in range(lacks.shape[1]):
        take(region, None)
        for source in range(lacks.shape[2]):
            take(region, source)
    return found


def late_by(record: CampaignRecord, this_day: int | None) -> int | None:
    """Days that are over and of which nothing is known yet; None while exports may still be on their way."""
    if this_day is None or record.closed is not None:
        return None
    late = min(this_day, record.scenario.days) - record.known_until
    return late if late > LATE_DAYS else None


def level_of(scenario: Scenario, change: Drift) -> dict[str, float] | None:
    """What an order's value may have been told in, where it jumped like an exchange rate; None where it did not.

    Returns:
        ``rate``: the rate that the jump is nearest to, where one is near.
    """
    if change.measure != "order_value" or not change.is_clear or change.region is None:
        return None
    currencies = scenario.document.market.currencies
    own = next(region.currency for region in scenario.document.market.regions if region.id == change.region)
    rates = {rate for spec in currencies.values() for rate in (spec.rate, 1.0 / spec.rate)} | {100.0, 0.01}
    log = float(np.log(change.ratio))
    nearest = min(rates, key=lambda rate: abs(np.log(rate) - log))
    if abs(log) >= np.log(_LEVEL):
        return {"rate": nearest} if abs(np.log(nearest) - log) <= _NEAR else {}
    for rate in (currencies[own].rate, 1.0 / currencies[own].rate):
        if abs(np.log(rate)) >= _LEAST_RATE and abs(np.log(rate) - log) <= _SAME_CURRENCY:
            return {"rate": float(rate)}
    return None
