"""How far rewards reach: what a log's maker knows comes back, and logs that do not say it are read on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from xbopt.core.decision_log.reader import read_decision_log
from xbopt.core.decision_log.reward_reach import LateEffect, RewardReach, joined_reach
from xbopt.core.decision_log.schema import DecisionLogSchema, schema_from_plain, schema_to_plain
from xbopt.core.decision_log.writer import DecisionLogWriter
from xbopt.core.errors import DecisionLogError

REACH = RewardReach(reward_days=7, step_days=7, effects=(LateEffect(cause="deals", days=20.0),))


def test_what_the_maker_says_comes_back(schema: DecisionLogSchema) -> None:
    stated = json.loads(json.dumps(schema_to_plain(replace(schema, reward_reach=REACH))))
    assert schema_from_plain(stated).reward_reach == REACH


def test_a_log_that_does_not_say_it_is_read_and_spelt_as_ever(schema: DecisionLogSchema) -> None:
    plain = schema_to_plain(schema)
    assert "reward_reach" not in plain
    assert schema_from_plain(json.loads(json.dumps(plain))).reward_reach is None


def test_an_effect_is_missed_where_rewards_end_before_it() -> None:
    assert REACH.missed == REACH.effects
    assert replace(REACH, reward_days=20).missed == ()
    assert replace(REACH, reward_days=19).missed == REACH.effects
    assert (REACH.overlaps, replace(REACH, reward_days=8).overlaps) == (False, True)


def test_files_that_say_different_things_make_a_log_that_says_the_worst(
    schema: DecisionLogSchema, tmp_path: Path
) -> None:
    parts = (None, replace(REACH, reward_days=28, effects=()), replace(REACH, reward_days=14))
    for place, part in enumerate(parts):
        with DecisionLogWriter(tmp_path / f"{place}.parquet", replace(schema, reward_reach=part)):
            pass
    assert read_decision_log(tmp_path).schema.reward_reach == replace(REACH, reward_days=14)
    assert joined_reach([None, None]) is None


@pytest.mark.parametrize(
    "stated",
    [
        7,
        {"reward_days": 7, "step_days": 7},
        {"reward_days": 7.5, "step_days": 7, "effects": []},
        {"reward_days": True, "step_days": 7, "effects": []},
        {"reward_days": 0, "step_days": 7, "effects": []},
        {"reward_days": 7, "step_days": 7, "effects": [{"cause": "rain", "days": 20.0}]},
        {"reward_days": 7, "step_days": 7, "effects": [{"cause": "deals", "days": "20"}]},
        {"reward_days": 7, "step_days": 7, "effects": [{"cause": "deals", "days": float("inf")}]},
    ],
)
def test_a_reach_that_cannot_be_is_refused(schema: DecisionLogSchema, stated: object) -> None:
    with pytest.raises(DecisionLogError, match="reward_reach"):
        schema_from_plain({**json.loads(json.dumps(schema_to_plain(schema))), "reward_reach": stated})
