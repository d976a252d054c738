"""Joint draws: one row a world, columns by parameter path, mapped to the same market as the changed scenario."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
import yaml
from pyarrow import parquet

from tests.command_line import call
from tests.worlds import document, steady
from xbopt.agents.run_directory import RunDirectory
from xbopt.core.errors import ScenarioError
from xbopt.core.scenario.draws import PARAMETERS
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.notes import scenario_notes
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.scenario.uncertainty import GROUP_AXES
from xbopt.simulator.build import build_market
from xbopt.simulator.history import initial_state
from xbopt.simulator.step import play_day
from xbopt.simulator.worlds import average_world, draw_worlds

WORLDS = np.arange(5)


def write(folder: Path, columns: dict[str, Any], changes: dict[str, object] | None = None) -> Path:
    """A scenario with a file of draws beside it."""
    cast("Any", parquet).write_table(cast("Any", pa).table(columns), folder / "posterior.parquet")
    doc = document({"uncertainty": {"draws": "posterior.parquet"}, **(changes or {})})
    text = yaml.safe_dump(doc).replace("'2026-09-07'", "2026-09-07")
    (folder / "small.yaml").write_text(text)
    return folder / "small.yaml"


def worlds(scenario: Scenario, numbers: Any = WORLDS):
    return draw_worlds(scenario, seed=3, worlds=numbers)


def margin_of_days(scenario: Scenario, world: Any, days: int = 4) -> float:
    """Contribution margin of some days of media and of a discount that ends, in expected mode, in one world."""
    market = build_market(scenario)
    deal, later = (steady(scenario, 1, spend=80.0, discount=discount) for discount in (0.15, 0.0))
    state, total = initial_state(market, 1), 0.0
    for day in range(days):
        outcome, state = play_day(market, world, state, (deal if day < days // 2 else later)(day), None)
        total += float(outcome.money.contribution_margin.sum())
    return total


@pytest.mark.parametrize(
    ("path", "factor"),
    [
        ("segments.adults.elasticity", 1.2),
        ("market.regions.island.elasticity_level", 0.9),
        ("segments.adults.cart_rate", 1.1),
        ("segments.youth.checkout_rate", 0.9),
        ("market.regions.north.conversion_level", 1.2),
        ("market.regions.north.traffic_level", 0.7),
        ("channels.search.visits_per_1000_impressions", 1.3),
        ("channels.social.visits_per_1000_impressions", 1.3),
        ("channels.social.segment_response.youth", 1.4),
        ("channels.social.region_response.north", 0.6),
        ("channels.search.saturation.half_saturation", 1.5),
        ("channels.search.price.amount_base", 1.3),
        ("channels.search.price.by_region.island", 1.7),
        ("market.regions.island.media_price_level", 0.8),
        ("channels.search.price.bid_up", 1.4),
        ("channels.email.visit_quality", 1.2),
        ("channels.search.adstock.half_life_days", 2.0),
        ("segments.adults.customer_conversion", 1.3),
        ("segments.adults.price_memory.deal_gain", 1.5),
        ("segments.youth.price_memory.half_life_days", 0.5),
        ("discounts.pull_forward.borrowed_frac", 1.3),
        ("market.regions.north.shipping.cost_base", 1.5),
        ("calendar.event_lift", 1.5),
    ],
)
def test_a_world_is_the_scenario_with_the_drawn_value_in_it(tmp_path: Path, path: str, factor: float) -> None:
    # Who the customers of the first morning are follows from the scenario's own rates, in every world.
    nobody: dict[str, object] = {f"market.regions.{r}.customers": {} for r in range(2)}
    fair = {"id": "fair", "start": "2026-09-08", "end": "2026-09-09", "demand": 2.0}
    calm: dict[str, object] = {"channels.2.fatigue": {"weekly_frequency": 100}, **nobody}
    if path.startswith("calendar"):
        calm["calendar.custom_events"] = [fair]
    if not path.startswith("discounts"):
        # So does how often those whom a deal wins come again, which says how much a deal borrows.
        calm["discounts.pull_forward.borrowed_frac"] = 0
    stated = load_scenario(write(tmp_path, {"elasticity": [1.0, 1.0]}, calm))
    data: Any = stated.document.model_dump(mode="json", exclude_none=True)
    for step in path.split("."):
        ids = [item["id"] for item in data] if isinstance(data, list) else []
        data = data[ids.index(step)] if ids else data.get(step, 1.0)
    value = float(data) * factor
    drawn = load_scenario(write(tmp_path, {path: [float(data), value]}, calm))
    world = worlds(drawn, np.array([1]))
    changed = load_scenario(write(tmp_path, {"elasticity": [1.0, 1.0]}, calm), overrides=[f"{path}={value!r}"])
    assert margin_of_days(drawn, world) == pytest.approx(margin_of_days(changed, average_world()), rel=1e-9)
    assert margin_of_days(drawn, world) != pytest.approx(margin_of_days(stated, average_world()), rel=1e-6)


def test_every_path_that_draws_can_set_is_tried_above_but_the_scale_of_a_weibull_curve(tmp_path: Path) -> None:
    marks = cast("Any", test_a_world_is_the_scenario_with_the_drawn_value_in_it).pytestmark
    tried = [path for path, _ in marks[0].args[1]]
    names = {"adults": "SEGMENT", "youth": "SEGMENT", "north": "REGION", "island": "REGION"}
    names |= dict.fromkeys(("search", "social", "email"), "CHANNEL")
    patterns = {".".join(names.get(step, step) for step in path.split(".")) for path in tried}
    assert set(PARAMETERS) - patterns == {"channels.CHANNEL.adstock.scale_days"}
    stretched = worlds(load_scenario(write(tmp_path, {"channels.email.adstock.scale_days": [2.0, 3.0]})))
    assert stretched.carry_over[1].ravel().tolist() == [1.0, 1.0, 1.5]


def test_rows_are_joint_and_come_in_turn_where_they_weigh_alike(tmp_path: Path) -> None:
    columns = {"segments.adults.elasticity": [-2.2, -1.1, -4.4], "event_lift": [1.0, 3.0, 0.5]}
    world = worlds(load_scenario(write(tmp_path, columns)))
    assert world.elasticity[:, 0, 0].tolist() == [1.0, 0.5, 2.0, 1.0, 0.5]
    assert world.elasticity[:, 0, 1].tolist() == [1.0] * 5
    assert world.event_lift.ravel().tolist() == [1.0, 3.0, 0.5, 1.0, 3.0]


def test_weighted_rows_come_as_often_as_they_weigh(tmp_path: Path) -> None:
    columns = {"event_lift": [1.0, 2.0, 3.0], "log_weight": np.log([1.0, 0.0001, 3.0]).tolist()}
    scenario = load_scenario(write(tmp_path, columns))
    many = worlds(scenario, np.arange(4000)).event_lift.ravel()
    # A quarter of 4,000: standard deviation sqrt(4000 * 0.25 * 0.75) = 27.
    assert abs(np.count_nonzero(many == 1.0) - 1000) < 4 * 27
    assert worlds(scenario, np.array([7])).event_lift.item() == many[7]


def test_spreads_of_other_groups_may_stand_beside_draws(tmp_path: Path) -> None:
    changes: dict[str, object] = {"uncertainty.conversion": {"spread": 0.2}}
    world = worlds(load_scenario(write(tmp_path, {"event_lift": [1.0, 2.0]}, changes)))
    assert world.conversion.std() > 0.05
    assert world.event_lift.ravel().tolist() == [1.0, 2.0, 1.0, 2.0, 1.0]


def test_the_draws_content_and_not_its_name_is_in_the_hash(tmp_path: Path) -> None:
    path = write(tmp_path, {"event_lift": [1.0, 2.0]})
    first = load_scenario(path)
    (tmp_path / "posterior.parquet").rename(tmp_path / "other.parquet")
    path.write_text(path.read_text().replace("posterior", "other"))
    assert load_scenario(path).hash == first.hash
    assert load_scenario(write(tmp_path, {"event_lift": [1.0, 2.5]})).hash != first.hash


def test_a_run_directory_holds_the_draws_itself(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, {"event_lift": [1.0, 2.0]}))
    run = RunDirectory.empty(tmp_path / "run")
    run.create()
    run.write_scenario(scenario)
    (tmp_path / "posterior.parquet").unlink()
    again = run.scenario()
    assert again.hash == scenario.hash
    assert (worlds(again).event_lift == worlds(scenario).event_lift).all()


def test_draws_can_be_set_from_the_command_line_seen_from_the_working_folder(tmp_path: Path) -> None:
    write(tmp_path, {"channels.search.saturation.half_saturation": [0.1, 0.2]})
    arguments = ("simulate", "quickstart", "--runs", "1", "--json", "--set")
    assert call(*arguments, "uncertainty.draws=posterior.parquet", folder=tmp_path).code == 0
    missing = call(*arguments, "uncertainty={draws: nowhere.parquet}", folder=tmp_path)
    assert missing.code == 2
    assert "nowhere.parquet cannot be read (No such file or directory)" in missing.err


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {"channels.serch.saturation.half_saturation": [1.0, 2.0], "event_lift": [1.0, 2.0]},
            "half_saturation'. Did you mean 'channels.search.saturation.half_saturation'? They can set",
        ),
        ({"segments.families.elasticity": [-1.0, -2.0]}, "No column of posterior.parquet fits; it seems to belong to"),
        ({"channels.email.adstock.half_life_days": [1.0, 2.0]}, "the scenario has no such number there"),
        ({"channels.email.price.bid_up": [0.1, 0.2]}, "which is 0 in the scenario: write a value that they can scale"),
        ({"event_lift": [1.0, float("nan")]}, "The column 'event_lift' of posterior.parquet has no number in row 2"),
        ({"event_lift": [1.0, None]}, "has no number in row 2"),
        ({"event_lift": ["a", "b"]}, "holds string; numbers are wanted"),
        ({"event_lift": [1.0, -2.0]}, "event_lift multiplies and must be above 0; row 2 has -2"),
        ({"event_lift": [2.0]}, "posterior.parquet has one row; draws need 2 at least"),
        ({"event_lift": cast("Any", pa).array([], "float64")}, "posterior.parquet has no rows"),
        ({"log_weight": [0.0, 1.0]}, "has no column of a parameter"),
        ({"segments.adults.elasticity": [-2.0, 2.0]}, "is -2.2 in the scenario; row 2 has 2, the wrong sign"),
        (
            {"segments.adults.elasticity": [-2.0, -20.0]},
            "segments.adults.elasticity is -20 in row 2; it should be greater than or equal to -12",
        ),
        (
            {"segments.adults.elasticity": [-2.0, -2.1], "segments[0].elasticity": [-2.0, -2.1]},
            "The columns 'segments.adults.elasticity' and 'segments[0].elasticity' are the same parameter",
        ),
    ],
)
def test_bad_draws_are_refused_with_a_sentence(tmp_path: Path, columns: dict[str, Any], words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(write(tmp_path, columns))
    assert words in str(caught.value)
    assert caught.value.problems[0].path == "uncertainty.draws"
    assert caught.value.problems[0].line > 0


def test_draws_whose_mean_is_not_the_scenarios_value_are_told(tmp_path: Path) -> None:
    # 1 and 1.4 times the stated elasticity weigh 1 and 3: 1.3 times in the mean.
    columns = {"segments.adults.elasticity": [-2.2, -3.08], "log_weight": np.log([1.0, 3.0]).tolist()}
    (note,) = (n for n in scenario_notes(load_scenario(write(tmp_path, columns))) if "expected path" in n)
    assert "segments.adults.elasticity (1.3 times)" in note
    centred = scenario_notes(load_scenario(write(tmp_path, {"event_lift": [0.8, 1.2]})))
    assert not any("expected path" in n for n in centred)


def test_a_spread_of_a_drawn_group_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"elasticity": [1.0, 2.0]}, {"uncertainty.elasticity": {"spread": 0.1}})
    with pytest.raises(ScenarioError, match=r"uncertainty\.elasticity has a spread, but the draws set it too"):
        load_scenario(path)


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"elasticity": [1.0, 2.0]})
    (tmp_path / "posterior.parquet").write_bytes(b"elasticity\n1\n2\n")
    with pytest.raises(ScenarioError, match=r"posterior\.parquet cannot be read as Parquet"):
        load_scenario(path)
    path.write_text(path.read_text().replace("posterior.parquet", "posterior.csv"))
    with pytest.raises(ScenarioError, match=r"give it a name that ends in \.parquet"):
        load_scenario(path)


def test_groups_and_their_arrays_agree() -> None:
    for group, axes in GROUP_AXES.items():
        assert getattr(average_world(), group).shape == (1,) * (1 + len(axes))


def test_a_wrong_sign_is_not_taken_for_a_file_of_another_scenario(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as error:
        load_scenario(write(tmp_path, {"segments.adults.elasticity": [-2.0, 2.0]}))
    assert "the wrong sign" in str(error.value)
    assert "another scenario" not in str(error.value)
