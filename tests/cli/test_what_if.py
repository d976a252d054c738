"""``xbopt what-if``: one list in JSON, sentences and one table for people, bad words with exit 2."""

import json

import pytest

SHORT = ["--set", "horizon.days=10", "--set", "plan.discounts=[]", "--runs", "4"]


def test_json_is_a_list_with_an_entry_a_change(xbopt_command):
    answer = xbopt_command("what-if", "quickstart", "GBP -5%", "move 10% search social DE", *SHORT, "--json")
    assert answer.code == 0, answer.err
    assert answer.err == ""
    first, second = json.loads(answer.out)
    assert first["text"] == "GBP -5%"
    assert first["meaning"][0]["path"] == "shocks"
    assert first["meaning"][0]["added"][0]["kind"] == "fx_move"
    assert second["meaning"] == [{"path": "plan", "change": "0.1 of the spend on search goes to social in DE"}]
    for kind in ("kept", "remade"):
        for measure in ("contribution_margin", "reward", "orders"):
            difference = first[kind]["difference"][measure]
            assert difference["low"] <= difference["mean"] <= difference["high"]
            value, today = first[kind]["value"][measure]["mean"], first["today"][kind][measure]["mean"]
            assert difference["mean"] == pytest.approx(value - today)


def test_people_read_sentences_a_table_and_what_was_changed(xbopt_command):
    answer = xbopt_command("what-if", "quickstart", "budget +20%", *SHORT)
    assert answer.code == 0, answer.err
    words = " ".join(answer.out.split())
    assert "budget +20%: the plan that is kept earns the same" in words
    assert "made anew" in words
    assert "budget.total_base: 11200 to 13440" in words


def test_bad_words_exit_2_with_the_forms(xbopt_command):
    answer = xbopt_command("what-if", "quickstart", "everything worse", *SHORT)
    assert answer.code == 2
    assert "move 10% CHANNEL CHANNEL [REGION]" in answer.err
    assert answer.out == ""


def test_help_lists_the_forms(xbopt_command):
    answer = xbopt_command("what-if", "--help")
    assert answer.code == 0
    assert "REGION tariff +10% [from DATE]" in " ".join(answer.out.split())
