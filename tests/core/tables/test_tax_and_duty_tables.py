"""Taxes and duties: what holds on the day before, on and after a change, and where each number comes from."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbopt.core.errors import TableError, UsageError
from xbopt.core.tables.duties import ANY_ORIGIN, Consignment, duty_ids, duty_rule, load_duties
from xbopt.core.tables.rows import EVIDENCE_MARKS, TABLE_FOLDER
from xbopt.core.tables.taxes import consumption_tax, load_taxes, tax_ids, tax_rate

EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()


@pytest.mark.parametrize(
    ("tax_id", "changed", "before", "after"),
    [
        ("GB", date(2010, 1, 1), 0.15, 0.175),
        ("GB", date(2011, 1, 4), 0.175, 0.20),
        ("DE", date(2020, 7, 1), 0.19, 0.16),
        ("DE", date(2021, 1, 1), 0.16, 0.19),
        ("EE", date(2025, 7, 1), 0.22, 0.24),
        ("RO", date(2025, 8, 1), 0.19, 0.21),
        ("SK", date(2025, 1, 1), 0.20, 0.23),
        ("FI", date(2024, 9, 1), 0.24, 0.255),
        ("CH", date(2024, 1, 1), 0.077, 0.081),
        ("VN", date(2027, 1, 1), 0.08, 0.10),
    ],
)
def test_a_rate_changes_on_its_day(tax_id: str, changed: date, before: float, after: float) -> None:
    day = timedelta(days=1)
    assert [tax_rate(tax_id, d) for d in (changed - day, changed, changed + day)] == [before, after, after]


def test_every_member_of_the_european_union_has_a_rate_from_2010_on() -> None:
    assert len(EU) == 27
    for country in EU:
        assert 0.15 <= tax_rate(country, date(2010, 1, 1)) <= 0.25
        assert 0.17 <= tax_rate(country, date(2026, 11, 1)) <= 0.27


def test_no_tax_is_no_tax_on_any_day() -> None:
    assert tax_rate("none", date(1950, 1, 1)) == tax_rate("none", date(2030, 1, 1)) == 0.0


def test_a_brazilian_tax_inside_the_price_is_stated_on_top_of_it() -> None:
    assert tax_rate("BR", date(2026, 1, 1)) == pytest.approx(0.17 / (1 - 0.17), abs=5e-5)


def test_the_cross_border_tax_of_china_is_seven_tenths_of_the_ordinary_one() -> None:
    for day in (date(2017, 1, 1), date(2018, 6, 1), date(2026, 1, 1)):
        assert tax_rate("CN-CBEC", day) == pytest.approx(0.7 * tax_rate("CN", day))


def test_a_day_before_the_first_row_is_refused_with_id_day_and_first_day() -> None:
    with pytest.raises(TableError, match=r"'IN' is not known on 2017-06-30: the first day known is 2017-07-01"):
        tax_rate("IN", date(2017, 6, 30))
    assert tax_rate("IN", date(2017, 7, 1)) == 0.18
    with pytest.raises(TableError, match=r"'nz_import' .* 2019-11-30.* 2019-12-01"):
        duty_rule("nz_import", date(2019, 11, 30))


def test_an_unknown_id_is_refused_with_the_nearest_ones() -> None:
    with pytest.raises(TableError, match=r"duty rule 'eu_imports' is unknown. Did you mean eu_import"):
        duty_rule("eu_imports", date(2026, 1, 1))
    with pytest.raises(TableError, match="tax 'UK' is unknown"):
        tax_rate("UK", date(2026, 1, 1))


def test_ids_are_sorted_and_hold_what_scenarios_need() -> None:
    assert list(tax_ids()) == sorted(tax_ids())
    assert set("GB CH NO US CA AU NZ JP KR CN SG MY TH ID PH VN AE SA TR BR MX IN ZA none".split()) <= set(tax_ids())
    assert list(duty_ids()) == sorted(duty_ids())
    places = "eu us gb au ca ch no jp sg my th cn ae sa br mx in kr nz".split()
    assert {"none", *(f"{place}_import" for place in places)} <= set(duty_ids())


def test_every_row_has_an_evidence_mark_and_a_source() -> None:
    taxes = load_taxes(TABLE_FOLDER / "consumption_tax.csv")
    duties = load_duties(TABLE_FOLDER / "duty_rules.csv")
    rows = [row for table in (taxes, duties) for group in table.values() for row in group]
    assert len(rows) > 150
    for row in rows:
        assert row.evidence in EVIDENCE_MARKS
        assert len(row.source) > 5


def test_a_rate_comes_with_its_evidence() -> None:
    found = consumption_tax("GB", date(2026, 1, 1))
    assert (found.kind, found.evidence, found.effective_from) == ("vat", "W", date(2011, 1, 4))


@given(st.sampled_from(duty_ids()), st.dates(date(2020, 1, 30), date(2030, 1, 1)))
def test_a_rule_holds_from_its_day_on(duty_id: str, day: date) -> None:
    first = {
        "mx_import": date(2025, 1, 1),
        "eu_import_preferential": date(2021, 7, 1),
        "no_import_unregistered": date(2020, 4, 1),
    }.get(duty_id, date(2020, 1, 30))
    if day < first:
        return
    rule = duty_rule(duty_id, day)
    assert rule.effective_from <= day
    assert rule.duty_id == duty_id
    assert duty_rule(duty_id, max(rule.effective_from, first)) == rule


def test_the_american_low_value_scheme_ends_on_its_day() -> None:
    on_the_last_day = duty_rule("us_import", date(2025, 8, 28))
    assert on_the_last_day.threshold == 800.0
    assert on_the_last_day.duty_on(Consignment(value=800.0, lines=3)) == 0.0
    for day in (date(2025, 8, 29), date(2025, 8, 30)):
        assert duty_rule("us_import", day).threshold == 0.0
    assert duty_rule("us_import", date(2025, 8, 29)).duty_on(Consignment(value=100.0, lines=3)) == pytest.approx(16.0)


def test_the_american_surcharge_ends_after_150_days_and_says_that_the_rest_is_unknown() -> None:
    began = duty_rule("us_import", date(2026, 2, 24))
    ended = duty_rule("us_import", date(2026, 7, 24))
    assert duty_rule("us_import", date(2026, 7, 23)) == began
    assert (ended.effective_from - began.effective_from).days == 150
    assert (began.surcharge_frac, ended.surcharge_frac) == (0.1, 0.0)
    assert ended.certainty == "unknown"
    assert "not known" in ended.note


def test_the_european_duty_for_each_line_begins_on_its_day() -> None:
    before, on, after = (duty_rule("eu_import", date(2026, *day)) for day in ((6, 30), (7, 1), (7, 2)))
    assert (before.flat_duty, on.flat_duty) == (0.0, 3.0)
    assert on == after
    assert before.duty_on(Consignment(value=150.0, lines=2)) == 0.0


def test_the_commission_s_example_for_france() -> None:
    """Two HS6 lines owe EUR 6.00, and with VAT of 20 % on the duty EUR 7.20."""
    day = date(2026, 7, 1)
    duty = duty_rule("eu_import", day).duty_on(Consignment(value=80.0, lines=2))
    assert duty == pytest.approx(6.0)
    assert duty * (1.0 + tax_rate("FR", day)) == pytest.approx(7.2)


def test_the_threshold_itself_is_inside_the_scheme() -> None:
    rule = duty_rule("eu_import", date(2026, 7, 1))
    assert rule.duty_on(Consignment(value=150.0, lines=1)) == pytest.approx(3.0)
    assert rule.duty_on(Consignment(value=150.01, lines=1)) == pytest.approx(0.06 * 150.01)


def test_brazil_owes_20_percent_below_and_60_percent_above_fifty_dollars() -> None:
    rule = duty_rule("br_import", date(2025, 1, 1))
    assert rule.duty_on(Consignment(value=50.0, lines=1)) == pytest.approx(10.0)
    assert rule.duty_on(Consignment(value=100.0, lines=1)) == pytest.approx(60.0)


def test_the_mexican_global_rate_is_met_when_vat_is_added() -> None:
    day = date(2025, 8, 15)
    duty = duty_rule("mx_import", day).duty_on(Consignment(value=100.0, lines=1))
    assert (100.0 + duty) * (1.0 + tax_rate("MX", day)) == pytest.approx(133.5, abs=0.01)


@pytest.mark.parametrize("duty_id", duty_ids())
def test_lines_only_ever_add_duty(duty_id: str) -> None:
    rule = duty_rule(duty_id, date(2026, 11, 1))
    amounts = [rule.duty_on(Consignment(value=10.0, lines=lines)) for lines in (1, 2, 5)]
    assert amounts == sorted(amounts)


@pytest.mark.parametrize(("value", "lines"), [(-1.0, 1), (float("nan"), 1), (10.0, 0)])
def test_a_consignment_that_cannot_be_is_refused(value: float, lines: int) -> None:
    with pytest.raises(UsageError, match="HS6"):
        duty_rule("eu_import", date(2026, 7, 1)).duty_on(Consignment(value=value, lines=lines))


@pytest.mark.parametrize("duty_id", duty_ids())
def test_origins_of_one_border_differ_in_rates_and_limits_only(duty_id: str) -> None:
    """What else a rule says holds for a region, whatever its goods come from."""
    for day in (date(2025, 1, 1) + timedelta(days=30 * month) for month in range(48)):
        rules = [duty_rule(duty_id, day, origin) for origin in (ANY_ORIGIN, "CN", "EU", "US")]
        alike = {(rule.threshold_unit, rule.threshold_basis, rule.duty_base, rule.tax_on_duty) for rule in rules}
        assert len(alike) == 1, day
