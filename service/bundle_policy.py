"""A bundle as a policy that can be asked: in a simulation beside another one, and about a log."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decision_log.observations import MarketAxes
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.policy import Morning, Observation, PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.service.bundle.schema import INPUTS
from xbopt.service.deciding.allocator import Allocator
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


class BundlePolicy:
    """Answers as the service would: probabilities after mask and guardrails, the plan's where that would answer.

    Args:
        allocator: The loaded bundle.
        path: Where it was loaded from; another process loads it there again.

    Raises:
        PolicyError: It names its decisions outright, or reads inputs that no log of the market holds.
    """

    kind: PolicyKind = "bundle"

    def __init__(self, allocator: Allocator, path: Path | str = "") -> None:
        schema, manifest = allocator.bundle.schema, allocator.bundle.manifest
        self.name = manifest.name
        if schema.shape != "tactic":
            raise PolicyError(
                f"The bundle {self.name} names its decisions outright and gives no probabilities. Export the policy "
                "with --exploration 0: then it chooses from the menu."
            )
        further = [field.name for field in schema.asked if field.name not in INPUTS]
        if further:
            raise PolicyError(f"The bundle {self.name} reads {further[0]}, which no observation of the market holds.")
        self._allocator, self._path = allocator, path
        self.menu = BundleMenu(labels=tuple(schema.axes["K"]))

    @classmethod
    def load(cls, path: Path | str) -> "BundlePolicy":
        """Load a bundle, proven or not: whoever asks is about to find out.

        Raises:
            BundleError: The bundle was tampered with, or is broken or incompatible.
            UsageError: There is nothing of that name.
            PolicyError: It names its decisions outright, or reads inputs that no log of the market holds.
        """
        return cls(Allocator.load(path, unproven=True), path)

    def __reduce__(self) -> tuple[Callable[[Path | str], "BundlePolicy"], tuple[Path | str]]:
        """A graph that is loaded cannot be sent to another process; the bundle can be loaded there."""
        return BundlePolicy.load, (self._path,)

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
        where = "where a feature lies beyond what was seen when it was exported"
        return (f"The bundle {self.name} is asked with its guardrails: as in service, its plan answers {where}.",)

    @property
    def reads_own_cell_only(self) -> bool:
        """Of bandits, which read the cells one by one, and of plans, which read none."""
        return self._allocator.bundle.manifest.provenance.policy_kind == "bandit" or not self.axes.channel_features

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

    def probabilities(self, observation: Observation) -> FloatArray:
        """Probability of each tactic in each cell ``(B, R, S, K)``.

        Raises:
            PolicyError: The observation lacks a feature, or the guardrails refuse it.
        """
        axes, left, worlds = self.axes, observation.remaining, observation.worlds
        inputs: dict[str, FloatArray | IntArray] = {
            "regions": self._picked(observation.regions, observation.region_names, axes.region_features),
            "cells": self._picked(observation.cells, observation.cell_names, axes.cell_features),
            "day": np.full(worlds, observation.day, dtype=np.int64),
            "budget_base": left.budget_base,
            "region_base": left.region_base,
            "channel_base": left.channel_base,
        }
        if axes.channel_features:
            inputs["channels"] = self._picked(observation.channels, observation.channel_names, axes.channel_features)
        try:
            batch = self._allocator.reader.batch([str(world) for world in range(worlds)], inputs)
            answer = self._allocator.decide(batch).probabilities
        except RequestError as error:
            raise PolicyError(f"The bundle {self.name} gives no answer: {error}") from error
        assert answer is not None, "a bundle of tactics gives their probabilities"
        return answer

    def _picked(self, values: FloatArray, names: Sequence[str], wanted: Sequence[str]) -> FloatArray:
        missing = [name for name in wanted if name not in names]
        if missing:
            raise PolicyError(
                f"The bundle {self.name} reads {missing[0]!r}, which this version of xbopt does not show."
            )
        return values if tuple(names) == tuple(wanted) else values[..., [names.index(name) for name in wanted]]
