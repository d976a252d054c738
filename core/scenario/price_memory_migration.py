"""A step of ``xbopt scenario migrate``: from ``reference_price`` to ``price_memory``."""

from collections.abc import Iterator
from typing import cast

from xbopt.core.documents.document import Path

_LARGEST_GAIN = 5.0  # as price_memory.deal_gain allows
_LEAST_ELASTICITY = 0.05  # as segments.elasticity allows
_OLD_WEIGHT = 0.3  # where reference_price stated none


REFERENCE_PRICE_IS_GONE = (
    "reference_price is gone: what is remembered is the paid price, in price_memory {deal_gain, half_life_days}, and "
    "elasticity is that of a lasting change."
)


def old_reference_price(document: dict[str, object]) -> Iterator[tuple[Path, str]]:
    """The places of ``reference_price``, each with a sentence that names the new form."""
    for i, segment in enumerate(_rows(document.get("segments"))):
        if "reference_price" in segment:
            yield ("segments", i, "reference_price"), REFERENCE_PRICE_IS_GONE


def price_memory_from_reference_price(document: dict[str, object]) -> list[str]:
    """Put ``price_memory`` and its elasticity in place of ``reference_price``, in place; say what changed.

    Of an elasticity ``e`` a share ``w`` was relative to the remembered price. The new pair ``e (1 - w)`` and
    ``w / (1 - w)`` has the same response ``e`` to a new discount, also where a bound of the format holds one of them,
    and but there the same ``e (1 - w)`` to a discount that lasts. Loss aversion has no successor.

    Only documents that state ``reference_price`` are changed: without it an old file cannot be told from a new one.
    """
    said: list[str] = []
    for segment in _rows(document.get("segments")):
        old = segment.pop("reference_price", None)
        if not isinstance(old, dict):
            continue
        stated = cast("dict[str, object]", old)
        weight = _number(stated.get("weight"), _OLD_WEIGHT)
        elasticity = _number(segment.get("elasticity"), -1.0)
        largest = min(_LARGEST_GAIN, max(-elasticity / _LEAST_ELASTICITY - 1.0, 0.0))
        gain = min(weight / (1.0 - weight), largest) if weight < 1.0 else largest
        segment["elasticity"] = round(elasticity / (1.0 + gain), 6)
        days = {"half_life_days": stated["half_life_days"]} if "half_life_days" in stated else {}
        segment["price_memory"] = {"deal_gain": round(gain, 6), **days}
        said.append(
            f"Segment {segment.get('id', '')}: the elasticity of {elasticity:g} to a new discount is now one of "
            f"{elasticity / (1.0 + gain):g} to a lasting price, times {1.0 + gain:g} for a new deal."
        )
    entries = _rows(document.get("provenance"))
    for entry in entries:
        path = str(entry.get("path", "")).replace("reference_price.weight", "price_memory.deal_gain")
        entry["path"] = path.replace("reference_price", "price_memory")
    kept = [entry for entry in entries if not str(entry["path"]).endswith("price_memory.loss_aversion")]
    if len(kept) < len(entries):
        document["provenance"] = kept
    return said


def _rows(value: object) -> list[dict[str, object]]:
    """The mappings of a list; of anything else none, since checks come later."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, object]", item) for item in items if isinstance(item, dict)]


def _number(value: object, default: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
