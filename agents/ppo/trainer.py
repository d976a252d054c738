"""Training PPO: rollouts and updates by stable-baselines3; evaluation, checkpoints and the end by us.

Every update learns from whole episodes, and every draw comes from a stream named after the update. So a run that goes
on from a checkpoint does, update by update, what it would have done without the break, to the bit. What a break does
move is where a time limit falls, and whether the last update of a run is followed by an evaluation.
"""

import time
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from stable_baselines3.common.logger import Logger
from torch.utils.tensorboard.writer import SummaryWriter

from xbopt.agents.policies import PolicyShelf
from xbopt.agents.ppo.actor_critic import CampaignActorCritic
from xbopt.agents.ppo.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from xbopt.agents.ppo.credit import credit_by
from xbopt.agents.ppo.held_out import HeldOut, Score, played_features
from xbopt.agents.ppo.imitation import demonstrations, imitate
from xbopt.agents.ppo.layout import action_layout
from xbopt.agents.ppo.learner import CreditBuffer, CreditPpo
from xbopt.agents.ppo.multiplier import PidMultiplier
from xbopt.agents.ppo.saved import build_parts, save_policy
from xbopt.agents.ppo.settings import PpoSettings, preset_for, with_options
from xbopt.agents.ppo.soft_constraints import soft_constraints
from xbopt.agents.ppo.vec_env import CampaignVecEnv
from xbopt.agents.run_directory import RunDirectory
from xbopt.agents.training import Progress, TrainingProgress, TrainingSettings, TrainingSummary
from xbopt.core.decisions.policy import DirectPolicy
from xbopt.core.errors import UsageError
from xbopt.core.randomness import named_generator
from xbopt.env.campaign import Campaign
from xbopt.env.tactic_actions import TacticActions
from xbopt.simulator.parameters import MarketParameters

DEFAULT_PLAN = "planner"
TRAINING_WORLDS = 2**40
"""Global number of the first world to train on. Simulations play worlds below 100,000."""
_FEWEST_ROWS = 2
_DECISIONS_A_LESSON, _LESSON_WORLDS = 20, (64, 256)


def train_ppo(
    market: MarketParameters, settings: TrainingSettings, run: RunDirectory, progress: Progress, *, resume: bool
) -> TrainingSummary:
    """Train PPO; see ``xbopt.agents.training.Trainer``.

    Raises:
        UsageError: An option makes no sense.
        PolicyError: The checkpoint is damaged or does not fit.
    """
    torch.set_num_threads(1)  # on shared cores two threads are slower than one
    encoding = str(settings.options.get("encoding", "tactics"))
    ppo = with_options(preset_for(market.scenario, encoding), settings.options)
    training = PpoTraining(market, ppo, settings, run, progress)
    if resume:
        training.resume()
    return training.learn()


class PpoTraining:
    """One run: a model, the held-out worlds, and what to do between updates.

    Args:
        market: The market.
        ppo: How PPO learns.
        settings: What to train, and until when.
        run: Where everything is written.
        progress: Called after each evaluation.
        shelf: Built-in policies of the market, for callers that have made some already.
    """

    def __init__(
        self,
        market: MarketParameters,
        ppo: PpoSettings,
        settings: TrainingSettings,
        run: RunDirectory,
        progress: Progress,
        *,
        shelf: PolicyShelf | None = None,
    ) -> None:
        shelf = shelf or PolicyShelf(market)
        plan = shelf.plan(settings.plan or DEFAULT_PLAN)
        worlds = replace(ppo.campaign(), seed=settings.seed, first_world=TRAINING_WORLDS)
        campaign = Campaign(market, worlds=ppo.worlds, settings=worlds, plan=plan)
        wishes = soft_constraints(campaign, pacing_slack=ppo.pacing_slack)
        if wishes:
            ppo = replace(ppo, credit="whole")  # the price of a wish about the whole campaign has no parts
        self._ppo, self._settings, self._run, self._tell = ppo, settings, run, progress
        self._scenario_hash = market.scenario.hash
        self._teacher = shelf.policy("replan") if ppo.lessons and plan.name == DEFAULT_PLAN else None
        self._parts = build_parts(market, plan, ppo)
        # Following the plan in worlds before the first ones to train on shows what features look like.
        before = replace(worlds, first_world=TRAINING_WORLDS - ppo.worlds, relative_to_plan=False)
        shown = played_features(Campaign(market, worlds=ppo.worlds, settings=before, plan=plan), 0)
        self._envs = CampaignVecEnv(campaign, wishes, credit_by(ppo.credit, campaign.encoding))
        self._model = _model(self._envs, ppo, settings.seed)
        self._policy.network.take_in(shown)
        self._held_out = HeldOut(market, plan, ppo, seed=settings.seed)
        multipliers = {one.name: PidMultiplier() for one in self._envs.constraints}
        self._state = Checkpoint(
            update=0, steps=0, best=Score.nothing(), waited=0, taught=False, multipliers=multipliers
        )
        self._board = SummaryWriter(str(run.tensorboard))

    @property
    def _policy(self) -> CampaignActorCritic:
        return cast("CampaignActorCritic", self._model.policy)

    def resume(self) -> None:
        """Go on from the last checkpoint.

        Raises:
            PolicyError: It is missing, damaged, or of another network.
        """
        self._state = read_checkpoint(self._run.checkpoints, self._model)
        self._run.cut_progress("update", self._state.update)
        # An update plays whole episodes, so the next one begins with this number.
        self._envs.episode = self._state.update * self._ppo.episodes - 1

    def learn(self) -> TrainingSummary:
        """Train until a limit is met, or nothing gets better."""
        started = time.perf_counter()
        rows = self._ppo.episodes * self._envs.campaign.steps * self._ppo.worlds
        stopped = ""
        if not self._state.taught:
            self._evaluate(started)
            self._take_lessons(started)
        while not stopped:
            if self._settings.steps is not None and self._state.steps >= self._settings.steps:
                stopped = "steps"
            elif self._settings.seconds is not None and time.perf_counter() - started >= self._settings.seconds:
                stopped = "time"
            elif self._state.waited >= self._ppo.patience:
                stopped = "no improvement"
            else:
                self._update(rows)
                if self._state.update % self._ppo.evaluate_every == 0:
                    self._evaluate(started)
        if self._state.update % self._ppo.evaluate_every != 0:
            self._evaluate(started)
        if np.isnan(self._held_out.plan_reward_base):
            self._held_out.score(self._policy)
        self._board.close()
        best = self._state.best
        return TrainingSummary(
            steps=self._state.steps,
            stopped=stopped,
            plan=self._parts.plan.name,
            held_out_worlds=self._ppo.held_out_worlds,
            gain_base=best.gain_base,
            gain_se_base=best.gain_se_base,
            plan_reward_base=self._held_out.plan_reward_base,
            missed=best.missed,
        )

    def _take_lessons(self, started: float) -> None:
        """Imitate the teacher, if there is one, in worlds before the first ones to train on."""
        self._state.taught = True
        if self._teacher is None:
            return
        assert isinstance(self._teacher, DirectPolicy), "the re-planner decides spend itself"
        taught, ppo = self._envs.campaign, self._ppo
        settings = replace(ppo.as_played(), seed=self._settings.seed, relative_to_plan=False, expected_reward=False)
        worlds = int(np.clip(_DECISIONS_A_LESSON * ppo.lessons / self._held_out.decisions, *_LESSON_WORLDS))
        settings = replace(settings, first_world=TRAINING_WORLDS - ppo.worlds - worlds)
        campaign = Campaign(taught.market, worlds=worlds, settings=settings, plan=taught.plan)
        rows, shown = demonstrations(campaign, self._teacher)
        imitate(self._policy, campaign, rows, shown, steps=ppo.lessons, seed=self._settings.seed)
        self._evaluate(started)

    def _update(self, rows: int) -> None:
        """Play some episodes and learn from them, with draws that depend on seed and number of the update alone."""
        state = self._state
        generator = named_generator(self._settings.seed, f"ppo/{state.update}")
        torch.manual_seed(int(generator.integers(2**63)))
        cast("CreditBuffer", self._model.rollout_buffer).shuffler = generator
        self._envs.multipliers = {name: one.value for name, one in state.multipliers.items()}
        self._model.learn(rows, reset_num_timesteps=False)
        state.update += 1
        state.steps += rows
        for name, missed in self._envs.missed().items():
            state.multipliers[name].update(missed)

    def _evaluate(self, started: float) -> None:
        """Score the policy on the held-out worlds, keep it if it is the best, write everything down."""
        state = self._state
        score = self._held_out.score(self._policy)
        if score.is_better_than(state.best):
            state.best, state.waited = score, 0
            weights = self._policy.network.state_dict()
            save_policy(self._run.policy, self._parts, weights, self._scenario_hash)
        else:
            state.waited += 1
        seconds = time.perf_counter() - started
        planned = self._held_out.plan_reward_base
        logged = self._model.logger.name_to_value
        figures = {
            "gain_base": score.gain_base,
            "gain_se_base": score.gain_se_base,
            "best_gain_base": state.best.gain_base,
            "share_of_plan": (planned + score.gain_base) / planned if planned else float("nan"),
            "training_reward": self._envs.mean_reward,
            "approx_kl": float(logged.get("train/approx_kl", float("nan"))),
            "clip_fraction": float(logged.get("train/clip_fraction", float("nan"))),
            "explained_variance": float(logged.get("train/explained_variance", float("nan"))),
            "entropy_loss": float(logged.get("train/entropy_loss", float("nan"))),
            "missed": score.missed,
            **{f"{name}_multiplier": one.value for name, one in state.multipliers.items()},
        }
        self._run.add_progress({"update": state.update, "steps": state.steps, "seconds": seconds, **figures})
        for name, value in figures.items():
            self._board.add_scalar(f"xbopt/{name}", value, state.steps)
        write_checkpoint(self._run.checkpoints, self._model, state)
        self._tell(self._progress(figures, seconds))

    def _progress(self, figures: dict[str, float], seconds: float) -> TrainingProgress:
        settings, state = self._settings, self._state
        shares = [seconds / settings.seconds] if settings.seconds else []
        shares += [state.steps / settings.steps] if settings.steps else []
        done = min(max(shares), 1.0)
        return TrainingProgress(
            done_frac=done,
            steps=state.steps,
            gain_base=figures["gain_base"],
            best_gain_base=state.best.gain_base,
            share_of_plan=figures["share_of_plan"],
            seconds_left=seconds * (1.0 - done) / done if done > 0.0 else float("nan"),
        )


def _model(envs: CampaignVecEnv, ppo: PpoSettings, seed: int) -> CreditPpo:
    campaign, credit = envs.campaign, envs.credit
    layout = action_layout(
        campaign.encoding, campaign.features, neutral_share=ppo.neutral_share, exploration=ppo.exploration
    )
    steps = campaign.steps * ppo.episodes
    torch.manual_seed(int(named_generator(seed, "ppo/weights").integers(2**63)))
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
        policy_kwargs={
            "features": campaign.features,
            "layout": layout,
            "network": ppo.network,
            "width": ppo.width,
            "exploration": ppo.exploration,
            "credit": credit,
            "sizes": campaign.encoding.components.sizes if isinstance(campaign.encoding, TacticActions) else None,
        },
        device="cpu",
    )
    model.batch_size = batch_size
    buffer = cast("CreditBuffer", model.rollout_buffer)
    buffer.credit, buffer.envs, buffer.policy = credit, envs, cast("CampaignActorCritic", model.policy)
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
