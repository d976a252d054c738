"""A campaign as a contextual bandit: every cell is a row with a context, and the tactic menu holds the actions."""

from dataclasses import dataclass

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
from xbopt.core.decisions.anchored_menu import PolicyMenu
from xbopt.core.decisions.policy import Menu
from xbopt.core.errors import DecisionError, UsageError
from xbopt.env.baseline_plan import scenario_plan
from xbopt.env.contexts import cell_contexts, context_names, window_reward
from xbopt.env.market_run import MarketRun
from xbopt.simulator.parameters import MarketParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What a decision brought, once its attribution window is over; one row a cell, in the order of the contexts.

    Attributes:
        step: Which decision, from 0.
        context: What was seen ``(n, d)``.
        tactic: What was chosen ``(n,)``.
        reward_base: Discounted margin of the window ``(n,)``, base currency.
        cost_base: Media spend of the window ``(n,)``, base currency.
    """

    step: int
    context: FloatArray
    tactic: IntArray
    reward_base: FloatArray
    cost_base: FloatArray


class CellBandit:
    """A batch of worlds whose cells are the rows of a contextual bandit.

    Rows stand in the order worlds, regions, segments; ``n = B * R * S``. A decision is held for
    ``tactics.decide_every_days``; its result is known ``tactics.window_days`` after it was made.
    """

    def __init__(
        self,
        market: MarketParameters,
        *,
        worlds: int,
        seed: int = 0,
        world_seed: int | None = None,
        first_world: int = 0,
        menu: Menu | None = None,
    ) -> None:
        """Stand on the first morning.

        Args:
            market: The market.
            worlds: Number of worlds.
            seed: Noise seed.
            world_seed: Seed of the uncertain parameters; the noise seed where left out.
            first_world: Global number of the first world.
            menu: What the actions mean; the scenario's menu around its own plan where left out.

        Raises:
            UsageError: ``worlds`` makes no sense.
        """
        if worlds < 1:
            raise UsageError(f"worlds is {worlds}; at least 1 is wanted.")
        scenario = market.scenario
        self._market = market
        self._menu: Menu = menu or PolicyMenu.of(scenario.menu, scenario_plan(market))
        self._run = MarketRun(
            market, worlds=np.arange(first_world, first_world + worlds), seed=seed, world_seed=world_seed
        )
        regions, segments, _, _ = market.shape
        self.n_cells, self.n_actions = worlds * regions * segments, len(self._menu)
        self.context_names = context_names(scenario)
        self.action_labels = self._menu.labels
        shape = (worlds, scenario.days, regions, segments)
        self._margin, self._spend = np.zeros(shape), np.zeros(shape)
        self._open: list[tuple[int, int, FloatArray, IntArray]] = []
        self._step = 0

    @property
    def done(self) -> bool:
        """Whether the horizon is over."""
        return self._run.state.day >= self._market.scenario.days

    def contexts(self) -> FloatArray:
        """What each cell sees now ``(n, d)``."""
        return cell_contexts(self._run.observe())

    def play(self, tactic: IntArray) -> list[CellResult]:
        """Hold one tactic a cell until the next decision.

        Args:
            tactic: Positions in the menu ``(n,)``.

        Returns:
            The decisions, this one or earlier ones, whose windows have ended. Those whose window runs beyond the
            horizon never do.

        Raises:
            DecisionError: A wrong shape, or a position that is not in the menu.
            UsageError: The horizon is over.
        """
        if self.done:
            raise UsageError("The horizon is over; open another batch of worlds.")
        if tactic.shape != (self.n_cells,):
            raise DecisionError(f"tactic has shape {tactic.shape}; ({self.n_cells},) is wanted, one a cell.")
        scenario, run = self._market.scenario, self._run
        worlds, _, regions, segments = self._margin.shape
        chosen = tactic.reshape(worlds, regions, segments)
        first = run.state.day
        self._open.append((self._step, first, self.contexts(), tactic.copy()))
        self._step += 1
        for day in range(first, min(first + scenario.document.tactics.decide_every_days, scenario.days)):
            outcome = run.play(self._menu.decode(chosen, run.observe()))
            self._margin[:, day] = outcome.money.contribution_margin
            self._spend[:, day] = -outcome.money.media
        return self._closed()

    def _closed(self) -> list[CellResult]:
        scenario = self._market.scenario
        window = scenario.document.tactics.window_days
        results: list[CellResult] = []
        kept: list[tuple[int, int, FloatArray, IntArray]] = []
        for step, first, context, tactic in self._open:
            if first + window > self._run.state.day:
                kept.append((step, first, context, tactic))
                continue
            reward = window_reward(self._margin, first, window, self._market.customers.daily_discount)
            cost = self._spend[:, first : first + window].sum(axis=1)
            results.append(
                CellResult(
                    step=step, context=context, tactic=tactic, reward_base=reward.ravel(), cost_base=cost.ravel()
                )
            )
        self._open = kept
        return results
