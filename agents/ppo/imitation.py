"""What PPO learns before it tries anything: to do as the re-planner does (behaviour cloning, Pomerleau 1991).

The re-planner reads the same features and solves an equation a cell; it cannot plan for how uncertain its readings are,
nor for discounts and timing. A policy that starts where the re-planner ends has all its trials left for the rest.
"""

from collections.abc import Callable

import numpy as np
import torch

from xbopt.agents.ppo.actor_critic import CampaignActorCritic
from xbopt.agents.ppo.layout import entry_places
from xbopt.core.arrays import BoolArray, FloatArray
from xbopt.core.decisions.policy import Observation
from xbopt.core.randomness import named_generator
from xbopt.env.actions import Actions
from xbopt.env.campaign import Campaign
from xbopt.env.features import Float32Array

_BATCH = 512
_LEARNING_RATE = 2e-3
_LARGEST_NORM = 5.0


def demonstrations(campaign: Campaign, act: Callable[[Observation], Actions]) -> tuple[Float32Array, Actions]:
    """Features of an episode ``(N, F)``, and what was done ``(N, A)``."""
    rows: list[Float32Array] = []
    shown: list[Actions] = []
    observation = campaign.reset(0)
    for _ in range(campaign.steps):
        actions = act(observation)
        rows.append(campaign.features.flat(observation))
        shown.append(actions)
        observation = campaign.step(actions).observation
    return np.concatenate(rows), np.concatenate(shown)


def imitate(
    policy: CampaignActorCritic, campaign: Campaign, rows: Float32Array, shown: Actions, *, steps: int, seed: int
) -> float:
    """Move a policy's likeliest actions towards those shown.

    Numbers are learnt by squared differences in units of their exploration, choices by cross-entropy; each entry weighs
    as much as the money that the plan spends on what it is about.

    Args:
        policy: The policy.
        campaign: Where the actions were shown.
        rows: Features ``(N, F)``.
        shown: Actions ``(N, A)``.
        steps: Gradient steps; the learning rate falls to 0 over them (cosine).
        seed: Of the order of rows.

    Returns:
        The loss of the last tenth of the steps, in units of the loss of the first tenth.
    """
    generator = named_generator(seed, "ppo/imitation")
    features, targets = torch.from_numpy(rows), torch.from_numpy(np.asarray(shown, dtype=np.float32))
    weight = torch.from_numpy(entry_weights(campaign).astype(np.float32))
    optimizer = torch.optim.Adam(policy.network.parameters(), lr=_LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    losses: list[float] = []
    for _ in range(steps):
        chosen = torch.from_numpy(generator.integers(0, len(rows), size=min(_BATCH, len(rows))))
        loss = (policy.imitation_loss(features[chosen], targets[chosen]) * weight).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.network.parameters(), _LARGEST_NORM)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    tenth = max(len(losses) // 10, 1)
    return float(np.mean(losses[-tenth:]) / max(float(np.mean(losses[:tenth])), 1e-12))


def entry_weights(campaign: Campaign) -> FloatArray:
    """Share of the plan's money that each entry of an action is about, relative to the mean entry ``(A,)``."""
    places = entry_places(campaign.encoding)
    money: FloatArray = campaign.plan.spend_base.sum(axis=0)  # (R, S, C)
    axes = np.indices(money.shape).reshape(3, -1)
    about: BoolArray = ((places[:, :, None] == axes) | (places[:, :, None] < 0)).all(axis=1)
    # A channel's money is shared by the entries about it: a daypart is a part of its day.
    alike: BoolArray = (places[:, None] == places[None]).all(axis=2)
    sharing: FloatArray = np.where(places[:, 2] >= 0, alike.sum(axis=1), 1).astype(np.float64)
    whole: FloatArray = np.where(about, money.ravel(), 0.0).sum(axis=1)
    weight: FloatArray = whole / sharing
    return weight / max(float(weight.mean()), 1e-300)
