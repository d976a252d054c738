"""``xbopt scenario new --for``: a planner without data reaches a scenario, or is told what is missing."""

import json

import pytest
import typer

import xbopt
from xbopt.cli.answers import answers_of
from xbopt.core.defaults.wish import read_wish
from xbopt.core.errors import UsageError

WISH = "home goods, CN to DE, 3k EUR a month"
NOTHING = dict.fromkeys(
    ("--order-value", "--gross-margin", "--orders-a-month", "--conversion", "--repeat", "--return-rate", "--channels",
     "--shares", "--start", "--days")
)  # fmt: skip


def test_a_sentence_makes_a_scenario_and_says_what_was_assumed(xbopt_command, tmp_path):
    """Without a terminal nothing is asked."""
    answer = xbopt_command(
        "scenario", "new", "mine", "--for", WISH, "--channels", "search,e-mail", "--gross-margin", "50%", "--days",
        "28", "--start", "2027-02-01",
    )  # fmt: skip
    assert answer.code == 0, answer.err
    assert "Wrote mine.yaml" in answer.err
    assert "What was assumed" in answer.out
    assert "look these up first" in answer.out
    assert "not stated, so fitted to the budget" in answer.out
    scenario = xbopt.load_scenario(tmp_path / "mine.yaml")
    assert scenario.channels == ("search", "email")
    assert (scenario.days, str(scenario.start)) == (28, "2027-02-01")
    product = scenario.document.products[0]
    assert product.unit_cost_base == pytest.approx(0.5 * product.price_base, rel=1e-4)
    assert xbopt_command("scenario", "validate", "mine.yaml").code == 0


def test_what_the_sentence_says_is_the_answer_unless_an_option_says_otherwise():
    wish = read_wish("shoes to DE on Google and TikTok, average order 85 EUR, 20k EUR a month")
    said = answers_of(wish, dict(NOTHING), ask=False)
    assert (said.channels, said.order_value_base) == (("search", "short_video"), 85.0)
    other = answers_of(wish, {**NOTHING, "--channels": "display", "--order-value": "60"}, ask=False)
    assert (other.channels, other.order_value_base) == (("display",), 60.0)
    with pytest.raises(UsageError, match="--order-value must lie between"):
        answers_of(wish, {**NOTHING, "--order-value": "0"}, ask=False)


def test_json_is_one_document_with_what_was_assumed(xbopt_command, tmp_path):
    answer = xbopt_command("scenario", "new", "mine", "--for", WISH, "--channels", "search", "--days", "28", "--json")
    assert answer.code == 0, answer.err
    document = json.loads(answer.out)
    assert {"file", "volumes", "findings", "assumptions", "influences"} == set(document)
    assert {"path", "value", "evidence", "source", "spread"} <= set(document["assumptions"][0])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--for", "home goods, CN to DE"], "the budget is missing"),
        (["--for", WISH, "--like", "quickstart"], "not from both"),
        (["--gross-margin", "0.4"], "name it with --for"),
        (["--json"], "--json tells what was assumed; it goes with --for"),
        (["--for", WISH, "--gross-margin", "45"], "45 is more than all; write 45% if that is meant"),
        (["--for", WISH, "--orders-a-month", "many"], "write a number"),
        (["--for", WISH, "--start", "1.2.2027"], "write a day, as in 2027-01-31"),
        (["--for", WISH, "--days", "ninety"], "write a whole number"),
        (["--for", WISH, "--shares", "DE"], "as in DE=50,FR=30,US=20"),
        (["--for", WISH, "--channels", "serch"], "channel 'serch' is unknown. Did you mean search"),
    ],
)
def test_what_makes_no_sense_exits_with_2_and_writes_nothing(xbopt_command, tmp_path, options, words):
    answer = xbopt_command("scenario", "new", "mine", *options)
    assert answer.code == 2
    assert words in " ".join(answer.err.split())
    assert list(tmp_path.iterdir()) == []


def test_at_most_ten_questions_are_asked_and_enter_takes_the_usual(monkeypatch):
    asked: list[str] = []

    def answer(question: str, **_: object) -> str:
        asked.append(question)
        return "30%" if "margin" in question else ""

    monkeypatch.setattr(typer, "prompt", answer)
    answers = answers_of(read_wish("toys, CN to DE US, 3k EUR a month"), {**NOTHING, "--days": "60"}, ask=True)
    assert len(asked) == 9  # ten less the one that an option answered
    assert (answers.gross_margin_frac, answers.days) == (0.3, 60)
    assert answers.orders_a_month is None
    asked.clear()
    answers_of(read_wish("toys, CN to DE, 3k EUR a month"), dict(NOTHING), ask=True)
    assert not any("Share of spend" in question for question in asked)  # of one country there is nothing to share


def test_an_answer_that_cannot_be_read_is_asked_again(monkeypatch, capsys):
    said = iter(["forty", "40", "40%", *[""] * 10])
    monkeypatch.setattr(typer, "prompt", lambda question, **_: next(said) if "margin" in question else "")
    answers = answers_of(read_wish("toys, CN to DE US, 3k EUR a month"), dict(NOTHING), ask=True)
    assert answers.gross_margin_frac == 0.4
    told = capsys.readouterr().err
    assert "forty: write a share, as in 45% or 0.45." in told
    assert "40: 40 is more than all; write 40% if that is meant." in told


def test_shares_are_read_by_country():
    wish = read_wish("toys, CN to DE US, 3k EUR a month")
    answers = answers_of(wish, {**NOTHING, "--shares": "de=60%, US=20"}, ask=False)
    assert answers.country_shares == {"DE": 0.75, "US": 0.25}
    with pytest.raises(UsageError, match="stands there twice"):
        answers_of(wish, {**NOTHING, "--shares": "DE=60,DE=40"}, ask=False)


def test_a_budget_too_small_for_a_market_is_refused_and_nothing_written(xbopt_command, tmp_path):
    answer = xbopt_command("scenario", "new", "mine", "--for", "home goods, CN to DE, 5 EUR a month")
    assert answer.code == 2
    assert "5 EUR a month goes with about" in answer.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("word", ["car parts", "books", "home goods, margin 50%"])
def test_words_not_understood_point_to_trades_and_options(word):
    with pytest.raises(UsageError, match=r"is not understood.*--gross-margin.*"):
        read_wish(f"{word}, CN to DE, 3k EUR a month")
