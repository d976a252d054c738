"""``--set``: values are changed by their path, and a message names the assignment."""

import pytest
from pydantic import BaseModel, ConfigDict, Field

from xbopt.core.documents.overrides import with_overrides
from xbopt.core.documents.validation import validate_document
from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.errors import ScenarioError, UsageError


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Stock(Strict):
    days: int = 1
    cover: float = 2.0


class Model(Strict):
    number: float = 0
    whole: int = Field(default=1, ge=1)
    stock: Stock | None = None
    weights: dict[str, float] = {}
    by_name: dict[str, Stock] = {}


BASE = parse_yaml(
    "market:\n  regions:\n    - {id: DE, country: DE}\n    - {id: US, country: US}\nbudget: {total: 5, a b: 1}\n",
    file="s.yaml",
)


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("budget.total=7.5", ("budget", "total"), 7.5),
        ("budget.total=NO", ("budget", "total"), "NO"),
        ("budget.total=", ("budget", "total"), None),
        ("budget.total=a=b", ("budget", "total"), "a=b"),
        ("budget.total={x: [1, 2]}", ("budget", "total"), {"x": [1, 2]}),
        ("market.regions[1].country=CA", ("market", "regions", 1, "country"), "CA"),
        ("market.regions.US.country=CA", ("market", "regions", 1, "country"), "CA"),
        ('budget["a b"]=2', ("budget", "a b"), 2),
    ],
)
def test_a_value_is_set(assignment, path, value):
    changed = with_overrides(BASE, [assignment])
    found = changed.data
    for step in path:
        found = found[step]
    assert found == value
    assert str(changed.problem(path, "Bad.")).startswith(f"--set {assignment}: ")
    assert BASE.data["budget"] == {"total": 5, "a b": 1}
    assert BASE.data["market"]["regions"][1]["country"] == "US"


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("budget.totl=1", "There is no 'totl' here. Did you mean 'total'?"),
        ("budgt.total=1", "There is no 'budgt' here. Did you mean 'budget'?"),
        (
            "market.regions.0.country=1",
            "This list has no item with the id '0'. Its ids: DE, US. Items are counted from 0, as in [0].",
        ),
        ("market.regions.USA.country=1", "This list has no item with the id 'USA'. Did you mean 'US'?"),
        ("market.regions[2].country=1", "There is no item [2]; this list has 2, counted from 0."),
        ("budget.total.x=1", "Nothing lies below 5, so 'x' cannot be set."),
        ("budget[0]=1", "There is no '0' here."),
        ("budget.total", "This is not of the form path=value, as in market.regions[0].country=NO."),
        (".budget=1", "This is not of the form path=value, as in market.regions[0].country=NO."),
        ('budget["\\q"]=1', "This is not of the form path=value, as in market.regions[0].country=NO."),
        ("=1", "This is not of the form path=value, as in market.regions[0].country=NO."),
        ("budget.total=[1", "The list that begins on line 1 needs ',' or ']' here."),
        ("budget.total=#fff", "The document is empty."),
    ],
)
def test_an_assignment_that_cannot_be_is_refused(assignment, message):
    with pytest.raises(UsageError) as caught:
        with_overrides(BASE, [assignment])
    assert str(caught.value) == f"--set {assignment}: {message}"


def test_the_last_assignment_wins_and_is_named():
    changed = with_overrides(BASE, ["budget.total=1", "budget={total: x}"])
    assert changed.data["budget"] == {"total": "x"}
    assert changed.problem(("budget", "total"), "Bad.").file == "--set budget={total: x}"


def test_a_field_of_the_model_may_be_set_where_the_document_leaves_it_out():
    document = parse_yaml("number: 1\n")
    changed = with_overrides(document, ["whole=0"], model=Model)
    with pytest.raises(ScenarioError, match=r"^--set whole=0: whole: Must be at least 1, not 0\.$"):
        validate_document(Model, changed)
    with pytest.raises(UsageError, match=r"There is no 'whol' here\. Did you mean 'whole'\?"):
        with_overrides(document, ["whol=0"], model=Model)


def test_problems_of_assignments_come_before_those_of_the_file():
    document = with_overrides(parse_yaml("number: x\nwhole: 1\n", file="s.yaml"), ["whole=0"])
    with pytest.raises(ScenarioError) as caught:
        validate_document(Model, document)
    assert [problem.file for problem in caught.value.problems] == ["--set whole=0", "s.yaml"]


@pytest.mark.parametrize(
    ("assignment", "data"),
    [
        ("stock.cover=3", {"number": 1, "stock": {"cover": 3}}),
        ("weights.DE=0.5", {"number": 1, "weights": {"DE": 0.5}}),
        ("by_name.DE.days=7", {"number": 1, "by_name": {"DE": {"days": 7}}}),
    ],
)
def test_a_section_that_the_document_leaves_out_is_made(assignment, data):
    changed = with_overrides(parse_yaml("number: 1"), [assignment], model=Model)
    assert changed.data == data
    validate_document(Model, changed)


def test_a_section_that_is_null_is_made():
    changed = with_overrides(parse_yaml("stock:"), ["stock.days=3"], model=Model)
    assert changed.data == {"stock": {"days": 3}}


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("stock.dais=3", "There is no 'dais' here. Did you mean 'days'?"),
        ("weights[0]=3", "There is no '0' here."),
        ("whole.x=1", "Nothing lies below a value that the file leaves out, so 'x' cannot be set."),
    ],
)
def test_a_path_that_the_model_does_not_have_is_refused(assignment, message):
    with pytest.raises(UsageError) as caught:
        with_overrides(parse_yaml("number: 1"), [assignment], model=Model)
    assert str(caught.value) == f"--set {assignment}: {message}"
