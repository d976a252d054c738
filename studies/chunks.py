"""Chunks of worlds, played here or by workers; what is gathered of a chunk is the same bytes either way."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from xbopt.core.arrays import IntArray
from xbopt.core.decisions.policy import Policy
from xbopt.core.panel import PanelWriter
from xbopt.core.workers import Engine, OnParts, over_parts
from xbopt.env.rollout import Recorder, play_worlds
from xbopt.simulator.parameters import MarketParameters
from xbopt.studies.panel import PanelRecorder, TakesRows
from xbopt.studies.totals import Totals, TotalsRecorder

if TYPE_CHECKING:
    from xbopt.env.decision_book import DecisionBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Worlds that are played at once.

    Attributes:
        policy: Which of the policies plays them.
        worlds: Global numbers ``(B,)``.
    """

    policy: int = 0
    worlds: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What is played: all that a chunk does not say.

    Attributes:
        market: The market.
        policies: Who decides; each chunk names one.
        seed: Noise seed.
        world_seed: Seed of the uncertain parameters; the noise seed where None.
        believed: The market as the seller believes it to be.
    """

    market: MarketParameters
    policies: tuple[Policy, ...]
    seed: int
    world_seed: int | None
    believed: MarketParameters | None = None


def play_chunks(
    played: Played,
    chunks: Sequence[Chunk],
    *,
    book: "DecisionBook | None" = None,
    panel: PanelWriter | None = None,
    engine: Engine = "local",
    workers: int | None = None,
    on_progress: OnParts | None = None,
) -> Generator[Totals]:
    """The sums of each chunk, in order; log and panel are written on the way, in the same order.

    Args:
        played: What is played.
        chunks: The chunks.
        book: An open decision log.
        panel: An open panel.
        engine: Where chunks are played; see ``over_parts``.
        workers: By how many.
        on_progress: Called with chunks done and chunks in all.
    """
    if engine == "local" and (workers or 1) == 1:
        here = partial(_play, played, book, panel)
        yield from over_parts(here, chunks, on_progress=on_progress)
        return
    # Writers stay here: what workers would write comes back with the sums, and is written in order.
    work = partial(_play_away, played, None if book is None else replace(book, writer=_Kept()), panel is not None)
    with closing(over_parts(work, chunks, engine=engine, workers=workers, on_progress=on_progress)) as done:
        for totals, decisions, rows in done:
            if book is not None:
                decisions.write_to(book.writer.append)
            if panel is not None:
                rows.write_to(panel.append)
            yield totals


def _play(played: Played, book: "DecisionBook | None", panel: TakesRows | None, chunk: Chunk) -> Totals:
    worlds = chunk.worlds
    adder = TotalsRecorder(played.market, len(worlds))
    recorders: list[Recorder] = [adder] if book is None else [adder, book.recorder(worlds)]
    if panel is not None:
        recorders.append(PanelRecorder(panel, played.market, seed=played.seed, worlds=worlds))
    play_worlds(
        played.market,
        played.policies[chunk.policy],
        worlds=worlds,
        seed=played.seed,
        world_seed=played.world_seed,
        recorders=recorders,
        believed=played.believed,
    )
    return adder.totals()


class _Kept:
    """Stands for a writer: what is appended is kept."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def append(self, *call: object) -> None:
        self.calls.append(call)

    def write_to(self, append: Callable[..., None]) -> None:
        for call in self.calls:
            append(*call)


def _play_away(
    played: Played,
    book: "DecisionBook | None",
    with_panel: bool,  # noqa: FBT001 - bound by position
    chunk: Chunk,
) -> tuple[Totals, _Kept, _Kept]:
    decisions, rows = _Kept(), _Kept()
    own = None if book is None else replace(book, writer=decisions)
    return _play(played, own, rows if with_panel else None, chunk), decisions, rows
