"""Countries as platforms write them: the names and codes of `core/tables/country_names.py`, and marketplaces."""

import re

from xbopt.core.tables.country_names import country_code, plain_name

_MARKETPLACE = re.compile(r"(?:https?://)?(?:www\.)?amazon\.(?:com?\.)?([a-z]{2,3})")


def marketplace_country(text: str) -> str | None:
    """The country that an Amazon marketplace serves, as ``Amazon.de`` or ``Amazon.co.uk``; None where it is none."""
    found = _MARKETPLACE.fullmatch(plain_name(text))
    if found is None:
        return None
    return "US" if found[1] == "com" else country_code(found[1])
