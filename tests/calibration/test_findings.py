"""What a fit says against itself, and what becomes of its verdicts then."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.calibration.fit.findings import Finding, in_doubt
from xbopt.calibration.fit.identification import Identification, Identified, Verdict
from xbopt.calibration.scenario.media_fit import rounds_told
from xbopt.reports.calibration.fit_words import finding_words
from xbopt.reports.kit.numbers import NumberFormat


@pytest.mark.parametrize(
    ("found", "doubtful"),
    [
        ((), False),
        ((Finding(code="not_converged", place="return.DE.search", figure=0.1),), True),
        ((Finding(code="poor_fit", figure=1.4),), True),
        ((Finding(code="spend_follows_demand", place="DE", figure=0.3),), True),
        ((Finding(code="demand_unchecked"),), False),
        ((Finding(code="orders_follow_spend", figure=0.3),), True),
        ((Finding(code="much_scatter", place="orders", figure=1.8),), True),
        ((Finding(code="more_scatter", place="clicks.search", figure=4.0),), False),
        ((Finding(code="one_event", place="2025-11-28", figure=0.9),), False),
        ((Finding(code="nothing_possible", place="social", figure=1.2),), False),
        ((Finding(code="short_panel", figure=30.0),), True),
        ((Finding(code="test_disagrees", place="search in DE", figure=4.0),), True),
        ((Finding(code="slow_demand", place="DE", figure=0.2),), True),
        ((Finding(code="no_tests"),), False),
        ((Finding(code="few_regions", figure=2.0), Finding(code="cold_start", place="DE", figure=0.4)), False),
    ],
)
def test_a_fit_is_in_doubt_where_its_model_does_not_hold(found: tuple[Finding, ...], doubtful: bool) -> None:
    assert in_doubt(found) is doubtful


def test_a_fit_in_doubt_measures_nothing_and_keeps_what_was_told_less() -> None:
    verdicts: tuple[Verdict, ...] = ("measured", "partly", "prior_only")
    listed = tuple(Identified(kind="return", name=one, ratio=0.1, without_slack=0.1, verdict=one) for one in verdicts)
    contrast = replace(listed[0], kind="contrast", name="search - social")
    judged = Identification(
        parameters=listed,
        returns=listed,
        contrasts=(contrast,),
        directions=(),
        moved=np.ones((1, 2)),
        spread=np.ones((1, 2)),
    ).in_doubt()
    for lowered in (judged.parameters, judged.returns):
        assert [one.verdict for one in lowered] == ["partly", "partly", "prior_only"]
        assert [one.held_back for one in lowered] == ["misfit", "", ""]
    assert (judged.contrasts[0].verdict, judged.contrasts[0].held_back) == ("partly", "misfit")


def test_a_return_that_its_own_test_measures_stays_measured_in_doubt() -> None:
    listed = tuple(
        Identified(kind="return", name=one, ratio=0.1, without_slack=0.1, verdict="measured")
        for one in ("search", "social")
    )
    judged = Identification(
        parameters=(), returns=listed, contrasts=(), directions=(), moved=np.ones((1, 2)), spread=np.ones((1, 2))
    )
    assert [one.verdict for one in judged.in_doubt({"social"}).returns] == ["partly", "measured"]


@pytest.mark.parametrize(("off", "may"), [(0.3, True), (2.5, False)])
def test_a_fit_that_did_not_settle_says_what_of_it_may_be_used(off: float, may: bool) -> None:
    found = Finding(code="not_converged", place="carry_over.search, deal_gain", figure=off)
    said = finding_words(found, NumberFormat(locale="en", currency="EUR"))
    assert f"about {off:.2f} standard errors" in said
    assert "most of all carry_over.search, deal_gain" in said
    assert ("they may be used" in said) is may
    assert ("Do not decide on media" in said) is not may
    assert "forecast of the coming weeks do not come from the fit" in said


def test_rounds_of_a_fit_are_told_with_how_many_and_how_long() -> None:
    told: list[str] = []
    seconds = iter([0.0, 60.0, 150.0])
    on_round = rounds_told(lambda stage, _done, _total: told.append(stage), clock=lambda: next(seconds))
    on_round(0, 3)
    on_round(1, 3)
    on_round(2, 4)
    assert told == [
        "market fit, round 1 of 3 (9 at most)",
        # A later round takes half as long again as the first, the last one three times as long.
        "market fit, round 2 of 3 (9 at most), about 4 min left",
        "market fit, round 3 of 4 (9 at most), about 4 min left",
    ]
