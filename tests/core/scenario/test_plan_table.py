"""A plan as CSV comes back bit for bit; whatever is wrong with one is told with its place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbopt.agents.policies import policy_from
from xbopt.core.decisions.plan import ScheduledPolicy
from xbopt.core.errors import PolicyError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_head import plan_columns
from xbopt.core.scenario.plan_problems import PlanTableError
from xbopt.core.scenario.plan_table import read_plan, write_plan
from xbopt.env.policy_contract import check_policy
from xbopt.simulator.build import build_market

SHORT = ["horizon.days=3", "plan.discounts=[]", "tactics.decide_every_days=1"]
ROWS = 3 * 2 * 2 * 3


@pytest.fixture(scope="module")
def market():
    return build_market(load_scenario("quickstart", overrides=SHORT))


@pytest.fixture(scope="module")
def scenario(market):
    return market.scenario


def some_plan(scenario, seed):
    rng = np.random.default_rng(seed)
    regions, segments, channels, dayparts = scenario.shape
    weights = rng.random((regions, channels, dayparts))
    cells = (scenario.days, regions, segments)
    return ScheduledPolicy(
        name="any",
        spend_base=rng.lognormal(3.0, 4.0, (*cells, channels)) * rng.integers(0, 2, (*cells, channels)),
        daypart_weights=weights / weights.sum(axis=2, keepdims=True),
        discount_frac=rng.random(cells) * scenario.limits.discount_ceiling,
        mechanic=rng.integers(0, 5, cells),
        kind="planner",
    )


@pytest.fixture
def lines(scenario, tmp_path):
    write_plan(some_plan(scenario, 0), scenario, tmp_path / "good.csv")
    return (tmp_path / "good.csv").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def read(scenario, tmp_path):
    def attempt(lines, *, encoding="utf-8"):
        (tmp_path / "plan.csv").write_text("\n".join(lines) + "\n", encoding=encoding)
        return read_plan(tmp_path / "plan.csv", scenario)

    return attempt


def problems(read, lines):
    with pytest.raises(PlanTableError) as caught:
        read(lines)
    return caught.value.problems


def changed(line, **cells):
    names = ["date", "region", "segment", "channel", "spend_base", "discount_frac", "mechanic", "daypart_night"]
    parts = line.split(",")
    for name, text in cells.items():
        parts[names.index(name)] = text
    return ",".join(parts)


@given(seed=st.integers(0, 10_000))
def test_a_plan_comes_back_bit_for_bit(seed, tmp_path_factory):
    scenario = load_scenario("quickstart", overrides=SHORT)
    plan, path = some_plan(scenario, seed), tmp_path_factory.mktemp("plan") / "p.csv"
    write_plan(plan, scenario, path)
    back = read_plan(path, scenario)
    for name in ("spend_base", "daypart_weights", "discount_frac", "mechanic"):
        assert getattr(back, name).tobytes() == getattr(plan, name).tobytes(), name
    assert (back.name, back.kind) == ("p.csv", "planner")


def test_one_row_a_day_and_cell_and_channel(lines, scenario):
    assert tuple(lines[0].split(",")) == plan_columns(scenario)
    assert len(lines) == 1 + ROWS


def test_the_file_works_as_a_policy_wherever_one_is_named(lines, tmp_path, market):
    policy = policy_from(str(tmp_path / "good.csv"), market)
    check_policy(policy, market)


def test_discounts_are_written_as_they_would_be_given(scenario, tmp_path):
    plan = some_plan(scenario, 1)
    plan = ScheduledPolicy(
        name="deep",
        spend_base=plan.spend_base,
        daypart_weights=plan.daypart_weights,
        discount_frac=np.full_like(plan.discount_frac, 0.9),
        mechanic=plan.mechanic,
    )
    write_plan(plan, scenario, tmp_path / "deep.csv")
    back = read_plan(tmp_path / "deep.csv", scenario)
    assert np.array_equal(back.discount_frac, np.broadcast_to(scenario.limits.discount_ceiling, (3, 2, 2)))


def test_order_of_rows_and_columns_does_not_matter(lines, read):
    plain = read(lines)
    shuffled = [",".join(reversed(line.split(","))) for line in [lines[0], *reversed(lines[1:])]]
    assert read(shuffled).spend_base.tobytes() == plain.spend_base.tobytes()


def test_spreadsheets_of_other_countries_are_read(lines, read):
    plain = read(lines)
    european = [line.replace(",", ";").replace(".", ",") for line in lines]
    assert read(european, encoding="utf-8-sig").spend_base.tobytes() == plain.spend_base.tobytes()
    quoted = [",".join(f'"{cell}"' for cell in line.split(",")) for line in lines]
    assert read([*quoted, ",,,,,,,,,,", ""]).discount_frac.tobytes() == plain.discount_frac.tobytes()


def test_what_a_cell_shares_may_stand_once(lines, read):
    plain = read(lines)
    blank = [line if "search" in line else changed(line, discount_frac="", mechanic="") for line in lines[1:]]
    back = read([lines[0], *blank])
    assert back.discount_frac.tobytes() == plain.discount_frac.tobytes()
    assert back.mechanic.tobytes() == plain.mechanic.tobytes()


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"region": "DEE"}, 12, "There is no region 'DEE'. Did you mean 'DE'?"),
        ({"segment": "familes"}, 15, "There is no segment 'familes'. Did you mean 'families'?"),
        ({"channel": "telex"}, 24, "There is no channel 'telex'. One of search, social, email is wanted."),
        ({"date": "2026-10-09"}, 1, "2026-10-09 is outside the horizon, 2026-10-05 to 2026-10-07."),
        ({"date": "5.10.2026"}, 1, "'5.10.2026' is no date; write YYYY-MM-DD, as in 2026-10-05."),
        ({"date": "2026-02-30"}, 1, "'2026-02-30' is no date; write YYYY-MM-DD, as in 2026-10-05."),
        ({"spend_base": "-5"}, 31, "The spend is -5; it cannot be negative."),
        ({"spend_base": "5%"}, 31, "5% is a share; write an amount of money."),
        ({"spend_base": "1_000"}, 31, "'1_000' is no number."),
        ({"spend_base": "nan"}, 31, "'nan' is no number."),
        ({"spend_base": "1e999"}, 31, "'1e999' is no number."),
        ({"discount_frac": "0.31", "spend_base": "1"}, 33, "The discount is 0.31; 0 to 0.3 is allowed here"),
        ({"discount_frac": "-0.1", "spend_base": "1"}, 33, "The discount is -0.1; 0 to 0.3 is allowed here"),
        ({"mechanic": "bundel", "spend_base": "1", "discount_frac": ""}, 34, "Did you mean 'bundle'?"),
    ],
)  # fmt: skip
def test_a_bad_entry_is_told_with_line_and_column(cells, column, words, lines, read):
    found = problems(read, [lines[0], changed(lines[1], **cells), *lines[2:]])
    (told,) = [problem for problem in found if words in problem.message]
    assert (told.line, told.column) == (2, column)
    assert str(told).startswith(f"{told.file}:2:{column}: {told.path}: ")


def test_rows_that_share_something_have_to_agree(lines, read):
    (found,) = problems(read, [*lines[:3], changed(lines[3], discount_frac="0.123"), *lines[4:]])
    assert found.message == "Line 2 says otherwise for the same region and segment on this day."
    assert (found.line, found.path) == (4, "discount_frac")
    (found,) = problems(read, [*lines[:-1], changed(lines[-1], daypart_night="0.5")])
    assert "says otherwise for the same region and channel." in found.message


def test_double_rows(lines, read):
    (double,) = problems(read, [*lines, lines[4]])
    assert (double.line, double.column) == (len(lines) + 1, 1)
    assert double.message == "Day, region, segment and channel are those of line 5 again."


def test_what_nobody_says_is_missing(lines, read):
    silent = [changed(line, discount_frac="") if line.startswith("2026-10-05,DE,families") else line for line in lines]
    (unsaid,) = problems(read, silent)
    assert (unsaid.line, unsaid.path) == (2, "discount_frac")


def test_dayparts_have_to_sum_to_one(lines, read):
    british_mail = [",UK," in line and ",email," in line for line in lines]
    double = [
        changed(line, daypart_night="0.9") if own else line for line, own in zip(lines, british_mail, strict=True)
    ]
    (found,) = problems(read, double)
    assert "sum to 1" in found.message


def test_the_head_names_the_columns(lines, read):
    found = problems(read, [lines[0].replace("spend_base", "spend_bsae"), *lines[1:]])
    assert found[1].message == "There is no column 'spend_bsae'. Did you mean 'spend_base'?"
    assert (found[1].line, found[1].column) == (1, 29)
    assert found[0].message == "The column spend_base is missing."
    twice = problems(read, [f"{lines[0]},date", *lines[1:]])
    assert twice[0].message == "The column date stands here twice."
    assert problems(read, [])[0].message == "The file is empty; its first line has to name the columns."


def test_a_row_of_another_length(lines, read):
    (found,) = problems(read, [lines[0], f"{lines[1]},1", *lines[2:]])
    assert (found.line, found.message) == (2, "There are 12 entries for 11 columns.")


def test_one_cause_is_one_problem(lines, read):
    bad = [changed(line, spend_base="x", mechanic="y") for line in lines[1:]]
    found = problems(read, [lines[0], *bad])
    assert [(problem.line, problem.path) for problem in found] == [(2, "spend_base"), (2, "mechanic")]
    assert found[0].message == f"'x' is no number. The same holds for {ROWS - 1} more rows."
    away = [line.replace("2026-10", "2026-11") for line in lines]
    (outside,) = problems(read, away)
    assert outside.message.endswith(
        f"is outside the horizon, 2026-10-05 to 2026-10-07. The same holds for {ROWS - 1} more rows."
    )


def test_files_that_are_no_text_or_not_there(scenario, tmp_path):
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 3)
    with pytest.raises(PlanTableError, match="UTF-8"):
        read_plan(tmp_path / "binary.csv", scenario)
    with pytest.raises(PolicyError, match="No such file"):
        read_plan(tmp_path / "missing.csv", scenario)


def test_a_plan_for_another_scenario_is_refused(lines, tmp_path):
    other = load_scenario("tariff_shock")
    with pytest.raises(PlanTableError, match="There is no"):
        read_plan(tmp_path / "good.csv", other)
