"""Loading: shipped names, files, and ``--set``."""

import pytest

from xbopt.core.errors import ScenarioError, UsageError
from xbopt.core.scenario.loading import load_scenario, read_document, shipped_scenarios


@pytest.fixture
def file(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def first_problem(*args, **kwargs):
    with pytest.raises(ScenarioError) as caught:
        load_scenario(*args, **kwargs)
    return caught.value.problems[0]


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_loads_by_its_name(name):
    assert load_scenario(name).name == name


def test_a_file_loads_by_path_and_by_text(file, monkeypatch):
    assert load_scenario(file).hash == load_scenario(str(file)).hash
    monkeypatch.chdir(file.parent)
    assert load_scenario("mine.yaml").name == "small"


def test_a_file_without_a_suffix_in_this_folder_loads(file, monkeypatch):
    file.rename(file.parent / "mine")
    monkeypatch.chdir(file.parent)
    assert load_scenario("mine").name == "small"


def test_a_folder_of_the_same_name_does_not_hide_a_shipped_scenario(tmp_path, monkeypatch):
    (tmp_path / "quickstart").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_scenario("quickstart").name == "quickstart"


def test_a_misspelt_name_names_the_nearest():
    problem = first_problem("quikstart")
    assert "There is no such file, and no shipped scenario. Did you mean 'quickstart'?" in problem.message


def test_a_missing_file_names_a_similar_one(file):
    assert "Did you mean 'mine.yaml'?" in first_problem(file.parent / "mina.yaml").message


@pytest.mark.parametrize("name", ["", "x" * 5000, "a\0b", "quickstart.yml", ".", "/"])
def test_no_name_makes_a_traceback(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert first_problem(name).message


def test_a_shipped_document_says_where_its_values_stand():
    document = read_document("quickstart")
    assert document.file == "quickstart.yaml"
    assert document.position(("version",), key=True).line > 1


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("budget.total_base=500", lambda s: s.limits.total_base, 500.0),
        ("market.regions.DE1.country=NO", lambda s: s.document.market.regions[1].country, "NO"),
        ("noise.demand_cv=0.5", lambda s: s.document.noise.demand_cv, 0.5),
        ("market.regions.DE1.stock={initial_orders: 5, lead_time_days: 2, cover_days: 3}",
         lambda s: s.document.market.regions[1].stock.lead_time_days, 2),
        ("segments.a.ageing.new_to_at_risk=0.2", lambda s: s.document.segments[0].ageing.new_to_at_risk, 0.2),
        ("plan.channels.search=1", lambda s: s.plan.share[..., 1].sum(), 0.0),
        ("uncertainty.elasticity.spread=0.1", lambda s: s.document.uncertainty.spreads["elasticity"].spread, 0.1),
        ("horizon.start=2026-01-01", lambda s: str(s.start), "2026-01-01"),
    ],
)  # fmt: skip
def test_an_override_changes_a_value_even_one_that_the_file_leaves_out(file, override, read, value):
    assert read(load_scenario(file, overrides=[override])) == value


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget.totl_base=5", "There is no 'totl_base' here. Did you mean 'total_base'?"),
        ("noises.demand_cv=0.5", "There is no 'noises' here. Did you mean 'noise'?"),
        ("market.regions.DE2.country=NO", "This list has no item with the id 'DE2'. Did you mean 'DE1'?"),
        ("channels[2].id=x", "There is no item [2]; this list has 2, counted from 0."),
    ],
)
def test_an_override_of_nothing_is_refused_with_a_hint(file, override, message):
    with pytest.raises(UsageError) as caught:
        load_scenario(file, overrides=[override])
    assert str(caught.value) == f"--set {override}: {message}"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("budget.total_base=-5", "Must be at least"),
        ("plan.channels.serch=1", "There is no channel 'serch'. Did you mean 'search'?"),
        ("plan.spend_frac=80", "80 % is 0.8"),
    ],
)
def test_a_problem_of_an_override_names_the_override(file, override, message):
    problem = first_problem(file, overrides=[override])
    assert problem.file == f"--set {override}"
    assert message in problem.message


def test_an_override_leaves_the_next_load_as_it_was(file):
    load_scenario(file, overrides=["budget.total_base=500"])
    assert load_scenario(file).limits.total_base == 1000.0
