"""Training a bandit on notches around the re-planner: what ``xbopt train SCENARIO --agent lin_ts`` does by default.

A batch of worlds is played, every decision's experience is learned, and every few batches the policy that the bandit
is without exploring plays the validation worlds. Each time, one kind of notch is tried at several degrees of caution,
the closed one included, and the best is kept for it. The policy that is kept begins as the re-planner itself: another
takes its place only where its gain over the re-planner, less one standard error, is the best so far and above zero.

Everything is numbered, as in ``market_training``: a run that goes on from a checkpoint learns what it would have
learned without the break, bit for bit.
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
from xbopt.agents.bandits.market_play import price_of_money
from xbopt.agents.bandits.market_settings import AGENT_KINDS, CAUTIONS, CLOSED, MarketBanditSettings
from xbopt.agents.bandits.residual_bandits import ResidualBandits
from xbopt.agents.bandits.residual_context import LEARNT_KINDS, ResidualContext
from xbopt.agents.bandits.residual_play import BRANCHES, Credit, ResidualExperience, play_residuals
from xbopt.agents.bandits.residual_policy import ResidualBanditPolicy, save_policy
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
from xbopt.core.decisions.factors import FactorKind
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.parameters import MarketParameters


@dataclass(slots=True, kw_only=True)
class _Standing:
    """Where a run stands; all of it is in a checkpoint."""

    batch: int = 0
    decisions: int = 0
    seconds: float = 0.0
    best_gain_base: float = 0.0
    best_se_base: float = 0.0
    best_over_plan_se_base: float = float("nan")
    waited: int = 0
    clipped: int = 0
    looks: int = 0

    @property
    def best_low(self) -> float:
        return self.best_gain_base - self.best_se_base


class ResidualTraining:
    """One run: a bandit, the validation worlds, and what to do between batches.

    Args:
        market: The market.
        settings: What to train, and until when.
        own: The agent's own settings.

    Raises:
        UsageError: An option makes no sense.
    """

    def __init__(self, market: MarketParameters, settings: TrainingSettings, own: MarketBanditSettings) -> None:
        self._market, self._own, self._settings = market, own, settings
        self._anchor = PolicyShelf(market).replanner(settings.plan or DEFAULT_PLAN)
        plan = self._anchor.plan
        self._context = ResidualContext.of(market, plan)
        self._actions = ResidualActions.of(market, self._anchor)
        has_reserve = Anchor.of(plan, market.scenario.limits).has_reserve
        self._price = price_of_money(market, plan, has_reserve=has_reserve, customer_weight=own.customer_weight)
        self._bandits = ResidualBandits.of_kind(
            self._actions.factors,
            AGENT_KINDS[settings.agent][0],
            names=self._context.names,
            seed=settings.seed,
            settings=own.bandit,
        )
        self._credit: Credit | None = None
        self._caution: dict[FactorKind, float] = dict.fromkeys(LEARNT_KINDS, CLOSED)
        worlds = VALIDATION_WORLDS + np.arange(own.validation_worlds)
        self._held_out = HeldOutWorlds(
            market, self._anchor, worlds, seed=settings.judged_with, weight=own.customer_weight
        )
        self._over_plan = self._held_out.planned - self._held_out.reward(plan)
        self._standing = _Standing(best_over_plan_se_base=standard_error(self._over_plan))

    def learn(self, run: RunDirectory, on_progress: OnProgress, clock: Clock, *, resume: bool) -> TrainingSummary:
        """Train until a limit is met, or nothing gets better.

        Raises:
            PolicyError: The checkpoint to go on from is missing, damaged or does not fit.
        """
        if resume:
            self._resume(run)
        else:
            self._keep(run, self._policy())
        standing = self._standing
        clock.before_seconds = standing.seconds
        on_progress(self._progress(standing.best_gain_base, clock))
        stopped = learn_by_batches(
            standing,
            self._settings,
            self._own,
            clock,
            on_progress,
            play=self._batch,
            look=lambda on_schedule: self._look(run, clock, on_schedule=on_schedule),
        )
        return TrainingSummary(
            steps=standing.decisions,
            stopped=stopped,
            plan=self._anchor.plan.name,
            validation_worlds=self._own.validation_worlds,
            gain_base=standing.best_gain_base,
            gain_se_base=standing.best_se_base,
            plan_reward_base=float((self._held_out.planned - self._over_plan).mean()),
            anchor=self._anchor.name,
            anchor_reward_base=float(self._held_out.planned.mean()),
            over_plan_base=standing.best_gain_base + float(self._over_plan.mean()),
            over_plan_se_base=standing.best_over_plan_se_base,
            test=figures_on_test_worlds(
                self._market,
                self._settings,
                self._own,
                run,
                {one.name: one for one in (self._anchor.plan, self._anchor)},
            ),
        )

    def _policy(self) -> ResidualBanditPolicy:
        """The policy as it stands."""
        return ResidualBanditPolicy(
            bandits=self._bandits,
            context=self._context,
            actions=self._actions,
            caution=dict(self._caution),
            name=self._settings.agent,
        )

    def _keep(self, run: RunDirectory, policy: ResidualBanditPolicy) -> None:
        kept = replace(policy, exploration=self._own.exploration)
        save_policy(run.policy, kept, self._anchor, scenario_hash=self._market.scenario.hash)

    def _batch(self) -> None:
        """Play a batch of worlds and learn from it. The first one also tells how noisy each cell is."""
        own, standing = self._own, self._standing
        first = TRAINING_WORLDS + standing.batch * own.worlds
        kept: list[ResidualExperience] = []
        for experience in play_residuals(
            self._market, self._context, self._actions, self._bandits,
            worlds=np.arange(first, first + own.worlds), seed=self._settings.seed, caution=dict(self._caution),
            price=self._price, window_days=own.window_days, customer_weight=own.customer_weight,
        ):  # fmt: skip
            if self._credit is None:
                kept.append(experience)
            else:
                self._learn(experience, self._credit)
        if self._credit is None:
            self._credit = Credit.of(kept, shares_money=self._price > 0.0)
            for experience in kept:
                self._learn(experience, self._credit)
        standing.batch += 1

    def _learn(self, experience: ResidualExperience, credit: Credit) -> None:
        self._standing.clipped += credit.learn(self._bandits, experience)
        self._standing.decisions += BRANCHES * len(experience.levels)

    def _progress(self, gain_base: float, clock: Clock) -> TrainingProgress:
        standing = self._standing
        return TrainingProgress.at(
            self._settings, steps=standing.decisions, seconds=clock.call_seconds, gain_base=gain_base,
            best_gain_base=standing.best_gain_base, planned_base=float(self._held_out.planned.mean()),
        )  # fmt: skip

    def _look(self, run: RunDirectory, clock: Clock, *, on_schedule: bool) -> TrainingProgress:
        """Score the policy on the validation worlds, keep it if it is the best, write everything down.

        A look that is not on schedule, because the run stops there, moves nothing but the best policy: whoever goes on
        goes on as the unbroken run did.
        """
        standing, caution = self._standing, dict(self._caution)
        kind = LEARNT_KINDS[standing.looks % len(LEARNT_KINDS)]
        gains: dict[float, FloatArray] = {}
        for degree in CAUTIONS:
            policy = replace(self._policy(), caution={**caution, kind: degree})
            gains[degree] = self._held_out.gain(policy)
        caution[kind] = max(gains, key=lambda degree: _lower(gains[degree]))
        gain = gains[caution[kind]]
        mean, error = float(gain.mean()), standard_error(gain)
        is_best = mean - error > standing.best_low
        if on_schedule:
            self._caution = caution
            standing.looks += 1
            standing.waited = 0 if is_best else standing.waited + 1
        if is_best:
            standing.best_gain_base, standing.best_se_base = mean, error
            standing.best_over_plan_se_base = standard_error(gain + self._over_plan)
            self._keep(run, replace(self._policy(), caution=caution))
        standing.seconds = clock.run_seconds
        run.add_progress(
            {
                "batch": standing.batch, "steps": standing.decisions, "seconds": standing.seconds, "gain_base": mean,
                "gain_se_base": error, "best_gain_base": standing.best_gain_base,
                "replan_over_plan_base": float(self._over_plan.mean()), "clipped_rewards": standing.clipped,
                **{f"caution_{one}": caution[one] for one in LEARNT_KINDS},
            }
        )  # fmt: skip
        self._checkpoint(run)
        return self._progress(mean, clock)

    def _checkpoint(self, run: RunDirectory) -> None:
        credit = self._credit
        assert credit is not None, "the first batch sets it"
        write_checkpoint(
            run.checkpoints,
            self._bandits.save,
            {
                "standing": asdict(self._standing),
                "caution": self._caution,
                "noise_base": credit.noise_base.tolist(),
                "scale": credit.scale,
            },
        )

    def _resume(self, run: RunDirectory) -> None:
        """Go on from the last checkpoint.

        Raises:
            PolicyError: It is missing or damaged.
        """
        folder = run.checkpoints
        stored = read_standing(folder)
        self._bandits = ResidualBandits.load(folder, self._actions.factors, names=self._context.names)
        try:
            self._standing = _Standing(**cast("dict[str, int]", stored["standing"]))
            caution = cast("dict[FactorKind, float]", stored["caution"])
            self._caution = {kind: float(caution[kind]) for kind in LEARNT_KINDS}
            noise = np.array(stored["noise_base"], dtype=np.float64)
            self._credit = Credit(
                noise_base=noise, scale=float(cast("float", stored["scale"])), shares_money=self._price > 0.0
            )
        except (ValueError, KeyError, TypeError) as error:
            raise damaged_standing(folder) from error
        if noise.shape != self._market.shape[:2]:
            raise foreign_standing(folder)
        run.cut_progress("batch", self._standing.batch)


def _lower(gain: FloatArray) -> float:
    return float(gain.mean()) - standard_error(gain)
