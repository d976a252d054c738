"""Policies side by side on common random numbers: what ``xbopt compare`` does.

Every policy plays the same worlds with the same luck, so differences are taken world by world and most of the noise
cancels. How each number is made stands in docs/semantics.md.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from xbopt.agents.policies import NAMES, REACTING, PolicyShelf, run_notes
from xbopt.core.arrays import FloatArray
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.decisions.policy import Policy
from xbopt.core.errors import UsageError
from xbopt.core.paired import PairedDifference, is_hardly_positive, paired_differences, ratio_of_gaps, spread_of
from xbopt.core.scenario.loading import scenario_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.core.workers import Engine, check_engine
from xbopt.simulator.build import build_market
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.chunks import Chunk, Played, play_chunks
from xbopt.studies.frames import Frame, frame_of, kpi_rows
from xbopt.studies.kpis import WorldRange
from xbopt.studies.oracle import Oracle, OracleQuestion, ask_oracle
from xbopt.studies.plan_cut import plan_cut
from xbopt.studies.simulate import Progress, SimulationResult, chunked, plan_notes, result_of
from xbopt.studies.totals import MEASURES, Totals, measured, merge_totals

LOWER, YARDSTICK = "uniform", "planner"
MAX_ORACLE_WORLDS = 256
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class GapClosed:
    """How much of the way from the uniform plan to the planner that knows each world a policy goes.

    Attributes:
        value: ``(policy - uniform) / (oracle - uniform)``, each the mean over the oracle's worlds; NaN where the oracle
            is no better than the uniform plan.
        se: Standard error, by the delta method.
        low: Lower end of the confidence interval.
        high: Upper end.
    """

    value: float
    se: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPolicy:
    """One policy of a comparison.

    Attributes:
        name: Its name in this comparison; no two have the same.
        result: What it brought.
        values: By measure, world by world ``(B,)``.
        figures: By measure, mean and range over worlds.
        spread: By measure, how it is spread over worlds; see ``spread_of``.
        difference: By measure, less the first policy.
        gap_closed: By measure; None without an oracle.
        asked_for: Whether the user named it, or it is always there.
    """

    name: str
    result: SimulationResult = field(repr=False)
    values: dict[str, FloatArray] = field(repr=False)
    figures: dict[str, WorldRange] = field(repr=False)
    spread: dict[str, dict[str, float]] = field(repr=False)
    difference: dict[str, PairedDifference] = field(repr=False)
    gap_closed: dict[str, GapClosed] | None = field(repr=False)
    asked_for: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonResult:
    """Policies side by side.

    Attributes:
        scenario: The scenario.
        market: Its market.
        runs: Number of worlds.
        seed: Noise seed.
        world_seed: Seed of the uncertain parameters.
        confidence: Of every interval.
        policies: The policies; the first is what the others are compared with.
        runner_up: The contribution margin of the best policy less that of the next one.
        oracle: The yardstick of ``gap_closed``; None where it was left out.
        notes: What a reader must know.
    """

    scenario: Scenario = field(repr=False)
    market: MarketParameters = field(repr=False)
    runs: int
    seed: int
    world_seed: int
    confidence: float
    policies: tuple[ComparedPolicy, ...]
    runner_up: PairedDifference = field(repr=False)
    oracle: Oracle | None
    notes: tuple[str, ...] = field(repr=False)

    @property
    def kpis(self) -> dict[str, dict[str, WorldRange]]:
        """KPIs of each policy."""
        return {policy.name: policy.result.kpis for policy in self.policies}

    @property
    def ranked(self) -> tuple[ComparedPolicy, ...]:
        """The policies by mean contribution margin, the best first."""
        return tuple(sorted(self.policies, key=_earns_most))

    @property
    def contenders(self) -> tuple[ComparedPolicy, ...]:
        """Those of ``ranked`` that a verdict may name.

        Built-in policies that react cannot be booked as a plan, so they count only where they were asked for.
        """
        return _contenders(self.policies)

    def to_frame(self) -> Frame:
        """One row a policy and KPI: ``policy``, ``kpi``, ``mean``, ``se``, ``low``, ``high``; an Arrow table."""
        return frame_of(row for name, kpis in self.kpis.items() for row in kpi_rows(kpis, policy=name))

    @property
    def first(self) -> ComparedPolicy:
        """What the others are compared with."""
        return self.policies[0]

    def beats(self, measure: str) -> FloatArray:
        """Share of worlds in which the policy of a row is ahead of that of a column ``(P, P)``; ties count half."""
        values = np.stack([policy.values[measure] for policy in self.policies])
        ahead = (values[:, None] > values[None]).mean(axis=2)
        return ahead + 0.5 * (values[:, None] == values[None]).mean(axis=2)


def compare(
    scenario: Scenario | MarketParameters | str | Path,
    policies: Sequence[str | Policy] | str,
    *,
    runs: int = 256,
    seed: int = 0,
    world_seed: int | None = None,
    oracle_worlds: int = 64,
    confidence: float = CONFIDENCE,
    first_world: int = 0,
    shelf: PolicyShelf | None = None,
    engine: Engine = "local",
    workers: int | None = None,
    on_progress: Progress | None = None,
) -> ComparisonResult:
    """Play policies in the same worlds with the same luck. The built-in ones always take part.

    Args:
        scenario: A loaded scenario, its market where that is built already, a path, or the name of a shipped one.
        policies: Names, files or policy objects; the others are compared with the first.
        runs: Number of worlds, at least 2.
        seed: Noise seed.
        world_seed: Seed of the uncertain parameters; the noise seed where left out.
        oracle_worlds: For so many of the first worlds the planner that knows their parameters is asked, 0..256. It is
            what takes longest.
        confidence: Of every interval, between 0 and 1.
        first_world: Number of the first world.
        shelf: Policies of the market as the seller believes it to be, which may differ from that of the scenario:
            plans and what policies see come from it, worlds from the scenario.
        engine: Where chunks of worlds are played and the oracle plans: ``local``, or ``ray`` on a cluster. It changes
            no figure.
        workers: Processes, 1 where left out; of a cluster the parts done at once, as many as it can where left out.
        on_progress: Called with what is being done, how much of it is done, and how much there is in all.

    Raises:
        PolicyError: A policy is unknown, broken or for another scenario.
        UsageError: A number makes no sense.
        LostWorkerError: Workers died over a part again and again.
    """
    check_engine(engine, workers)
    if runs < 2:
        raise UsageError(f"runs is {runs}; at least 2 worlds are wanted to compare policies.")
    if isinstance(policies, str):
        policies = [policies]
    if not policies:
        raise UsageError("Name at least one policy to compare.")
    if not 0 <= oracle_worlds <= MAX_ORACLE_WORLDS:
        raise UsageError(f"oracle_worlds is {oracle_worlds}; a number from 0 to {MAX_ORACLE_WORLDS} is wanted.")
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence is {confidence:g}; a share between 0 and 1 is wanted.")
    report: Progress = on_progress or (lambda _stage, _done, _total: None)
    market = scenario if isinstance(scenario, MarketParameters) else build_market(scenario_of(scenario))
    scenario = market.scenario
    shelf = shelf or PolicyShelf(market)
    chosen = _chosen(policies, shelf, report)
    own_seed = seed if world_seed is None else world_seed
    results = _play(
        Played(
            market=market,
            policies=tuple(one.policy for one in chosen),
            seed=seed,
            world_seed=own_seed,
            believed=shelf.market,
        ),
        chosen,
        chunked(first_world, runs, policies=len(chosen)),
        engine=engine,
        workers=workers,
        on_progress=report,
    )
    values = [measured(result.totals) for result in results]
    oracle: Oracle | None = None
    if oracle_worlds:
        start = chosen[_place(chosen, YARDSTICK)].policy
        assert isinstance(start, ScheduledPolicy), "the planner's plan is known from the first day on"
        worlds = first_world + np.arange(min(oracle_worlds, runs), dtype=np.int64)
        oracle = ask_oracle(
            OracleQuestion(market=market, start=start, seed=seed, world_seed=own_seed),
            worlds,
            engine=engine,
            workers=workers,
            on_progress=lambda done, total: report("oracle plans", done, total),
        )
    differences = {
        measure: paired_differences([one[measure] for one in values], seed=seed, confidence=confidence)
        for measure in MEASURES
    }
    lower = values[_place(chosen, LOWER)]
    compared = tuple(
        ComparedPolicy(
            name=one.name,
            result=results[i],
            values=values[i],
            figures={measure: WorldRange.of(values[i][measure]) for measure in MEASURES},
            spread={measure: spread_of(values[i][measure]) for measure in MEASURES},
            difference={measure: differences[measure][i] for measure in MEASURES},
            gap_closed=None if oracle is None else _gap_closed(values[i], lower, oracle, confidence),
            asked_for=one.asked_for,
        )
        for i, one in enumerate(chosen)
    )
    best, second = _contenders(compared)[:2]
    pair = [policy.values["contribution_margin"] for policy in (second, best)]
    return ComparisonResult(
        scenario=scenario,
        market=market,
        runs=runs,
        seed=seed,
        world_seed=own_seed,
        confidence=confidence,
        policies=compared,
        runner_up=paired_differences(pair, seed=seed, confidence=confidence)[1],
        oracle=oracle,
        notes=(
            *(note for policy in compared for note in policy.result.notes),
            *(note for one in chosen for note in run_notes(one.text, market)),
            *_notes(scenario, compared, oracle, runs, lower),
        ),
    )


def _contenders(policies: Sequence[ComparedPolicy]) -> tuple[ComparedPolicy, ...]:
    return tuple(sorted((one for one in policies if one.asked_for or one.name not in REACTING), key=_earns_most))


def _earns_most(policy: ComparedPolicy) -> float:
    return -policy.figures["contribution_margin"].mean


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chosen:
    """A policy that takes part: its name here, what the user wrote (empty for an object), and whether he wrote it."""

    name: str
    text: str
    policy: Policy
    asked_for: bool


def _chosen(policies: Sequence[str | Policy], shelf: PolicyShelf, on_progress: Progress) -> list[_Chosen]:
    """Those asked for, then the built-in ones that are not yet there, each under a name of its own."""
    wanted: list[tuple[str | Policy, bool]] = [(policy, True) for policy in policies]
    wanted += [(name, False) for name in NAMES if name not in policies]
    for text in (one for one, _ in wanted if isinstance(one, str) and one not in shelf):
        on_progress(f"{text}, made ready", 0, 0)
        shelf.policy(text)
    made = [(one, shelf.policy(one), asked) if isinstance(one, str) else ("", one, asked) for one, asked in wanted]
    found: list[_Chosen] = []
    for text, policy, asked_for in made:
        # Runs of one agent have one name, and so have files of one name; their folders tell them apart.
        alike = {mine for mine, other, _ in made if mine and other.name == policy.name}
        own = text if text and text not in NAMES and (Path(text).is_dir() or len(alike) > 1) else policy.name
        names = (own.rstrip("/\\") + (f" ({count})" if count > 1 else "") for count in range(1, len(found) + 2))
        name = next(name for name in names if name not in {one.name for one in found})
        found.append(_Chosen(name=name, text=text, policy=policy, asked_for=asked_for))
    return found


def _place(chosen: Sequence[_Chosen], text: str) -> int:
    return next(i for i, one in enumerate(chosen) if one.text == text)


def _play(
    played: Played,
    chosen: Sequence[_Chosen],
    chunks: Sequence[Chunk],
    *,
    engine: Engine,
    workers: int | None,
    on_progress: Progress,
) -> list[SimulationResult]:
    """What each policy brings; all of their chunks lie ready for workers at once."""
    started = time.perf_counter()
    parts: list[list[Totals]] = [[] for _ in chosen]
    total = sum(len(chunk.worlds) for chunk in chunks)
    done = 0
    for chunk, totals in zip(chunks, play_chunks(played, chunks, engine=engine, workers=workers), strict=True):
        parts[chunk.policy].append(totals)
        done += len(chunk.worlds)
        on_progress(chosen[chunk.policy].name, done, total)
    seconds = (time.perf_counter() - started) / len(chosen)
    return [
        result_of(
            played,
            one.policy,
            merge_totals(own),
            seconds=seconds,
            notes=plan_notes(one.policy),
            cut=plan_cut(one.policy, played.market),
        )
        for one, own in zip(chosen, parts, strict=True)
    ]


def _gap_closed(
    own: dict[str, FloatArray], lower: dict[str, FloatArray], oracle: Oracle, confidence: float
) -> dict[str, GapClosed]:
    count = oracle.worlds
    closed: dict[str, GapClosed] = {}
    for measure in MEASURES:
        base = lower[measure][:count]
        value, se, low, high = ratio_of_gaps(own[measure][:count] - base, oracle.values[measure] - base, confidence)
        closed[measure] = GapClosed(value=value, se=se, low=low, high=high)
    return closed


def _notes(
    scenario: Scenario,
    policies: Sequence[ComparedPolicy],
    oracle: Oracle | None,
    runs: int,
    lower: dict[str, FloatArray],
) -> tuple[str, ...]:
    notes: list[str] = []
    if oracle is None:
        notes.append("Without an oracle (--oracle-worlds 0) nothing is said about the gap that is closed.")
    elif oracle.worlds < runs:
        notes.append(f"gap_closed rests on the first {oracle.worlds} of {runs} worlds.")
    if oracle is not None and oracle.below_floor:
        notes.append(
            f"In {oracle.below_floor} of {oracle.worlds} worlds no plan keeps budget.roi_floor; there the oracle "
            "spends no more than minimums and locks ask for."
        )
    unsure = scenario.document.uncertainty
    if oracle is not None and not unsure.spreads and unsure.draws is None:
        notes.append(
            "The scenario names no uncertain parameters, so all worlds are alike but for luck: the oracle knows "
            "nothing that the planner does not."
        )
    closed = policies[0].gap_closed
    if closed is not None and any(np.isnan(closed[measure].value) for measure in MEASURES):
        notes.append("The oracle earns no more than the uniform plan, so there is no gap to close.")
    if oracle is not None and any(
        is_hardly_positive(oracle.values[measure] - lower[measure][: oracle.worlds]) for measure in MEASURES
    ):
        notes.append(
            "In the oracle's worlds it is barely ahead of the uniform plan, so the shares of the gap and their "
            "intervals are not to be relied on. Ask it in more worlds (--oracle-worlds)."
        )
    doubtful = [one.name for one in policies if one.difference["contribution_margin"].bootstrap_disagrees]
    if doubtful:
        notes.append(
            f"The bootstrap does not confirm the interval of {', '.join(doubtful)}: few worlds carry the difference. "
            "Play more of them."
        )
    return tuple(notes)
