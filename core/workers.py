"""Where the parts of a piece of work are done: here one after the other, in processes of this machine, or on a cluster.

What is gathered comes in the order of the parts and is the same whatever does them: a part may depend on nothing but
itself and the work, and draws come from streams that a part names. A part whose worker dies is done again elsewhere.
"""

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from importlib.util import find_spec
from typing import Literal, TypeVar, cast, get_args

from xbopt.core.errors import UsageError
from xbopt.core.worker_pools import RETRIES, Answer, Cluster, LostWorkerError, Pool, Processes

Engine = Literal["local", "ray"]
Part = TypeVar("Part")
Gathered = TypeVar("Gathered")
OnParts = Callable[[int, int], None]
"""Called with parts done and parts in all."""

MAX_WORKERS = 4096
_AHEAD = 4  # so many times as many parts as workers may be done before the next in order is


def over_parts(
    work: Callable[[Part], Gathered],
    parts: Sequence[Part],
    *,
    engine: Engine = "local",
    workers: int | None = None,
    in_order: bool = True,
    on_progress: OnParts | None = None,
) -> Generator[Gathered]:
    """What the work gathers from each part, in the order of the parts; the same bytes whatever does them.

    Workers are ended where the generator is closed, whoever stops early: an error, Ctrl-C, or the end of this process.

    Args:
        work: Works on a part. It travels to the workers, and so does what it gathers.
        parts: The parts. Workers of a cluster need files under the same paths.
        engine: ``local``, or ``ray``: the cluster of ``RAY_ADDRESS``, else one of this machine.
        workers: Processes, 1 where left out, which is this one; of a cluster the parts done at once, as many as it has
            processors where left out.
        in_order: Whether to wait for the next in order, else each comes as soon as it is there.
        on_progress: Told of every part that is done, in whichever order.

    Raises:
        UsageError: Ray is asked for and not installed or not reached, or the work cannot be sent to workers.
        LostWorkerError: Workers died over a part once more than ``RETRIES`` times.
        Exception: What the work raises, as it raises it.
    """
    tell, total = on_progress or _tell_nobody, len(parts)
    check_engine(engine, workers)
    if engine == "local" and ((workers or 1) == 1 or total < 2):
        for done, part in enumerate(parts, start=1):
            gathered = work(part)
            tell(done, total)
            yield gathered
        return
    if not parts:
        return
    pool = Cluster(work, workers) if engine == "ray" else Processes(work, min(workers or 1, total))
    given: dict[object, int] = {}
    kept: dict[int, Answer] = {}
    first = 0
    try:
        for n, answer in _answers(pool, parts, given, tell):
            kept[n] = answer
            while kept and (first in kept or not in_order):
                due = kept.pop(first if in_order else n)
                first += 1
                if due.error is not None:
                    raise due.error
                yield cast("Gathered", due.gathered)
    finally:
        pool.end(given)


def check_engine(engine: Engine, workers: int | None) -> None:
    """Refuse what cannot be before long work is done for it.

    Raises:
        UsageError: There is no such engine, it is not installed, or the number of workers makes no sense.
    """
    if engine not in get_args(Engine):
        raise UsageError(f"engine is {engine!r}; {' or '.join(get_args(Engine))} is wanted.")
    if workers is not None and not 1 <= workers <= MAX_WORKERS:
        raise UsageError(f"workers is {workers}; a number from 1 to {MAX_WORKERS} is wanted.")
    if engine == "ray" and find_spec("ray") is None:
        raise UsageError("--engine ray needs Ray, which is not installed: pip install 'xbopt[scale]'.")


def _tell_nobody(done: int, total: int) -> None:
    """Progress that nobody asked for."""


def _answers(
    pool: Pool, parts: Sequence[object], given: dict[object, int], tell: OnParts
) -> Iterator[tuple[int, Answer]]:
    """What came of each part, by its place, as soon as it is there; ``given`` holds what is with the workers."""
    waiting, losses, done = deque(range(len(parts))), Counter[int](), 0
    while waiting or given:
        slots = pool.slots()
        # Who waits for the next in order must not have to keep all the others.
        oldest = min(given.values(), default=len(parts))
        last = min(oldest, waiting[0] if waiting else oldest) + _AHEAD * slots
        while waiting and len(given) < slots and waiting[0] < last:
            n = waiting.popleft()
            given[pool.give(parts[n])] = n
        lost: list[int] = []
        for handle in pool.finished(given):
            n, answer = given.pop(handle), pool.answer(handle)
            if answer is None:
                lost.append(n)
                continue
            done += 1
            tell(done, len(parts))
            yield n, answer
        if lost:
            losses.update(lost)
            _check_losses(losses, len(parts))
            waiting = deque(sorted([*waiting, *lost]))


def _check_losses(losses: Counter[int], total: int) -> None:
    """What ends its worker again and again is given up.

    Raises:
        LostWorkerError: A part was lost too often.
    """
    most = max(losses.values(), default=0)
    if most > RETRIES:
        parts = ", ".join(str(n + 1) for n, count in sorted(losses.items()) if count == most)
        raise LostWorkerError(
            f"{most} times a worker ended that had part {parts} of {total}: killed from outside, "
            "or out of memory, for which fewer workers (--workers) are the remedy. A script of your own "
            'that asks for workers must do so below `if __name__ == "__main__":`.'
        )
