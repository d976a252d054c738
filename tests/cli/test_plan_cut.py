"""What limits take from a plan's file is told on every face before any figure of it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.command_line import Command
from xbopt.agents.policies import built_in_policy
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_table import write_plan
from xbopt.reports.kit.page import html_page
from xbopt.reports.simulation.page import simulation_content
from xbopt.reports.simulation.report import build_simulation_report
from xbopt.simulator.build import build_market
from xbopt.studies.simulate import simulate

MARKET = build_market(load_scenario("quickstart"))


def test_every_face_tells_how_much_of_a_plan_is_not_spent_and_from_when(xbopt_command: Command, tmp_path: Path) -> None:
    file = tmp_path / "plan.csv"
    plan = built_in_policy("uniform", MARKET)
    write_plan(replace(plan, spend_base=1.4 * plan.spend_base), MARKET.scenario, file)
    told = (
        "plan.csv asks for €15,680, €4,480 beyond the budget of €11,200. €4,480 of it is not spent, from Oct 25, 2026"
    )
    asked = ("simulate", "quickstart", "--policy", str(file), "--runs", "2")
    assert told in " ".join(xbopt_command(*asked).out.split())
    document = json.loads(xbopt_command(*asked, "--json").out)["plan_cut"]
    assert (document["plan"], document["first_day"]) == ("plan.csv", "2026-10-25")
    amounts = [document[name] for name in ("planned", "budget", "beyond_budget", "cut")]
    assert amounts == pytest.approx([15_680.0, 11_200.0, 4_480.0, 4_480.0])
    third = pytest.approx(4_480.0 / 3)
    assert document["by_channel"] == {"Paid search": third, "Paid social": third, "E-mail to customers": third}
    report = build_simulation_report(simulate(MARKET, str(file), runs=2))
    assert told in " ".join(html_page(simulation_content(report)).split())
    compared = xbopt_command("compare", "quickstart", "--policies", f"baseline,{file}", "--runs", "2")
    assert told in " ".join(compared.out.split())
    changed = ("what-if", "quickstart", "GBP -5%", "--plan", str(file), "--runs", "2", "--set", "plan.discounts=[]")
    assert told in " ".join(xbopt_command(*changed).out.split())
    answer = json.loads(xbopt_command(*changed, "--json").out)[0]
    assert answer["kept"]["plan_cut"] == answer["today"]["plan_cut"]
    assert answer["today"]["plan_cut"]["cut"] == pytest.approx(4_480.0)
