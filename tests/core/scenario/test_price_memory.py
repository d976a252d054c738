"""Files of the old form: refused with the new form's name, and migrated to the same response."""

import copy
import json
from pathlib import Path

import pytest

from tests.worlds import PLAIN, decision, document, play, scenario_of
from xbopt.core.errors import ScenarioError
from xbopt.core.scenario.checks import semantic_problems
from xbopt.core.scenario.document import ScenarioDocument
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.price_memory_migration import old_reference_price, price_memory_from_reference_price
from xbopt.simulator.build import build_market


def test_the_old_section_is_refused_with_its_place_and_the_way_out(tmp_path: Path) -> None:
    text = PLAIN.replace("price_memory: {deal_gain: 0}", "reference_price: {weight: 0.3}")
    (tmp_path / "old.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(tmp_path / "old.yaml")
    (problem,) = caught.value.problems
    assert "reference_price" in text.splitlines()[(problem.line or 0) - 1]
    assert "price_memory {deal_gain, half_life_days}" in problem.message
    assert f"Run `xbopt scenario migrate {tmp_path / 'old.yaml'}`" in problem.message


@pytest.mark.parametrize("weight", [0.0, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("elasticity", [-12.0, -2.0, -0.05])
def test_a_migrated_file_answers_to_a_new_discount_as_before(weight: float, elasticity: float) -> None:
    memory = {"weight": weight, "half_life_days": 21, "loss_aversion": 2}
    old = document({"segments.0.elasticity": elasticity, "segments.0.price_memory": None}, text=PLAIN)
    old["segments"][0]["reference_price"] = memory
    price_memory_from_reference_price(old)
    segment = scenario_of(old).document.segments[0]
    deal = segment.elasticity * (1 + segment.price_memory.deal_gain)
    assert deal == pytest.approx(elasticity, rel=1e-4)
    if weight <= 0.5 and elasticity < -0.1:  # no bound of the format is met
        assert segment.elasticity == pytest.approx(elasticity * (1 - weight), rel=1e-4)
    assert segment.price_memory.half_life_days == 21
    market = build_market(scenario_of(old))
    outcomes, _ = play(market, lambda _: decision(market.scenario, 1, discount=0.05), days=1)
    assert outcomes[0].orders.sum() == pytest.approx(10 * 0.95**elasticity, rel=1e-4)


def test_provenance_follows_and_a_file_of_the_new_form_stays_as_it_is() -> None:
    paths = (
        "segments.*.reference_price.*",
        "segments.people.reference_price.weight",
        "segments.0.reference_price.loss_aversion",
    )
    old = document({"segments.0.price_memory": None}, text=PLAIN)
    old["segments"][0]["reference_price"] = {"weight": 0.4}
    old["provenance"] = [{"path": path, "evidence": "E", "source": "a guess"} for path in paths]
    assert [path for path, _ in old_reference_price(old)] == [("segments", 0, "reference_price")]
    (said,) = price_memory_from_reference_price(old)
    assert said.startswith(
        "Segment people: the elasticity of -2 to a new discount is now one of -1.2 to a lasting price"
    )
    assert [entry["path"] for entry in old["provenance"]] == [
        "segments.*.price_memory.*",
        "segments.people.price_memory.deal_gain",
    ]
    assert old["segments"][0]["price_memory"] == {"deal_gain": pytest.approx(2 / 3, abs=1e-6)}
    again = copy.deepcopy(old)
    assert price_memory_from_reference_price(again) == []
    assert not list(old_reference_price(again))
    assert again == old


def test_seekers_of_a_deal_need_one() -> None:
    fair = {"id": "fair", "start": "2026-09-10", "end": "2026-09-10", "deal_seekers_frac": 0.5}
    model = ScenarioDocument.model_validate_json(json.dumps(document({"calendar.custom_events": [fair]}, text=PLAIN)))
    (found,) = semantic_problems(model)
    assert found[0] == ("calendar", "custom_events", 0, "deal_seekers_frac")
    assert "need a usual_deal_frac above 0" in found[1]
