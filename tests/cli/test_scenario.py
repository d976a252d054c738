"""``xbopt scenario``: a newcomer's path from a copy to a checked file."""

import json

import xbopt


def test_new_validate_simulate(xbopt_command, tmp_path):
    answer = xbopt_command("scenario", "new", "my_market", "--like", "tariff_shock")
    assert answer.code == 0
    assert "my_market.yaml" in answer.err
    scenario = xbopt.load_scenario(tmp_path / "my_market.yaml")
    assert scenario.name == "my_market"
    assert scenario.regions == xbopt.load_scenario("tariff_shock").regions
    answer = xbopt_command("scenario", "validate", "my_market.yaml")
    assert answer.code == 0
    assert answer.out.startswith("my_market.yaml: valid (")


def test_new_never_overwrites_unless_forced(xbopt_command, tmp_path):
    (tmp_path / "mine.yaml").write_text("precious", encoding="utf-8")
    answer = xbopt_command("scenario", "new", "mine")
    assert answer.code == 2
    assert "already there" in answer.err
    assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == "precious"
    assert xbopt_command("scenario", "new", "mine", "--force").code == 0
    assert xbopt.load_scenario(tmp_path / "mine.yaml").name == "mine"


def test_new_refuses_names_that_are_none(xbopt_command, tmp_path):
    for name in ("2026", "my market", "", "ünïcode"):
        answer = xbopt_command("scenario", "new", name)
        assert answer.code == 2, name
        assert "no scenario name" in answer.err
    assert list(tmp_path.iterdir()) == []


def test_validate_checks_every_file_and_reports_all_mistakes(xbopt_command, tmp_path):
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    (tmp_path / "half.yaml").write_text("version: 1\nname: half\nbudgte: {}\n", encoding="utf-8")
    answer = xbopt_command("scenario", "validate", "empty.yaml", "half.yaml", "quickstart")
    assert answer.code == 2
    assert "empty.yaml" in answer.err
    assert "half.yaml:3:1: budgte:" in answer.err
    assert "Did you mean 'budget'?" in answer.err
    assert answer.out == "quickstart: valid (240 of 240 numbers have a source)\n"


def test_validate_json_lists_problems_with_places(xbopt_command, tmp_path):
    (tmp_path / "half.yaml").write_text("version: 1\nname: half\nbudgte: {}\n", encoding="utf-8")
    answer = xbopt_command("scenario", "validate", "half.yaml", "quickstart", "--json")
    assert answer.code == 2
    half, quick = json.loads(answer.out)["files"]
    assert half["valid"] is False
    assert {"file", "line", "column", "path", "message"} == set(half["problems"][0])
    assert quick == {"file": "quickstart", "valid": True, "problems": [], "numbers": 240, "without_provenance": 0}


def test_schema_is_json_schema_that_knows_every_section(xbopt_command):
    schema = json.loads(xbopt_command("scenario", "schema").out)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert {"market", "segments", "products", "channels", "calendar", "horizon", "budget", "discounts", "shocks",
            "uncertainty", "tactics", "provenance"} <= set(schema["properties"])  # fmt: skip
    assert schema["additionalProperties"] is False


def test_show_json_is_the_whole_document_with_defaults(xbopt_command):
    document = json.loads(xbopt_command("scenario", "show", "quickstart", "--json").out)
    assert document["name"] == "quickstart"
    assert document["discounts"]["pull_forward"]["half_life_days"] == 10.0


def test_list_json(xbopt_command):
    rows = json.loads(xbopt_command("scenario", "list", "--json").out)["scenarios"]
    assert [row["name"] for row in rows] == list(xbopt.shipped_scenarios())
    assert len(rows) == 7


def test_completion_offers_scenarios_and_policies():
    from xbopt.cli.completion import policy_names, scenario_names

    assert scenario_names("qu") == ["quickstart"]
    assert policy_names("gre") == ["greedy_roas"]


def test_every_command_has_help_with_an_example(xbopt_command):
    for command in (["simulate"], *(["scenario", name] for name in ("list", "new", "validate", "schema", "show"))):
        answer = xbopt_command(*command, "--help")
        assert answer.code == 0
        assert f"Example: xbopt {' '.join(command)}" in answer.out.replace("\n", " ").replace("  ", " ")


def test_the_help_of_simulate_names_every_built_in_policy(xbopt_command):
    from xbopt.agents.policies import BUILT_IN

    answer = xbopt_command("simulate", "--help")
    assert [name for name in BUILT_IN if name not in answer.out] == []


def test_provenance_that_speaks_for_nothing_is_said(xbopt_command, tmp_path):
    xbopt_command("scenario", "new", "typo")
    file = tmp_path / "typo.yaml"
    text = file.read_text(encoding="utf-8")
    assert "\nprovenance:\n" in text
    stray = '\nprovenance:\n  - {path: "segments.*.elasticities", source: "typo", evidence: E}\n'
    file.write_text(text.replace("\nprovenance:\n", stray, 1), encoding="utf-8")
    answer = xbopt_command("scenario", "validate", "typo.yaml")
    assert answer.code == 0, answer.err
    assert "segments.*.elasticities" in answer.err


def test_show_lists_places_of_sale_where_there_are_any(xbopt_command, tmp_path):
    assert "Places of sale" not in xbopt_command("scenario", "show", "quickstart").out
    assert xbopt_command("scenario", "new", "mine").code == 0
    mine = tmp_path / "mine.yaml"
    mine.write_text(mine.read_text() + "places: [{id: amazon, fees: {platform_frac: 0.15}, basket: 0.8}]\n")
    shown = xbopt_command("scenario", "show", "mine.yaml").out
    assert "Places of sale beside the own shop" in shown
    row = next(line for line in shown.splitlines() if "amazon" in line)
    assert "15.0%" in row
    assert "gross" in row
    assert "x0.8" in row
