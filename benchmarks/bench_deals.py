"""What learning discounts is worth: PPO with all kinds of notches, and with those of discounts held at neutral.

Run ``python -m benchmarks.bench_deals [SCENARIO] [MINUTES] [--tiny]``; outlet_deals and 10 where left out. Both are
trained with the same seed and time, and played in 256 test worlds that chose nothing, beside the policy to beat.
Figures are reward above it, base currency, with 95 % intervals.
"""

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, told, words_of
from xbopt.agents.bandits.validation import HeldOutWorlds
from xbopt.agents.policies import PolicyShelf
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import TEST_WORLDS, TrainingProgress, train, trained_policy
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.policy import DirectPolicy
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.scenario import Scenario
from xbopt.simulator.build import build_market

ALL, WITHOUT = "all kinds", "discounts held"
_LEARN = {ALL: "pace,timing,discount,spend", WITHOUT: "pace,timing,spend"}
WORLDS, SEED = 256, 0
BARS = (Bar(name="all kinds above discounts held, in standard errors"),)
TINY = ["horizon.days=28", "plan.discounts=[]", "budget.total_base=14000"]
TINY_OPTIONS: Mapping[str, object] = {
    "branch_rounds": 1, "branch_worlds": 2, "branch_steps": 1, "worlds": 2, "validation_worlds": 2,
}  # fmt: skip


def tell(progress: TrainingProgress) -> None:
    print(f"  {progress.done_frac:.0%} {progress.steps:,} decisions, gain {progress.gain_base:,.0f}", file=sys.stderr)


def gains(
    scenario: Scenario,
    *,
    seconds: float,
    worlds: int = WORLDS,
    steps: int | None = None,
    plan: str | None = None,
    options: Mapping[str, object] | None = None,
) -> dict[str, FloatArray]:
    """Reward of both above the policy to beat, by test world ``(B,)``.

    Args:
        scenario: Where to learn.
        seconds: Time limit of each of the two.
        worlds: Test worlds.
        steps: Most decisions to learn from.
        plan: The plan to begin with, which is then the policy to beat; the planner's and ``replan`` where left out.
        options: More settings of PPO.
    """
    market = build_market(scenario)
    anchor = PolicyShelf(market).policy(plan or "replan")
    assert isinstance(anchor, DirectPolicy), "plans and the re-planner decide spend themselves"
    beside = HeldOutWorlds(market, anchor, TEST_WORLDS + np.arange(worlds), seed=SEED, weight=1.0)
    found: dict[str, FloatArray] = {}
    for name, learn in _LEARN.items():
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            own = {"test_worlds": 0, **(options or {}), "learn": learn}
            train(
                scenario, "ppo", out, plan=plan, steps=steps, time_limit_seconds=seconds, seed=SEED, options=own,
                on_progress=tell,
            )  # fmt: skip
            found[name] = beside.gain(trained_policy(RunDirectory.open(out), market))
    return found


def line(what: str, values: FloatArray) -> str:
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return f"{what:<32}{values.mean():>12,.0f}  ({values.mean() - half:,.0f} to {values.mean() + half:,.0f})"


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("scenario", nargs="?", default="outlet_deals")
    parser.add_argument("minutes", nargs="?", type=float, default=10.0)
    asked = parser.parse_args()
    if asked.tiny:
        short = load_scenario(asked.scenario, overrides=TINY)
        found = gains(short, seconds=20.0, worlds=2, steps=1, plan="baseline", options=TINY_OPTIONS)
    else:
        found = gains(load_scenario(asked.scenario), seconds=60.0 * asked.minutes)
    for what, values in found.items():
        print(line(f"ppo, {what}, above replan", values))
    more = found[ALL] - found[WITHOUT]
    print(line("all kinds above discounts held", more))
    error = max(float(more.std(ddof=1)) / np.sqrt(len(more)), 1e-12)
    return told(__file__, BARS, {BARS[0].name: float(more.mean()) / error}, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
