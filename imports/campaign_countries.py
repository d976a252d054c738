"""Countries that stand in the names of campaigns, as in ``DE - Search`` or ``Prospecting | France``.

They are a seller's own habit and no column of a report, so that nothing is taken from them without his word.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from xbopt.core.tables.country_names import country_code

_WORD = re.compile(r"[^\W\d_]+")
_MOST_WORDS = 3
_ENOUGH = 0.9
"""So much of the spend must have a country in its name for the names to be proposed."""


def countries_of(campaigns: pl.Series, words: Mapping[str, str]) -> pl.Series:
    """The country of each campaign by a word of its name; null where the name has none of them.

    A word counts as it is written, at its first place in the name, and where nothing but blanks, digits and signs
    stand beside it: ``DE`` is in ``DE_Search`` and not in ``Deals``.

    Args:
        campaigns: Names.
        words: Country by word.
    """
    patterns = [(re.compile(rf"(?<![^\W\d_]){re.escape(word)}(?![^\W\d_])"), code) for word, code in words.items()]
    names = campaigns.drop_nulls().unique()
    found: list[str | None] = []
    for name in names.to_list():
        places = [(match.start(), -len(match[0]), code) for each, code in patterns if (match := each.search(name))]
        found.append(min(places)[2] if places else None)
    return campaigns.replace_strict(names, pl.Series(found, dtype=pl.String), default=None, return_dtype=pl.String)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedCountries:
    """Countries in the names of campaigns whose rows tell none.

    Attributes:
        words: Country by the word that names it.
        share: Share of these rows' spend whose campaign has one of them.
    """

    words: Mapping[str, str]
    share: float

    @property
    def option(self) -> str:
        """The option of ``xbopt import`` that says so; empty where too little of the spend has such a name."""
        pairs = ",".join(f"{word}={code}" for word, code in self.words.items())
        spaced = f'"{pairs}"' if " " in pairs else pairs
        return f"--country-map {spaced}" if self.words and self.share >= _ENOUGH else ""


def named_countries(media: pl.DataFrame, countries: Iterable[str]) -> NamedCountries:
    """What the names of campaigns say about countries in which something was sold.

    Codes count in capitals only, since ``in`` and ``it`` are words; names count in any of the languages known. A name
    with two countries says nothing.

    Args:
        media: Rows that tell no country: campaign, spend.
        countries: ISO codes of the countries of orders.
    """
    sold = frozenset(countries)
    spent = media.group_by("campaign").agg(pl.col("spend").sum()).sort("campaign", nulls_last=True)
    whole = float(spent["spend"].sum())
    words: dict[str, str] = {}
    told = 0.0
    for name, spend in spent.iter_rows():
        found = _named(name or "", sold)
        if len(set(found.values())) == 1:
            words |= found
            told += float(spend)
    return NamedCountries(words=dict(sorted(words.items())), share=told / whole if whole > 0.0 else 0.0)


def _named(name: str, sold: frozenset[str]) -> dict[str, str]:
    """Countries in one name, by the words that name them; the longest words first."""
    found: dict[str, str] = {}
    places = [(match.start(), match.end()) for match in _WORD.finditer(name)]
    taken: set[int] = set()
    for length in range(_MOST_WORDS, 0, -1):
        for i in range(len(places) - length + 1):
            at = range(i, i + length)
            word = name[places[i][0] : places[i + length - 1][1]]
            is_code = len(word) <= _MOST_WORDS
            code = country_code(word) if not taken.intersection(at) and (word.isupper() or not is_code) else None
            if code in sold:
                found[word] = code
                taken.update(at)
    return found
