"""The leaderboard of a task card: who comes how far from the uniform plan to the planner that knows each world.

    python -m benchmarks.leaderboard quickstart-v0 --rows random,sb3_ppo,sac,tqc,lin_ts,ppo --out runs/board [--tiny]

Offline learners are trained elsewhere, since d3rlpy wants other libraries than this project:

    python -m benchmarks.leaderboard quickstart-v0 --rows "" --data runs/data        # writes runs/data/dataset.h5
    OTHER/python benchmarks/offline_baselines.py runs/data/dataset.h5 -o runs/offline   # BC, IQL, CQL
    python -m benchmarks.leaderboard quickstart-v0 --rows "" --offline runs/offline

All meet the card's test worlds; learners met its training worlds only. Rows that were not run are listed as such.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import xbopt
from benchmarks.bars import Bar, told, words_of
from xbopt.agents.ppo.credit import Credit
from xbopt.agents.ppo.vec_env import CampaignVecEnv
from xbopt.core.randomness import named_generator
from xbopt.env.actions import levels_of
from xbopt.studies.agent_policy import AgentPolicy

BUILT_IN = ("replan", "planner", "baseline", "uniform")
ONLINE = ("random", "sb3_ppo", "sac", "tqc", "lin_ts", "ppo")
OFFLINE = ("bc", "iql", "cql")
WORLDS = 32
BARS = tuple(Bar(name=f"{row}: mean over the re-planner's") for row in (*BUILT_IN, *ONLINE, *OFFLINE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a learner may use: decisions, and seconds for the learners of this project."""

    steps: int
    seconds: float
    seed: int


def random_agent(card: xbopt.Card, seed: int) -> Callable[[NDArray[np.float32]], NDArray[np.int64]]:
    """Draws every choice alike."""
    choices = card.task.campaign(1, first_world=0).encoding.choices
    assert choices is not None, "cards of choices only"
    rng = named_generator(seed, "leaderboard/random")
    return lambda seen: rng.integers(choices, size=(len(seen), len(choices)))


def stable_baselines(card: xbopt.Card, name: str, budget: Budget) -> object:
    """A learner of stable-baselines3, trained in the card's training worlds with its own defaults."""
    import sb3_contrib
    import stable_baselines3
    from gymnasium.spaces import Box
    from stable_baselines3.common.vec_env import VecEnvWrapper

    task = replace(card.task, relative_to_anchor=True)
    campaign = task.campaign(WORLDS, first_world=card.worlds.train.first, seed=card.seed)
    # One reward for all entries, as these libraries know it.
    whole = Credit(
        name="whole", parts=1, group=np.zeros(len(campaign.encoding.names), dtype=np.int64), reach=np.ones((1, 1))
    )
    envs = CampaignVecEnv(campaign, credit=whole)
    if name == "sb3_ppo":
        model = stable_baselines3.PPO(
            "MlpPolicy", envs, n_steps=64, batch_size=8 * WORLDS, seed=budget.seed, device="cpu"
        )
        return model.learn(budget.steps)

    class Scaled(VecEnvWrapper):
        """Numbers from -1 to 1 for choices: SAC and TQC know no MultiDiscrete actions."""

        choices = envs.campaign.encoding.choices

        def reset(self) -> object:
            return self.venv.reset()

        def step_async(self, actions: NDArray[np.float32]) -> None:
            self.venv.step_async(levels_of(actions.astype(np.float64), self.choices))

        def step_wait(self) -> object:
            return self.venv.step_wait()

    space = Box(-1.0, 1.0, shape=envs.action_space.shape, dtype=np.float32)
    learner = {"sac": stable_baselines3.SAC, "tqc": sb3_contrib.TQC}[name]
    first = min(1000, budget.steps // 2)
    scaled = Scaled(envs, action_space=space)
    return learner("MlpPolicy", scaled, learning_starts=first, gradient_steps=8, seed=budget.seed, device="cpu").learn(
        budget.steps
    )


def own_learner(card: xbopt.Card, name: str, budget: Budget, folder: Path) -> str:
    """A learner of this project with its default options; gives the folder of its run."""
    run = folder / f"{card.card}-{name}"
    if not run.exists():
        xbopt.train(card.scenario, name, run, time_limit_seconds=budget.seconds, seed=budget.seed)
    return str(run)


def offline_agent(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """A policy that d3rlpy wrote as TorchScript."""
    import torch

    script = torch.jit.load(str(path))

    def act(seen: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return script(torch.from_numpy(np.ascontiguousarray(seen))).numpy()

    return act


def leaderboard(
    card: xbopt.Card,
    *,
    rows: Sequence[str],
    runs: int,
    oracle_worlds: int,
    budget: Budget,
    folder: Path,
    offline: Path | None = None,
) -> tuple[list[str], dict[str, float]]:
    """The table's lines, as markdown, and figures by name of a bar."""
    campaign = card.task.campaign(1, first_world=0)
    asked: list[object] = ["replan"]
    cost, missing = dict[str, float](), dict[str, str]()
    for row in (*ONLINE, *OFFLINE):
        began = time.process_time()
        if row in OFFLINE:
            path = None if offline is None else offline / f"{row}.pt"
            if path is None or not path.is_file():
                missing[row] = "not run"
                continue
            asked.append(AgentPolicy(offline_agent(path), campaign, name=row, scaled=True))
            continue
        if row not in rows:
            missing[row] = "not run"
        elif row == "random":
            asked.append(AgentPolicy(random_agent(card, budget.seed), campaign, name=row))
        elif row in ("lin_ts", "ppo"):
            if card.truth is not None:
                missing[row] = "not run: xbopt train takes worlds and model from one scenario"
                continue
            asked.append(own_learner(card, row, budget, folder))
        else:
            model = stable_baselines(card, row, budget)
            asked.append(AgentPolicy(model, campaign, name=row, scaled=row != "sb3_ppo"))  # type: ignore[arg-type]
        cost[row] = time.process_time() - began
    opened, test = card.task.opened(), card.worlds.test
    found = xbopt.compare(
        opened.market,
        asked,
        runs=min(runs, test.count),
        seed=card.seed,
        oracle_worlds=oracle_worlds,
        first_world=test.first,
        shelf=opened.shelf,
    )
    head = (
        f"{card.card}: {found.runs} test worlds, {card.metric} in {found.scenario.base_currency}; "
        f"budget of learners: {budget.steps:,} decisions (stable-baselines3), {budget.seconds:g} s (ours)."
    )
    lines = [
        head,
        "",
        "| policy | mean | less replan (95 %) | verdict | gap closed (95 %) | training, CPU s |",
        "|---|---|---|---|---|---|",
    ]
    shown = [one for one in found.policies if one.asked_for or one.name in BUILT_IN]
    for one in sorted(shown, key=lambda one: -one.figures[card.metric].mean):
        less = one.difference[card.metric]
        gap = None if one.gap_closed is None else one.gap_closed[card.metric]
        closed = "" if gap is None else f"{gap.value:.1%} ({gap.low:.1%}..{gap.high:.1%})"
        mean = one.figures[card.metric].mean
        seconds = f"{cost[one.name]:.0f}" if one.name in cost else ""
        lines.append(
            f"| {one.name} | {mean:,.0f} | {less.mean:+,.0f} ({less.low:+,.0f}..{less.high:+,.0f}) "
            f"| {less.verdict} | {closed} | {seconds} |"
        )
    means = {Path(one.name).name.removeprefix(f"{card.card}-"): one.figures[card.metric].mean for one in shown}
    known = {bar.name for bar in BARS}
    figures = {f"{row}: mean over the re-planner's": mean / means["replan"] for row, mean in means.items()}
    lines += [f"| {row} | {why} | | | | |" for row, why in missing.items()]
    return lines, {name: ratio for name, ratio in figures.items() if name in known}


def write_data(card: xbopt.Card, folder: Path, episodes: int) -> Path:
    """Half the episodes random, half the re-planner with a quarter of its notches moved, as one d3rlpy file."""
    import shutil

    task = replace(card.task, relative_to_anchor=True)
    first = card.worlds.train.first
    half = episodes // 2
    parts = [
        xbopt.record_episodes(task, "random", episodes=half, seed=card.seed, first_world=first),
        xbopt.record_episodes(
            task, card.anchor, episodes=half, exploration=0.25, seed=card.seed, first_world=first + half
        ),
    ]
    arrays = ("world", "observations", "actions", "propensity", "rewards")
    together = {name: np.concatenate([getattr(part, name) for part in parts]) for name in arrays}
    terms = {name: np.concatenate([part.reward_terms[name] for part in parts]) for name in parts[0].reward_terms}
    mixed = replace(parts[0], policy="mixed", reward_terms=terms, **together)
    shutil.rmtree(folder, ignore_errors=True)
    return xbopt.write_d3rlpy(mixed, folder)


def tiny_board() -> int:
    """Every part once: data, the offline learners where d3rlpy is here, and a random agent."""
    card = xbopt.load_card("quickstart-v0").model_copy(update={"plan": "greedy_roas", "anchor": "greedy_roas"})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = write_data(card, folder / "data", 4)
        if find_spec("d3rlpy") is not None:
            words = [str(data), "-o", str(folder), "--steps", "2"]
            subprocess.run([sys.executable, "-m", "benchmarks.offline_baselines", *words], check=True)
        lines, figures = leaderboard(
            card,
            rows=["random"],
            runs=2,
            oracle_worlds=0,
            budget=Budget(steps=8, seconds=1.0, seed=0),
            folder=folder,
            offline=folder,
        )
    print("\n".join(lines))
    return told(__file__, BARS, figures, tiny=True)


def main() -> int:
    parser = words_of(__doc__)
    parser.add_argument("card", nargs="?", default="quickstart-v0", help="name of a shipped card, or a card's file")
    parser.add_argument("--rows", default=",".join(ONLINE))
    parser.add_argument("--runs", type=int, default=256)
    parser.add_argument("--oracle-worlds", type=int, default=64)
    parser.add_argument("--steps", type=int, default=0, help="decisions of a learner; the card's where left out")
    parser.add_argument("--seconds", type=float, default=1200.0, help="time of a learner of this project")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="write data for offline learners to this folder, and stop")
    parser.add_argument("--episodes", type=int, default=1024)
    parser.add_argument("--offline", type=Path, help="folder of what benchmarks/offline_baselines.py wrote")
    parser.add_argument("--out", type=Path, default=Path("runs/leaderboard"))
    asked = parser.parse_args()
    if asked.tiny:
        return tiny_board()
    card = xbopt.load_card(asked.card)
    if asked.data is not None:
        print(write_data(card, asked.data, asked.episodes))
        return 0
    asked.out.mkdir(parents=True, exist_ok=True)
    lines, figures = leaderboard(
        card,
        rows=[row for row in asked.rows.split(",") if row],
        runs=asked.runs,
        oracle_worlds=asked.oracle_worlds,
        budget=Budget(steps=asked.steps or card.steps, seconds=asked.seconds, seed=asked.seed),
        folder=asked.out,
        offline=asked.offline,
    )
    text = "\n".join(lines) + "\n"
    (asked.out / f"{card.card}.md").write_text(text, encoding="utf-8")
    print(text)
    return told(__file__, BARS, figures, tiny=False)


if __name__ == "__main__":
    sys.exit(main())
