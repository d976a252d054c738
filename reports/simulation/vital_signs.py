"""Vital signs in words: the lines above a result, the table of ``xbopt scenario check``, and its JSON document."""

from math import isinf

from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.simulation.document import scenario_json
from xbopt.studies.sign_values import Hint, Sign, VitalSigns, sign_rows

NO_UNCERTAINTY = "Nothing is stated as uncertain: ranges below hold only chance; the real risk is larger."
HINT_WORDS: dict[Hint, str] = {
    "": "",
    "cost_above_price": "cost above price",
    "inverted_rate": "inverted rate",
    "power_of_ten": "off by powers of ten",
}
_MOST_NAMED = 3
# Signs that a market has many of: of those that are fine, one line says how the lowest stands.
_CONDENSED = ("currency_rate", "gross_margin", "order_charges", "visit_price", "unit_margin", "stock_cover")


def warning_lines(signs: VitalSigns) -> tuple[str, ...]:
    """What must stand above a result: that its ranges hold only chance, and which signs are outside."""
    lines = () if signs.states_uncertainty else (NO_UNCERTAINTY,)
    outside = [sign for sign in signs.warnings if sign.code != "uncertainty"]
    if not outside:
        return lines
    alike = [[sign for sign in outside if sign.code == code] for code in dict.fromkeys(sign.code for sign in outside)]
    named = [_named(group) for group in alike[:_MOST_NAMED]]
    if more := sum(map(len, alike[_MOST_NAMED:])):
        named.append(f"{more} more")
    count = "1 vital sign is" if len(outside) == 1 else f"{len(outside)} vital signs are"
    return (
        *lines,
        f"{count} outside published ranges: {', '.join(named)}; see xbopt scenario check.",
    )


def _named(alike: list[Sign]) -> str:
    """One sign by name, with all places where it is outside, and what is probably wrong there."""
    parts = [", ".join(part for part in (sign.where, HINT_WORDS[sign.hint]) if part) for sign in alike]
    shown = [part for part in parts[:_MOST_NAMED] if part]
    if len(parts) > _MOST_NAMED:
        shown.append(f"{len(parts) - _MOST_NAMED} more")
    name = alike[0].published.name
    name = f"{name[0].lower()}{name[1:]}"
    return f"{name} ({'; '.join(shown)})" if shown else name


def signs_table(signs: VitalSigns, numbers: NumberFormat) -> Table:
    """The signs that a reader wants to see, with what the scenario implies and what is published."""
    shown = _shown(signs.signs)
    rows: list[tuple[str, ...]] = []
    previous = ""
    for sign in shown:
        name = f"{sign.published.name}: {sign.where}" if sign.where else sign.published.name
        source = "" if sign.code == previous else f"{sign.published.cited} [{sign.published.evidence}]"
        rows.append((name, _figure_text(sign, numbers), _range_text(sign, numbers), _verdict_text(sign), source))
        previous = sign.code
    return Table(
        key="vital_signs",
        title="Vital signs",
        columns=(
            Column("sign", "Sign", "text"),
            Column("figure", "Implied", "text", "What the scenario implies, measured by playing it"),
            Column("range", "Published", "text", "What trade and research have measured elsewhere"),
            Column("verdict", "Verdict", "text"),
            Column("source", "Source of the range", "text"),
        ),
        rows=tuple(rows),
    )


def _shown(signs: tuple[Sign, ...]) -> list[Sign]:
    shown: list[Sign] = []
    for code in dict.fromkeys(sign.code for sign in signs):
        alike = [sign for sign in signs if sign.code == code]
        known = [sign for sign in alike if sign.verdict != "not applicable"]
        if code in _CONDENSED and known:
            outside = [sign for sign in known if sign.verdict == "outside"]
            alike = outside or [min(known, key=lambda sign: (sign.figure - sign.low) / (sign.high - sign.low))]
        shown += alike
    return shown


def _figure_text(sign: Sign, numbers: NumberFormat) -> str:
    if isinf(sign.figure):
        return "no number is enough" if sign.code == "deal_break_even" else "without end"
    return numbers.number(sign.figure, sign.unit, symbol=False)


def _range_text(sign: Sign, numbers: NumberFormat) -> str:
    low, high = (numbers.number(float(f"{end:.3g}"), sign.unit, symbol=False) for end in (sign.low, sign.high))
    if isinf(sign.high):
        return f"{low} or more"
    if isinf(sign.low):
        return f"{high} or less"
    return f"{low} to {high}"


def _verdict_text(sign: Sign) -> str:
    if sign.verdict != "outside":
        return sign.verdict
    side = "below" if sign.figure < sign.low else "above"
    if sign.accepted:
        return f"{side}, and the file says why"
    return f"{side}: {HINT_WORDS[sign.hint]}" if sign.hint else side


def accepted_lines(signs: VitalSigns) -> tuple[str, ...]:
    """The file's reasons for signs that lie outside, in its own words, one line a sign."""
    found = {sign.code: sign for sign in signs.signs if sign.verdict == "outside" and sign.accepted}
    return tuple(f"{sign.published.name}: {sign.accepted}" for sign in found.values())


def advice(signs: VitalSigns) -> str:
    """What to do about the signs, in the last line."""
    outside = signs.warnings
    if not outside:
        return "Every sign lies inside its published range, or the file says why it does not."
    count = "1 sign lies" if len(outside) == 1 else f"{len(outside)} signs lie"
    return (
        f"{count} outside. Mend the numbers behind them; or, where they are meant so, say why in the file, as in\n"
        f'vital_signs: {{accepted: {{{outside[0].code}: "..."}}}}'
    )


def signs_json(signs: VitalSigns) -> dict[str, object]:
    """What ``xbopt scenario check --json`` prints. A figure that has no meaning, or no end, is null."""
    return {
        "scenario": scenario_json(signs.scenario),
        "states_uncertainty": signs.states_uncertainty,
        "warnings": len(signs.warnings),
        "signs": sign_rows(signs.signs),
    }


def warnings_json(signs: VitalSigns) -> dict[str, object]:
    """What must be read before any figure: whether the scenario is unsure of anything, and the signs outside."""
    return {"states_uncertainty": signs.states_uncertainty, "outside": sign_rows(signs.warnings)}
