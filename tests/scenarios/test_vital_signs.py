"""Shipped scenarios lie inside the published ranges, or say in the file why they do not."""

import pytest

import xbopt
from xbopt.core.scenario.loading import shipped_scenarios
from xbopt.studies.vital_signs import check


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_vital_sign_is_inside_its_range_or_accepted(name: str) -> None:
    """And no reason is given for a sign that needs none. A law that nobody knows is told, whoever wrote the file."""
    signs = check(name).signs
    unknown = [("duty_unknown", "US", 1.0)] if name == "us_eu_launch" else []
    assert [(sign.code, sign.where, sign.figure) for sign in signs if sign.is_warning] == unknown
    outside = {sign.code for sign in signs if sign.verdict == "outside"} - {"duty_unknown"}
    assert set(xbopt.load_scenario(name).document.vital_signs.accepted) == outside


def test_the_quickstart_is_moved_and_not_cut() -> None:
    """Its own plan pays on average, and the channels differ in what more of them brings: a case for moving money."""
    signs = {(sign.code, sign.where): sign.figure for sign in check("quickstart").signs}
    assert signs["average_return", "search"] > 1.0
    assert signs["marginal_return", "search"] > 2.0 * signs["marginal_return", "social"]


def test_the_launch_has_one_brand_channel_with_an_s_shape() -> None:
    """Slope 1.3 to 2 and a half-life of 7 to 21 days, as brand media have."""
    video = next(c for c in xbopt.load_scenario("us_eu_launch").document.channels if c.id == "video")
    assert video.adstock.curve == "delayed"
    assert 7.0 <= video.adstock.half_life_days <= 21.0
    assert video.saturation.curve == "hill"
    assert 1.3 <= video.saturation.slope <= 2.0
