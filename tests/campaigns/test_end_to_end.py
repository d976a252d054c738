"""A whole campaign through files alone: exports, actuals, proposals, approvals, upload sheets, and the next day.

The seller's market is simulated, and nobody here looks into it: platforms and shop write exports, sheets are uploaded
as they stand, and what a sheet says is what is spent.
"""

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.campaigns.seller import COUNTRIES, SimulatedSeller, sixty_days
from tests.command_line import call
from xbopt.agents.planner.replanning import replanning_around
from xbopt.calibration.panel import read_panel
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.env.baseline_plan import scenario_plan
from xbopt.simulator.build import build_market

EVERY = 10


@dataclass
class Office:
    """A planner at the command line, with the platforms' exports in a folder.

    Attributes:
        folder: Where files lie.
        store: URL of the decision store.
        budgets: What the platforms spend a day by channel and region ``(C, R)``, as the last sheets said.
    """

    folder: Path
    store: str
    scenario: Scenario
    budgets: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        plan = scenario_plan(build_market(self.scenario))
        self.budgets = plan.spend_base[0].sum(axis=1).T.round(2)

    def ask(self, *arguments: object) -> dict[str, object]:
        """Run ``xbopt campaign`` and read its JSON."""
        answer = call("campaign", *arguments, "--store", self.store, "--json", folder=self.folder)
        assert answer.code == 0, answer.err
        return json.loads(answer.out)

    def tell(self, seller: SimulatedSeller, day: int) -> None:
        """Tell what the days before a day brought."""
        files = seller.export(self.folder, days=EVERY)
        answers = ("--currency", "EUR", "--zone", "Europe/Berlin", "--key-file", self.folder / "key")
        self.ask("actuals", "spring", *files, *answers, "--until", self.scenario.date_of(day - 1))

    def export(self) -> dict[str, Path]:
        """Today's exports of campaigns, with the budgets that they have now."""
        regions = list(COUNTRIES)
        search, social = (self.scenario.channels.index(name) for name in ("search", "social"))
        google = [["Campaign", "Budget", "Budget type", "Campaign Status", "Labels"]]
        google += [
            [f"{c} search", f"{self.budgets[search, r]:.2f}", "Daily", "Enabled", "keep"] for r, c in enumerate(regions)
        ]
        google.append(["Brand in France", "5.00", "Daily", "Paused", "not ours"])
        meta = [["Campaign ID", "Campaign Name", "Campaign Status", "Campaign Daily Budget", "Currency"]]
        meta += [
            [f"cg:{r}", f"{c} social", "ACTIVE", f"{self.budgets[social, r]:.2f}", "EUR"] for r, c in enumerate(regions)
        ]
        paths = {"google_editor": self.folder / "google_editor.csv", "meta": self.folder / "meta.csv"}
        for name, rows in (("google_editor", google), ("meta", meta)):
            with paths[name].open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
        return paths

    def upload(self, name: str, proposal: str, template: Path | None, today: date) -> None:
        """Book a proposal for a platform, and spend from now on what its sheet says."""
        chosen = () if template is None else ("--template", template)
        account = ("--currency", "EUR", "--zone", "Europe/Berlin")
        platform = "csv" if template is None else template.stem
        if template is None:  # what no platform's sheet holds
            cells = [(r, s) for r in self.scenario.regions for s in self.scenario.segments]
            rows = [f"{r}/{s}/email,{r},{s},email,1" for r, s in cells]
            (self.folder / "email.csv").write_text("\n".join(["campaign,region,segment,channel,share", *rows]))
            chosen = ("--mapping", self.folder / "email.csv")
        told = self.ask(
            "book", name, proposal, "--for", platform, "--each", "mean", *account, "-o", self.folder, *chosen,
            "--today", today,
        )  # fmt: skip
        assert told["read_back_difference_base"] == pytest.approx(0.0, abs=1e-6)
        for file in map(Path, told["files"]):  # type: ignore[arg-type]
            self._read(file.read_bytes().decode("utf-8-sig"))

    def _read(self, text: str) -> None:
        """Take over the budgets of a sheet: Google's and Meta's by name, the newsletter's from the plain table."""
        rows = list(csv.DictReader(io.StringIO(text)))
        email = self.scenario.channels.index("email")
        if "daily_budget" in rows[0]:
            for r, region in enumerate(self.scenario.regions):
                own = [row for row in rows if (row["region"], row["channel"]) == (region, "email")]
                self.budgets[email, r] = sum(float(row["daily_budget"]) for row in own)
            return
        for row in rows:
            country, _, channel = (row.get("Campaign") or row.get("Campaign Name") or "").partition(" ")
            if channel in self.scenario.channels:
                c, r = self.scenario.channels.index(channel), list(COUNTRIES).index(country)
                self.budgets[c, r] = float(row.get("Budget") or row.get("Campaign Daily Budget") or "nan")


def decided(budgets: FloatArray, scenario: Scenario, discount: FloatArray) -> Decision:
    """What platforms do with daily budgets: each region's over its audiences as the own plan has them."""
    plan = scenario.plan
    share = plan.share / plan.share.sum(axis=1, keepdims=True)
    return Decision(
        spend_base=(share * budgets.T[:, None, :])[None],
        daypart_weights=plan.daypart_weights[None],
        discount_frac=discount[None],
        mechanic=plan.mechanic[0][None],
    )


def test_sixty_days_through_files_earn_what_the_same_policy_earns_inside(tmp_path: Path) -> None:
    """Re-planned every ten days: by files and sheets alone, and inside with all that the simulator shows."""
    scenario = sixty_days()
    (tmp_path / "market.yaml").write_text(_text(scenario))
    office = Office(folder=tmp_path, store=f"sqlite:///{tmp_path / 'store.sqlite'}", scenario=scenario)
    seller = SimulatedSeller(scenario)
    office.ask("open", tmp_path / "market.yaml", "--name", "spring", "--plan", "baseline", "--by", "ann", "--four-eyes")
    discount = scenario.plan.discount_frac
    for day in range(scenario.days):
        if day and day % EVERY == 0:
            office.tell(seller, day)
            last = scenario.date_of(min(day + EVERY, scenario.days) - 1)
            today = scenario.date_of(day)
            proposal = office.ask("propose", "spring", "--until", last, "--by", "ann", "--today", today)["proposal"]
            office.ask("approve", "spring", proposal, "--by", "bob", "--today", today)
            for template in (*office.export().values(), None):
                office.upload("spring", str(proposal), template, today)
        seller.play(decided(office.budgets, scenario, discount[day]))
    office.tell(seller, scenario.days)
    closed = office.ask("close", "spring", "--panel", tmp_path / "panel.parquet")
    assert closed["known_days"] == scenario.days
    inside = _inside(scenario)
    assert seller.margin_base == pytest.approx(inside, rel=0.01)
    spent = sum(outcome.decision.spend_base.sum() for outcome in seller.outcomes)
    assert spent <= scenario.limits.total_base
    panel = read_panel(tmp_path / "panel.parquet", scenario)
    assert panel.days == scenario.days
    np.testing.assert_allclose(panel.orders.sum(), sum(outcome.orders.sum() for outcome in seller.outcomes))


def _inside(scenario: Scenario) -> float:
    """Margin of the same policy in the simulator."""
    seller = SimulatedSeller(scenario)
    market = build_market(scenario)
    plan = scenario_plan(market)
    for day in range(scenario.days):
        if day and day % EVERY == 0:
            ahead = replanning_around(market, plan).spend_ahead(seller.run.observe())[0]
            spend = plan.spend_base.copy()
            spend[day : day + EVERY] = ahead[:EVERY].mean(axis=0)
            plan = plan.__class__(**{**{name: getattr(plan, name) for name in plan.__slots__}, "spend_base": spend})
        budgets = plan.spend_base[day].sum(axis=1).T
        seller.play(decided(budgets, scenario, plan.discount_frac[day]))
    return seller.margin_base


def _text(scenario: Scenario) -> str:
    from xbopt.core.scenario.loading import scenario_text

    text = scenario_text(scenario)
    assert load_scenario(text).hash == scenario.hash
    return text
