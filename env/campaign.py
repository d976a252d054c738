"""The one core of all environments: a batch of worlds that share the day, decided on once every few days.

Episodes all have the length of the horizon, so a whole batch begins and ends together. Episode ``e`` of a batch of
``B`` plays worlds ``first_world + e * B`` to ``first_world + e * B + B - 1``: what a world does depends on its number
and the seeds alone, so the same worlds come whatever the batch size.
"""

from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from xbopt.core.arrays import BoolArray, FloatArray, IntArray, add_up
from xbopt.core.decisions.anchor import Anchor
from xbopt.core.decisions.anchored_menu import AnchoredMenu
from xbopt.core.decisions.decision import Decision
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import BlindPolicy, DirectPolicy, Observation
from xbopt.core.errors import UsageError
from xbopt.env.action_masks import action_masks
from xbopt.env.actions import Actions, Encoding
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.continuous_actions import ContinuousActions
from xbopt.env.features import FeatureLayout
from xbopt.env.market_run import MarketRun, check_believed
from xbopt.env.residual_actions import ResidualActions
from xbopt.env.settings import CampaignSettings
from xbopt.env.tactic_actions import TacticActions
from xbopt.simulator.after import carried_beyond
from xbopt.simulator.lifetime import cell_customer_value, customer_value
from xbopt.simulator.money import TERMS, MoneyBridge
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.step import DayOutcome

CUSTOMER_VALUE = "customer_value"
CARRIED_BEYOND = "carried_beyond"
ANCHOR_REWARD = "anchor_reward"
REWARD_TERMS: tuple[str, ...] = (*TERMS, CUSTOMER_VALUE, CARRIED_BEYOND)


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignStep:
    """What a step brought.

    Attributes:
        reward: ``(B,)``, in units of ``Campaign.reward_unit_base``.
        terms_base: The terms that sum to it, by name ``(B,)`` each, base currency.
        cell_margin_base: Contribution margin by cell ``(B, R, S)``, base currency.
        cell_reward: The reward by cell ``(B, R, S)``; it sums to ``reward``.
        spend_by_day_base: Spend by day, region and channel ``(D, B, R, C)``, base currency.
        margin_by_day_base: Contribution margin by day ``(D, B)``, base currency.
        organic_margin_base: Contribution margin of the same promotions without media ``(B,)``, in the same worlds with
            the same luck, base currency; None unless the campaign counts it.
        done: Whether the horizon is over; the same for all worlds.
        observation: The next morning, or the evening of the last day.
    """

    reward: FloatArray
    terms_base: dict[str, FloatArray]
    cell_margin_base: FloatArray
    cell_reward: FloatArray
    spend_by_day_base: FloatArray
    margin_by_day_base: FloatArray
    organic_margin_base: FloatArray | None = None
    done: bool
    observation: Observation = field(repr=False)


class Campaign:
    """A batch of campaigns: reset, step, reset.

    ``entered`` is how many worlds of a cycle the first episode leaves out.
    """

    def __init__(
        self,
        market: MarketParameters,
        *,
        worlds: int,
        settings: CampaignSettings | None = None,
        plan: ScheduledPolicy | None = None,
        anchor_policy: DirectPolicy | None = None,
        believed: MarketParameters | None = None,
        encoding: Encoding | None = None,
    ) -> None:
        """Set a batch up; ``reset`` begins the first episode.

        Args:
            market: The market.
            worlds: Number of worlds in the batch, at least 1.
            settings: What can be chosen.
            plan: The plan that actions are relative to; the scenario's own where left out.
            anchor_policy: The policy that residual actions and relative rewards are relative to; the plan where left
                out.
            believed: The market as the seller believes it to be: plan, features and what actions mean come from it,
                worlds and rewards from ``market``; the market itself where left out.
            encoding: What actions mean, in place of what the settings say: the choices that a policy draws from.

        Raises:
            UsageError: ``worlds`` or a setting makes no sense, or the plan or ``believed`` is for another scenario.
        """
        if worlds < 1:
            raise UsageError(f"worlds is {worlds}; at least 1 is wanted.")
        scenario = market.scenario
        self.market, self.worlds = market, worlds
        self.believed = believed or market
        check_believed(market, self.believed)
        self.settings = settings or CampaignSettings()
        self.entered = 0
        cycle = self.settings.cycle
        if cycle is not None and worlds > cycle:
            raise UsageError(f"There are {worlds} worlds at a time, and {cycle} in all: some would be played twice.")
        self.plan = plan or scenario_plan(self.believed)
        self.anchor_policy: DirectPolicy = anchor_policy or self.plan
        regions, segments, channels, _ = scenario.shape
        wanted = (scenario.days, regions, segments, channels)
        shape = self.plan.spend_base.shape
        if shape != wanted:
            raise UsageError(
                f"The plan {self.plan.name!r} is for another scenario: its spend has shape {shape}; {wanted} is "
                "wanted, axes (T, R, S, C)."
            )
        self.anchor = Anchor.of(self.plan, scenario.limits)
        self.hold_days = self.settings.days_per_step or scenario.document.tactics.decide_every_days
        self._encoding = encoding or make_encoding(self.believed, self.anchor, self.settings, self.anchor_policy)
        # What is seen of the plan ahead is the scenario's decision period, however long an action is held.
        self.features = FeatureLayout.of(scenario, self.anchor, scenario.document.tactics.decide_every_days)
        self.steps = -(-scenario.days // self.hold_days)
        self.reward_unit_base = scenario.limits.total_base
        self._value = customer_value(market)
        self._run: MarketRun | None = None
        self._seen: Observation | None = None
        self._anchor_run: MarketRun | None = None
        self._bare_run: MarketRun | None = None
        self._counts_organic = False
        nothing = np.zeros((worlds, regions, segments))
        self._standing = _Standing(customers=nothing, beyond=nothing)
        self._anchor_standing = self._standing

    def count_organic(self) -> None:
        """From the next episode on, play the same promotions without media as well; a day costs about twice as much."""
        self._counts_organic = True

    @property
    def encoding(self) -> Encoding:
        """What actions mean; fixed, since spaces and names are made from it."""
        return self._encoding

    def numbers(self, episode: int) -> IntArray:
        """Global numbers of the worlds of an episode ``(B,)``; those of a cycle begin again after the last."""
        since = np.arange(episode * self.worlds, (episode + 1) * self.worlds, dtype=np.int64)
        settings = self.settings
        if settings.cycle is not None:
            since = (self.entered + since) % settings.cycle
        return settings.first_world + since

    def reset(self, episode: int) -> Observation:
        """Begin an episode, by number from 0."""
        settings = self.settings
        self._run = MarketRun(
            self.market,
            worlds=self.numbers(episode),
            seed=settings.seed,
            world_seed=settings.world_seed,
            believed=self.believed,
        )
        self._anchor_run = None
        if settings.relative_to_anchor:
            blind = isinstance(self.anchor_policy, BlindPolicy)
            self._anchor_run = self._run.twin() if blind else self._run.watched_twin()
        self._bare_run = self._run.without_limits() if self._counts_organic else None
        nothing = np.zeros((self.worlds, *self.market.shape[:2]))
        self._standing = self._anchor_standing = _Standing(customers=nothing, beyond=nothing)
        self._seen = self._run.observe()
        return self._seen

    @property
    def term_names(self) -> tuple[str, ...]:
        """Names of the reward terms of every step."""
        return (*REWARD_TERMS, ANCHOR_REWARD) if self.settings.relative_to_anchor else REWARD_TERMS

    def action_masks(self) -> BoolArray:
        """Which choices can be carried out this morning ``(B, N)``; see ``env/action_masks.py``.

        Raises:
            UsageError: Actions are numbers, or no morning is left to decide on.
        """
        seen = self._seen
        if seen is None or seen.day >= seen.days:
            raise UsageError("The episode is over or has not begun, so there is nothing to choose; call reset first.")
        return action_masks(self.encoding, self.market, self.plan, seen, self.hold_days)

    def step(self, actions: Actions) -> CampaignStep:
        """Hold an action for some days.

        Args:
            actions: ``(B, A)``.

        Raises:
            DecisionError: A wrong shape, or values that are no actions.
            UsageError: No episode has begun, or it is over.
        """
        run, seen = self._run, self._seen
        if run is None or seen is None or run.state.day >= self.market.scenario.days:
            raise UsageError("The episode is over or has not begun; call reset first.")
        checked = self.encoding.check(actions)
        if len(checked) != self.worlds:
            raise UsageError(f"There are {len(checked)} actions for {self.worlds} worlds.")
        terms = {name: np.zeros(self.worlds) for name in REWARD_TERMS}
        cells = np.zeros((self.worlds, *self.market.shape[:2]))
        organic = None if self._bare_run is None else np.zeros(self.worlds)
        end = min(run.state.day + self.hold_days, self.market.scenario.days)
        spend: list[FloatArray] = []
        margin: list[FloatArray] = []
        morning = seen
        while run.state.day < end:
            decision = self.encoding.decode(checked, morning)
            outcome, money = self._played(run, decision)
            spend.append(add_up(outcome.decision.spend_base, 2))
            margin.append(add_up(money.contribution_margin, 1, 2))
            for name in TERMS:
                terms[name] += add_up(getattr(money, name), 1, 2)
            cells += money.contribution_margin
            if organic is not None:
                assert self._bare_run is not None, "counted from the first day on"
                bare = replace(decision, spend_base=np.zeros_like(decision.spend_base))
                organic += add_up(self._played(self._bare_run, bare)[1].contribution_margin, 1, 2)
            morning = self._morning(run)
        self._seen = run.observe()
        done = end == self.market.scenario.days
        # One reward by term and by cell: learning is judged by either, and the two sums round differently.
        earned = cells
        if self._counts_standing(done=done):
            evening, before = self._evening(run), self._standing
            customers, beyond = evening.customers - before.customers, evening.beyond - before.beyond
            terms[CUSTOMER_VALUE], terms[CARRIED_BEYOND] = add_up(customers, 1, 2), add_up(beyond, 1, 2)
            earned, self._standing = earned + customers + beyond, evening
        if self._anchor_run is not None:
            planned = self._anchor_reward(self._anchor_run, end)
            terms[ANCHOR_REWARD] = -add_up(planned, 1, 2)
            earned = earned - planned
        return CampaignStep(
            reward=sum(terms.values(), np.zeros(self.worlds)) / self.reward_unit_base,
            terms_base=terms,
            cell_margin_base=cells,
            cell_reward=earned / self.reward_unit_base,
            spend_by_day_base=np.stack(spend),
            margin_by_day_base=np.stack(margin),
            organic_margin_base=organic,
            done=done,
            observation=self._seen,
        )

    def _morning(self, run: MarketRun) -> Observation:
        """What the encoding sees of a day between two choices: all, or day and money where that is all it looks at."""
        encoding = self.encoding
        # Plans carried on look at no features, however actions change them; whatever else acts may react to any.
        if isinstance(encoding, TacticActions | ContinuousActions):
            is_blind = True
        else:
            is_blind = isinstance(encoding, ResidualActions) and isinstance(encoding.anchor, BlindPolicy)
        return cast("Observation", run.morning()) if is_blind else run.observe()

    def _played(self, run: MarketRun, decision: Decision) -> tuple[DayOutcome, MoneyBridge]:
        """Play a day; gives what it brought, and the money that is rewarded."""
        expected = run.expect(decision).money if self.settings.expected_reward else None
        outcome = run.play(decision)
        return outcome, outcome.money if expected is None else expected

    def _anchor_reward(self, run: MarketRun, end: int) -> FloatArray:
        """What the anchor policy brings up to a day ``(B, R, S)``, base currency, in the same worlds, same luck."""
        total, policy = np.zeros((self.worlds, *self.market.shape[:2])), self.anchor_policy
        is_blind = isinstance(policy, BlindPolicy)
        while run.state.day < end:
            morning = cast("Observation", run.morning()) if is_blind else run.observe()
            money = self._played(run, policy.decide(morning))[1]
            total = total + money.contribution_margin
        if self._counts_standing(done=end == self.market.scenario.days):
            evening, before = self._evening(run), self._anchor_standing
            total = total + (evening.customers - before.customers) + (evening.beyond - before.beyond)
            self._anchor_standing = evening
        return total

    def _counts_standing(self, *, done: bool) -> bool:
        return self.settings.objective == "margin_and_customers" and (done or self.settings.prompt_reward)

    def _evening(self, run: MarketRun) -> "_Standing":
        beyond = carried_beyond(self.market).by_cell(run.state, run.world)
        return _Standing(customers=cell_customer_value(self.market, run.state, self._value), beyond=beyond)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """What stands beside the margin on an evening, by cell ``(B, R, S)``, base currency.

    Attributes:
        customers: Change of customer value since the first morning.
        beyond: What is carried beyond the day.
    """

    customers: FloatArray
    beyond: FloatArray


def make_encoding(
    market: MarketParameters, anchor: Anchor, settings: CampaignSettings, policy: DirectPolicy
) -> Encoding:
    """The action encoding of a market, relative to a plan, or to a policy for residual actions."""
    scenario = market.scenario
    if settings.encoding == "tactics":
        return TacticActions.of(scenario, AnchoredMenu(base=scenario.menu, anchor=anchor), settings.form)
    if settings.encoding == "residual":
        return ResidualActions.of(market, policy)
    value = market.media.daypart_effect * market.media.daypart_supply
    return ContinuousActions.of(scenario, anchor, settings.form, value)
