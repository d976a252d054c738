"""What was changed by a what-if, in words: dated shocks as sentences, other values by path."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import cast

from xbopt.reports.kit.numbers import NumberFormat
from xbopt.studies.what_if import WhatIf

_PARTS_OF_DUTY = {
    "ad_valorem_added_frac": "the duty above the low-value limit",
    "surcharge_added_frac": "the surcharge on every parcel",
}


def meaning_lines(one: WhatIf, numbers: NumberFormat) -> tuple[str, ...]:
    """What was changed, one line a change of the market or the plan."""
    lines: list[str] = []
    for part in one.change.meaning:
        if "added" in part:
            lines += [shock_words(shock, numbers) for shock in cast("list[dict[str, object]]", part["added"])]
        elif "change" in part:
            lines.append(f"{part['path']}: {part['change']}")
        else:
            lines += _values(str(part["path"]), part["from"], part["to"])
    return tuple(lines)


def _values(path: str, old: object, new: object) -> Iterator[str]:
    before, after = _mapping(old), _mapping(new)
    if before is not None and after is not None:
        for key, value in after.items():
            if before.get(key) != value:
                yield from _values(f"{path}.{key}", before.get(key), value)
    else:
        yield f"{path}: {_short(old)} to {_short(new)}"


def _mapping(value: object) -> dict[str, object] | None:
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _short(value: object) -> str:
    if value is None:
        return "not set"
    return f"{value:.10g}" if isinstance(value, float) else json.dumps(value)


def shock_words(shock: Mapping[str, object], numbers: NumberFormat) -> str:
    """A dated shock, as ``meaning`` states it, in a sentence without its stop."""
    start = date.fromisoformat(str(shock["day"]))
    where = ", ".join(cast("list[str]", shock.get("regions", [])))
    size = float(cast("float", shock.get("log_size", 0.0)))
    moved = numbers.share(abs(math.expm1(size)))
    way = "rises" if size >= 0.0 else "falls"
    match shock["kind"]:
        case "fx_move":
            return f"{shock['currency']} {way} by {moved} on {numbers.day(start)}; the move fades with its half-life"
        case "price_war":
            return f"what competitors ask in {where} {way} by {moved}, {_days(shock, start, numbers)}"
        case "stock_delay":
            more = numbers.exact(float(cast("float", shock["extra_days"])))
            return f"deliveries to {where} take {more} days longer, {_days(shock, start, numbers)}"
        case "channel_outage":
            return f"{shock['channel']} cannot be bought in {where}, {_days(shock, start, numbers)}"
        case _:
            return f"{where}, from {numbers.day(start)} on: {_rule_words(shock, numbers)}"


def _days(shock: Mapping[str, object], start: date, numbers: NumberFormat) -> str:
    last = start + timedelta(days=int(cast("int", shock["days"])) - 1)
    return f"from {numbers.day(start)} to {numbers.day(last)}"


def _rule_words(shock: Mapping[str, object], numbers: NumberFormat) -> str:
    found: list[str] = []
    for name, words in _PARTS_OF_DUTY.items():
        if name in shock:
            points = float(cast("float", shock[name]))
            found.append(
                f"{words} is {numbers.share(abs(points))} of the customs value {'higher' if points >= 0.0 else 'lower'}"
            )
    if "ad_valorem_frac" in shock:
        rate, every = (float(cast("float", shock[name])) for name in ("ad_valorem_frac", "surcharge_frac"))
        whole = f"{numbers.share(every)} on every parcel" if every > 0.0 else f"{numbers.share(rate)} above the limit"
        found.append(f"the tariff is {whole}, in place of duty and surcharges")
    if "surcharge_added_frac" not in shock and not float(cast("float", shock.get("surcharge_frac", 0.0))):
        found.append("what a low-value relief frees of duty stays as it is")
    return "; ".join(found)
