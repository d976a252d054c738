"""Customers by bucket, as scenario files stated them once, become customers by type.

Such files gave each lifecycle bucket its visits and its conversion. What a type is cannot be read off a bucket, so two
types are taken from what is known of consumers: one fifth of new customers are regulars who come five times as often
as the others and drop out four times more slowly. Two things are then met as nearly as they go together: second orders
within a year, and the organic orders that known customers place on the first day.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, log
from typing import cast

from xbopt.core.documents.document import Path

Plain = dict[str, object]

_KNOWN = ("new", "active", "at_risk", "lapsed")
_OLD_CONVERSION = {"prospect": 1.0, "new": 1.5, "active": 2.0, "at_risk": 1.3, "lapsed": 0.8}
_AGEING = {
    "new_to_at_risk": 0.011,
    "active_to_at_risk": 0.008,
    "at_risk_to_lapsed": 0.011,
    "lapsed_to_prospect": 0.001,
}
REPEAT_IN_A_YEAR = 0.275
"""Share of first-time buyers who buy again within a year: 27-28 % over shops. Old files often implied half of it."""
_REGULAR_SHARE, _VISITS_RATIO = 0.2, 5.0
_DROPOUT = (0.002, 0.008)
_REGULAR_PROMOTION_SHARE = 0.1
_LONGEST_STAY_DAYS = 1000.0


def old_customers(data: Plain) -> Iterator[tuple[Path, str]]:
    """Fields of the old form, each with the new form in a sentence."""
    for s, segment in enumerate(_segments(data)):
        if isinstance(segment.get("visits_per_1000"), dict):
            yield (
                ("segments", s, "visits_per_1000"),
                (
                    "Visits are no longer stated by bucket: visits_per_1000 is one number, that of prospects, and "
                    "customers have theirs under customer_types."
                ),
            )
        if "conversion" in segment:
            yield (
                ("segments", s, "conversion"),
                "Conversion is no longer stated by bucket: customer_conversion is one multiplier for all customers.",
            )


def customers_by_type(data: Plain) -> list[str]:
    """Put customer types in place of the numbers by bucket, in the data themselves; says what became what."""
    said: list[str] = []
    for s, segment in enumerate(_segments(data)):
        if not (isinstance(segment.get("visits_per_1000"), dict) or "conversion" in segment):
            continue
        visits = _OLD_VISITS | _numbers(segment.get("visits_per_1000"))
        conversion = _OLD_CONVERSION | _numbers(segment.pop("conversion", None))
        old = _OldCell.of(data, segment, visits, conversion)
        found = old.fitted()
        name = segment.get("id", s)
        ordered = {
            "visits_per_1000": visits["prospect"],
            "customer_conversion": round(old.conversion, 3),
            "customer_types": [
                {
                    "id": kind,
                    "share": share,
                    "promotion_share": promotion,
                    "visits_per_1000": _digits(found.visits_per_1000 * ratio),
                    "daily_dropout": _digits(out),
                }
                for kind, share, promotion, ratio, out in (
                    ("regular", _REGULAR_SHARE, _REGULAR_PROMOTION_SHARE, _VISITS_RATIO, found.dropout[0]),
                    ("occasional", 1.0 - _REGULAR_SHARE, 1.0 - _REGULAR_PROMOTION_SHARE, 1.0, found.dropout[1]),
                )
            ],
        }
        items = list(segment.items())
        segment.clear()
        for key, value in items:
            segment.update(ordered if key == "visits_per_1000" else {key: value})
        said.append(
            f"segments.{name}: visits_per_1000 and conversion by bucket became customer_types and customer_conversion. "
            f"{found.repeat:.0%} of new customers order again within a year; organic orders of known customers on the "
            f"first day: {old.orders:.4g} before, {found.orders:.4g} now. Replace the types by your own data."
        )
    if said:
        _move_provenance(data)
    return said


_OLD_VISITS = dict.fromkeys(("prospect", *_KNOWN), 0.0)


def _segments(data: Plain) -> list[Plain]:
    found = data.get("segments")
    listed = cast("list[object]", found) if isinstance(found, list) else []
    return [cast("Plain", one) for one in listed if isinstance(one, dict)]


def _numbers(value: object) -> dict[str, float]:
    items = cast("Plain", value).items() if isinstance(value, dict) else ()
    return {key: float(x) for key, x in items if isinstance(x, int | float) and not isinstance(x, bool)}


def _number(mapping: Plain, key: str, default: float) -> float:
    return _numbers({key: mapping.get(key)}).get(key, default)


def _digits(value: float) -> float:
    return float(f"{value:.3g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fit:
    visits_per_1000: float
    dropout: tuple[float, float]
    repeat: float
    orders: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _OldCell:
    """A segment as it was stated: people by known bucket, orders a visit, ageing, and its first day's orders."""

    people: tuple[float, ...]
    orders: float
    orders_per_visit: float
    conversion: float
    ageing: tuple[float, ...]
    repeat: float

    @classmethod
    def of(cls, data: Plain, segment: Plain, visits: dict[str, float], conversion: dict[str, float]) -> "_OldCell":
        people, orders, level = [0.0] * 4, 0.0, 0.0
        per_visit = _number(segment, "cart_rate", 0.0) * _number(segment, "checkout_rate", 0.0)
        market = data.get("market")
        regions = cast("Plain", market).get("regions") if isinstance(market, dict) else None
        for region in cast("list[object]", regions) if isinstance(regions, list) else []:
            one = cast("Plain", region) if isinstance(region, dict) else {}
            by_segment = one.get("customers")
            counts = cast("Plain", by_segment).get(str(segment.get("id"))) if isinstance(by_segment, dict) else None
            here = [_numbers(counts).get(bucket, 0.0) for bucket in _KNOWN]
            factor = _number(one, "traffic_level", 1.0) * _number(one, "conversion_level", 1.0)
            level += factor * sum(here)
            orders += (
                factor
                * per_visit
                * sum(n * visits[bucket] / 1000.0 * conversion[bucket] for n, bucket in zip(here, _KNOWN, strict=True))
            )
            people = [a + b for a, b in zip(people, here, strict=True)]
        weights = [n * visits[bucket] for n, bucket in zip(people, _KNOWN, strict=True)]
        if not sum(weights) > 0.0:
            weights = [1.0, 0.0, 0.0, 0.0]
        mean = sum(w * conversion[bucket] for w, bucket in zip(weights, _KNOWN, strict=True)) / sum(weights)
        level = level / sum(people) if sum(people) > 0.0 else 1.0
        stated = _numbers(segment.get("ageing"))
        ageing = [stated.get(name, usual) for name, usual in _AGEING.items()]
        chances = [level * per_visit * visits[bucket] / 1000.0 * conversion[bucket] for bucket in _KNOWN]
        return cls(
            people=tuple(people),
            orders=orders,
            orders_per_visit=max(per_visit * mean * level, 1e-12),
            conversion=mean,
            ageing=tuple(max(chance, 1.0 / _LONGEST_STAY_DAYS) for chance in ageing),
            repeat=max(_second_order(chances, ageing), REPEAT_IN_A_YEAR),
        )

    def fitted(self) -> _Fit:
        """Visits and drop-out at which a year's second orders are as usual and the first day's as they were."""
        fits = [self._at(1.25**step) for step in range(-12, 13)] if self.orders > 0.0 else [self._at(1.0)]
        return min(fits, key=lambda fit: abs(log(fit.orders / self.orders)) if self.orders > 0.0 else 0.0)

    def _at(self, pace: float) -> _Fit:
        """With drop-out at a multiple of the usual: the visits at which the year's second orders are as usual."""
        dropout = (_DROPOUT[0] * pace, _DROPOUT[1] * pace)
        low, high = log(1e-9), log(0.9 / _VISITS_RATIO)
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if self._repeat(exp(middle), dropout) < self.repeat else (low, middle)
        chance = exp(low)
        return _Fit(
            visits_per_1000=min(1000.0 * chance / self.orders_per_visit, 5000.0 / _VISITS_RATIO),
            dropout=dropout,
            repeat=self._repeat(chance, dropout),
            orders=self._first_day(chance, dropout),
        )

    def _types(self, chance: float, dropout: tuple[float, float]) -> tuple[tuple[float, float, float], ...]:
        """Share, chance of an order a day and drop-out of the two types."""
        return (_REGULAR_SHARE, chance * _VISITS_RATIO, dropout[0]), (1.0 - _REGULAR_SHARE, chance, dropout[1])

    def _repeat(self, chance: float, dropout: tuple[float, float]) -> float:
        total = 0.0
        for share, p, out in self._types(chance, dropout):
            stays = (1.0 - p) * (1.0 - out)
            total += share * p * (1.0 - stays**365) / (1.0 - stays)
        return total

    def _first_day(self, chance: float, dropout: tuple[float, float]) -> float:
        """Orders of the known customers: composition of each bucket as constant winning brings it about."""
        ordering, everybody = [0.0] * 4, [0.0] * 4
        for share, p, out in self._types(chance, dropout):
            living = _stationary(p, out, self.ageing)
            gone = _dropped_out(living, out, self.ageing)
            for bucket in range(4):
                ordering[bucket] += share * living[bucket] * p
                everybody[bucket] += share * (living[bucket] + gone[bucket])
        return sum(n * a / b for n, a, b in zip(self.people, ordering, everybody, strict=True) if b > 0.0)


def _second_order(chances: list[float], ageing: list[float]) -> float:
    """Chance of a second order within a year as the old form implied it: by bucket, from new over at risk to lapsed."""
    new_p, _, at_risk_p, lapsed_p = (min(chance, 1.0) for chance in chances)
    new, at_risk, lapsed, ordered = 1.0, 0.0, 0.0, 0.0
    for _ in range(365):
        ordered += new * new_p + at_risk * at_risk_p + lapsed * lapsed_p
        new, at_risk, lapsed = new * (1.0 - new_p), at_risk * (1.0 - at_risk_p), lapsed * (1.0 - lapsed_p)
        new, at_risk, lapsed = (
            new * (1.0 - ageing[0]),
            at_risk * (1.0 - ageing[2]) + new * ageing[0],
            lapsed * (1.0 - ageing[3]) + at_risk * ageing[2],
        )
    return min(ordered, 0.99)


def _stationary(p: float, out: float, ageing: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Living customers of a type by known bucket, for one who is won a day.

    With ``s = 1 - out``: ``new = 1 + s(1-p)(1-a0) new``; ``active`` gains ``s p`` of everybody and keeps
    ``s(1-p)(1-a1)``; at risk and lapsed follow from those who age. Three linear equations, solved from the end.
    """
    s, q = 1.0 - out, (1.0 - p) * (1.0 - out)
    new = 1.0 / (1.0 - q * (1.0 - ageing[0]))
    lapsed_each = q * ageing[2] / (1.0 - q * (1.0 - ageing[3]))  # lapsed for each at risk
    at_risk_0 = q * ageing[0] * new / (1.0 - q * (1.0 - ageing[2]))
    at_risk_1 = q * ageing[1] / (1.0 - q * (1.0 - ageing[2]))
    gain = s * p * (1.0 + lapsed_each)
    active = (s * p * new + gain * at_risk_0) / (1.0 - q * (1.0 - ageing[1]) - s * p - gain * at_risk_1)
    at_risk = at_risk_0 + at_risk_1 * active
    return new, active, at_risk, lapsed_each * at_risk


def _dropped_out(living: tuple[float, ...], out: float, ageing: tuple[float, ...]) -> tuple[float, ...]:
    """Those who have dropped out, by known bucket: each night ``out / (1 - out)`` of those who stay."""
    nightly = out / (1.0 - out)
    new = nightly * (living[0] - 1.0) / ageing[0]
    active = nightly * living[1] / ageing[1]
    at_risk = (nightly * living[2] + ageing[0] * new + ageing[1] * active) / ageing[2]
    return new, active, at_risk, (nightly * living[3] + ageing[2] * at_risk) / ageing[3]


def _move_provenance(data: Plain) -> None:
    """Sources of numbers by bucket: those of prospects' visits stay, the others end, and the types get their own."""
    entries = data.get("provenance")
    if not isinstance(entries, list):
        return
    kept: list[object] = []
    moved: set[str] = set()
    for entry in cast("list[object]", entries):
        path = cast("Plain", entry).get("path") if isinstance(entry, dict) else None
        steps = path.split(".") if isinstance(path, str) else []
        by_bucket = len(steps) == 4 and steps[0] == "segments" and steps[2] in ("visits_per_1000", "conversion")
        if not by_bucket:
            kept.append(cast("object", entry))
        elif steps[2] == "visits_per_1000" and steps[3] not in _KNOWN and (own := ".".join(steps[:3])) not in moved:
            moved.add(own)
            kept.append({**cast("Plain", entry), "path": own})
    kept += [
        {
            "path": "segments.*.customer_types.**",
            "evidence": "E",
            "source": "27-28 % of first-time buyers order again within a year; one fifth are regulars by assumption",
            "note": "Set by `xbopt scenario migrate` in place of numbers by bucket",
        },
        {
            "path": "segments.*.customer_conversion",
            "evidence": "E",
            "source": "Mean of the conversion multipliers of the known buckets, weighted by their visits",
            "note": "Set by `xbopt scenario migrate` in place of numbers by bucket",
        },
    ]
    data["provenance"] = kept
