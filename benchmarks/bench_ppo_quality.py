"""What a trained PPO policy earns over the plan for the average market, on worlds that it never saw.

    python benchmarks/bench_ppo_quality.py RUN_DIR [--runs 256] [--oracle-worlds 64] [--seed 0]

RUN_DIR is a folder that ``xbopt train`` left. All policies play the same worlds with the same luck; differences are taken
world by world. ``gap_closed`` is 0 for the uniform plan and 1 for the planner that knows each world's own parameters; it
is worked out on the oracle's worlds, which are the first of the same set.
"""

import argparse
from pathlib import Path

import numpy as np

from xbopt.agents.planner.oracle import plan_worlds
from xbopt.agents.planner.policy import planner_policy, usual_resolution
from xbopt.agents.policies import built_in_policy, policy_from
from xbopt.agents.run_directory import RunDirectory
from xbopt.core.axes import FloatArray
from xbopt.core.policy import Policy
from xbopt.env.rollout import play_worlds
from xbopt.env.totals import TotalsRecorder
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters

NORMAL_95 = 1.959964


def margins(market: MarketParameters, policy: Policy, worlds: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Contribution margin and customer value of each world ``(B,)``."""
    adder = TotalsRecorder(market, worlds)
    play_worlds(market, policy, worlds=np.arange(worlds), seed=seed, recorders=[adder])
    totals = adder.totals()
    return totals.money.sum(axis=(1, 2, 3)), totals.customer_value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--runs", type=int, default=256)
    parser.add_argument("--oracle-worlds", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    market = build_market(RunDirectory.open(arguments.run).scenario())
    plan = planner_policy(market)
    found = {
        "uniform": margins(market, built_in_policy("uniform", market), arguments.runs, arguments.seed),
        "planner": margins(market, plan, arguments.runs, arguments.seed),
        "ppo": margins(market, policy_from(str(arguments.run), market), arguments.runs, arguments.seed),
    }
    print(f"{market.scenario.name}, {arguments.runs} worlds, seed {arguments.seed}, {market.scenario.base_currency}")
    for name, (margin, value) in found.items():
        print(f"{name:10s} margin {margin.mean():12,.0f}   customer value {value.mean():10,.0f}")
    gain = found["ppo"][0] - found["planner"][0]
    half = NORMAL_95 * gain.std(ddof=1) / np.sqrt(len(gain))
    print(f"ppo - planner: {gain.mean():,.0f} ({gain.mean() - half:,.0f} .. {gain.mean() + half:,.0f}, 95 %)")
    print(f"ppo earns more than the planner in {(gain > 0.0).mean():.0%} of the worlds")
    if arguments.oracle_worlds:
        n = arguments.oracle_worlds
        oracle = plan_worlds(
            market,
            np.arange(n),
            world_seed=arguments.seed,
            resolution=usual_resolution(market),
            start=plan,
            goal="margin",
        )
        best = margins(market, oracle, n, arguments.seed)[0]
        low = found["uniform"][0][:n].mean()
        whole = best.mean() - low
        print(f"oracle on {n} worlds: margin {best.mean():,.0f}")
        for name in ("planner", "ppo"):
            print(f"gap_closed of {name}: {(found[name][0][:n].mean() - low) / whole:.3f}")


if __name__ == "__main__":
    main()
