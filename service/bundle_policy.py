"""A bundle as a policy that can be asked: in a simulation beside another one, and about a log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from msgspec import UnsetType

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.observations import MarketAxes
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Morning, Observation, PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.service.bundle.schema import INPUTS
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.batch import Batch
from xbopt.service.deciding.beside import Beside
from xbopt.service.deciding.reading import RequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleMenu:
    """The names of a bundle's tactics; what they mean stands in its graph."""

    labels: tuple[str, ...]

    def __len__(self) -> int:
        """Number of tactics, ``K``."""
        return len(self.labels)

    def decode(self, tactic: IntArray, morning: Morning) -> Decision:  # noqa: ARG002 - as every menu
        """Refuse: the graph decodes what it has drawn itself.

        Raises:
            PolicyError: Always.
        """
        raise PolicyError("A bundle can be asked what it would do, not be played; play the run that it came from.")


class _BundleFace:
    """What every bundle tells of itself, and how it is asked.

    Args:
        allocator: The loaded bundle.
        path: Where it was loaded from; another process loads it there again.

    Raises:
        PolicyError: It reads inputs that no log of the market holds.
    """

    kind: PolicyKind = "bundle"
    _for_plan = ""

    def __init__(self, allocator: Allocator, path: Path | str = "") -> None:
        schema = allocator.bundle.schema
        self.name = allocator.bundle.manifest.name
        further = [field.name for field in schema.asked if field.name not in INPUTS]
        if further:
            raise PolicyError(f"The bundle {self.name} reads {further[0]}, which no observation of the market holds.")
        self._allocator, self._path = allocator, path

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Load a bundle, proven or not: whoever asks is about to find out.

        Raises:
            BundleError: The bundle was tampered with, or is broken or incompatible.
            UsageError: There is nothing of that name.
            PolicyError: It is of another shape, or reads inputs that no log of the market holds.
        """
        return cls(Allocator.load(path, unproven=True), path)

    def __reduce__(self) -> tuple[Callable[[Path | str], Self], tuple[Path | str]]:
        """A graph that is loaded cannot be sent to another process; the bundle can be loaded there."""
        return type(self).load, (self._path,)

    @property
    def sha256(self) -> str:
        """The content address: the same for a folder and an archive."""
        return self._allocator.address.removeprefix("sha256:")

    @property
    def scenario_hash(self) -> str:
        """Hash of the scenario that it was made for."""
        return self._allocator.bundle.manifest.provenance.scenario_hash

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know."""
        rules = self._allocator.bundle.guardrails
        if rules.kill_switch:
            return (f"The kill switch of the bundle {self.name} is on: its plan answers everything.",)
        if rules.on_drift != "fallback":
            return ()
        where = f"where a feature lies beyond what was seen when it was exported{self._for_plan}"
        return (f"The bundle {self.name} is asked with its guardrails: as in service, its plan answers {where}.",)

    @cached_property
    def axes(self) -> MarketAxes:
        """The names along the axes of the schema."""
        schema = self._allocator.bundle.schema
        named = {axis: tuple(names) for axis, names in schema.axes.items()}
        return MarketAxes(
            regions=named["R"],
            segments=named["S"],
            channels=named["C"],
            start=date.fromisoformat(schema.start),
            days=schema.days,
            region_features=named["F"],
            cell_features=named["G"],
            channel_features=named["E"],
        )

    def _asked(self, observation: Observation, held: IntArray | None = None) -> Allocation:
        """What the service would answer.

        Args:
            observation: What is seen.
            held: Levels that were drawn before ``(B, A)``; None where nothing is held.

        Raises:
            PolicyError: The observation lacks a feature, or the guardrails refuse it.
        """
        try:
            ids = [str(world) for world in range(observation.worlds)]
            return self._allocator.decide(observed_batch(self._allocator, observation, ids, Beside(held=held)))
        except RequestError as error:
            raise PolicyError(f"The bundle {self.name} gives no answer: {error}") from error


class BundlePolicy(_BundleFace):
    """Answers as the service would: probabilities after mask and guardrails, the plan's where that would answer.

    Args:
        allocator: The loaded bundle, of tactics.
        path: Where it was loaded from; another process loads it there again.

    Raises:
        PolicyError: It is no bundle of tactics, or reads inputs that no log of the market holds.
    """

    def __init__(self, allocator: Allocator, path: Path | str = "") -> None:
        super().__init__(allocator, path)
        schema = allocator.bundle.schema
        if schema.shape == "factored":
            raise PolicyError(f"The bundle {self.name} draws levels of factors: load it as a FactoredBundlePolicy.")
        if schema.shape != "tactic":
            raise PolicyError(
                f"The bundle {self.name} names its decisions outright and gives no probabilities. Export the policy "
                "with --exploration 0: then it draws what it decides."
            )
        self.menu = BundleMenu(labels=tuple(schema.axes["K"]))

    @property
    def reads_own_cell_only(self) -> bool:
        """Of bandits, which read the cells one by one, and of plans, which read none."""
        return self._allocator.bundle.manifest.provenance.policy_kind == "bandit" or not self.axes.channel_features

    def probabilities(self, observation: Observation) -> FloatArray:
        """Probability of each tactic in each cell ``(B, R, S, K)``.

        Raises:
            PolicyError: The observation lacks a feature, or the guardrails refuse it.
        """
        answer = self._asked(observation).probabilities
        assert answer is not None, "a bundle of tactics gives their probabilities"
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleAnchor:
    """The policy that a bundle's factors are notches around: what the bundle decides at neutral levels."""

    name: str
    bundle: "FactoredBundlePolicy"
    kind: PolicyKind = "bundle"

    def decide(self, observation: Observation) -> Decision:
        """The decision of the day at neutral levels, after projection and guardrails."""
        neutral = self.bundle.factors.neutral
        return self.bundle.decode(np.broadcast_to(neutral, (observation.worlds, len(neutral))), observation)


class FactoredBundlePolicy(_BundleFace):
    """Answers as the service would: probabilities of levels, and the decision of levels after every guardrail.

    Where the plan would answer, no level is drawn: neutral levels stand for that, and decode to the plan.

    Args:
        allocator: The loaded bundle, of factors.
        path: Where it was loaded from; another process loads it there again.

    Raises:
        PolicyError: It is no bundle of factors, or reads inputs that no log of the market holds.
    """

    _for_plan = "; neutral levels stand for it"

    def __init__(self, allocator: Allocator, path: Path | str = "") -> None:
        super().__init__(allocator, path)
        factors = allocator.bundle.schema.decision_factors()
        if factors is None:
            raise PolicyError(f"The bundle {self.name} has no factors: load it as a BundlePolicy.")
        self.factors = factors

    @property
    def anchor(self) -> BundleAnchor:
        """The policy that neutral levels are."""
        name = self._allocator.bundle.schema.anchor
        return BundleAnchor(name="" if isinstance(name, UnsetType) else name, bundle=self)

    def factor_probabilities(self, observation: Observation) -> FloatArray:
        """Probability of every level of each factor ``(B, A, L)``.

        Raises:
            PolicyError: The observation lacks a feature, or the guardrails refuse it.
        """
        answer = self._asked(observation)
        assert answer.probabilities is not None, "a bundle of factors gives the probabilities of their levels"
        planned = np.array([source == "plan" for source in answer.source])[:, None, None]
        neutral = np.arange(self.factors.most_levels) == self.factors.neutral[:, None]
        return np.where(planned, neutral, answer.probabilities)

    def decode(self, levels: IntArray, observation: Observation) -> Decision:
        """The day's decision of levels ``(B, A)``, after projection and guardrails.

        Raises:
            DecisionError: A wrong shape, or a number that names no level.
            PolicyError: The observation lacks a feature, or the guardrails refuse it.
        """
        self.factors.check(levels, observation.worlds)
        return self._asked(observation, levels).decision

    def exploring(self, share: float) -> "FactoredBundlePolicy":
        """The same; a bundle keeps the share with which it was exported.

        Raises:
            PolicyError: Another share is asked for.
        """
        own = self._allocator.bundle.exploration
        if share != own:
            raise PolicyError(f"The bundle {self.name} explores as it was exported ({own}); export it with {share:g}.")
        return self


def observed_batch(allocator: Allocator, observation: Observation, ids: list[str], beside: Beside) -> Batch:
    """What is seen, as the batch that a request for it would be.

    Args:
        allocator: The loaded bundle.
        observation: What is seen.
        ids: Names of the decisions ``(B,)``.
        beside: What stands beside the inputs.

    Raises:
        PolicyError: The observation lacks a feature.
        RequestError: It does not fit the schema.
    """
    axes, left = allocator.bundle.schema.axes, observation.remaining

    def picked(values: FloatArray, names: Sequence[str], wanted: Sequence[str]) -> FloatArray:
        missing = [name for name in wanted if name not in names]
        if missing:
            raise PolicyError(
                f"The bundle {allocator.bundle.manifest.name} reads {missing[0]!r}, which this version of xbopt does "
                "not show."
            )
        return values if tuple(names) == tuple(wanted) else values[..., [names.index(name) for name in wanted]]

    inputs: dict[str, FloatArray | IntArray] = {
        "regions": picked(observation.regions, observation.region_names, axes["F"]),
        "cells": picked(observation.cells, observation.cell_names, axes["G"]),
        "day": np.full(observation.worlds, observation.day, dtype=np.int64),
        "budget_base": left.budget_base,
        "region_base": left.region_base,
        "channel_base": left.channel_base,
    }
    if axes["E"]:
        inputs["channels"] = picked(observation.channels, observation.channel_names, axes["E"])
    return allocator.reader.batch(ids, inputs, beside)


def bundle_policy(path: Path | str) -> BundlePolicy | FactoredBundlePolicy:
    """A bundle as a policy of its shape; see ``load``.

    Raises:
        BundleError: The bundle was tampered with, or is broken or incompatible.
        UsageError: There is nothing of that name.
        PolicyError: It names its decisions outright, or reads inputs that no log of the market holds.
    """
    allocator = Allocator.load(path, unproven=True)
    factored = allocator.bundle.schema.shape == "factored"
    return FactoredBundlePolicy(allocator, path) if factored else BundlePolicy(allocator, path)
