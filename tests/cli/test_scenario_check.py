"""``xbopt scenario check``, and the lines above a result that come from it."""

import json

import pytest

import xbopt
from xbopt.reports.simulation.vital_signs import warning_lines
from xbopt.studies.simulate import market_of
from xbopt.studies.vital_signs import vital_signs

INVERTED = ("--set", "market.currencies.GBP.rate=0.87")


def test_the_check_shows_sign_figure_range_verdict_and_source(xbopt_command):
    answer = xbopt_command("scenario", "check", "quickstart")
    assert answer.code == 0
    row = next(line for line in answer.out.splitlines() if "Advertising elasticity" in line)
    assert row.split()[2:] == ["0.15", "0.050", "to", "0.30", "inside", "Sethuraman", "et", "al.", "2011", "[S]"]
    assert "Every sign lies inside its published range" in answer.out


def test_a_warning_is_advice_unless_strict(xbopt_command):
    assert xbopt_command("scenario", "check", "quickstart", *INVERTED).code == 0
    answer = xbopt_command("scenario", "check", "quickstart", *INVERTED, "--strict")
    assert answer.code == 3
    assert "below: inverted rate" in answer.out
    assert "vital_signs: {accepted:" in answer.out


def test_invalid_files_are_refused_as_everywhere(xbopt_command, tmp_path):
    (tmp_path / "half.yaml").write_text("version: 1\nname: half\nbudgte: {}\n", encoding="utf-8")
    answer = xbopt_command("scenario", "check", "half.yaml")
    assert answer.code == 2
    assert "half.yaml:3:1: budgte:" in answer.err


def test_json_has_every_sign_with_code_and_figures(xbopt_command):
    answer = xbopt_command("scenario", "check", "quickstart", *INVERTED, "--set", "uncertainty={}", "--json")
    found = json.loads(answer.out)
    assert found["scenario"]["name"] == "quickstart"
    assert found["states_uncertainty"] is False
    rows = {(row["sign"], row["where"]): row for row in found["signs"]}
    rate = rows["currency_rate", "GBP"]
    assert (rate["figure"], rate["verdict"], rate["hint"]) == (0.87, "outside", "inverted_rate")
    assert rows["uncertainty", ""]["high"] is None
    assert found["warnings"] == sum(row["verdict"] == "outside" and not row["accepted"] for row in found["signs"])
    cells = {where for sign, where in rows if sign == "unit_margin"}
    assert cells == {"DE/families", "DE/students", "UK/families", "UK/students"}


def test_reasons_stand_in_the_file_and_are_printed(xbopt_command):
    answer = xbopt_command(
        "scenario", "check", "quickstart", *INVERTED,
        "--set", 'vital_signs.accepted={currency_rate: "a what-if of a pound that halves"}', "--json",
    )  # fmt: skip
    rows = {(row["sign"], row["where"]): row for row in json.loads(answer.out)["signs"]}
    assert rows["currency_rate", "GBP"]["accepted"] == "a what-if of a pound that halves"


def test_a_reason_for_no_sign_or_without_words_is_a_mistake(xbopt_command):
    answer = xbopt_command("scenario", "check", "quickstart", "--set", "vital_signs.accepted={media_shar: because}")
    assert answer.code == 2
    assert "There is no vital sign 'media_shar'. Did you mean 'media_share'?" in answer.err
    answer = xbopt_command("scenario", "check", "quickstart", "--set", 'vital_signs.accepted={media_share: ""}')
    assert answer.code == 2
    assert "Say why it is accepted." in answer.err


def test_what_is_absurd_stands_in_the_first_line_of_a_result(xbopt_command):
    answer = xbopt_command(
        "simulate", "quickstart", "--runs", "2", *INVERTED,
        "--set", "uncertainty={}", "--set", "products.lamps.unit_cost_base=70",
    )  # fmt: skip
    unsure, outside, title = answer.out.splitlines()[:3]
    assert unsure == "Nothing is stated as uncertain: ranges below hold only chance; the real risk is larger."
    assert outside.split(",")[0].endswith("vital signs are outside published ranges: currency rate (GBP")
    assert "inverted rate), gross margin (lamps, cost above price), margin of an order before media (" in outside
    assert title.startswith("quickstart: ")


def test_what_only_playing_shows_stands_there_too(xbopt_command, tmp_path):
    """Two digits too many in the price at which the conversion rates hold: no number looks wrong by itself."""
    typo = ("--set", "products.lamps.usual_price_base=4600")
    played = xbopt_command("simulate", "quickstart", "--runs", "2", *typo, "--report", str(tmp_path / "page.html"))
    first = played.out.splitlines()[0]
    assert "vital signs are outside published ranges: " in first
    assert first.replace("&", "&amp;") in (tmp_path / "page.html").read_text(encoding="utf-8")
    checked = json.loads(xbopt_command("scenario", "check", "quickstart", *typo, "--json").out)
    assert first.startswith(f"{checked['warnings']} vital signs")
    found = json.loads(xbopt_command("simulate", "quickstart", "--runs", "2", *typo, "--json").out)["vital_signs"]
    outside = [row for row in checked["signs"] if row["verdict"] == "outside" and not row["accepted"]]
    assert found == {"states_uncertainty": True, "outside": outside}


@pytest.mark.parametrize(
    "absurd",
    [
        ["products.lamps.return_rate=0.95", "products.textiles.return_rate=0.95"],
        ["discounts.pull_forward.borrowed_frac=1", "discounts.pull_forward.switched_frac=0"],
        ["segments.families.elasticity=-11"],
        ["segments.families.elasticity=-0.1"],
        ["channels.search.visits_per_1000_impressions=400"],
        ["market.regions.DE.stock={initial_orders: 5, lead_time_days: 20, cover_days: 10}"],
    ],
)
def test_each_kind_of_absurd_number_is_told(absurd):
    """By the lines that stand above every result."""
    market = market_of(xbopt.load_scenario("quickstart", overrides=absurd))
    assert "outside published ranges" in warning_lines(vital_signs(market))[-1]


def test_a_duty_that_nobody_knows_stands_in_the_first_line():
    (line,) = warning_lines(vital_signs(market_of("us_eu_launch")))
    assert "1 vital sign is outside published ranges: days with a duty that is not known (US)" in line


def test_a_sound_scenario_has_no_line_above_its_result(xbopt_command):
    assert xbopt_command("simulate", "quickstart", "--runs", "2").out.startswith("quickstart: ")


def test_plan_says_it_too(xbopt_command):
    answer = xbopt_command("plan", "quickstart", "--set", "horizon.days=7", "--set", "uncertainty={}",
                           "--set", "budget.total_base=500", "--set", "shocks=[]")  # fmt: skip
    assert answer.code == 0, answer.err
    assert answer.out.startswith("Nothing is stated as uncertain")


def test_a_new_scenario_knows_its_schema(xbopt_command, tmp_path):
    assert xbopt_command("scenario", "new", "mine").code == 0
    first = (tmp_path / "mine.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=xbopt.schema.json"
    schema = json.loads((tmp_path / "xbopt.schema.json").read_text(encoding="utf-8"))
    assert schema["title"] == "ScenarioDocument"


def test_a_schema_file_of_somebody_else_is_left_alone(xbopt_command, tmp_path):
    (tmp_path / "xbopt.schema.json").write_text("precious", encoding="utf-8")
    assert xbopt_command("scenario", "new", "mine").code == 0
    assert (tmp_path / "xbopt.schema.json").read_text(encoding="utf-8") == "precious"
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8").startswith("version: 1\n")
