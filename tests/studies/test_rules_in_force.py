"""Which dated rules a campaign uses, and what is told where the law is not known."""

from datetime import date
from typing import Any

import pytest

from tests.worlds import PLAIN, document, scenario_of
from xbopt.core.scenario.loading import load_scenario, shipped_scenarios
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.tables.duties import DutyRule
from xbopt.core.tables.events import DatedEvent
from xbopt.core.tables.import_fees import ImportFee
from xbopt.core.tables.tariff_lists import TariffList
from xbopt.core.tables.taxes import ConsumptionTax
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.assumptions import build_assumptions, sheet_text
from xbopt.reports.simulation.trade_rules import rule_lines
from xbopt.studies.rules_in_force import RuleInForce, rules_in_force
from xbopt.studies.simulate import simulate

EUR = NumberFormat(locale="en", currency="EUR")


def seller(duty: str, country: str, start: str, days: int, **more: Any) -> Scenario:
    changes = {
        "market.currencies": {"EUR": {"rate": 1.0}, "USD": {"rate": 0.9}},
        "market.regions.0.country": country,
        "market.regions.0.tax": country,
        "market.regions.0.duty": duty,
        "horizon.start": start,
        "horizon.days": days,
        **more,
    }
    return scenario_of(document(changes, text=PLAIN))


def of_kind(scenario: Scenario, kind: type) -> list[RuleInForce]:
    return [rule for rule in rules_in_force(scenario).rules if isinstance(rule.rule, kind)]


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_region_shows_its_tax_and_its_duty(name: str) -> None:
    scenario = load_scenario(name)
    taxed = {region for rule in of_kind(scenario, ConsumptionTax) for region in rule.regions}
    dutiable = {region for rule in of_kind(scenario, DutyRule) for region in rule.regions}
    assert taxed == {region.id for region in scenario.document.market.regions if region.tax != "none"}
    assert dutiable == {region.id for region in scenario.document.market.regions if region.duty != "none"}


def test_a_rule_that_changes_within_the_campaign_shows_twice_with_its_days() -> None:
    found = of_kind(seller("eu_import", "FR", "2026-06-29", 4), DutyRule)
    assert [(rule.first, rule.last, rule.is_throughout) for rule in found] == [
        (date(2026, 6, 29), date(2026, 6, 30), False),
        (date(2026, 7, 1), date(2026, 7, 2), False),
    ]
    handling, french = of_kind(seller("eu_import", "FR", "2026-06-29", 130), ImportFee)
    assert (handling.first, handling.last, handling.is_off) == (date(2026, 11, 1), date(2026, 11, 5), True)
    assert (french.first, french.last, french.is_off) == (date(2026, 6, 29), date(2026, 6, 30), False)


def test_an_event_shows_where_its_lead_in_is_felt() -> None:
    events = {"calendar.events": ["black_friday", "prime_day_october"]}
    rules = rules_in_force(seller("us_import", "US", "2026-11-20", 3, **events)).rules
    assert [rule.rule.name for rule in rules if isinstance(rule.rule, DatedEvent)] == ["Black Friday"]


def test_the_cost_of_a_surcharge_is_what_stating_it_costs() -> None:
    """On 2026-07-24 the American surcharge ended and nobody knows what follows: 10 % more of the campaign's goods."""
    more = {
        "market.regions.0.shipping": {"days": 2, "charged_base": 5, "cost_base": 0, "volatility": 0},
        "plan.discounts": [{"discount_frac": 0.2}],
    }
    scenario = seller("us_import", "US", "2026-07-22", 4, **more)
    result = simulate(scenario, runs=3)
    (gap,) = rules_in_force(scenario, result.totals.dutiable_by_day / result.runs).open_duties
    assert (gap.first, gap.last, gap.paid_by) == (date(2026, 7, 24), date(2026, 7, 25), "seller")
    assert gap.per_order_base == pytest.approx(10.0)  # a tenth of the goods of 100; shipping is not dutiable there
    stated = {"shocks": [{"kind": "rule_change", "day": "2026-07-24", "surcharge_frac": 0.1}]}
    dearer = simulate(seller("us_import", "US", "2026-07-22", 4, **more, **stated), runs=3)
    assert gap.campaign_base == pytest.approx(result.bridge["duty"] - dearer.bridge["duty"])


def test_a_stated_surcharge_leaves_nothing_open() -> None:
    stated = {"shocks": [{"kind": "rule_change", "day": "2026-08-01", "surcharge_frac": 0.15}]}
    rules = rules_in_force(seller("us_import", "US", "2026-08-01", 5, **stated))
    assert rules.open_duties == ()
    assert "rule change of the scenario: surcharge 15%" in "\n".join(rule_lines(rules, EUR))


def test_goods_from_china_never_read_six_percent_in_silence() -> None:
    scenario = seller("us_import", "US", "2026-09-01", 5, **{"market.origin": "CN"})
    (listed,) = of_kind(scenario, TariffList)
    assert listed.is_assumed
    text = "\n".join(rule_lines(rules_in_force(scenario), EUR))
    assert "not known in full" in text
    assert "10% would cost the seller" in text
    assert "goods from CN: 6% of goods; no consumption tax on duty (unknown)" in text
    assert "us_301_lists_1_to_3, 25%, assumed" in text
    unstated = rule_lines(rules_in_force(seller("us_import", "US", "2026-09-01", 5)), EUR)
    assert "origin of the goods not stated" in "\n".join(unstated)
    assert "state origin: CN" in "\n".join(unstated)


def test_a_rate_of_the_product_s_own_is_shown_beside_the_rule_s() -> None:
    scenario = seller("eu_import", "DE", "2026-09-01", 2, **{"products.0.duty_frac": 0.12})
    text = "\n".join(rule_lines(rules_in_force(scenario), EUR))
    assert "6% of goods and charged shipping; products with a duty_frac of their own 12% instead;" in text


def test_where_nothing_is_due_no_rate_of_a_product_is_shown() -> None:
    scenario = seller("eu_import_preferential", "DE", "2026-09-01", 2, **{"products.0.duty_frac": 0.12})
    text = "\n".join(rule_lines(rules_in_force(scenario), EUR))
    assert "eu_import_preferential" in text
    assert "of their own" not in text


def test_the_assumption_sheet_holds_every_rule_with_its_certainty_and_note() -> None:
    scenario = load_scenario("us_eu_launch")
    rules = rules_in_force(scenario)
    sheet = sheet_text(build_assumptions(scenario.document, (), rules), EUR)
    name, rows = sheet.sections[0]
    assert name == "rules and events from the dated tables"
    assert rows.count == len(rules.rules) + len(rules.open_duties)
    text = "\n".join(f"{row.group} {row.values} {row.source}" for row in rows.rows)
    for rule in rules.rules:
        assert getattr(rule.rule, "note", "").rstrip(".") in text
        assert f"Certainty: {rule.certainty}" in text
