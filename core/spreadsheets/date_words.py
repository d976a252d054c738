"""Months and days of the week in the languages of the usual office programs."""

import unicodedata
from collections.abc import Sequence
from datetime import date

# English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish; without accents, in small letters.
_MONTHS: Sequence[frozenset[str]] = tuple(
    frozenset(names.split())
    for names in (
        "january januar janvier enero gennaio janeiro januari stycznia styczen",
        "february februar fevrier febrero febbraio fevereiro februari lutego luty",
        "march marz mrz mars marzo marco maart mrt marca marzec",
        "april avril abril aprile kwietnia kwiecien",
        "may mai mayo maggio maio mei maja maj",
        "june juni juin junio giugno junho czerwca czerwiec",
        "july juli juillet julio luglio julho lipca lipiec",
        "august aout agosto augustus sierpnia sierpien augusti",
        "september septembre septiembre settembre setembro wrzesnia wrzesien",
        "october oktober octobre octubre ottobre outubro pazdziernika pazdziernik",
        "november novembre noviembre novembro listopada listopad",
        "december dezember decembre diciembre dicembre dezembro grudnia grudzien",
    )
)
_WEEKDAYS: Sequence[frozenset[str]] = tuple(
    frozenset(names.split())
    for names in (
        "monday montag lundi lunes lunedi segunda-feira maandag poniedzialek mandag",
        "tuesday dienstag mardi martes martedi terca-feira dinsdag wtorek tisdag",
        "wednesday mittwoch mercredi miercoles mercoledi quarta-feira woensdag sroda onsdag",
        "thursday donnerstag jeudi jueves giovedi quinta-feira donderdag czwartek torsdag",
        "friday freitag vendredi viernes venerdi sexta-feira vrijdag piatek fredag",
        "saturday samstag sonnabend samedi sabado sabato zaterdag sobota lordag",
        "sunday sonntag dimanche domingo domenica zondag niedziela sondag",
    )
)


def month_named(word: str) -> int | None:
    """The month of a name or of its first letters, at least three; None where it is none, or could be two."""
    plain = _plain(word)
    found = [number for number, names in enumerate(_MONTHS, start=1) if any(name.startswith(plain) for name in names)]
    return found[0] if len(found) == 1 and len(plain) >= 3 else None


def is_weekday(word: str, day: date) -> bool:
    """Whether a word is the name of a date's day of the week, or its first letters, at least two."""
    plain = _plain(word)
    return len(plain) >= 2 and any(name.startswith(plain) for name in _WEEKDAYS[day.weekday()])


def _plain(word: str) -> str:
    """Without accents, in small letters."""
    letters = unicodedata.normalize("NFD", word.casefold().rstrip("."))
    return "".join(each for each in letters if not unicodedata.combining(each)).replace(
        "\N{LATIN SMALL LETTER L WITH STROKE}", "l"
    )
