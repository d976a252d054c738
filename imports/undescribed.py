"""Platforms whose exports nobody described: no format is made up for them."""

from collections.abc import Mapping

_NAMES: Mapping[str, str] = {"aliexpress": "AliExpress", "temu": "Temu"}


def undescribed(text: str) -> str | None:
    """What to say where the name of a file or a format names such a platform; None where it names none."""
    small = text.casefold()
    found = next((name for key, name in _NAMES.items() if key in small), None)
    if found is None:
        return None
    return (
        f"{found} describes its exports nowhere that is public, and no format was guessed. Name the columns yourself, "
        "as in --columns time=Created,order_id=Order,sku=SKU,quantity=Pieces,unit_price=Price, and keep them with "
        "--save-profile."
    )
