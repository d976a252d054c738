"""What can be chosen about training a bandit on a market."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import cast

from xbopt.agents.bandits.storage import Setting
from xbopt.agents.training import read_options
from xbopt.core.errors import UsageError
from xbopt.env.actions import FORMS, Form
from xbopt.env.settings import check_form

AGENT_KINDS: Mapping[str, tuple[str, Mapping[str, Setting]]] = {
    "epsilon_greedy": ("EpsilonGreedy", {"epsilon": 0.6, "floor": 0.3, "half_rows": 1e6, "ridge": 30.0}),
    "lin_ucb": ("LinUcb", {"alpha": 1.0, "epsilon": 0.3, "ridge": 30.0}),
    "lin_ts": ("LinThompson", {"spread": 1.0, "epsilon": 0.2, "ridge": 30.0}),
    "square_cb": ("SquareCb", {"gamma": 1.0, "growth": 0.25, "ridge": 30.0}),
    "fast_cb": ("FastCb", {"gamma": 4.0, "growth": 0.25, "initial_rate": 0.5, "ridge": 30.0}),
    "neural_linear": (
        "NeuralLinear",
        {
            "spread": 1.0,
            "epsilon": 0.2,
            "memory": 50_000,
            "train_every": 10_000,
            "train_steps": 200,
            "rate": 1e-3,
            "ridge": 30.0,
        },
    ),
}
"""Class and settings of each agent.

Rewards come in units of what a cell's linear model leaves open, so that ``alpha`` and ``spread`` of 1 are the book's.
"""

CLOSED = 1e9
"""A degree of caution that never leaves the policy that choices are around."""
CAUTIONS = (0.0, 1.0, 3.0, CLOSED)
"""Degrees of caution among which the validation worlds choose, for one kind of choice after the other."""
BANDIT_ENCODINGS: tuple[str, ...] = ("residual", "tactics")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketBanditSettings:
    """How a bandit learns a market.

    Attributes:
        encoding: ``residual`` (notches around the re-planner) or ``tactics`` (the scenario's menu, around a plan).
        form: Of tactics: ``factored`` (one bandit a component of the menu) or ``full`` (one over all tactics).
        worlds: Worlds played at once.
        window_days: Days that count as a decision's result.
        customer_weight: Weight of what is worth something after the window, customers and what is left behind: 1 as in
            every agent's objective.
        validation_worlds: Worlds on which the best policy is chosen.
        test_worlds: Worlds that choose nothing, on which the final figures are told; 0 for none.
        evaluate_every: Batches of worlds between two looks at them.
        patience: Looks without improvement after which training stops.
        exploration: Share of uniform exploration of the finished policy.
        bandit: Settings of the bandit's class, by name.
    """

    encoding: str = "residual"
    form: Form = "factored"
    worlds: int = 32
    window_days: int = 28
    customer_weight: float = 1.0
    validation_worlds: int = 48
    test_worlds: int = 256
    evaluate_every: int = 3
    patience: int = 20
    exploration: float = 0.0
    bandit: Mapping[str, Setting] = field(default_factory=dict[str, Setting])

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A value makes no sense.
        """
        if self.encoding not in BANDIT_ENCODINGS:
            raise UsageError(f"encoding is {self.encoding!r}; one of {', '.join(BANDIT_ENCODINGS)} is wanted.")
        if self.form not in FORMS:
            raise UsageError(f"form is {self.form!r}; one of {', '.join(FORMS)} is wanted.")
        check_form(self.encoding, self.form)
        for name in ("worlds", "window_days", "evaluate_every", "patience"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; at least 1 is wanted.")
        if self.validation_worlds < 2:
            raise UsageError("validation_worlds must be at least 2.")
        if self.test_worlds < 0 or self.test_worlds == 1:
            raise UsageError(f"test_worlds is {self.test_worlds}; 0, or at least 2, is wanted.")
        for name in ("customer_weight", "exploration"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise UsageError(f"{name} is {getattr(self, name)}; a share from 0 to 1 is wanted.")


def settings_for(agent: str, options: Mapping[str, object]) -> MarketBanditSettings:
    """Settings of an agent with some values replaced; names that are not ours are the bandit class's own.

    Raises:
        UsageError: A value cannot be read, or makes no sense.
    """
    ours = {one.name: one.default for one in fields(MarketBanditSettings) if one.name != "bandit"}
    bandit = AGENT_KINDS[agent][1]
    read = read_options(agent, options, {"ridge": 1.0, "discount": 1.0, **bandit, **ours})
    own = cast("dict[str, Setting]", {name: value for name, value in read.items() if name not in ours})
    chosen = cast("dict[str, int]", {name: value for name, value in read.items() if name in ours})
    return replace(MarketBanditSettings(bandit={**bandit, **own}), **chosen)
