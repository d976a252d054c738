"""Scenarios without data: they hold, each number has a source, and what does not fit is told."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbopt.core.defaults.money_words import Money
from xbopt.core.defaults.wish import Wish, read_wish
from xbopt.core.errors import UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.provenance import provenance_of, uncovered, unused_patterns
from xbopt.core.tables.market_names import channel_kinds, countries, trades
from xbopt.core.tables.reference_rates import rated_currencies
from xbopt.studies.new_for.answers import Answers
from xbopt.studies.new_for.document import draft
from xbopt.studies.new_for.influence import influences
from xbopt.studies.new_for.scenario import new_for, scenario_text
from xbopt.studies.vital_signs import check

START = date(2026, 12, 1)
ACCEPTED = {
    "duty_unknown": "what followed the surcharge of the United States is not known, and no fact can mend that",
    "duty_uncertain": "some rows of the duty table are of low certainty, and say so",
    "average_return": "electronics and appliances leave 10 to 25 % before parcel and fees: media hardly pay there",
    "owned_return": "the same, of messages to customers",
    "marginal_return": "the same, of the next unit of spend",
    "deal_break_even": "the same, of deals: no number of orders makes up for 10 % off",
}
"""Vital signs that may lie outside their published range, and why."""


def _wish(trade: str, origin: str, to: tuple[str, ...], amount: float = 10_000, currency: str = "EUR") -> Wish:
    money = Money(amount=amount, currency=currency, period_days=30)
    return Wish(trade=trade, origin=origin, countries=to, money=money)


@settings(max_examples=12, deadline=None)
@given(
    trade=st.sampled_from(list(trades())),
    origin=st.sampled_from(["any", "EU", *countries()]),
    to=st.lists(st.sampled_from(list(countries())), min_size=1, max_size=4, unique=True),
    channels=st.lists(st.sampled_from(list(channel_kinds())), min_size=1, max_size=4, unique=True),
    currency=st.sampled_from(rated_currencies()),
    euros=st.sampled_from([1e3, 1e4]),
)
def test_any_market_that_can_be_asked_for_is_a_scenario_with_all_sources(trade, origin, to, channels, currency, euros):
    """The volumes of a draft are a first guess; fitting them moves numbers, and adds the customers'."""
    wish = _wish(trade, origin, tuple(to), euros, currency)
    made = draft(Answers(wish=wish, start=START, days=28, channels=tuple(channels)), "any_market")
    document = load_scenario(scenario_text(made)).document
    assert uncovered(document) == []
    assert document.market.base_currency == currency
    assert [region.country for region in document.market.regions] == to
    assert sum(document.plan.regions.values()) == pytest.approx(1.0, abs=0.01)


@pytest.fixture(scope="module")
def home():
    wish = read_wish("home goods, CN to DE US, 30k EUR a month")
    return new_for(Answers(wish=wish, start=START, days=28, channels=("search", "social", "email")), name="home")


def test_the_scenario_keeps_to_published_ranges_and_says_why_where_not(home):
    signs = check(home.scenario)
    assert {sign.code for sign in signs.warnings} <= set(ACCEPTED)
    assert {sign.code for sign in signs.warnings} == {"duty_unknown"}
    assert uncovered(home.scenario.document) == []
    assert unused_patterns(home.scenario.document) == []
    assert home.findings == ()


def test_the_sums_hold_that_the_facts_of_single_numbers_miss(home):
    """Conversion and second orders are the trade's, the share of media is the market's, the budget the seller's."""
    volumes, limits = home.volumes, home.scenario.limits
    assert volumes.miss < 0.05
    assert volumes.conversion == pytest.approx(0.016, rel=0.05)
    assert volumes.repeat_frac == pytest.approx(0.25, rel=0.05)
    assert volumes.media_share == pytest.approx(0.33, rel=0.1)
    assert limits.total_base == pytest.approx(30_000 / (365.25 / 12) * 28, rel=1e-5)


def test_fitted_numbers_stay_within_the_ranges_of_their_facts_and_say_so(home):
    search = home.scenario.document.channels[0]
    assert 0.325 / 1.1568 * 0.999 <= search.price.amount_base <= 1.3 / 1.1568 * 1.001  # to four figures
    entry = provenance_of(home.scenario.document, "channels.search.price.amount_base")
    assert entry is not None
    assert entry.evidence == "E"
    assert "Fitted within its range" in entry.note


def test_the_margin_of_a_trade_counts_duty_among_the_cost_of_goods(home):
    """Of EUR 36 an item 45 % are left after cost and duty, so the cost of goods is below 55 % of it."""
    product = home.scenario.document.products[0]
    assert product.unit_cost_base < 0.55 * product.price_base
    stated = draft(Answers(wish=_wish("home", "CN", ("DE",)), start=START, gross_margin_frac=0.4), "stated")
    assert stated.document().products[0].unit_cost_base == pytest.approx(0.6 * product.price_base, rel=1e-3)


def test_the_same_answers_make_the_same_file(home):
    assert new_for(home.answers, name="home").text == home.text


def test_what_moves_the_split_is_what_moves_some_and_not_all(home):
    """Twice the half-saturation moves one channel's return; more visits move every channel's alike."""
    found = influences(home.scenario)
    moves = {(one.group, one.place): one.moves for one in found}
    assert moves["media_price", "social"] > 0.0
    assert moves["media_price", "social"] > 3 * moves["dropout", ""]
    assert list(found) == sorted(found, key=lambda one: -one.moves)
    assert {one.group for one in found} <= set(home.scenario.document.uncertainty.spreads)


def test_stated_orders_are_met_and_those_that_do_not_fit_the_budget_are_told():
    answers = {
        "wish": _wish("beauty", "KR", ("GB",), 20_000),
        "start": START,
        "days": 28,
        "channels": ("search", "social"),
    }
    fits = new_for(Answers(**answers, orders_a_month=2_000), name="fits")
    assert fits.volumes.orders_a_month == pytest.approx(2_000, rel=0.05)
    assert fits.findings == ()
    for orders in (50.0, 200_000.0):
        wrong = new_for(Answers(**answers, orders_a_month=orders), name="wrong")
        assert "orders_do_not_fit_budget" in {finding.code for finding in wrong.findings}


def test_countries_and_orders_that_no_market_holds_are_refused():
    tiny = Answers(wish=_wish("toys", "CN", ("LU",)), start=START, orders_a_month=1e6)
    with pytest.raises(UsageError, match=r"more than its .* online buyers can bring"):
        draft(tiny, "tiny")
    rich = Answers(wish=_wish("toys", "CN", ("LU",), 1e9), start=START)
    with pytest.raises(UsageError, match=r"1,000,000,000 EUR in 30 days buys .* contacts a week"):
        draft(rich, "rich")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"days": 3}, "--days must lie between 7 and 1100"),
        ({"gross_margin_frac": 1.2}, "--gross-margin must lie between"),
        ({"orders_a_month": 0.0}, "--orders-a-month must lie between"),
        ({"order_value_base": 5_760.0}, "orders of toys are usually worth 2.* EUR"),
        ({"order_value_base": 0.4}, "orders of toys are usually worth"),
        ({"channels": ()}, "--channels names no channel"),
        ({"country_shares": {"DE": 1.0, "FR": 1.0}}, "--shares names FR"),
        ({"country_shares": {"US": 1.0}}, "DE is missing"),
        ({"country_shares": {"US": 1.0, "DE": 0.0}}, "must be above 0"),
    ],
)
def test_answers_out_of_range_are_refused(changes, words):
    with pytest.raises(UsageError, match=words):
        Answers(wish=_wish("toys", "CN", ("DE", "US")), start=START, **changes)


def test_shares_of_spend_are_kept_and_summed_to_one():
    shares = {"DE": 30.0, "US": 10.0}
    made = draft(Answers(wish=_wish("toys", "CN", ("DE", "US")), start=START, country_shares=shares), "shares")
    assert made.document().plan.regions == {"DE": 0.75, "US": 0.25}
