"""What can be chosen about an environment, and which worlds belong to training, validation and test."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal, SupportsIndex, cast

import numpy as np

from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.env.actions import ENCODINGS, FORMS, EncodingName, Form

Objective = Literal["margin", "margin_and_customers"]
OBJECTIVES: tuple[Objective, ...] = ("margin_and_customers", "margin")
Split = Literal["train", "validation", "test"]
FIRST_WORLDS: Mapping[Split, int] = MappingProxyType({"train": 2**40, "validation": 2**41, "test": 2**42})
"""Global number of the first world of each split. ``simulate`` and ``compare`` play worlds from 0 on: none of these."""
JUDGED_WORLDS = 256
"""Number of worlds of validation and of test; after the last one they begin again, so scores are of the same worlds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignSettings:
    """What can be chosen about an environment.

    Attributes:
        encoding: ``residual`` (notches around the anchor policy), ``tactics`` (choices over the scenario's menu) or
            ``continuous`` (numbers around the plan).
        form: ``factored`` (fewer entries) or ``full``; residual actions have one form.
        days_per_step: Days for which an action is held; the scenario's ``tactics.decide_every_days`` where left out.
        objective: ``margin_and_customers``: contribution margin of the days, and at the end the change of customer
            value and what is carried beyond the last day; ``margin``: the margin alone.
        relative_to_anchor: Take off what the anchor policy brings in the same world with the same luck. No policy gains
            or loses by it against another, but chance and differences between worlds mostly cancel.
        expected_reward: Reward a day with what it brings on average in this world as it stands, instead of with what
            chance made of it. States, observations and customer value stay as drawn, and the mean of the return is the
            same (law of total expectation); its spread is smaller, which is what learning wants.
        prompt_reward: Reward each step with the change since the last one of customer value and of what is carried
            beyond, instead of all of it at the end. The return is the same (potential-based shaping: Ng, Harada,
            Russell 1999, ICML), but a step that wins customers is told so at once.
        seed: Noise seed, 0..2**63-1.
        world_seed: Seed of the uncertain parameters; the noise seed where left out.
        first_world: Global number of the first world; the first to train on where left out.
        cycle: Number of worlds after which they begin again; no end where left out.
    """

    encoding: EncodingName = "residual"
    form: Form = "factored"
    days_per_step: int | None = None
    objective: Objective = "margin_and_customers"
    relative_to_anchor: bool = False
    expected_reward: bool = False
    prompt_reward: bool = False
    seed: int = 0
    world_seed: int | None = None
    first_world: int = FIRST_WORLDS["train"]
    cycle: int | None = None

    def __post_init__(self) -> None:
        """Check the choices; numbers and flags of NumPy become Python's.

        Raises:
            UsageError: One of them does not exist, or is of another type.
        """
        one_of("encoding", self.encoding, ENCODINGS)
        one_of("form", self.form, FORMS)
        check_form(self.encoding, self.form)
        one_of("objective", self.objective, OBJECTIVES)
        for field in fields(self):
            name, value = field.name, cast("object", getattr(self, field.name))
            if name in {"relative_to_anchor", "expected_reward", "prompt_reward"}:
                if not isinstance(value, bool | np.bool_):
                    raise UsageError(f"{name} is {value!r}; True or False is wanted.")
                object.__setattr__(self, name, value is True or value == np.True_)
            elif name in {"seed", "first_world"} or (
                name in {"days_per_step", "world_seed", "cycle"} and value is not None
            ):
                least = 1 if name in {"days_per_step", "cycle"} else 0
                object.__setattr__(self, name, whole_number(name, value, least=least))


def check_form(encoding: str, form: str) -> None:
    """Refuse a form that would do nothing.

    Raises:
        UsageError: Residual actions have one form.
    """
    if encoding == "residual" and form != "factored":
        raise UsageError(
            f"form is {form!r}, and residual actions have one form: leave it out, or name another encoding, as in "
            "encoding=tactics."
        )


def one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Refuse anything but one of some names.

    Raises:
        UsageError: It is something else.
    """
    if not isinstance(value, str) or value not in allowed:
        hint = suggest(value, allowed) if isinstance(value, str) else ""
        raise UsageError(f"{name} is {value!r}.{hint} One of {', '.join(allowed)} is wanted.")


def whole_number(name: str, value: object, *, least: int) -> int:
    """A whole number of Python or NumPy as Python's, up to 2**63-1; no flag and no float.

    Raises:
        UsageError: It is something else.
    """
    number = as_whole(value)
    if number is None:
        raise UsageError(f"{name} is {value!r}; a whole number is wanted.")
    if not least <= number < 2**63:
        raise UsageError(f"{name} is {number}; at least {least} and below 2**63 is wanted.")
    return number


def as_whole(value: object) -> int | None:
    """A whole number of Python or NumPy as Python's; None where it is none."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, SupportsIndex):
        return None
    try:
        return operator.index(value)
    except TypeError:  # an array of several numbers
        return None
