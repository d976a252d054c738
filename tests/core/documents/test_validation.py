"""Validation: each kind of pydantic error becomes one sentence with its place."""

import time
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel, field_validator, model_validator

from xbopt.core.documents.document import Document
from xbopt.core.documents.validation import DocumentProblems, validate_document
from xbopt.core.documents.yaml_text import parse_yaml
from xbopt.core.errors import ScenarioError


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Fixed(Strict):
    type: Literal["fixed"]
    amount: float = Field(ge=0, le=1)
    fixed: dict[str, float] = {}


class Linear(Strict):
    type: Literal["linear"]
    slope: float


class Region(Strict):
    id: str
    currency: str = Field(description="Currency that prices are shown in.")
    weight: float = 1.0

    @model_validator(mode="after")
    def check(self) -> "Region":
        if self.weight == 13:
            raise DocumentProblems([(("weight",), "Thirteen brings no luck."), ((), "Choose another region.")])
        return self


class Names(RootModel[list[str]]):
    pass


class Model(Strict):
    number: float = 0
    share: Annotated[float, Field(gt=0, le=1)] = 1
    whole: int = Field(default=1, ge=1)
    negative: float = Field(default=-2, ge=-9, le=-1)
    flag: bool = True
    text: str = Field(default="abc", min_length=2, max_length=5)
    code: str = Field(default="AB", pattern="^[A-Z]{2}$")
    colour: Colour = Colour.RED
    level: Literal["low", "high"] = "low"
    day: date | None = None
    moment: AwareDatetime | None = None
    plain_moment: datetime | None = None
    finite: float = Field(default=1, allow_inf_nan=False)
    few: list[int] = Field(default=[1], min_length=1, max_length=2)
    pair: tuple[int, int] = (1, 2)
    curve: Annotated[Fixed | Linear, Field(discriminator="type")] | None = None
    spend: float | Literal["auto"] | list[float] = 1.0
    by_colour: dict[Colour, float] = {}
    regions: list[Region] = []
    names: Names = Names([])
    shapes: dict[str, Fixed | Linear] = {}
    step: int = Field(default=2, multiple_of=2)
    even: int = 2

    @field_validator("even")
    @classmethod
    def check_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("An even number is wanted.")
        return value


def problems(text: str, model: type[BaseModel] = Model) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        validate_document(model, parse_yaml(text, file="s.yaml"))
    return [str(problem).removeprefix("s.yaml:") for problem in caught.value.problems]


def test_a_good_document_becomes_the_model():
    text = "number: 3\nday: 2026-03-02\ncolour: green\npair: [1, 2]\ncurve: {type: linear, slope: 1}\nspend: auto\n"
    model = validate_document(Model, parse_yaml(text))
    assert (model.number, model.day, model.colour, model.pair) == (3.0, date(2026, 3, 2), Colour.GREEN, (1, 2))
    assert isinstance(model.curve, Linear)
    assert model.spend == "auto"


MESSAGES = {
    "quoted number": ("number: '5'", "1:9: number: Must be a number, not '5'. Remove the quotes."),
    "word for number": ("number: abc", "1:9: number: Must be a number, not 'abc'."),
    "bool for number": ("number: true", "1:9: number: Must be a number, not true."),
    "percent sign": ("share: 20%", "1:8: share: Must be a number, not '20%'. Shares are fractions: write 0.2."),
    "currency sign": ("number: €28,000", "1:9: number: Must be a number, not '€28,000'. Write the bare number: 28000."),
    "decimal comma": ("number: 0,2", "1:9: number: Must be a number, not '0,2'. Write the bare number: 0.2."),
    "separator": ("number: 28_000", "1:9: number: Must be a number, not '28_000'. Write the bare number: 28000."),
    "no minus": (
        "negative: 2",
        "1:11: negative: Must be at least -9 and at most -1, not 2. Write it with a minus: -2.",
    ),
    "null for number": ("number:", "1:8: number: Must be a number, not empty (null)."),
    "list for number": ("number: [1]", "1:9: number: Must be a number, not a list of 1 item."),
    "mapping for number": ("number: {a: 1, b: 2}", "1:9: number: Must be a number, not a mapping of 2 items."),
    "range": (
        "share: 1.5",
        "1:8: share: Must be greater than 0 and at most 1, not 1.5. Shares are fractions, not percent: 1.5 % is 0.015.",
    ),
    "lower bound": ("whole: 0", "1:8: whole: Must be at least 1, not 0."),
    "fraction for whole": ("whole: 1.5", "1:8: whole: Must be a whole number, not 1.5."),
    "quoted whole": ("whole: '2'", "1:8: whole: Must be a whole number, not '2'. Remove the quotes."),
    "multiple": ("step: 3", "1:7: step: Must be a multiple of 2, not 3."),
    "yes": ("flag: yes", "1:7: flag: Must be true or false, not 'yes'."),
    "number for text": ("text: 12", "1:7: text: Must be text, not 12. Put quotes around it."),
    "short text": ("text: a", "1:7: text: Must be text of at least 2 characters, not 'a'."),
    "long text": (
        f"text: {'a' * 90}",
        f"1:7: text: Must be text of at most 5 characters, not '{'a' * 56}....",
    ),
    "pattern": ("code: abc", "1:7: code: Must be two capital letters, as in DE, not 'abc'."),
    "enum": ("colour: gren", "1:9: colour: Must be 'red' or 'green', not 'gren'. Did you mean 'green'?"),
    "literal": ("level: hihg", "1:8: level: Must be 'low' or 'high', not 'hihg'. Did you mean 'high'?"),
    "date": (
        "day: 2026-13-02",
        (
            "1:6: day: Must be a date such as 2026-03-02 (month value is outside expected range of 1-12), "
            "not '2026-13-02'."
        ),
    ),
    "number for date": ("day: 5", "1:6: day: Must be a date such as 2026-03-02, not 5."),
    "time zone": (
        "moment: 2026-03-02T10:00:00",
        (
            "1:9: moment: Must be a date and time with a time zone, such as 2026-03-02T12:30:00Z, "
            "not '2026-03-02T10:00:00'."
        ),
    ),
    "infinite": ("finite: .inf", "1:9: finite: Must be a finite number, not inf."),
    "not a number": ("finite: .nan", "1:9: finite: Must be a finite number, not nan."),
    "too few": ("few: []", "1:6: few: Must be a list of at least 1 item, not a list of 0 items."),
    "too many": ("few: [1, 2, 3]", "1:6: few: Must be a list of at most 2 items, not a list of 3 items."),
    "no list": ("few: 1", "1:6: few: Must be a list, not 1."),
    "item": ("few: [1, x]", "1:10: few[1]: Must be a whole number, not 'x'."),
    "missing item": ("pair: [1]", "1:7: pair[1]: Item 2 of this list is missing."),
    "unknown key": ("number: 1\nshar: 1", "2:1: shar: The key 'shar' is not known here. Did you mean 'share'?"),
    "unknown key without a near one": (
        "curve: {type: linear, slope: 1, zzz: 1}",
        "1:33: curve.zzz: The key 'zzz' is not known here. Known keys: slope, type.",
    ),
    "missing key": (
        "regions:\n  - id: DE",
        "2:5: regions[0].currency: The key 'currency' is missing. It means: Currency that prices are shown in.",
    ),
    "no mapping": ("regions: [5]", "1:11: regions[0]: Must be a mapping of keys to values, not 5."),
    "whole document": ("5", "1:1: Must be a mapping of keys to values, not 5."),
    "tagged union": (
        "curve:\n  type: fixed\n  amount: 2",
        "3:11: curve.amount: Must be at least 0 and at most 1, not 2. Shares are fractions, not percent: 2 % is 0.02.",
    ),
    "tag that is a key too": (
        "curve:\n  type: fixed\n  fixed: {fixed: x}\n  amount: 1",
        "3:18: curve.fixed.fixed: Must be a number, not 'x'.",
    ),
    "missing below a tag that is a key too": (
        "curve: {type: fixed, fixed: {}}",
        "1:8: curve.amount: The key 'amount' is missing.",
    ),
    "unknown tag": (
        "curve: {type: fixd, amount: 1}",
        "1:15: curve.type: Must be one of 'fixed', 'linear', not 'fixd'. Did you mean 'fixed'?",
    ),
    "no tag": (
        "curve: {amount: 1}",
        "1:8: curve.type: The key 'type' is missing. It must be one of 'fixed', 'linear'.",
    ),
    "no mapping for a tagged union": ("curve: 3", "1:8: curve: Must be a mapping of keys to values, not 3."),
    "plain union": (
        "spend: aut",
        "1:8: spend: Must be a number, or 'auto', or a list, not 'aut'. Did you mean 'auto'?",
    ),
    "branch of a plain union": ("spend: [1, x]", "1:12: spend[1]: Must be a number, not 'x'."),
    "key": (
        "by_colour: {rad: 1}",
        "1:13: by_colour.rad: The key must be 'red' or 'green', not 'rad'. Did you mean 'red'?",
    ),
    "untagged union": (
        "shapes: {a: {type: fixt}}",
        "1:20: shapes.a.type: Must be 'fixed', or 'linear', not 'fixt'. Did you mean 'fixed'?",
    ),
    "branch of an untagged union": (
        "shapes: {a: {type: linear, slope: x}}",
        "1:35: shapes.a.slope: Must be a number, not 'x'.",
    ),
    "value below a key": ("by_colour: {red: x}", "1:18: by_colour.red: Must be a number, not 'x'."),
    "root model": ("names: [a, 1]", "1:12: names[1]: Must be text, not 1. Put quotes around it."),
    "field validator": ("even: 3", "1:7: even: An even number is wanted."),
}


@pytest.mark.parametrize(("text", "message"), MESSAGES.values(), ids=MESSAGES)
def test_each_error_is_one_sentence_with_its_place(text, message):
    assert problems(text) == [message]


def test_a_model_validator_reports_several_places():
    assert problems("regions:\n  - {id: DE, currency: EUR}\n  - {id: US, currency: USD, weight: 13}") == [
        "3:5: regions[1]: Choose another region.",
        "3:37: regions[1].weight: Thirteen brings no luck.",
    ]


def test_problems_stand_in_line_order():
    assert [text.split(":")[0] for text in problems("whole: 0\nzzz: 1\nnumber: x\nregions: 3")] == list("1234")


def test_at_most_fifty_problems_are_listed():
    found = problems("few: [1]\nregions:\n" + "  - 1\n" * 60)
    assert len(found) == 51
    assert found[-1] == " And 10 more."


def test_very_many_problems_are_told_at_once():
    start = time.process_time()
    assert problems("regions: [" + "1, " * 20_000 + "]")[-1] == " And 19950 more."
    assert time.process_time() - start < 5.0


def test_data_without_text_is_checked_too():
    with pytest.raises(ScenarioError, match=r"^<scenario>: whole: Must be at least 1, not 0\.$"):
        validate_document(Model, Document(data={"whole": 0}))
