"""Numbers for which the sums want more than is known of them: told with what was wanted and what was taken."""

from datetime import date

import pytest

from xbopt.core.defaults.ledger import held
from xbopt.core.defaults.wish import read_wish
from xbopt.core.errors import UsageError
from xbopt.core.scenario.provenance import provenance_of
from xbopt.studies.new_for.answers import Answers
from xbopt.studies.new_for.document import Draft, draft
from xbopt.studies.new_for.scenario import new_for

START = date(2026, 12, 1)


def answers(wish: str, orders_a_month: float | None = None) -> Answers:
    return Answers(wish=read_wish(wish), start=START, orders_a_month=orders_a_month)


@pytest.fixture
def made() -> Draft:
    return draft(answers("toys, CN to DE, 10k EUR a month"), "toys")


def test_a_number_beyond_its_range_is_held_until_it_is_inside_again(made: Draft) -> None:
    assert made.within("segments.a.cart_rate", 1.23456, 0.0, 0.85) == 0.85
    assert made.held == {"segments.a.cart_rate": (1.235, 0.85)}
    assert made.within("segments.a.cart_rate", 0.123456, 0.0, 0.85) == 0.1235
    assert made.held == {}


def test_a_scenario_whose_channels_would_have_to_bring_more_than_is_known_says_which() -> None:
    found = new_for(answers("toys, CN to US, 3m EUR a month", orders_a_month=1_000.0), name="many").findings
    (one,) = [finding for finding in found if finding.code == "held"]
    assert one.places
    for n, path in enumerate(one.places):
        assert path.startswith(("channels.", "segments.", "products."))
        assert not 0.8 < one.figures[f"wanted_{n}"] / one.figures[f"taken_{n}"] < 1.25


def test_a_number_a_little_beyond_its_range_says_so_where_it_stands() -> None:
    made = new_for(answers("home goods, CN to DE FR US, 30k EUR a month"), name="usual")
    entry = provenance_of(made.scenario.document, "channels.search.price.amount_base")
    assert entry is not None
    assert "was wanted, its range ends there" in entry.note
    assert "held" not in {finding.code for finding in made.findings}


@pytest.mark.parametrize("budget", ["9000000000m IDR a day", "0.1 EUR a year"])
def test_a_budget_that_no_scenario_holds_is_refused_in_the_sellers_words(budget: str) -> None:
    with pytest.raises(UsageError, match=r"--for: .* a scenario's budget lies between"):
        draft(answers(f"home goods, CN to US CN IN, {budget}"), "huge")


def test_a_budget_that_nobody_can_bear_is_refused_with_how_much_less() -> None:
    with pytest.raises(UsageError, match=r"Take less than a \d+th of it"):
        draft(answers("home goods, CN to DE, 900m EUR a month"), "much")


def test_a_bounded_fact_says_both_numbers() -> None:
    assert held(1.5, 1.5) == ""
    assert held(1.5, 1.35) == ", which is 1.5 and is held at 1.35"


def test_a_conversion_that_no_checkout_allows_makes_a_scenario_and_no_traceback() -> None:
    asked = Answers(wish=read_wish("toys, CN to US, 30k EUR a month"), start=START, conversion=0.3)
    made = new_for(asked, name="eager").scenario.document
    assert all(segment.cart_rate <= 0.85 for segment in made.segments)


def test_orders_below_their_duty_make_a_scenario_that_says_so() -> None:
    # The cost of goods less the duty of a parcel would be below 0: no ratio tells how far that is from its range.
    asked = Answers(wish=read_wish("toys, CN to US DE, 30k EUR a month"), start=START, order_value_base=1.5)
    found = new_for(asked, name="cheap").findings
    (one,) = [finding for finding in found if finding.code == "held"]
    assert "products.goods.unit_cost_base" in one.places
    assert one.figures[f"wanted_{one.places.index('products.goods.unit_cost_base')}"] < 0.0
