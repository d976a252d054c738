"""What is proposed over HTTP, as on the command line: the plan solved again, or what the served bundle decides."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from xbopt.campaigns.advice.proposal import propose
from xbopt.campaigns.books.record import CampaignRecord
from xbopt.campaigns.standing import Standing
from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.planned_days import PlannedDays
from xbopt.core.decisions.policy import Observation, Policy, PolicyKind
from xbopt.core.errors import PolicyError
from xbopt.service.bundle_policy import observed_batch
from xbopt.service.deciding.allocator import Allocation, Allocator
from xbopt.service.deciding.requests import KillMode, RequestError


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposing:
    """Days that are proposed, and what is said of them.

    Attributes:
        days: The days.
        figures: As JSON.
    """

    days: PlannedDays
    figures: bytes


Proposer = Callable[[Standing, int, int, Policy | None], Proposing]
"""Proposes days from one up to another that is left out; without a policy from the plan."""


def proposed_as_stands(standing: Standing, first_day: int, end_day: int, policy: Policy | None) -> Proposing:
    """What `propose` finds from where a campaign stands.

    Raises:
        CampaignError: The campaign is closed, or the days are over, none, or none of the campaign's.
        PolicyError: The policy gives no answer.
    """
    found = propose(standing, first_day=first_day, end_day=end_day, policy=policy)
    return Proposing(days=found.days, figures=found.figures.to_json())


class ServedPolicy:
    """The served bundle deciding the days of a proposal one after the other, as it would be asked day by day.

    Draws are by name as those of requests: of the campaign, its next proposal, and the day.

    Args:
        allocator: The bundle.
        record: The campaign.
        first_day: The first day that it is asked for.
        kill: How the kill switch stands.
    """

    kind: PolicyKind = "bundle"

    def __init__(self, allocator: Allocator, record: CampaignRecord, first_day: int, kill: KillMode) -> None:
        self.name = allocator.bundle.manifest.name
        self._kill: KillMode = kill
        self._allocator, self._label = allocator, f"{record.name}/{record.next_proposal}"
        self._before: FloatArray | None = record.ledger.counted_base[first_day - 1][None] if first_day else None
        self._held: IntArray | None = None

    @property
    def draws_itself(self) -> bool:
        """Whether the bundle gives probabilities, so that what it decides was drawn."""
        return self._allocator.bundle.schema.shape != "direct"

    def decide(self, observation: Observation) -> Decision:
        """The decision of a day, after projection and guardrails.

        Raises:
            PolicyError: The observation lacks a feature, or the guardrails refuse it.
        """
        if observation.day % self._allocator.bundle.schema.decide_every_days == 0:
            self._held = None
        try:
            done = self._asked(observation)
        except RequestError as error:
            raise PolicyError(f"The bundle {self.name} gives no answer: {error}") from error
        self._before = done.spend_base
        drawn = done.tactic if done.levels is None else done.levels
        self._held = None if drawn is None or (drawn < 0).all() else drawn
        return done.decision

    def _asked(self, observation: Observation) -> Allocation:
        reader, beside = self._allocator.reader, None if self._before is None else self._before[0].tolist()
        batch = observed_batch(
            self._allocator,
            observation,
            [f"{self._label}/{observation.day}"],
            replace(reader.beside.nested(beside, None, None), held=self._held),
        )
        return self._allocator.decide(batch, kill=self._kill)
