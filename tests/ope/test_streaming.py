"""The streaming evaluator's own promises: what it refuses, what it counts, what an import costs."""

import subprocess
import sys

import numpy as np
import pytest

from tests.ope.worlds import LoggedWorld
from xbopt.core.errors import DecisionLogError, UsageError
from xbopt.ope import LoggedBanditData, StreamingEvaluator

WORLD = LoggedWorld(n_actions=3)


def chunk(rows=100, seed=0, **more):
    data, evaluation = WORLD.draw(rows, np.random.default_rng(seed))
    arrays = {name: getattr(data, name) for name in ("context", "action", "reward", "propensity", "n_actions")}
    return LoggedBanditData(**{**arrays, **more}), evaluation


def test_importing_the_package_loads_no_heavy_library():
    code = (
        "import sys, xbopt.ope as ope; [getattr(ope, name) for name in ope.__all__]; "
        "print([name for name in ('torch', 'pandas', 'sklearn', 'scipy', 'pyarrow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_no_other():
    from xbopt import ope

    assert all(hasattr(ope, name) for name in ope.__all__)
    assert dir(ope) == ope.__all__
    with pytest.raises(AttributeError, match="magic"):
        _ = ope.magic


def test_chunks_have_to_be_alike():
    evaluator = StreamingEvaluator(n_actions=3)
    with pytest.raises(DecisionLogError, match="clusters"):
        evaluator.add(*chunk(cluster=np.zeros(100, dtype=int)))
    with pytest.raises(DecisionLogError, match="n_actions 3; 4 was stated"):
        StreamingEvaluator(n_actions=4).add(*chunk())


def test_nothing_gives_no_result():
    with pytest.raises(DecisionLogError, match="No row"):
        StreamingEvaluator(n_actions=3).result()


def test_a_chunk_of_censored_rows_alone_counts_and_adds_nothing():
    evaluator = StreamingEvaluator(n_actions=3)
    observed = np.zeros(100, dtype=bool)
    observed[0] = True
    data, evaluation = chunk(observed=observed)
    evaluator.add(data.rows(slice(1, 100)), evaluation[1:])
    with pytest.raises(DecisionLogError, match="No row"):
        evaluator.result()
    evaluator.add(*chunk())
    result = evaluator.result(force=True)
    assert (result.rows, result.rows_censored) == (100, 99)


def test_the_top_row_keeps_its_number_where_rows_are_left_out():
    data, evaluation = chunk()
    weight = evaluation[np.arange(100), data.action] / data.propensity
    top = int(weight.argmax())
    observed = np.arange(100) >= top
    evaluator = StreamingEvaluator(n_actions=3)
    evaluator.add(*chunk(observed=observed), first_row=5000)
    assert evaluator.result(force=True).support.top_row == 5000 + top


def test_predictions_may_come_with_each_chunk():
    data, evaluation = chunk(400)
    whole, cut = StreamingEvaluator(n_actions=3), StreamingEvaluator(n_actions=3)
    predictions = WORLD.chance(data.context)
    whole.add(data, evaluation, predictions=predictions)
    for piece in (slice(0, 150), slice(150, 400)):
        cut.add(data.rows(piece), evaluation[piece], predictions=predictions[piece])
    found = [evaluator.result(force=True).estimates["dr"] for evaluator in (whole, cut)]
    assert found[0].value == pytest.approx(found[1].value, rel=1e-12)


def test_carry_over_is_gathered_from_every_worker():
    data, evaluation = chunk(600, previous_action=np.arange(600) % 3)
    whole, left, right = (StreamingEvaluator(n_actions=3) for _ in range(3))
    whole.add(data, evaluation)
    left.add(data.rows(slice(0, 250)), evaluation[:250])
    right.add(data.rows(slice(250, 600)), evaluation[250:], first_row=250)
    empty = StreamingEvaluator(n_actions=3)
    for other in (left, right):
        empty.merge(other)
    found = [evaluator.result(force=True).carry_over for evaluator in (whole, empty)]
    assert found[0].rows == found[1].rows == 600
    assert found[0].p_value == pytest.approx(found[1].p_value, rel=1e-9)


def test_the_sums_behind_an_estimator_can_be_had_by_name():
    evaluator = StreamingEvaluator(n_actions=3)
    data, evaluation = chunk()
    evaluator.add(data, evaluation)
    assert evaluator.projected("logging").value() == pytest.approx(data.reward.mean())
    with pytest.raises(UsageError, match="'magic'"):
        evaluator.projected("magic")


def test_an_observation_probability_is_a_probability():
    with pytest.raises(DecisionLogError, match=r"observation_probability, row 3: 0\.0"):
        StreamingEvaluator(n_actions=3).add(*chunk(), observation_probability=np.where(np.arange(100) == 3, 0.0, 1.0))
