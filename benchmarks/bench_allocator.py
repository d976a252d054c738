"""One decision in the Allocator against ``model.predict`` of stable-baselines3, and what importing each costs.

Both decide for the same market by the same trained network. ``predict`` gives the network's action only; the Allocator
also checks the request and its drift, decodes, projects onto the budget, and carries out the guardrails.

    python -m benchmarks.bench_allocator [--tiny]
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.bars import Bar, told, words_of
from benchmarks.serving.bundles import make_bundle, market
from xbopt.agents.policies import BUILT_IN
from xbopt.core.decisions.feasibility import project
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.exporting.reference import observe_policy

NETWORKS, ENCODINGS = ("flat", "shared"), ("tactics", "residual", "continuous")
BARS = (
    Bar(name="import time, torch and stable-baselines3 over ours", least=10.0),
    Bar(name="import memory, torch and stable-baselines3 over ours", least=4.0),
    *(
        Bar(name=f"predict over allocate, {network} {encoding}", least=20.0)
        for network in NETWORKS
        for encoding in ENCODINGS
    ),
)
_IMPORTS = {
    "serving path": "import xbopt.service.deciding.allocator, onnxruntime, numpy, msgspec",
    "torch + stable-baselines3": "import torch, stable_baselines3",
}


def micros(call: Callable[[], object], repeats: int, turns: int) -> float:
    for _ in range(20):
        call()
    times: list[float] = []
    for _ in range(turns):
        started = time.process_time()
        for _ in range(repeats):
            call()
        times.append((time.process_time() - started) / repeats)
    return statistics.median(times) * 1e6


def decisions(folder: Path, networks: tuple[str, ...], turns: int) -> dict[str, float]:
    import torch
    from stable_baselines3 import PPO

    from xbopt.agents.ppo.actor_critic import CampaignActorCritic
    from xbopt.agents.ppo.credit import StepParts
    from xbopt.agents.ppo.policy import as_policy, build_parts
    from xbopt.agents.ppo.settings import PpoSettings
    from xbopt.agents.ppo.vec_env import CampaignVecEnv
    from xbopt.env.campaign import Campaign

    torch.set_num_threads(1)
    where, figures = market(), dict[str, float]()
    for network in networks:
        for encoding in ENCODINGS:
            settings = PpoSettings(network=network, encoding=encoding)
            parts = build_parts(where, BUILT_IN["calendar"](where), settings)
            campaign = Campaign(where, worlds=1, settings=settings.campaign(), plan=parts.plan)
            envs = CampaignVecEnv(campaign)
            model = PPO(
                CampaignActorCritic, envs, n_steps=2, batch_size=2, device="cpu",
                policy_kwargs={"parts": parts, "step": StepParts()},
            )  # fmt: skip
            row = envs.reset()
            morning = observe_policy(as_policy(parts), where, worlds=1, seed=3)[0]
            limits = where.scenario.limits

            def whole(model=model, row=row, encoding=parts.encoding, morning=morning, limits=limits) -> object:  # noqa: ANN001
                """What the Allocator's answer holds, the way the training environment makes it."""
                action = model.predict(row[0], deterministic=False)[0]
                return project(encoding.decode(action[None], morning), limits, morning.remaining)

            decided = micros(whole, 60, turns)
            predict = micros(lambda model=model, row=row: model.predict(row[0], deterministic=False), 100, turns)
            policy = as_policy(parts)
            bundle = make_bundle(folder, policy, where, f"{network}-{encoding}")
            allocator = Allocator.load(bundle)
            seen = observe_policy(policy, where, worlds=1, seed=3)[0]
            request = AllocationRequest(
                day=seen.day, budget_base=float(seen.remaining.budget_base[0]), regions=seen.regions[0].tolist(),
                cells=seen.cells[0].tolist(), channels=seen.channels[0].tolist(), decision_id="x",
            )  # fmt: skip
            allocate = micros(lambda a=allocator, r=request: a.allocate(r), 200, turns)
            batch = allocator.reader.one(request, "x")
            decide = micros(lambda a=allocator, b=batch: a.decide(b), 200, turns)
            print(f"{network} {encoding}: predict {predict:.0f} us, with decoding and projection {decided:.0f} us")
            print(f"  allocate {allocate:.0f} us, of which reading the request {allocate - decide:.0f} us")
            print(f"  {decided / allocate:.1f} times faster than predict, decoding and projection")
            figures[f"predict over allocate, {network} {encoding}"] = predict / allocate
    return figures


def imports(runs_each: int) -> dict[str, float]:
    found: dict[str, tuple[float, float]] = {}
    for name, code in _IMPORTS.items():
        script = (
            "import time; started = time.process_time()\n"
            f"{code}\n"
            "used = time.process_time() - started\n"
            # The peak that the system reports would begin with that of the process which started this one.
            "pages = int(open('/proc/self/statm').read().split()[1])\n"
            "import os; print(used, pages * os.sysconf('SC_PAGE_SIZE') / 2**20)"
        )
        runs = [
            [float(word) for word in subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                                                    check=True).stdout.split()]
            for _ in range(runs_each)
        ]  # fmt: skip
        seconds, megabytes = np.min(np.array(runs), axis=0)
        found[name] = (float(seconds), float(megabytes))
        print(f"import {name}: {seconds:.2f} s of CPU, {megabytes:.0f} MB")
    (own_s, own_mb), (other_s, other_mb) = found.values()
    return {BARS[0].name: other_s / own_s, BARS[1].name: other_mb / own_mb}


def main() -> int:
    tiny = words_of(__doc__).parse_args().tiny
    figures = imports(1 if tiny else 5)
    with tempfile.TemporaryDirectory(prefix="xbopt-bench-") as name:
        figures |= decisions(Path(name), NETWORKS[:1] if tiny else NETWORKS, 1 if tiny else 7)
    return told(__file__, BARS, figures, tiny=tiny)


if __name__ == "__main__":
    sys.exit(main())
