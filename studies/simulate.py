"""Running a policy over many worlds: what ``xbopt simulate`` does."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from xbopt.agents.exploration import ExploringPolicy, over_the_menu, without_exploration
from xbopt.agents.factored_direct import FactoredDirect
from xbopt.agents.policies import mark_of, policy_from, run_notes
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import (
    CanExplore,
    DirectPolicy,
    FactoredPolicy,
    KnowsExploration,
    Policy,
    PolicyKind,
    TacticPolicy,
)
from xbopt.core.errors import UsageError
from xbopt.core.panel import PanelWriter, open_panel
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.workers import Engine, check_engine
from xbopt.simulator.build import build_market
from xbopt.simulator.kernel.engine import Engine as DayEngine
from xbopt.simulator.kernel.engine import chosen as chosen_engine
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.chunks import Chunk, Played, play_chunks
from xbopt.studies.exploration_cost import ExplorationCost, cost_of_exploration
from xbopt.studies.frames import Frame, frame_of, kpi_rows
from xbopt.studies.kpis import (
    Row,
    WorldRange,
    bridge_means,
    channel_rows,
    kpi_values,
    region_rows,
    segment_rows,
)
from xbopt.studies.plan_cut import PlanCut, plan_cut
from xbopt.studies.shadows import shadows_of
from xbopt.studies.totals import Totals, merge_totals

if TYPE_CHECKING:
    from xbopt.env.decision_book import DecisionBook

CHUNK_WORLDS = 256
"""Worlds played at once: enough to spread numpy's cost per call, few enough for the cache. It changes no result."""
MAX_RUNS = 100_000

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is in all; 0 where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """How fast a simulation ran, and who played its days."""

    env_days: int
    seconds: float
    engine: DayEngine

    @property
    def env_days_per_second(self) -> float:
        """Days of one world a second."""
        return self.env_days / max(self.seconds, 1e-9)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """What a policy would do, over many worlds.

    Attributes:
        scenario: The scenario.
        market: Its market.
        policy: Name of the policy.
        policy_kind: What sort of policy it is.
        runs: Number of worlds.
        seed: Noise seed.
        world_seed: Seed of the uncertain parameters.
        kpis: KPIs by name.
        bridge: Mean of each money term; they sum to the mean contribution margin.
        customer_value: What the customer base is worth more on the last evening than on the first. Not part of the
            margin.
        carried_beyond: What the days after the last one earn by what it leaves behind. Not part of the margin.
        by_region: One row a region.
        by_segment: One row a segment.
        by_channel: One row a channel.
        totals: The sums by world behind all of it.
        performance: How fast it ran, on which engine and why.
        notes: What was read otherwise than it stands in the plan's file, and that a run was trained for another budget,
            in sentences.
        exploration_cost: What exploration takes from the margin; None where nothing explores, or nobody asked.
        plan_cut: What limits take from the plan; None where they take nothing, or the policy is no fixed plan.
    """

    scenario: Scenario = field(repr=False)
    market: MarketParameters = field(repr=False)
    policy: str
    policy_kind: PolicyKind
    runs: int
    seed: int
    world_seed: int
    kpis: dict[str, WorldRange] = field(repr=False)
    bridge: dict[str, float] = field(repr=False)
    customer_value: WorldRange = field(repr=False)
    carried_beyond: WorldRange = field(repr=False)
    by_region: list[Row] = field(repr=False)
    by_segment: list[Row] = field(repr=False)
    by_channel: list[Row] = field(repr=False)
    totals: Totals = field(repr=False)
    performance: Performance
    notes: tuple[str, ...] = field(default=(), repr=False)
    exploration_cost: ExplorationCost | None = None
    plan_cut: PlanCut | None = None

    @property
    def margins(self) -> FloatArray:
        """Contribution margin world by world ``(B,)``, base currency."""
        return self.totals.money.sum(axis=(1, 2, 3))

    @property
    def losing_worlds(self) -> int:
        """Number of worlds with a contribution margin below zero."""
        return int(np.count_nonzero(self.margins < 0.0))

    def to_frame(self) -> Frame:
        """One row a KPI: ``kpi``, ``mean``, ``se``, ``low``, ``high``. An Arrow table."""
        return frame_of(kpi_rows(self.kpis))


def simulate(
    scenario: Scenario | MarketParameters | str | Path,
    policy: str | Policy = "baseline",
    *,
    runs: int = 32,
    seed: int = 0,
    world_seed: int | None = None,
    exploration: float | None = None,
    exploration_cost: float | None = None,
    by: Literal["factors", "menu"] | None = None,
    log: Path | str | None = None,
    shadows: Sequence[str | Policy] = (),
    panel: Path | str | None = None,
    origin: str | None = None,
    first_world: int = 0,
    believed: MarketParameters | None = None,
    engine: Engine = "local",
    workers: int | None = None,
    on_progress: Progress | None = None,
    on_cost: Callable[[ExplorationCost], None] | None = None,
) -> SimulationResult:
    """Play a policy in ``runs`` worlds and add up what it brought.

    Args:
        scenario: A loaded scenario, its market where that is built already, a path, or the name of a shipped one.
        policy: Name of a built-in policy, a plan's CSV or XLSX file, folder of a training run, or a policy object.
        runs: Number of worlds, 1..100,000. World ``i`` is the same world in any run with the same seed.
        seed: Noise seed.
        world_seed: Seed of the uncertain parameters; the noise seed where left out.
        exploration: Explore this share of decisions uniformly, over the tactic menu around the policy; 0 is the policy
            itself. Left out, the policy acts as it is, unless a log is written: then the scenario's
            ``tactics.exploration`` holds, because a log without propensities cannot be evaluated.
        exploration_cost: Largest cost of exploration, as a part of the policy's margin; without ``exploration`` the
            largest share within it is searched for.
        by: What explores and is logged: ``factors``, each channel's spend, discount, timing and pace one notch around
            what the policy wishes; or ``menu``, one tactic a cell. Left out, what the policy chooses from: factors
            where it is made of them, the menu else.
        log: Write the decision log to this Parquet file.
        shadows: Policies, as for ``policy``, that are asked beside every decision; the log holds their probabilities.
            They choose from the same menu as the policy.
        panel: Write the panel of media and orders by day to this Parquet file.
        origin: Name, plan's file or run's folder that a policy object came from; it tells policies of one name apart in
            the log, and what a run was trained for.
        first_world: Number of the first world.
        believed: The market as the seller believes it to be: built-in policies and what policies see come from it,
            worlds from the scenario.
        engine: Where chunks of worlds are played: ``local``, or ``ray`` on a cluster. It changes no figure.
        workers: Processes, 1 where left out; of a cluster the chunks played at once, as many as it can where left out.
        on_progress: Called with the policy's name, worlds done and worlds in all.
        on_cost: Called with what exploration costs, before anything is written.

    Returns:
        KPIs with ranges, the money bridge, tables and the sums behind them.

    Raises:
        ScenarioError: The scenario cannot be used.
        PolicyError: The policy is unknown or does not fit.
        UsageError: ``runs`` or ``seed`` makes no sense.
        DecisionLogError: The log cannot be written.
        ExplorationCostError: Exploration costs more than ``exploration_cost``.
        LostWorkerError: Workers died over a chunk again and again.
    """
    check_engine(engine, workers)
    if not 1 <= runs <= MAX_RUNS:
        raise UsageError(f"runs is {runs}; a number from 1 to {MAX_RUNS:,} is wanted.")
    market = scenario if isinstance(scenario, MarketParameters) else market_of(scenario)
    loaded = market.scenario
    chosen: Policy = policy_from(policy, believed or market) if isinstance(policy, str) else policy
    named = policy if isinstance(policy, str) else origin or ""
    notes, cut = plan_notes(chosen), plan_cut(chosen, market)
    if named:
        notes = (*notes, *run_notes(named, market))
    if log is not None and exploration is None and exploration_cost is None and _takes_the_usual_share(chosen):
        exploration = loaded.document.tactics.exploration
    anchor_mark = ""
    if by is not None:
        if exploration is None and exploration_cost is None:
            raise UsageError("--by says what explores: give --exploration or --log too.")
        # Notches around what was named: a run of factors has an anchor of its own, which is not the run.
        anchor_mark = mark_of(named) if isinstance(chosen, DirectPolicy) else ""
        chosen = _made_of(by, chosen, market)
    report: Progress = on_progress or (lambda _stage, _done, _total: None)
    cost: ExplorationCost | None = None
    if exploration is not None or exploration_cost is not None:
        own, mark = chosen, mark_of(named)

        def explored(share: float) -> Policy:
            return over_the_menu(own, loaded, share, mark=mark)

        # A share of nothing costs nothing, and without log or bound nobody asks.
        if exploration is None or (exploration > 0.0 and (log is not None or exploration_cost is not None)):
            report("cost of exploration", 0, 0)
            cost = cost_of_exploration(
                market,
                without_exploration(own),
                explored,
                share=exploration,
                bound_frac=exploration_cost,
                runs=runs,
                seed=seed,
                world_seed=world_seed,
            )
            if on_cost is not None:
                on_cost(cost)
        share = exploration if cost is None else cost.share
        assert share is not None, "a share is given or searched for"
        chosen = explored(share)

    if shadows and log is None:
        raise UsageError("Shadows are for the log: say where to write it (--log FILE).")
    beside = shadows_of(shadows, market, factored=isinstance(chosen, FactoredPolicy))
    report(chosen.name, 0, runs)
    started = time.perf_counter()
    with ExitStack() as stack:
        book: DecisionBook | None = None
        rows: PanelWriter | None = None
        if panel is not None:
            rows = stack.enter_context(open_panel(Path(panel)))
        if log is not None:
            from xbopt.env.decision_book import open_book  # pyarrow is slow to load

            book = stack.enter_context(
                open_book(
                    Path(log),
                    market,
                    chosen,
                    seed=seed,
                    world_seed=world_seed,
                    shadows=beside,
                    anchor_mark=anchor_mark,
                )
            )
        played = Played(market=market, policies=(chosen,), seed=seed, world_seed=world_seed, believed=believed)

        def step(done: int, _chunks: int) -> None:
            report(chosen.name, min(done * CHUNK_WORLDS, runs), runs)

        chunks = chunked(first_world, runs)
        parts = list(
            play_chunks(played, chunks, book=book, panel=rows, engine=engine, workers=workers, on_progress=step)
        )
    return result_of(
        played,
        chosen,
        merge_totals(parts),
        seconds=time.perf_counter() - started,
        notes=notes,
        exploration_cost=cost,
        cut=cut,
    )


def chunked(first_world: int, runs: int, *, policies: int = 1) -> list[Chunk]:
    """``runs`` worlds for each policy in chunks of ``CHUNK_WORLDS``, one policy after the other."""
    return [
        Chunk(policy=policy, worlds=first_world + np.arange(first, min(first + CHUNK_WORLDS, runs), dtype=np.int64))
        for policy in range(policies)
        for first in range(0, runs, CHUNK_WORLDS)
    ]


def result_of(
    played: Played,
    policy: Policy,
    totals: Totals,
    *,
    seconds: float,
    notes: tuple[str, ...],
    exploration_cost: ExplorationCost | None = None,
    cut: PlanCut | None = None,
) -> SimulationResult:
    """What the sums of a policy's worlds say; see ``SimulationResult``."""
    market, loaded, runs = played.market, played.market.scenario, totals.worlds
    return SimulationResult(
        scenario=loaded,
        market=market,
        policy=policy.name,
        policy_kind=policy.kind,
        runs=runs,
        seed=played.seed,
        world_seed=played.seed if played.world_seed is None else played.world_seed,
        kpis={
            name: WorldRange.of(values)
            for name, values in kpi_values(totals, budget_base=loaded.limits.total_base).items()
        },
        bridge=bridge_means(totals),
        customer_value=WorldRange.of(totals.customer_value),
        carried_beyond=WorldRange.of(totals.carried_beyond),
        by_region=region_rows(loaded, totals),
        by_segment=segment_rows(loaded, totals),
        by_channel=channel_rows(loaded, totals),
        totals=totals,
        performance=Performance(env_days=runs * loaded.days, seconds=seconds, engine=chosen_engine()),
        notes=notes,
        exploration_cost=exploration_cost,
        plan_cut=cut,
    )


def plan_notes(policy: Policy) -> tuple[str, ...]:
    """What was read otherwise than it stands in a plan's file."""
    return policy.notes if isinstance(policy, ScheduledPolicy) else ()


def _takes_the_usual_share(policy: Policy) -> bool:
    """Whether a log of a policy explores by the scenario's share: not where the policy explores already, or cannot."""
    if isinstance(policy, ExploringPolicy) or (isinstance(policy, KnowsExploration) and policy.exploration > 0.0):
        return False
    return isinstance(policy, DirectPolicy | FactoredPolicy | CanExplore)


def _made_of(by: Literal["factors", "menu"], policy: Policy, market: MarketParameters) -> Policy:
    """The policy as one that chooses from factors, or from a menu."""
    if by == "factors":
        if isinstance(policy, TacticPolicy):
            raise UsageError(
                f"{policy.name} chooses tactics from a menu, and no levels of factors. Leave out --by factors."
            )
        return FactoredDirect.of(policy, market) if isinstance(policy, DirectPolicy) else policy
    if by != "menu":
        raise UsageError(f"by is {by!r}; factors or menu is wanted.")
    if isinstance(policy, FactoredPolicy):
        raise UsageError(f"{policy.name} chooses a level of each of its factors, and no tactic. Leave out --by menu.")
    return policy


def market_of(scenario: Scenario | str | Path) -> MarketParameters:
    """The market of a loaded scenario, of a scenario file, or of a shipped scenario's name.

    Raises:
        ScenarioError: The scenario cannot be used.
    """
    return build_market(scenario_of(scenario))
