"""Training PPO: rollouts and updates by stable-baselines3; evaluation, checkpoints and the end by us.

Every update learns from whole episodes, and every draw comes from a stream named after the update. So a run that goes
on from a checkpoint does, update by update, what it would have done without the break, to the bit. What a break does
move is where a time limit falls, and whether the last update of a run is followed by an evaluation.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from stable_baselines3.common.logger import Logger
from torch.utils.tensorboard.writer import SummaryWriter

from xbopt.agents.final_figures import FinalFigures, final_figures
from xbopt.agents.policies import PolicyShelf, planned_under, reacts
from xbopt.agents.ppo.actor_critic import CampaignActorCritic
from xbopt.agents.ppo.branch_learning import BranchLearner
from xbopt.agents.ppo.branches import BranchRows, branch_rows
from xbopt.agents.ppo.checkpoint import (
    Checkpoint,
    forget_branches,
    read_branches,
    read_checkpoint,
    write_branches,
    write_checkpoint,
)
from xbopt.agents.ppo.credit import StepParts
from xbopt.agents.ppo.deal_branches import fit_deals
from xbopt.agents.ppo.imitation import demonstrations, imitate
from xbopt.agents.ppo.learner import CreditBuffer, CreditPpo
from xbopt.agents.ppo.networks import SharedNetwork
from xbopt.agents.ppo.policy import PolicyParts, build_parts, load_policy, save_policy
from xbopt.agents.ppo.settings import PpoSettings, preset_for, with_options
from xbopt.agents.ppo.soft_constraints import PidMultiplier, soft_constraints
from xbopt.agents.ppo.validation import Score, Validation
from xbopt.agents.ppo.vec_env import CampaignVecEnv
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import (
    DEFAULT_PLAN,
    TEST_WORLDS,
    TRAINING_WORLDS,
    Clock,
    OnProgress,
    TrainingProgress,
    TrainingSettings,
    TrainingSummary,
)
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.factors import FactorKind
from xbopt.core.decisions.policy import DirectPolicy, Policy
from xbopt.core.errors import UsageError
from xbopt.core.randomness import named_generator
from xbopt.env.actions import ImitatingEncoding
from xbopt.env.campaign import Campaign
from xbopt.env.market_run import MarketRun
from xbopt.env.residual_actions import ResidualActions
from xbopt.simulator.parameters import MarketParameters

_FEWEST_ROWS = 2
_BRANCH_LEARNING_RATE = 3e-3
_SHOWN_ERRORS = 2.0
_SHOWN_DECISIONS_A_STEP, _SHOWN_WORLDS = 20, (64, 256)


class PpoTraining:
    """One run: a model, the validation worlds, and what to do between updates.

    Args:
        market: The market.
        settings: What to train, and until when.
        ppo: How PPO learns; the market's preset with the options of ``settings`` where left out.
        shelf: Built-in policies of the market, for callers that have made some already.

    Raises:
        UsageError: An option makes no sense.
    """

    def __init__(
        self,
        market: MarketParameters,
        settings: TrainingSettings,
        *,
        ppo: PpoSettings | None = None,
        shelf: PolicyShelf | None = None,
    ) -> None:
        torch.set_num_threads(1)  # on shared cores two threads are slower than one
        if ppo is None:
            encoding = str(settings.options.get("encoding", "residual"))
            ppo = with_options(preset_for(market.scenario, encoding), settings.options)
        shelf = shelf or PolicyShelf(market)
        name = settings.plan or DEFAULT_PLAN
        plan = shelf.plan(planned_under(name))
        # From the planner's plan on, and where it is asked for, the policy to beat is the re-planner; another plan is
        # its own yardstick.
        anchor: DirectPolicy = shelf.replanner(name) if reacts(name) or plan.name == DEFAULT_PLAN else plan
        worlds = replace(ppo.campaign(), seed=settings.seed, first_world=TRAINING_WORLDS)
        campaign = Campaign(market, worlds=ppo.worlds, settings=worlds, plan=plan, anchor_policy=anchor)
        constraints = soft_constraints(campaign, pacing_slack=ppo.pacing_slack)
        if constraints:
            ppo = replace(ppo, credit="whole")  # the price of a constraint on the whole campaign has no parts
        self._ppo, self._settings, self._scenario_hash = ppo, settings, market.scenario.hash
        self._anchor = anchor
        imitates = ppo.imitation_steps and anchor is not plan and ppo.encoding != "residual"
        self._teacher = anchor if imitates else None
        torch.manual_seed(int(named_generator(settings.seed, "ppo/weights").integers(2**63)))
        self._parts, step = build_parts(market, plan, ppo, anchor), StepParts()
        self._envs = CampaignVecEnv(campaign, constraints, self._parts.credit, step)
        self._model = _model(self._envs, self._parts, step)
        if ppo.encoding == "residual":
            self._model.policy.learn_only(ppo.kinds)
        # The neutral action in worlds before the first ones to train on shows what features look like.
        before = replace(worlds, first_world=TRAINING_WORLDS - ppo.worlds, relative_to_anchor=False)
        neutral = np.tile(campaign.encoding.neutral, (ppo.worlds, 1))
        look = Campaign(market, worlds=ppo.worlds, settings=before, plan=plan, anchor_policy=anchor)
        shown, _ = demonstrations(look, lambda _: neutral)
        self._parts.network.take_in(torch.from_numpy(shown))
        self._validation = Validation(market, plan, anchor, ppo, seed=settings.judged_with)
        self._state = Checkpoint(
            update=0,
            steps=0,
            seconds=0.0,
            looks=0,
            best=Score.nothing(),
            highest_base=float("-inf"),
            waited=0,
            prepared=False,
            rounds=0,
            curvatures={},
            multipliers={one.name: PidMultiplier() for one in constraints},
        )

    def _resume(self, run: RunDirectory) -> None:
        """Go on from the last checkpoint.

        Raises:
            PolicyError: It is missing, damaged, or of another network.
        """
        self._state = read_checkpoint(run.checkpoints, self._model)
        run.cut_progress("look", self._state.looks)
        # An update plays whole episodes, so the next one begins with this number.
        self._envs.episode = self._state.update * self._ppo.episodes - 1

    def learn(self, run: RunDirectory, on_progress: OnProgress, clock: Clock, *, resume: bool) -> TrainingSummary:
        """Train until a limit is met, or nothing gets better.

        Raises:
            PolicyError: The checkpoint to go on from is missing, damaged or does not fit.
        """
        if resume:
            self._resume(run)
        state, ppo = self._state, self._ppo
        clock.before_seconds = state.seconds
        begun_with = state.steps

        def reached() -> str:
            # The first thing to learn from is done whatever the time says: a run that is resumed gets on.
            return self._settings.reached(state.steps, clock.call_seconds if state.steps > begun_with else 0.0)

        with closing(SummaryWriter(str(run.tensorboard))) as board:

            def evaluate() -> None:
                state.seconds = clock.run_seconds
                on_progress(self._evaluate(run, board, clock))
                write_checkpoint(run.checkpoints, self._model, state)

            if not state.prepared:
                self._prepare(run, evaluate, reached)
            stopped = ""
            while not stopped:
                stopped = reached()
                if not stopped and state.waited >= ppo.patience:
                    stopped = "no improvement"
                if not stopped:
                    self._update()
                    if state.update % ppo.evaluate_every == 0:
                        evaluate()
            if state.update % ppo.evaluate_every != 0:
                evaluate()
        return TrainingSummary(
            steps=state.steps,
            stopped=stopped,
            plan=self._parts.plan.name,
            anchor=self._anchor.name,
            validation_worlds=ppo.validation_worlds,
            gain_base=state.best.gain_base,
            gain_se_base=state.best.gain_se_base,
            over_plan_base=state.best.over_plan_base,
            over_plan_se_base=state.best.over_plan_se_base,
            plan_reward_base=self._validation.plan_reward_base,
            anchor_reward_base=self._validation.anchor_reward_base,
            tolerance_base=self._validation.tolerance_base,
            missed=state.best.missed,
            test=self._tested(run),
        )

    def _tested(self, run: RunDirectory) -> FinalFigures | None:
        """The kept policy, the plan and the policy to beat on worlds that chose nothing."""
        if self._ppo.test_worlds == 0 or self._ppo.objective != "margin_and_customers":
            return None
        market = self._envs.campaign.market
        policies: dict[str, Policy] = {"ppo": load_policy(run.policy, market)}
        policies |= {one.name: one for one in (self._parts.plan, self._anchor)}
        return final_figures(
            market, policies, worlds=self._ppo.test_worlds, first_world=TEST_WORLDS, seed=self._settings.judged_with
        )

    def _imitate(self, teacher: Policy) -> None:
        """Imitate the teacher in worlds before the first ones to train on."""
        assert isinstance(teacher, DirectPolicy), "the re-planner decides spend itself"
        own, ppo, seed = self._envs.campaign, self._ppo, self._settings.seed
        shown = _SHOWN_DECISIONS_A_STEP * ppo.imitation_steps / self._validation.decisions
        worlds = int(np.clip(shown, *_SHOWN_WORLDS))
        settings = replace(
            ppo.as_played(),
            seed=seed,
            relative_to_anchor=False,
            expected_reward=False,
            first_world=TRAINING_WORLDS - ppo.worlds - worlds,
        )
        campaign = Campaign(
            own.market, worlds=worlds, settings=settings, plan=own.plan, anchor_policy=own.anchor_policy
        )
        encoding = cast("ImitatingEncoding", campaign.encoding)
        features, actions = demonstrations(
            campaign, lambda seen: encoding.nearest(teacher.decide(seen).spend_base, seen)
        )
        self._state.steps += len(features)
        imitate(self._model.policy, campaign, features, actions, steps=ppo.imitation_steps, seed=seed)

    def _prepare(self, run: RunDirectory, evaluate: Callable[[], None], reached: Callable[[], str]) -> None:
        """What comes before the first update: imitation, or learning from branches, a round at a time."""
        state, encoding = self._state, self._parts.encoding
        if isinstance(encoding, ResidualActions) and self._ppo.branch_rounds:
            if state.looks == 0:
                evaluate()
            self._learn_from_branches(encoding, run, evaluate, reached)
            return
        if self._teacher is not None:
            self._imitate(self._teacher)
        state.prepared = True
        evaluate()

    def _learn_from_branches(
        self, encoding: ResidualActions, run: RunDirectory, evaluate: Callable[[], None], reached: Callable[[], str]
    ) -> None:
        """Learn from branches in worlds before all others; each round plays what was learnt up to then."""
        state, ppo, seed = self._state, self._ppo, self._settings.seed
        market, plan, policy = self._envs.campaign.market, self._parts.plan, self._model.policy
        learner = BranchLearner(self._parts.network, encoding.factors, self._parts.features.shape)
        rows = read_branches(run.checkpoints, state.rounds) if state.rounds else None
        if state.curvatures:
            learner.go_on_with(state.curvatures)
        kinds: tuple[FactorKind, ...] = ppo.kinds
        if state.rounds and not policy.learns_discounts:
            kinds = tuple(kind for kind in kinds if kind != "discount")
        for turn in range(state.rounds, ppo.branch_rounds):
            if reached():
                return
            first = TRAINING_WORLDS - ppo.worlds - (turn + 1) * ppo.branch_worlds
            worlds = MarketRun(market, worlds=np.arange(first, first + ppo.branch_worlds, dtype=np.int64), seed=seed)
            generator = named_generator(seed, f"ppo/branches/{turn}")
            more = branch_rows(
                encoding,
                self._parts.features,
                plan,
                worlds,
                lambda row: policy.likeliest(row).astype(np.int64),
                generator,
                kinds=kinds,
            )
            rows = more if rows is None else rows.and_also(more)
            learner.fit(rows, steps=ppo.branch_steps, learning_rate=_BRANCH_LEARNING_RATE, generator=generator)
            kinds = self._learn_discounts(rows, kinds)
            write_branches(run.checkpoints, turn, more)
            state.steps += more.played
            state.rounds, state.curvatures = turn + 1, learner.curvatures
            state.prepared = state.rounds == ppo.branch_rounds
            evaluate()
        forget_branches(run.checkpoints)

    def _learn_discounts(self, rows: BranchRows, kinds: tuple[FactorKind, ...]) -> tuple[FactorKind, ...]:
        """Set the discount head, and close it for good where the validation worlds do not show that it pays.

        Returns:
            The kinds that are still learnt.
        """
        network, policy = self._parts.network, self._model.policy
        if rows.deals is None or not isinstance(network, SharedNetwork):
            return kinds
        fit_deals(network, rows.features, rows.deals, unit=self._ppo.exploration_discount)
        closed: tuple[FactorKind, ...] = tuple(kind for kind in kinds if kind != "discount")
        rewards: list[FloatArray] = []
        for chosen in (closed, kinds):
            policy.learn_only(chosen)
            rewards.append(self._validation.rewards(policy))
        gain = rewards[1] - rewards[0]
        if gain.mean() > _SHOWN_ERRORS * gain.std(ddof=1) / np.sqrt(len(gain)):
            return kinds
        policy.learn_only(closed)
        return closed

    def _update(self) -> None:
        """Play some episodes and learn from them, with draws that depend on seed and number of the update alone."""
        state, rows = self._state, self._ppo.episodes * self._envs.campaign.steps * self._ppo.worlds
        self._envs.multipliers = {name: one.value for name, one in state.multipliers.items()}
        self._model.update(rows, named_generator(self._settings.seed, f"ppo/{state.update}"))
        state.update += 1
        state.steps += rows
        for name, missed in self._envs.missed().items():
            state.multipliers[name].update(missed)

    def _evaluate(self, run: RunDirectory, board: SummaryWriter, clock: Clock) -> TrainingProgress:
        """Score the policy on the validation worlds, keep it if it is the best, write everything down."""
        state, residual = self._state, self._ppo.encoding == "residual"
        # Before the first update a residual policy is the anchor, whose course is known.
        first = state.looks == 0
        score = self._validation.anchor() if first and residual else self._validation.score(self._model.policy)
        state.looks += 1
        # Residual actions can say the anchor itself, so nothing takes its place that is not shown to be better.
        shown = first or not residual or score.missed < state.best.missed or score.beats_anchor(state.looks - 1)
        kept = shown and score.is_better_than(state.best)
        if kept:
            state.best = score
            save_policy(run.policy, self._parts, self._parts.network.state_dict(), self._scenario_hash)
        rises = score.gain_base > state.highest_base + score.tolerance_base
        state.highest_base = max(state.highest_base, score.gain_base)
        state.waited = 0 if kept or rises else state.waited + 1
        progress = TrainingProgress.at(
            self._settings,
            steps=state.steps,
            seconds=clock.call_seconds,
            gain_base=score.gain_base,
            best_gain_base=state.best.gain_base,
            planned_base=self._validation.anchor_reward_base,
        )
        logged = self._model.logger.name_to_value
        diagnostics = ("approx_kl", "clip_fraction", "explained_variance", "entropy_loss")
        figures = {
            "gain_base": score.gain_base,
            "gain_se_base": score.gain_se_base,
            "over_plan_base": score.over_plan_base,
            "over_plan_se_base": score.over_plan_se_base,
            "best_gain_base": state.best.gain_base,
            "training_reward": self._envs.mean_reward,
            **{name: float(logged.get(f"train/{name}", float("nan"))) for name in diagnostics},
            "missed": score.missed,
            **{f"{name}_multiplier": one.value for name, one in state.multipliers.items()},
            **({"learns_discounts": float(self._model.policy.learns_discounts)} if residual else {}),
            "look": state.looks,
        }
        run.add_progress({"update": state.update, "steps": state.steps, "seconds": state.seconds, **figures})
        for name, value in figures.items():
            board.add_scalar(f"xbopt/{name}", value, state.steps)
        return progress


def _model(envs: CampaignVecEnv, parts: PolicyParts, step: StepParts) -> CreditPpo:
    ppo, steps = parts.settings, envs.campaign.steps * parts.settings.episodes
    rows = steps * ppo.worlds
    batch_size = _batch_size(rows, ppo.batch_size)
    model = CreditPpo(
        CampaignActorCritic,
        envs,
        learning_rate=ppo.learning_rate,
        n_steps=steps,
        batch_size=rows,  # the library asks for an even split; ours drops a short rest instead
        n_epochs=ppo.epochs,
        gamma=ppo.discount,
        gae_lambda=ppo.gae_lambda,
        clip_range=ppo.clip_range,
        ent_coef=ppo.entropy,
        target_kl=ppo.target_kl,
        rollout_buffer_class=CreditBuffer,
        rollout_buffer_kwargs={"credit": parts.credit, "step": step},
        policy_kwargs={"parts": parts, "step": step},
        device="cpu",
    )
    model.batch_size = batch_size
    model.set_logger(Logger(None, []))
    return model


def _batch_size(rows: int, wanted: int) -> int:
    """The largest size up to the wanted one that splits the rows evenly, if it is near; else the wanted one.

    Raises:
        UsageError: There are not enough rows to compare anything.
    """
    if rows < _FEWEST_ROWS:
        raise UsageError("One world with one decision cannot be learnt from; raise worlds or episodes.")
    even = max(size for size in range(1, min(rows, wanted) + 1) if rows % size == 0)
    return even if even >= wanted / 2 or even == rows else min(rows, wanted)
