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
    assert "budget +20%: the plan that is kept brings the same; one that is made anew" in words
    assert "budget.total_base: 11200 to 13440" in words


def test_the_first_lines_speak_of_what_plans_are_made_for_with_the_margin_beside(xbopt_command):
    """Both signs come from one answer: a change may bring less margin and more of what it was planned for."""
    asked = ("what-if", "quickstart", "GBP -5%", *SHORT)
    words, answer = " ".join(xbopt_command(*asked).out.split()), json.loads(xbopt_command(*asked, "--json").out)[0]
    kept = {name: figure["mean"] for name, figure in answer["kept"]["difference"].items()}
    reward, margin = (f"\u20ac{-kept[name]:,.0f}" for name in ("reward", "contribution_margin"))
    assert f"GBP -5%: the plan that is kept brings {reward} less reward (margin: {margin} less)" in words
    assert words.index("Reward") < words.index("Contribution margin")


def test_what_was_changed_is_told_in_words(xbopt_command):
    changes = ("UK tariff +10%", "UK tariff +10% on every parcel", "GBP -5%", "channel social off", "delivery +3 days")
    words = " ".join(xbopt_command("what-if", "quickstart", *changes, *SHORT[:4], "--runs", "2").out.split())
    assert (
        "UK, from Oct 5, 2026 on: the duty above the low-value limit is 10% of the customs value higher; what" in words
    )
    assert "on: the surcharge on every parcel is 10% of the customs value higher" in words
    assert "GBP falls by 5% on Oct 5, 2026; the move fades with its half-life" in words
    assert "budget.channel_caps_base.social: not set to 0" in words
    assert "deliveries to DE, UK take 3 days longer, from Oct 5, 2026 to Oct 14, 2026" in words
    assert "{" not in words


def test_bad_words_exit_2_with_the_forms(xbopt_command):
    answer = xbopt_command("what-if", "quickstart", "everything worse", *SHORT)
    assert answer.code == 2
    assert "move 10% CHANNEL CHANNEL [REGION]" in answer.err
    assert answer.out == ""


def test_help_lists_the_forms(xbopt_command):
    answer = xbopt_command("what-if", "--help")
    assert answer.code == 0
    assert "REGION tariff +10% [from DATE] [on every parcel]" in " ".join(answer.out.split())
