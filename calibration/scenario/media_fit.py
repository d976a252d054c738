"""The fitted market put into a draft: values at the mode's draws, their sources by what the records told."""

# pyarrow ships without complete type information, so that much of what it returns has no known type here.
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date, timedelta
from time import monotonic
from typing import TYPE_CHECKING, cast

import polars as pl

from xbopt.calibration.fit.draws import MarketDraws, scenario_paths
from xbopt.calibration.fit.identification import Verdict
from xbopt.calibration.fit.lift_tests import LiftTest
from xbopt.calibration.fit.market_fit import MOST_ROUNDS, NOISE_WORLDS, MarketFit, fit_market
from xbopt.calibration.fit.prior import Prior
from xbopt.calibration.panel import read_panel
from xbopt.calibration.prices import PriceEstimate
from xbopt.calibration.scenario.draft import Draft, Plain, Source, rounded
from xbopt.calibration.scenario.levels import Counted, replayed
from xbopt.core.documents.document import Document, Path
from xbopt.core.panel import panel_schema
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.draws import PARAMETERS
from xbopt.core.scenario.loading import check_document
from xbopt.core.scenario.uncertainty import GROUP_AXES

if TYPE_CHECKING:
    from xbopt.studies.simulate import Progress

LEAST_FIT_DAYS = 84
"""Four weeks to warm up and eight to compare: fewer days are not fitted."""
DRAWS = 512
_MOST_FIT_DAYS = 730
_YEAR_DAYS = 364
_LATER, _LAST = 1.5, 3.0
"""Time of a later round and of the last one against the first."""
_ELASTICITY_SD = (0.02, 3.0)
_MARKS: dict[Verdict, tuple[str, str]] = {
    "measured": ("M", "measured by the fit"),
    "partly": ("E", "partly told by the data; the rest is prior"),
    "prior_only": ("E", "prior only: the data do not tell it"),
}
_SHARED = "the spend by country was shared by orders, since no file tells it: nothing of one country is measured"


def fit_media(
    draft: Draft,
    panel: pl.DataFrame,
    counted: Counted,
    *,
    tests: Sequence[LiftTest],
    price: PriceEstimate | None,
    seed: int,
    worlds: int = NOISE_WORLDS,
    on_round: Callable[[int, int], None] | None = None,
) -> MarketFit:
    """Fit the market of a draft to its panel.

    Args:
        draft: Whole; its numbers are the prior's centre.
        panel: Rows of the days to fit, channels by their ids.
        counted: Customers on the first of these days, and what was spent.
        tests: Lift tests.
        price: What orders say of prices; a measured elasticity is held as well as it is known.
        seed: Of the noise and the draws.
        worlds: Sampled worlds that the noise is read off.
        on_round: Called with the rounds done and in all.

    Raises:
        CalibrationError: The panel is too short, or a test is not about it.
    """
    scenario = build_scenario(check_document(Document(data=replayed(draft, counted).data)), None)
    prior = Prior()
    if price is not None and price.status == "measured":
        found = price.sd / abs(price.elasticity)
        known = min(max(found, _ELASTICITY_SD[0]), _ELASTICITY_SD[1])
        draft.hold(("fit", "prior", "elasticity_sd"), rounded(found), rounded(known))
        prior = replace(prior, sd={**prior.sd, "elasticity": known})
    table = panel.to_arrow().cast(panel_schema())
    return fit_market(
        scenario, read_panel(table, scenario), tests=tests, prior=prior, seed=seed, worlds=worlds, on_round=on_round
    )


def rounds_told(tell: "Progress", clock: Callable[[], float] = monotonic) -> Callable[[int, int], None]:
    """What tells the rounds of a fit as stages, with the time that they still take by those that are done.

    Args:
        tell: Called with the stage.
        clock: Seconds.
    """
    began = clock()

    def on_round(done: int, total: int) -> None:
        stage = f"market fit, round {done + 1} of {total} ({MOST_ROUNDS} at most)"
        if done > 0:
            # Later rounds play more than the first, and the last one most.
            passed = 1.0 + _LATER * (done - 1)
            left = (_LATER * (total - done - 1) + _LAST) * (clock() - began) / passed
            stage += f", about {max(round(left / 60.0), 1)} min left"
        tell(stage, 0, 0)

    return on_round


def fit_days(first: date, last: date, burn_in_days: int) -> tuple[date, int]:
    """First day and number of the days to fit: after the burn-in of the customer base, two years at most.

    A year that is played tells season from media, which is worth more than the second half of the burn-in: how many
    customers there are on the first day is fitted by region anyway.
    """
    whole, half = (first + timedelta(days=days) for days in (burn_in_days, burn_in_days // 2))
    for_a_year = last - timedelta(days=_YEAR_DAYS - 1)
    begin = for_a_year if half <= for_a_year <= whole else whole
    start = max(begin, last - timedelta(days=_MOST_FIT_DAYS - 1))
    return start, (last - start).days + 1


def put_fit(draft: Draft, fit: MarketFit, draws: MarketDraws, period: str, shared: Collection[str] = ()) -> None:
    """Write the fitted values, and of each how far the data told it; spreads of drawn groups go.

    Nothing of one country is measured of the channels in ``shared``, whose spend by country nobody told.
    """
    document = fit.scenario.document
    marks = _verdicts(document, fit)
    for path, value in draws.values.items():
        verdict = marks.get(path, "measured" if ".price.by_region." in path else "partly")
        mark, words = _MARKS[verdict]
        if ".price.by_region." in path:
            words = "spend over impressions"
        if _is_regional(path, shared):
            mark, words = "E", _SHARED
        source = Source(
            evidence="M" if mark == "M" else "E", source=f"Fit of the market to the panel of {period}", note=words
        )
        draft.put(_by_index(document, path), _kept(value), source, pattern=path)
    drawn = {group for path in draws.columns for group in _groups(path)}
    uncertainty = cast("Plain", draft.data.setdefault("uncertainty", {}))
    for group in drawn:
        uncertainty.pop(group, None)


def _is_regional(path: str, channels: Collection[str]) -> bool:
    """Whether a path is about one region of one of the channels."""
    steps = path.split(".")
    return steps[0] == "channels" and steps[1] in channels and not {"region_response", "by_region"}.isdisjoint(steps)


def _verdicts(document: ScenarioDocument, fit: MarketFit) -> dict[str, Verdict]:
    """What the records told, by path of the scenario."""
    found: dict[str, Verdict] = {}
    of_channel: dict[str, Verdict] = {one.name: one.verdict for one in fit.identification.returns}
    for parameter, judged in zip(fit.parameters, fit.identification.parameters, strict=True):
        if parameter.kind == "return" and parameter.channel and parameter.region:
            # A region's own return is no better known than the sum of all regions lets it be.
            worse = _worse(judged.verdict, of_channel.get(parameter.channel, "prior_only"))
            found[f"channels.{parameter.channel}.region_response.{parameter.region}"] = worse
        for path in scenario_paths(document, parameter):
            found[path] = judged.verdict
    return found


_WORSE: tuple[Verdict, ...] = ("measured", "partly", "prior_only")


def _worse(one: Verdict, other: Verdict) -> Verdict:
    return one if _WORSE.index(one) >= _WORSE.index(other) else other


def _by_index(document: ScenarioDocument, path: str) -> Path:
    """A path by id as one by position, as plain data are addressed."""
    steps = path.split(".")
    lists = {
        "channels": [channel.id for channel in document.channels],
        "segments": [segment.id for segment in document.segments],
        "regions": [region.id for region in document.market.regions],
    }
    found: list[str | int] = []
    for step in steps:
        before = found[-1] if found else ""
        if isinstance(before, str) and before in lists and step in lists[before]:
            found.append(lists[before].index(step))
        else:
            found.append(step)
    return tuple(found)


def _groups(path: str) -> tuple[str, ...]:
    """Parameter groups that a column of draws works through."""
    if path in GROUP_AXES:
        return (path,)
    steps = path.split(".")
    for pattern, groups in PARAMETERS.items():
        wanted = pattern.split(".")
        if len(wanted) == len(steps) and all(w.isupper() or w == s for w, s in zip(wanted, steps, strict=True)):
            return groups
    return ()


def _kept(value: float) -> float:
    # Draws work through their ratio to the value stated, so it keeps more digits than a count would.
    return rounded(float(value), 6)
