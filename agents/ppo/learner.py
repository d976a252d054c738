"""PPO whose entries are judged by their own part of the reward; see ``credit``."""

from collections.abc import Callable, Generator
from typing import NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.utils import explained_variance

from xbopt.agents.ppo.actor_critic import CampaignActorCritic
from xbopt.agents.ppo.credit import Credit, StepParts
from xbopt.core.arrays import FloatArray
from xbopt.core.errors import PolicyError

_MOST_KL = 1.5


class Minibatch(NamedTuple):
    """Decisions to learn from: flat rows, with advantages and log probabilities by group and returns by part."""

    observations: torch.Tensor
    actions: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor
    log_probs: torch.Tensor
    whole: torch.Tensor


class CreditBuffer(RolloutBuffer):
    """A rollout buffer that also keeps what belongs to each part and group.

    Args:
        args: The library's.
        credit: Which parts a group of entries is judged by.
        step: Where environment and policy leave the parts of a step.
        kwargs: The library's.
    """

    def __init__(self, *args: object, credit: Credit, step: StepParts, **kwargs: object) -> None:
        self._credit, self._step = credit, step
        super().__init__(*args, **kwargs)  # pyright: ignore[reportArgumentType] - handed through

    def reset(self) -> None:
        """Begin anew."""
        super().reset()
        self._rewards: list[FloatArray] = []
        self._values: list[NDArray[np.float32]] = []
        self._log_probs: list[NDArray[np.float32]] = []

    def add(self, *args: object, **kwargs: object) -> None:
        """Keep a step of all worlds."""
        super().add(*args, **kwargs)  # pyright: ignore[reportArgumentType] - handed through
        self._rewards.append(self._step.rewards)
        self._values.append(self._step.values)
        self._log_probs.append(self._step.log_probs)

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: NDArray[np.bool_]) -> None:
        """Generalised advantage estimation (Schulman et al. 2016), part by part.

        A rollout is whole episodes, so nothing follows its last step.
        """
        super().compute_returns_and_advantage(last_values, dones)
        assert dones.all(), "a rollout ends with an episode"
        rewards, values = np.stack(self._rewards), np.stack(self._values)
        advantage = np.zeros_like(rewards)
        # What comes after the last step, and after the end of an episode, is worth nothing.
        goes_on = np.concatenate([1.0 - self.episode_starts[1:], np.zeros((1, self.n_envs))])[..., None]
        following, ahead = np.zeros_like(rewards[0]), np.zeros_like(rewards[0])
        for step in reversed(range(len(rewards))):
            surprise = rewards[step] + self.gamma * goes_on[step] * following - values[step]
            ahead = surprise + self.gamma * self.gae_lambda * goes_on[step] * ahead
            advantage[step], following = ahead, values[step]
        self._part_advantages = advantage
        self._part_returns = advantage + values

    def minibatches(self, batch_size: int, shuffler: np.random.Generator) -> Generator[Minibatch]:
        """Minibatches in random order; a last short one is dropped, since its gradient would weigh too much."""
        assert self.full, "a rollout comes first"
        rows = self.buffer_size * self.n_envs
        reached = self._part_advantages @ self._credit.reach.T
        whole = self._part_advantages.sum(axis=2, keepdims=True)
        arrays = (self.observations, self.actions, reached, self._part_returns, np.stack(self._log_probs), whole)
        flat = [torch.from_numpy(np.asarray(a, dtype=np.float32).reshape(rows, -1)) for a in arrays]
        size = min(batch_size, rows)
        order = torch.from_numpy(shuffler.permutation(rows))
        for start in range(0, rows - size + 1, size):
            chosen = order[start : start + size]
            yield Minibatch(*(array[chosen] for array in flat))


class CreditPpo(PPO):
    """PPO with one clipped ratio a group of entries (Schulman et al. 2017, equation 7, for each group).

    With a single group this is the library's PPO, line for line.
    """

    # Both are made by the library, of the classes that the trainer names.
    policy: CampaignActorCritic  # pyright: ignore[reportIncompatibleVariableOverride]
    rollout_buffer: CreditBuffer  # pyright: ignore[reportIncompatibleVariableOverride]

    def update(self, rows: int, generator: np.random.Generator) -> None:
        """Play so many decisions, and learn from them. Every draw comes from the generator."""
        torch.manual_seed(int(generator.integers(2**63)))
        self._shuffler = generator
        self.learn(rows, reset_num_timesteps=False)

    def train(self) -> None:
        """Learn from the rollout."""
        policy, buffer = self.policy, self.rollout_buffer
        policy.set_training_mode(True)
        self._update_learning_rate(policy.optimizer)
        schedule = cast("Callable[[float], float]", self.clip_range)
        clip = schedule(self._current_progress_remaining)
        figures: dict[str, list[float]] = {"approx_kl": [], "clip_fraction": [], "entropy_loss": [], "loss": []}
        stopped = False
        for _ in range(self.n_epochs):
            for batch in buffer.minibatches(self.batch_size, self._shuffler):
                values, log_probs, entropy = policy.judge(batch.observations, batch.actions)
                log_ratio = log_probs - batch.log_probs
                ratio = torch.exp(log_ratio)
                # One scale for all groups: a part that earns more is to weigh more.
                advantage = (batch.advantages - batch.advantages.mean(dim=0)) / (batch.whole.std() + 1e-8)
                clipped = torch.clamp(ratio, 1.0 - clip, 1.0 + clip)
                gained = torch.min(advantage * ratio, advantage * clipped).sum(dim=1).mean()
                value_loss = ((batch.returns - values) ** 2).mean()
                entropy_loss = -entropy.mean()
                loss = -gained + self.ent_coef * entropy_loss + self.vf_coef * value_loss
                with torch.no_grad():
                    kl = float(((ratio - 1.0) - log_ratio).sum(dim=1).mean())
                    outside = float(((ratio - 1.0).abs() > clip).float().mean())
                if not bool(torch.isfinite(loss.detach())):
                    raise PolicyError(
                        "Training went astray: the loss is no number any more. A smaller learning_rate helps; the best "
                        "policy so far is kept."
                    )
                figures["approx_kl"].append(kl)
                figures["clip_fraction"].append(outside)
                figures["entropy_loss"].append(float(entropy_loss.detach()))
                figures["loss"].append(float(loss.detach()))
                if self.target_kl is not None and kl > _MOST_KL * self.target_kl:
                    stopped = True
                    break
                policy.optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(policy.parameters(), self.max_grad_norm)
                policy.optimizer.step()
            self._n_updates += 1
            if stopped:
                break
        for name, values_of in figures.items():
            self.logger.record(f"train/{name}", float(np.mean(values_of)))
        explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        self.logger.record("train/explained_variance", float(explained))
