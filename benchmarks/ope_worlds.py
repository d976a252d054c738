"""Logs whose truth is known, of the kinds on which an evaluation goes wrong: what a seller's own logs look like.

Each world states how actions are drawn, which propensities are written down, and what actions bring. The truth is the
mean over the world, not over one log: of the policy's value, and of its difference to the policy that wrote the log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from xbopt.core.arrays import FloatArray, IntArray

Wanted = Literal["answer", "refuse", "honest"]
"""``answer``: a clean log, hardly ever refused; ``refuse``: hardly ever a plain ANSWER; ``honest``: no false ANSWER."""
_START = np.datetime64("2026-03-02T00:00:00", "us")
_DAY = np.timedelta64(86_400_000_000, "us")
_TRUTH_ROWS = 400_000
ROLES = frozenset({"action", "reward", "propensity", "timestamp", "segment"})
"""Columns that play the role of their name."""


Columns = Mapping[str, NDArray[np.generic]]
"""Columns of a log by name ``(n,)``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnLog:
    """One log of a world.

    Attributes:
        columns: By name ``(n,)``.
        policy: What to evaluate: a name, or the share of each action in order of its name ``(K,)``.
        roles: Which column is what, as for ``--columns``; empty where names say it.
        exploration: The option of that name.
        value: Mean over the rows of the policy's true mean reward.
        logged: The same of the policy that wrote the log.
    """

    columns: Columns
    policy: str | tuple[float, ...]
    value: float
    logged: float
    roles: tuple[str, ...] = ()
    exploration: float | None = None


Draw = Callable[[np.random.Generator, int], DrawnLog]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A kind of log.

    Attributes:
        name: Its name.
        kind: What it is about.
        rows: Rows of one log.
        draw: Makes a log of so many rows.
        wanted: What is expected of the verdict.
    """

    name: str
    kind: str
    rows: int
    draw: Draw = field(repr=False)
    wanted: Wanted = "honest"

    def truth(self) -> tuple[float, float]:
        """Value of the policy and of the one that wrote the log, from a long log of the same world."""
        return _truth(self.draw, self.rows)


@cache
def _truth(draw: Draw, rows: int) -> tuple[float, float]:
    random = np.random.default_rng(99)
    logs = [draw(random, rows) for _ in range(max(_TRUTH_ROWS // rows, 20))]
    return float(np.mean([log.value for log in logs])), float(np.mean([log.logged for log in logs]))


def moments(share: FloatArray, days: float) -> NDArray[np.datetime64]:
    """Moments at these shares of the log's span ``(n,)``."""
    return _START + (share * days * 86_400_000_000).astype("timedelta64[us]")


def drawn(random: np.random.Generator, chances: FloatArray) -> IntArray:
    """One action a row ``(n,)`` from probabilities ``(n, K)``."""
    return (chances.cumsum(axis=1) < random.random((len(chances), 1))).sum(axis=1).clip(max=chances.shape[1] - 1)


def log_of(
    random: np.random.Generator,
    chances: FloatArray,
    means: FloatArray,
    policy: str | tuple[float, ...],
    *,
    stated: FloatArray | None = None,
    full: bool = False,
    binary: bool = False,
    noise: float = 1.0,
    share: FloatArray | None = None,
    days: float = 28.0,
    columns: Columns | None = None,
) -> DrawnLog:
    """Draw actions and rewards.

    Args:
        random: The log's own stream.
        chances: With which actions are really drawn ``(n, K)``.
        means: Mean reward of every action ``(n, K)``.
        policy: ``always:B`` and the like, ``uniform``, or shares ``(K,)``.
        stated: What the log says that the chances were ``(n, K)``; the truth where None.
        full: Whether the probability of every action is logged.
        binary: Rewards of 0 or 1 with ``means`` as chance, in place of normal noise.
        noise: Deviation of the noise.
        share: Share of the log's span at which each row was decided ``(n,)``; None for a log without timestamps.
        days: The span.
        columns: Further columns of the log.
    """
    rows, actions = chances.shape
    action = drawn(random, chances)
    numbers = np.arange(rows)
    mean: FloatArray = means[numbers, action]
    reward: FloatArray = (
        (random.random(rows) < mean).astype(np.float64) if binary else mean + noise * random.normal(size=rows)
    )
    labels = np.array([chr(65 + number) for number in range(actions)])
    said = chances if stated is None else stated
    found: dict[str, NDArray[np.generic]] = {"action": labels[action], "reward": reward, **(columns or {})}
    if full:
        found |= {f"p_{label}": said[:, place] for place, label in enumerate(labels)}
    else:
        found["propensity"] = said[numbers, action]
    if share is not None:
        found["timestamp"] = moments(share, days)
    if isinstance(policy, tuple):
        pi = np.tile(np.array(policy), (rows, 1))
    elif policy == "uniform":
        pi = np.full((rows, actions), 1.0 / actions)
    else:
        pi = np.tile((labels == policy.removeprefix("always:")).astype(np.float64), (rows, 1))
    roles = [f"{name}={name}" for name in found if name in ROLES]
    roles += ["action_probabilities=p_*"] if full else []
    roles += ["context=context_*"] if any(name.startswith("context_") for name in found) else []
    return DrawnLog(
        columns=found,
        policy=policy,
        roles=tuple(roles),
        value=float((pi * means).sum(axis=1).mean()),
        logged=float((chances * means).sum(axis=1).mean()),
    )


def with_columns(log: DrawnLog, columns: Columns, *roles: str) -> DrawnLog:
    """The log with further columns and what they are."""
    return replace(log, columns={**log.columns, **columns}, roles=(*log.roles, *roles))


def two(chance: FloatArray) -> FloatArray:
    """Probabilities of two actions ``(n, 2)``, given that of the second ``(n,)``."""
    return np.stack([1.0 - chance, chance], axis=1)


def _even(rows: int) -> FloatArray:
    return (np.arange(rows) + 0.5) / rows


def clean(random: np.random.Generator, rows: int, *, binary: bool = False, actions: int = 3) -> DrawnLog:
    """Softmax propensities that are written down, a context that matters, four weeks."""
    x = random.normal(size=(rows, 2))
    tilt = np.linspace(-0.6, 0.6, actions)
    scores = x[:, :1] * tilt
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    lift = np.linspace(0.0, 0.5, actions) + 0.3 * x[:, 1:]
    means = 1.0 / (1.0 + np.exp(1.5 - lift)) if binary else 1.0 + lift
    policy = (*(0.5 / (actions - 1),) * (actions - 1), 0.5)
    return log_of(
        random,
        chances,
        means,
        policy,
        binary=binary,
        share=_even(rows),
        columns={"context_x": x[:, 0], "context_y": x[:, 1]},
    )


def drift(random: np.random.Generator, rows: int, *, shape: str = "trend", size: float = 0.25) -> DrawnLog:
    """The level of rewards moves over the log; the propensities are right, constant or moving with it."""
    share = _even(rows)
    level = {
        "trend": 1.0 + size * share,
        "season": 1.0 + size * np.sin(2.0 * np.pi * 4.0 * share),
        "sale": 1.0 + (8.0 * size) * ((share > 0.5) & (share < 0.6)),
    }[shape]
    chances = two(0.3 + 0.4 * share)
    means = 0.2 * level[:, None] * np.array([1.0, 1.2])
    return log_of(random, chances, means, "always:B", binary=True, share=share)


def wrong_propensity(random: np.random.Generator, rows: int, *, by: str, error: float, full: bool = False) -> DrawnLog:
    """One half is written down where the true chance is ``(1 + error) / 2`` or, in other rows, ``(1 - error) / 2``.

    The rows with the greater chance also earn more, whatever the action.
    """
    share = _even(rows)
    x = random.normal(size=rows)
    group = {
        "day": np.floor(28.0 * share) % 2 == 0,
        "half": share > 0.5,
        "segment": random.random(rows) < 0.5,
        "context": x > 0.0,
        "tails": np.abs(x) > 1.0,
    }[by]
    sign = np.where(group, 1.0, -1.0)
    means: FloatArray = 2.0 + sign[:, None] + np.array([0.0, 0.5])
    extra: dict[str, NDArray[np.generic]] = {"context_x": x}
    if by == "segment":
        extra["segment"] = np.where(group, "new", "old")
    return log_of(
        random,
        two(0.5 + 0.5 * error * sign),
        means,
        "always:B",
        stated=two(np.full(rows, 0.5)),
        share=share,
        full=full,
        columns=extra,
    )


def wrong_everywhere(random: np.random.Generator, rows: int, *, error: float) -> DrawnLog:
    """Propensities of all rows are stated too high for one action, by a share."""
    x = random.normal(size=rows)
    chance = 1.0 / (1.0 + np.exp(-0.5 * x))
    said = np.clip(chance * (1.0 + error), 0.01, 0.99)
    means = 1.0 + 0.3 * x[:, None] + np.array([0.0, 0.5])
    return log_of(random, two(chance), means, "always:B", stated=two(said), columns={"context_x": x})


def clustered(random: np.random.Generator, rows: int, *, by: str, role: str, lift: float = 0.0) -> DrawnLog:
    """Customers with 1 to 50 rows and luck of their own; the arm is drawn by customer or by row."""
    sizes = random.integers(1, 51, size=max(rows * 2 // 51, 10))
    customer = np.repeat(np.arange(len(sizes)), sizes)
    luck = random.normal(size=len(sizes))[customer] * 0.7
    means = 1.0 + np.array([0.0, lift]) + np.zeros((len(customer), 1))
    chances = two(np.full(len(customer), 0.5))
    if by == "customer":
        arm = random.integers(0, 2, len(sizes))[customer]
        # Drawn by customer: the log states one half, and every row of a customer has the same action.
        log = log_of(random, two(arm.astype(np.float64)), means + luck[:, None], "always:B", stated=chances, noise=0.7)
    else:
        log = log_of(random, chances, means + luck[:, None], "always:B", noise=0.7)
    named = with_columns(log, {role: customer}, f"{role}={role}")
    return replace(named, value=1.0 + lift, logged=1.0 + lift / 2.0)


def after_the_decision(random: np.random.Generator, rows: int, *, strength: float) -> DrawnLog:
    """A click stands among the context, though the action caused it; buyers are among those who clicked."""
    x = random.normal(size=rows)
    action = random.integers(0, 2, rows)
    chance = 0.2 + strength * action
    clicked = random.random(rows) < chance
    reward = (clicked & (random.random(rows) < 0.4)).astype(np.float64)
    columns = {
        "action": np.array(["A", "B"])[action],
        "reward": reward,
        "propensity": np.full(rows, 0.5),
        "context_x": x,
        "context_clicked": clicked.astype(np.float64),
    }
    value = 0.4 * (0.2 + strength)
    return DrawnLog(columns=columns, policy="always:B", value=value, logged=0.4 * (0.2 + strength / 2.0))


def orders(
    random: np.random.Generator,
    rows: int,
    *,
    sigma: float,
    buyers: float,
    refunds: float = 0.1,
    skewed: bool = False,
    actions: int = 4,
) -> DrawnLog:
    """Order values are lognormal, few buy, and some of them send everything back with a fee."""
    x = random.normal(size=rows)
    chances = np.full((rows, actions), 1.0 / actions)
    if skewed:
        tilt = np.exp(np.array([1.5, 0.5, 0.0, -0.5])[:actions])
        chances = np.tile(tilt / tilt.sum(), (rows, 1))
    action = drawn(random, chances)
    rate = buyers * (1.0 + 0.2 * np.arange(actions))
    buys = random.random(rows) < rate[action]
    worth = np.exp(3.5 + sigma * random.normal(size=rows))
    kept = np.where(random.random(rows) < refunds, -0.3, 1.0)
    mean = float(np.exp(3.5 + sigma**2 / 2.0) * (1.0 - refunds * 1.3))
    policy = np.array([0.1, 0.2, 0.3, 0.4])[:actions]
    columns = {
        "action": np.array([f"mail{number}" for number in range(actions)])[action],
        "reward": np.where(buys, worth * kept, 0.0),
        "propensity": chances[np.arange(rows), action],
        "context_x": x,
    }
    return DrawnLog(
        columns=columns,
        policy=tuple(policy.tolist()),
        value=float(policy @ rate) * mean,
        logged=float(chances[0] @ rate) * mean,
    )


def masked(random: np.random.Generator, rows: int, *, ignored: float = 0.0) -> DrawnLog:
    """One of three actions is not possible for half of the rows; an exploring policy wrote the log.

    With ``ignored`` a guardrail forbids the third action in that share of rows, but the log states chances before it.
    """
    x = random.integers(0, 2, rows)
    forbidden = random.random(rows) < (ignored or 0.5)
    allowed = np.ones((rows, 3))
    allowed[:, 2] = ~forbidden
    share = 0.4
    best = np.where(x == 1, 1, 0)
    mixed = share * allowed / allowed.sum(axis=1, keepdims=True)
    mixed[np.arange(rows), best] += 1.0 - share
    means = np.tile(np.array([0.1, 0.1, 0.1]), (rows, 1))
    means[np.arange(rows), best] = 0.3
    if ignored:
        stated = np.full((rows, 3), share / 3.0)
        stated[np.arange(rows), best] += 1.0 - share
        return log_of(
            random, mixed, means, (0.2, 0.2, 0.6), stated=stated, binary=True, full=True, columns={"context_x": x}
        )
    log = log_of(random, mixed, means, "uniform", binary=True, full=True, columns={"context_x": x})
    return replace(log, policy="logging", exploration=0.0, value=0.3)


def pooled(random: np.random.Generator, rows: int, *, full: bool) -> DrawnLog:
    """An old policy that never shows the third action, and a new one that always explores; half of the rows each."""
    newer = random.integers(0, 2, rows)
    each = np.array([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]])
    x = random.normal(size=rows)
    means = np.array([0.1, 0.2, 0.3]) + 0.2 * x[:, None]
    log = log_of(random, each[newer], means, (0.1, 0.3, 0.6), noise=0.3, full=full, columns={"context_x": x})
    action = np.searchsorted(np.array(["A", "B", "C"]), log.columns["action"].astype(str))
    names = np.array(["old", "new"])[newer]
    columns = {"policy_id": names, "mu_old": each[0][action], "mu_new": each[1][action]}
    return with_columns(log, columns, "policy_id=policy_id", "policy_propensities=mu_*")


def late(random: np.random.Generator, rows: int) -> DrawnLog:
    """Orders come up to ten days after the decision, more of them late in the log; what is not ready is empty."""
    share = _even(rows)
    chances = two(np.full(rows, 0.5))
    means = (0.2 + 0.1 * share)[:, None] * np.array([1.0, 1.3])
    log = log_of(random, chances, means, "always:B", binary=True, share=share)
    ready = moments(share, 28.0) + 7 * _DAY
    seen = ready <= _START + 28 * _DAY
    # The value is that of the decisions whose reward is complete.
    log = with_columns(log, {"reward_ready_at": ready}, "reward_ready_at=reward_ready_at")
    return replace(log, value=float(means[seen, 1].mean()), logged=float(means[seen].mean()))
