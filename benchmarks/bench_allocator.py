"""One decision in the Allocator against ``model.predict`` of stable-baselines3, and what importing each costs.

Both decide for the same market by the same trained network. ``predict`` gives the network's action only; the Allocator
also checks the request and its drift, decodes, projects onto the budget, and carries out the guardrails.

    python -m benchmarks.bench_allocator [--tiny]
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.serving.bundles import make_bundle, market
from xbopt.agents.policies import BUILT_IN
from xbopt.core.decisions.feasibility import project
from xbopt.service.deciding.allocator import Allocator
from xbopt.service.deciding.requests import AllocationRequest
from xbopt.service.exporting.reference import observe_policy

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


def decisions(folder: Path, networks: tuple[str, ...], turns: int) -> None:
    import torch
    from stable_baselines3 import PPO

    from xbopt.agents.ppo.actor_critic import CampaignActorCritic
    from xbopt.agents.ppo.credit import StepParts
    from xbopt.agents.ppo.policy import as_policy, build_parts
    from xbopt.agents.ppo.settings import PpoSettings
    from xbopt.agents.ppo.vec_env import CampaignVecEnv
    from xbopt.env.campaign import Campaign

    torch.set_num_threads(1)
    where = market()
    for network in networks:
        for encoding in ("tactics", "residual", "continuous"):
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
            print(f"  {predict / allocate:.1f} times faster than predict, {decided / allocate:.1f} than all of it")


def imports(runs_each: int) -> None:
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
    print(f"  the serving path is {other_s / own_s:.1f} times faster and {other_mb / own_mb:.1f} times smaller")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true", help="one network, one turn: only to see that it runs")
    tiny = parser.parse_args().tiny
    imports(1 if tiny else 5)
    with tempfile.TemporaryDirectory(prefix="xbopt-bench-") as name:
        decisions(Path(name), ("flat",) if tiny else ("flat", "shared"), 1 if tiny else 7)


if __name__ == "__main__":
    main()
