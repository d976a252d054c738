"""Shipped scenarios lie inside the published ranges, or say in the file why they do not."""

import pytest

from xbopt.core.scenario.loading import load_scenario
from xbopt.studies.vital_signs import check

NAMES = ("singles_day", "electronics_case", "gift_retailer")


@pytest.mark.parametrize("name", NAMES)
def test_every_vital_sign_is_inside_its_range_or_accepted(name: str) -> None:
    """And no reason is given for a sign that needs none."""
    signs = check(name).signs
    assert [(sign.code, sign.where, sign.figure) for sign in signs if sign.is_warning] == []
    outside = {sign.code for sign in signs if sign.verdict == "outside"}
    assert set(load_scenario(name).document.vital_signs.accepted) == outside
