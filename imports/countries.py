"""Countries as shops and platforms write them: codes, names in any of the usual languages, and Google's numbers."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import cast

from babel import Locale
from babel.core import get_global

from xbopt.core.tables.public_holidays import country_codes

_LANGUAGES = ("en", "de", "zh", "fr", "es", "it", "nl", "pl", "pt", "sv", "da", "cs", "ja", "ko")
# What platforms write and Unicode's lists of names lack.
_ALSO: Mapping[str, str] = {
    "usa": "US",
    "u.s.": "US",
    "u.s.a.": "US",
    "united states of america": "US",
    "great britain": "GB",
    "eire": "IE",
    "rsa": "ZA",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northern ireland": "GB",
    "korea, republic of": "KR",
    "republic of korea": "KR",
    "russian federation": "RU",
    "czech republic": "CZ",
    "the netherlands": "NL",
    "holland": "NL",
    "turkey": "TR",
    "viet nam": "VN",
    "hong kong": "HK",
    "hongkong": "HK",
    "中国香港": "HK",
    "香港": "HK",
    "macau": "MO",
    "macao": "MO",
    "中国澳门": "MO",
    "澳门": "MO",
    "taiwan, province of china": "TW",
    "中国台湾": "TW",
    "中国大陆": "CN",
    "mainland china": "CN",
    "usa (vereinigte staaten)": "US",
    "grossbritannien": "GB",
    "republic of ireland": "IE",
    "macedonia": "MK",
    "ivory coast": "CI",
    "united arab emirates (uae)": "AE",
    "uae": "AE",
}
# Geographic criteria of Google Ads are 2000 + ISO 3166-1 numeric (AdWords geotargets).
_GOOGLE_CRITERION = re.compile(r"(?:geotargetconstants/)?2(\d{3})")
_MARKETPLACE = re.compile(r"(?:https?://)?(?:www\.)?amazon\.(?:com?\.)?([a-z]{2,3})")


def country_code(text: str) -> str | None:
    """The ISO 3166-1 alpha-2 code of a country; None where the text names none.

    Read are codes of two and three letters and of three digits, names in fourteen languages with or without accents,
    and the criterion ids of Google Ads (2276 is Germany). ``UK`` is ``GB``.
    """
    plain = _plain(text)
    google = _GOOGLE_CRITERION.fullmatch(plain)
    if google is not None:
        plain = google[1]
    return _codes().get(plain)


def marketplace_country(text: str) -> str | None:
    """The country that an Amazon marketplace serves, as ``Amazon.de`` or ``Amazon.co.uk``; None where it is none."""
    found = _MARKETPLACE.fullmatch(_plain(text))
    if found is None:
        return None
    return "US" if found[1] == "com" else _codes().get(found[1])


@cache
def _codes() -> Mapping[str, str]:
    known = frozenset(country_codes())
    codes: dict[str, str] = {}
    for language in _LANGUAGES:
        names = cast("Mapping[str, str]", Locale(language).territories)
        for code, name in names.items():
            if code in known:
                codes.setdefault(_plain(name), code)
    # Codes of three letters and three digits are aliases in Unicode's list; several targets mean a country of the past.
    for alias, targets in get_global("territory_aliases").items():
        if len(targets) == 1 and targets[0] in known:
            codes.setdefault(alias.casefold(), targets[0])
    codes.update({_plain(name): code for name, code in _ALSO.items()})
    codes.update({code.casefold(): code for code in known})
    return codes


def _plain(text: str) -> str:
    """Without accents, in small letters, with plain blanks and ``&`` as ``and``."""
    letters = unicodedata.normalize("NFKD", text.replace("&", "and").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'"))
    bare = "".join(each for each in letters if not unicodedata.combining(each))
    return " ".join(bare.casefold().split())
