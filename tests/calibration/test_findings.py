"""What a fit says against itself, and what becomes of its verdicts then."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.calibration.fit.findings import Finding, in_doubt
from xbopt.calibration.fit.identification import Identification, Identified, Verdict


@pytest.mark.parametrize(
    ("found", "doubtful"),
    [
        ((), False),
        ((Finding(code="not_converged", figure=0.1),), True),
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
