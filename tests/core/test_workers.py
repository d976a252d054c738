"""``over_parts``: the same answers in the same order whatever does the parts, and workers that may die."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.core import work_of_parts as work
from xbopt.core import worker_pools
from xbopt.core.errors import Problem, ScenarioError, UsageError
from xbopt.core.worker_pools import RETRIES, LostWorkerError
from xbopt.core.workers import over_parts

RAY = pytest.param(
    "ray", None, marks=pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra scale)")
)
ENGINES = [("local", None), ("local", 2), ("local", 3), RAY]
ON_EVERY_ENGINE = pytest.mark.parametrize(("engine", "workers"), ENGINES)


def wait_for(path: Path) -> int:
    """The process that a file names, once it is there."""
    end = time.monotonic() + 30.0
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not come"
        time.sleep(0.01)
    return int(path.read_text())


def is_gone(pid: int) -> bool:
    """Whether a process ends within seconds."""
    end = time.monotonic() + 10.0
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


@ON_EVERY_ENGINE
def test_answers_come_in_order_and_are_the_same_bytes(engine, workers):
    wanted = [work.draws(3, part).tobytes() for part in range(12)]
    found = over_parts(partial(work.draws, 3), range(12), engine=engine, workers=workers)
    assert [one.tobytes() for one in found] == wanted


@ON_EVERY_ENGINE
def test_without_order_every_answer_comes_once(engine, workers):
    found = over_parts(partial(work.draws, 3), range(9), engine=engine, workers=workers, in_order=False)
    assert sorted(len(one) for one in found) == list(range(1, 10))


@ON_EVERY_ENGINE
def test_errors_of_the_work_come_out_as_themselves(engine, workers):
    with pytest.raises(ScenarioError) as caught:
        list(over_parts(work.refuses, range(6), engine=engine, workers=workers))
    assert caught.value.problems == [Problem(message="It is too much.", path="budget.total_base", line=7)]
    assert str(caught.value) == "<scenario>:7: budget.total_base: It is too much."


def test_an_error_that_no_other_process_can_make_is_told_by_name():
    with pytest.raises(RuntimeError, match="Odd: part 0"):
        list(over_parts(work.odd_error, range(2), workers=2))


@ON_EVERY_ENGINE
def test_progress_counts_every_part(engine, workers):
    told = []
    list(
        over_parts(
            partial(work.draws, 0), range(5), engine=engine, workers=workers, on_progress=lambda *at: told.append(at)
        )
    )
    assert told == [(done, 5) for done in range(1, 6)]


@ON_EVERY_ENGINE
def test_no_parts_are_no_answers(engine, workers):
    assert list(over_parts(work.dies, [], engine=engine, workers=workers)) == []


def test_work_that_cannot_be_sent_is_refused():
    with pytest.raises(UsageError, match="cannot be sent to workers"):
        list(over_parts(lambda part: part, range(2), workers=2))


@pytest.mark.parametrize("workers", [0, -1, 5000])
def test_a_senseless_number_of_workers_is_refused(workers):
    with pytest.raises(UsageError, match="a number from 1 to 4096"):
        list(over_parts(work.refuses, range(2), workers=workers))


def test_an_unknown_engine_is_refused():
    with pytest.raises(UsageError, match="engine is 'locl'; local or ray is wanted"):
        list(over_parts(work.refuses, range(2), engine="locl"))


def test_a_worker_of_another_version_is_refused(monkeypatch):
    blob = worker_pools._packed(work.refuses, pickle.dumps)
    monkeypatch.setattr(worker_pools, "__version__", "0.0.9")
    answer = worker_pools._apply(blob, 0)
    assert isinstance(answer.error, UsageError)
    assert "install one version everywhere" in str(answer.error)


@pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed (the extra scale)")
def test_a_cluster_that_nobody_answers_for_is_told_at_once(monkeypatch):
    import ray

    ray.shutdown()
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")  # the port of discard, which nobody serves
    with pytest.raises(UsageError, match=r"The Ray cluster 127\.0\.0\.1:9 was not reached: .*refused"):
        list(over_parts(work.refuses, range(2), engine="ray"))


def test_work_of_a_notebook_is_refused_by_its_workers():
    blob = pickle.dumps((worker_pools.__version__, b"c__main__\nOnlyInANotebook\n."))
    answer = worker_pools._apply(blob, 0)
    assert isinstance(answer.error, UsageError)
    assert "OnlyInANotebook" in str(answer.error)
    assert "in a module that workers can import" in str(answer.error)


def test_a_worker_that_is_killed_is_survived(tmp_path):
    def kill() -> None:
        os.kill(wait_for(tmp_path / "pid"), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    found = list(over_parts(partial(work.waits_for, tmp_path), range(8), workers=2))
    killer.join()
    assert found == [part * part for part in range(8)]


def test_a_worker_that_dies_in_the_middle_of_an_answer_is_survived(tmp_path):
    found: list[bytes] = []
    asked = over_parts(partial(work.dies_while_it_tells, tmp_path), range(6), workers=2)
    asks = threading.Thread(target=lambda: found.extend(asked), daemon=True)
    asks.start()
    asks.join(timeout=30.0)
    assert found == [bytes([part]) * 1_000_000 for part in range(6)]


def test_a_part_that_ends_its_workers_is_named_in_the_end():
    with pytest.raises(LostWorkerError, match=f"{RETRIES + 1} times a worker ended that had part .*2.* of 2"):
        list(over_parts(work.dies, range(2), workers=2))


def test_who_stops_early_ends_the_workers(tmp_path):
    answers = over_parts(partial(work.says_who, tmp_path), range(3), workers=2)
    assert next(answers) == 0
    pids = {wait_for(tmp_path / f"{part}.pid") for part in (1, 2)}
    answers.close()
    assert all(map(is_gone, pids))


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_whoever_asked_takes_the_workers_along(tmp_path, sign, repository):
    """Ctrl-C as well as ``kill -9``: nobody computes on for one who is gone."""
    (tmp_path / "asks.py").write_text(
        "import sys\n"
        "from functools import partial\n"
        "from pathlib import Path\n"
        "from tests.core.work_of_parts import says_who\n"
        "from xbopt.core.workers import over_parts\n"
        "if __name__ == '__main__':\n"
        "    list(over_parts(partial(says_who, Path(sys.argv[1])), [1, 2], workers=2))\n"
    )
    path = os.pathsep.join([str(repository), *filter(None, [os.environ.get("PYTHONPATH")])])
    with subprocess.Popen(
        [sys.executable, tmp_path / "asks.py", tmp_path],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads run here
    ) as asks:
        pids = {wait_for(tmp_path / f"{part}.pid") for part in (1, 2)}
        asks.send_signal(sign)
        asks.wait(timeout=30.0)
        assert all(map(is_gone, pids))
