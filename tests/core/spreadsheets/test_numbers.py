"""Numbers as people write them."""

import pytest

from xbopt.core.spreadsheets.numbers import Decimal, is_in_another_currency, number_of
from xbopt.core.spreadsheets.sheet import column_letters, is_broken, typed


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1.29E+02", ".", 129.0),
        ("1,29E+02", ",", 129.0),
        ("-", ".", 0.0),
        ("\u2013", ",", 0.0),
        (" \u20ac -   ", ".", 0.0),
        ("(1,234.50)", ".", -1234.5),
        ("\u2212\u20ac5", ".", -5.0),
        ("1,23,456.70", ".", 123456.7),  # India
        ("1\u202f234,50 \u20ac", ",", 1234.5),
        ("\uff11\uff10\uff05", ".", 0.1),
        ("CA$ 12", ".", 12.0),
        ("12 Fr.", ".", 12.0),
        ("5k", ".", None),
        ("5 Mio", ".", None),
        ("abc10", ".", None),
        ("12,34.5", ".", None),
        ("--5", ".", None),
    ],
)
def test_a_number_is_read_or_is_none(text: str, decimal: Decimal, number: float | None) -> None:
    assert number_of(typed(text), decimal) == number


@pytest.mark.parametrize(
    ("text", "currencies"),
    [
        ("12.50 usd", {"USD"}),
        ("US$ 12", {"USD"}),
        ("$12", {"USD", "AUD", "CAD"}),
        ("A$12", {"AUD"}),
        ("\uffe512", {"CNY", "JPY"}),
        ("RMB 12", {"CNY"}),
        ("kr. 12", {"SEK", "DKK"}),
        ("12 KZT", {"KZT"}),
        ("12", {"USD", "CNY", "SEK"}),
    ],
)
def test_a_sign_stands_for_its_currencies(text: str, currencies: set[str]) -> None:
    candidates = {"USD", "AUD", "CAD", "CNY", "JPY", "SEK", "DKK", "KZT", "EUR"}
    own = {each for each in candidates if not is_in_another_currency(typed(text), each)}
    assert own == (candidates if text == "12" else currencies)


def test_errors_of_spreadsheets_are_known_in_any_language() -> None:
    assert all(
        map(is_broken, ("#REF!", "#N/A", "#NV", "#WERT!", "#\u00dcBERLAUF!", "#DIV/0!", "Err:502", "=A1*2", "####"))
    )
    assert not any(map(is_broken, ("# 1 shop", "#brand", "12", None, 3.0, "")))


def test_columns_have_letters() -> None:
    assert [column_letters(i) for i in (0, 3, 25, 26, 701, 702)] == ["A", "D", "Z", "AA", "ZZ", "AAA"]
