"""Training a bandit on a market: ``xbopt train SCENARIO --agent lin_ts`` and its siblings.

A batch of worlds is played, every decision's experience is learned, and every few batches the policy that the bandit
is without exploring plays the validation worlds. Each time, one component of the menu is tried at several degrees of
caution, the closed one included, and the best is kept for it: what cannot be shown to beat the plan there is left to
the plan.

Everything is numbered: batch ``i`` plays worlds ``TRAINING_WORLDS + i * worlds`` onward, and the draws of a world
depend on its number. So a run that goes on from a checkpoint learns what it would have learned without the break, bit
for bit. What a break does move: one look more at the validation worlds where it came between two, which may keep
another policy as the best.
"""

from dataclasses import asdict, dataclass, replace
from typing import cast

import numpy as np

from xbopt.agents.bandits.batches import (
    damaged_standing,
    figures_on_test_worlds,
    foreign_standing,
    learn_by_batches,
    read_standing,
    write_checkpoint,
)
from xbopt.agents.bandits.factored import FactoredBandit
from xbopt.agents.bandits.market_context import MarketContext
from xbopt.agents.bandits.market_play import BRANCHES, Experience, play_campaigns, price_of_money
from xbopt.agents.bandits.market_policy import MarketBanditPolicy, save_policy
from xbopt.agents.bandits.market_settings import AGENT_KINDS, CAUTIONS, CLOSED, settings_for
from xbopt.agents.bandits.validation import HeldOutWorlds, standard_error
from xbopt.agents.policies import PolicyShelf
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import (
    DEFAULT_PLAN,
    TRAINING_WORLDS,
    VALIDATION_WORLDS,
    Clock,
    OnProgress,
    TrainingProgress,
    TrainingSettings,
    TrainingSummary,
)
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.anchor import Anchor
from xbopt.env.components import MenuComponents
from xbopt.simulator.parameters import MarketParameters


@dataclass(slots=True, kw_only=True)
class _Standing:
    """Where a run stands; all of it is in a checkpoint."""

    batch: int = 0
    decisions: int = 0
    seconds: float = 0.0
    best_gain_base: float = -np.inf
    best_se_base: float = np.nan
    waited: int = 0
    clipped: int = 0
    looks: int = 0


class BanditTraining:
    """One run: a bandit, the validation worlds, and what to do between batches.

    Args:
        market: The market.
        settings: What to train, and until when.

    Raises:
        UsageError: An option makes no sense.
    """

    def __init__(self, market: MarketParameters, settings: TrainingSettings) -> None:
        own = settings_for(settings.agent, settings.options)
        self._market, self._own, self._settings = market, own, settings
        self._plan = PolicyShelf(market).plan(settings.plan or DEFAULT_PLAN)
        anchor = Anchor.of(self._plan, market.scenario.limits)
        self._context = MarketContext.of(market, anchor)
        self._price = price_of_money(
            market, self._plan, has_reserve=anchor.has_reserve, customer_weight=own.customer_weight
        )
        kind = AGENT_KINDS[settings.agent][0]
        components = MenuComponents.in_form(market.scenario.menu, own.form)
        self._bandit = FactoredBandit.of_kind(
            components, kind, n_features=len(self._context.names), seed=settings.seed, settings=own.bandit
        )
        self._rates_only = kind == "FastCb"
        regions, segments, _, _ = market.shape
        self._noise = np.zeros(regions * segments)
        self._standing = _Standing()
        self._caution = [CLOSED] * len(self._bandit.components.sizes)
        worlds = VALIDATION_WORLDS + np.arange(own.validation_worlds)
        self._held_out = HeldOutWorlds(
            market, self._plan, worlds, seed=settings.judged_with, weight=own.customer_weight
        )

    def _resume(self, run: RunDirectory) -> None:
        """Go on from the last checkpoint.

        Raises:
            PolicyError: It is missing or damaged.
        """
        folder = run.checkpoints
        stored = read_standing(folder)
        self._bandit = FactoredBandit.load(folder, self._bandit.components, n_features=len(self._context.names))
        try:
            noise = cast("list[float]", stored.pop("noise"))
            self._noise = np.array(noise, dtype=np.float64)
            self._caution = list(cast("list[float]", stored.pop("caution")))
            self._standing = _Standing(**cast("dict[str, int]", stored))
        except (ValueError, KeyError, TypeError) as error:
            raise damaged_standing(folder) from error
        if self._noise.shape != (self._market.shape[0] * self._market.shape[1],):
            raise foreign_standing(folder)
        run.cut_progress("batch", self._standing.batch)

    def learn(self, run: RunDirectory, on_progress: OnProgress, clock: Clock, *, resume: bool) -> TrainingSummary:
        """Train until a limit is met, or nothing gets better.

        Raises:
            PolicyError: The checkpoint to go on from is missing, damaged or does not fit.
        """
        if resume:
            self._resume(run)
        standing = self._standing
        clock.before_seconds = standing.seconds
        begun = bool(np.isfinite(standing.best_gain_base))
        # Before the first look everything is closed, which is the plan itself.
        on_progress(self._progress(standing.best_gain_base if begun else 0.0, clock))
        stopped = learn_by_batches(
            standing,
            self._settings,
            self._own,
            clock,
            on_progress,
            play=self._batch,
            look=lambda on_schedule: self._evaluate(run, clock, on_schedule=on_schedule),
        )
        return TrainingSummary(
            steps=standing.decisions,
            stopped=stopped,
            plan=self._plan.name,
            validation_worlds=self._own.validation_worlds,
            gain_base=standing.best_gain_base,
            gain_se_base=standing.best_se_base,
            plan_reward_base=float(self._held_out.planned.mean()),
            anchor=self._plan.name,
            anchor_reward_base=float(self._held_out.planned.mean()),
            over_plan_base=standing.best_gain_base,
            over_plan_se_base=standing.best_se_base,
            test=figures_on_test_worlds(self._market, self._settings, self._own, run, {self._plan.name: self._plan}),
        )

    def _batch(self) -> None:
        """Play a batch of worlds and learn from it. The first one also tells how noisy each cell is."""
        own, standing = self._own, self._standing
        first = TRAINING_WORLDS + standing.batch * own.worlds
        kept: list[Experience] = []
        for experience in play_campaigns(
            self._market, self._context, self._plan, self._bandit, worlds=np.arange(first, first + own.worlds),
            seed=self._settings.seed, price=self._price, window_days=own.window_days,
            customer_weight=own.customer_weight,
        ):  # fmt: skip
            if self._noise.any():
                self._learn(experience)
            else:
                kept.append(experience)
        if kept:
            rewards = np.stack([one.reward.reshape(own.worlds, -1) for one in kept])
            spread = rewards.std(axis=(0, 1))
            self._noise = np.maximum(spread, 1e-3 * max(float(spread.max()), 1e-9))
            for experience in kept:
                self._learn(experience)
        standing.batch += 1

    def _learn(self, experience: Experience) -> None:
        """Learn with the weight that each cell's noise gives it, in units in which noise is about 1."""
        noise = np.tile(self._noise, self._own.worlds)
        scale = float(np.median(self._noise))
        reward, weight = experience.reward / scale, (scale / noise) ** 2
        if self._rates_only:
            # A learner of rates sees 0 and 1 at four standard deviations below and above; what is cut is counted.
            inside = np.clip(0.5 + reward / 8.0, 0.0, 1.0)
            self._standing.clipped += int((inside != 0.5 + reward / 8.0).sum())
            reward = inside
        self._bandit.update(experience.context, experience.tactic, reward, weight)
        self._standing.decisions += BRANCHES * self._own.worlds

    def _progress(self, gain_base: float, clock: Clock) -> TrainingProgress:
        standing = self._standing
        return TrainingProgress.at(
            self._settings, steps=standing.decisions, seconds=clock.call_seconds, gain_base=gain_base,
            best_gain_base=best if np.isfinite(best := standing.best_gain_base) else gain_base,
            planned_base=float(self._held_out.planned.mean()),
        )  # fmt: skip

    def _evaluate(self, run: RunDirectory, clock: Clock, *, on_schedule: bool) -> TrainingProgress:
        """Score the policy on the validation worlds, keep it if it is the best, write everything down.

        A look that is not on schedule, because the run stops there, moves nothing but the best policy: whoever goes on
        goes on as the unbroken run did.
        """
        standing, own, caution = self._standing, self._own, list(self._caution)
        policy = MarketBanditPolicy(
            bandit=self._bandit, context=self._context, price=self._price, caution=tuple(caution),
            name=self._settings.agent,
        )  # fmt: skip
        component = standing.looks % len(caution)
        gains: dict[float, FloatArray] = {}
        for one in CAUTIONS:
            caution[component] = one
            gains[one] = self._held_out.gain(replace(policy, caution=tuple(caution)))
        caution[component] = max(gains, key=lambda c: float(gains[c].mean()))
        gain = gains[caution[component]]
        mean, error = float(gain.mean()), standard_error(gain)
        is_best = mean > standing.best_gain_base
        if on_schedule:
            self._caution = caution
            standing.looks += 1
            standing.waited = 0 if is_best else standing.waited + 1
        if is_best:
            standing.best_gain_base, standing.best_se_base = mean, error
            best = replace(policy, caution=tuple(caution), exploration=own.exploration)
            save_policy(run.policy, best, self._plan, form=own.form, scenario_hash=self._market.scenario.hash)
        standing.seconds = clock.run_seconds
        progress = self._progress(mean, clock)
        run.add_progress(
            {
                "batch": standing.batch, "steps": standing.decisions, "seconds": standing.seconds, "gain_base": mean,
                "gain_se_base": error, "best_gain_base": standing.best_gain_base,
                "share_of_plan": progress.share_of_plan, "clipped_rewards": standing.clipped,
                **{f"caution_{n}": c for n, c in zip(self._bandit.components.names, caution, strict=True)},
            }
        )  # fmt: skip
        self._checkpoint(run)
        return progress

    def _checkpoint(self, run: RunDirectory) -> None:
        folder, standing = run.checkpoints, self._standing
        content = {**asdict(standing), "noise": self._noise.tolist(), "caution": self._caution}
        write_checkpoint(folder, self._bandit.save, content)
