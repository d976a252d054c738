"""Graphs against their policies on 100,000 inputs each, and limits on a million: counts and largest differences.

python -m benchmarks.bench_parity [--rows 100000] [--limits 1000000]
"""

import sys
import time

from benchmarks.bars import Bar, told, words_of
from benchmarks.serving.bundles import exploring, market
from tests.service.random_inputs import limit_violations, random_inputs
from tests.service.test_parity import session_of
from xbopt.agents.policies import BUILT_IN
from xbopt.core.decisions.policy import DirectPolicy, Policy
from xbopt.service.bundle.graph_session import largest_difference
from xbopt.service.exporting.policies import reads_channels
from xbopt.service.exporting.reference import reference_outputs
from xbopt.simulator.parameters import MarketParameters

CHUNK = 10_000
BARS = (Bar(name="largest difference of a graph and its policy", most=1e-6), Bar(name="limits broken", most=0.0))


def policies(where: MarketParameters) -> dict[str, Policy]:
    """One policy of every kind; networks with random weights."""
    import torch

    from xbopt.agents.ppo.policy import as_policy, build_parts
    from xbopt.agents.ppo.settings import PpoSettings

    found: dict[str, Policy] = {"plan": BUILT_IN["calendar"](where), "exploring plan": exploring(where)}
    for network in ("flat", "shared"):
        for encoding in ("tactics", "continuous"):
            settings = PpoSettings(network=network, encoding=encoding)
            parts = build_parts(where, BUILT_IN["calendar"](where), settings)
            noise = torch.Generator().manual_seed(1)
            with torch.no_grad():
                for parameter in parts.network.parameters():
                    parameter.add_(0.3 * torch.randn(parameter.shape, generator=noise))
            found[f"PPO {network} {encoding}"] = as_policy(parts)
    return found


def check_policy(name: str, policy: Policy, where: MarketParameters, rows: int, limits: int) -> tuple[float, int]:
    """The largest difference, and how many limits were broken."""
    chunk = min(CHUNK, limits)
    session, sample, _ = session_of(policy, where)
    tactic, channels = not isinstance(policy, DirectPolicy), reads_channels(policy)
    worst: dict[str, float] = {}
    broken = seen = 0
    started = time.perf_counter()
    for first in range(0, limits, chunk):
        inputs = random_inputs(where.scenario, sample, chunk, seed=first, tactic=tactic, channels=channels)
        found = session.named(inputs)
        broken += limit_violations(where.scenario, inputs, found["spend_base"], found["discount_frac"])
        seen += chunk
        if first < rows:
            known = inputs | ({"tactic": found["tactic"]} if tactic else {})
            wanted = reference_outputs(policy, where.scenario, sample, known)
            for output, array in found.items():
                unit = where.scenario.limits.daily_base if output == "spend_base" else 1.0
                worst[output] = max(worst.get(output, 0.0), largest_difference(array, wanted[output]) / unit)
    print(
        f"{name}: largest difference {max(worst.values()):.1e} in {rows:,} inputs, {broken} limits broken in {seen:,} "
        f"({time.perf_counter() - started:.0f} s)",
        flush=True,
    )
    return max(worst.values()), broken


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--limits", type=int, default=1_000_000)
    asked = parser.parse_args()
    rows, limits = (50, 500) if asked.tiny else (asked.rows, asked.limits)
    where = market()
    found = [
        check_policy(name, policy, where, rows, limits if "exploring" in name or name == "plan" else rows)
        for name, policy in policies(where).items()
    ]
    figures = {BARS[0].name: max(one[0] for one in found), BARS[1].name: sum(one[1] for one in found)}
    return told(__file__, BARS, figures, tiny=asked.tiny)


if __name__ == "__main__":
    sys.exit(main())
