"""Decisions: shapes and numbers are checked, and the message names array and place."""

from dataclasses import replace

import numpy as np
import pytest

from xbopt.core.decisions.decision import Decision
from xbopt.core.errors import DecisionError

# B = 2 worlds, R = 1 region, S = 2 segments, C = 3 channels, H = 2 dayparts.
GOOD = Decision(
    spend_base=np.ones((2, 1, 2, 3)),
    daypart_weights=np.full((2, 1, 3, 2), 0.5),
    discount_frac=np.zeros((2, 1, 2)),
    mechanic=np.zeros((2, 1, 2), dtype=np.int64),
)


def check(decision: Decision) -> None:
    decision.check(regions=1, segments=2, channels=3, dayparts=2)


def message(decision: Decision) -> str:
    with pytest.raises(DecisionError) as caught:
        check(decision)
    return str(caught.value)


def put(name: str, place: tuple[int, ...], value: float) -> Decision:
    array = getattr(GOOD, name).copy()
    array[place] = value
    return replace(GOOD, **{name: array})


def test_a_good_decision_passes_and_knows_its_worlds():
    check(GOOD)
    assert GOOD.worlds == 2


def test_one_worlds_decision_is_repeated_and_no_other():
    one = replace(GOOD, **{name: getattr(GOOD, name)[:1] for name in ("daypart_weights", "discount_frac", "mechanic")})
    one = replace(one, spend_base=np.arange(6.0).reshape(1, 1, 2, 3))
    three = one.repeated(3)
    three.check(regions=1, segments=2, channels=3, dayparts=2)
    assert three.worlds == 3
    assert np.array_equal(three.spend_base[2], one.spend_base[0])
    with pytest.raises(DecisionError, match="spend_base has shape"):
        GOOD.repeated(3)


@pytest.mark.parametrize(
    ("name", "shape", "text"),
    [
        ("spend_base", (2, 1, 3, 2), "spend_base has shape (2, 1, 3, 2); (2, 1, 2, 3) is wanted, axes (B, R, S, C)."),
        ("spend_base", (), "spend_base has shape (); (any, 1, 2, 3) is wanted, axes (B, R, S, C)."),
        ("daypart_weights", (1, 1, 3, 2), "daypart_weights has shape (1, 1, 3, 2); (2, 1, 3, 2) is wanted"),
        ("discount_frac", (2, 2), "discount_frac has shape (2, 2); (2, 1, 2) is wanted, axes (B, R, S)."),
    ],
)
def test_a_wrong_shape_names_the_array(name, shape, text):
    assert message(replace(GOOD, **{name: np.zeros(shape)})).startswith(text)


@pytest.mark.parametrize(
    ("name", "place"), [("spend_base", (1, 0, 1, 2)), ("daypart_weights", (0, 0, 2, 1)), ("discount_frac", (1, 0, 0))]
)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_number_is_refused_with_its_place(name, place, value):
    assert message(put(name, place, value)) == f"{name} holds a value that is no finite number at {place}."


def test_infinities_of_both_signs_are_refused_without_a_warning():
    decision = put("spend_base", (0, 0, 0, 0), np.inf)
    decision.spend_base[1, 0, 0, 0] = -np.inf
    assert "at (0, 0, 0, 0)" in message(decision)


def test_amounts_whose_sum_is_no_number_are_refused():
    assert message(replace(GOOD, spend_base=np.full((2, 1, 2, 3), 1e308))) == (
        "spend_base holds amounts whose sum is too large for a number."
    )


@pytest.mark.parametrize("value", [-1, 5])
def test_an_unknown_mechanic_is_refused_with_its_place(value):
    assert message(put("mechanic", (1, 0, 1), value)).endswith(f"; it is {value} at (1, 0, 1).")


def test_arrays_of_another_kind_are_refused():
    assert message(replace(GOOD, mechanic=np.zeros((2, 1, 2)))) == "mechanic holds float64; whole numbers are wanted."
    words = np.full((2, 1, 2), "x")
    assert message(replace(GOOD, discount_frac=words)).startswith("discount_frac holds <U1; numbers are wanted")
