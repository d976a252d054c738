"""Everything that plans and comparisons write has its meaning in the documents."""

import json
from pathlib import Path

from tests.command_line import call

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "planning.md").read_text(encoding="utf-8")
SEMANTICS = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
# Names that say what they are.
PLAIN = {"scenario", "goal", "resolution", "solve_seconds", "expected", "spend", "notes"}


def test_every_column_of_a_plan_is_told() -> None:
    from xbopt.core.scenario.loading import load_scenario
    from xbopt.core.scenario.plan_head import plan_columns

    for column in plan_columns(load_scenario("quickstart")):
        assert f"`{column}`" in PAGE or column.startswith("daypart_"), column


def test_every_name_in_the_json_is_told(tmp_path: Path) -> None:
    short = "--set horizon.days=8 --set plan.discounts=[] --json"
    plan = json.loads(call(*f"plan quickstart {short}".split(), folder=tmp_path).out)
    for name in plan.keys() - PLAIN:
        assert f"`{name}`" in SEMANTICS, name
    compare = f"compare quickstart {short} --runs 2 --oracle-worlds 1".split()
    made = json.loads(call(*compare, folder=tmp_path).out)
    own = made["policies"][1]
    for name in ("difference", "probability_beats_first", "gap_closed", "gap_closed_interval", "spread", "reward"):
        assert name in own
        assert f"`{name}`" in SEMANTICS, name
    for name in own["difference"]["contribution_margin"].keys() | made.keys() - {"policies", "first", "oracle", *PLAIN}:
        assert f"`{name}`" in SEMANTICS or name in {"runs", "seed", "world_seed", "confidence"}, name
