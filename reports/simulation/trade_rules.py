"""The trade rules and events of a campaign in words."""

from xbopt.core.scenario.schedule import RuleChange
from xbopt.core.tables.duties import ANY_ORIGIN, DutyRule
from xbopt.core.tables.events import DatedEvent
from xbopt.core.tables.import_fees import ImportFee
from xbopt.core.tables.refunds import RefundRule
from xbopt.core.tables.tariff_lists import TariffList
from xbopt.core.tables.taxes import ConsumptionTax
from xbopt.reports.kit.figures import Column, Table
from xbopt.reports.kit.numbers import NumberFormat
from xbopt.reports.kit.page_parts import SheetRow
from xbopt.studies.rules_in_force import ASKED_SURCHARGE_FRAC, OpenDuty, RuleInForce, RulesInForce

_STATED_CHANGES = (
    ("threshold_base", "low-value limit", False),
    ("line_duty_base", "flat duty a line", False),
    ("ad_valorem_frac", "duty", True),
    ("ad_valorem_added_frac", "on top of the duty that holds", True),
    ("surcharge_frac", "surcharge", True),
    ("surcharge_added_frac", "on top of the surcharge that holds", True),
    ("parcel_fee_base", "fee a parcel", False),
    ("tax_threshold_base", "tax-free limit", False),
    ("tax_frac", "consumption tax", True),
)


def rule_lines(rules: RulesInForce, numbers: NumberFormat) -> tuple[str, ...]:
    """One line for each duty that is not known in full, then one a rule."""
    lines = [_line(rule, numbers) for rule in rules.rules]
    return (*(open_duty_sentence(duty, numbers) for duty in rules.open_duties), *lines)


def _line(rule: RuleInForce, numbers: NumberFormat) -> str:
    note = rule_note(rule)
    text = f"{rule_place(rule, numbers)}: {rule_words(rule, numbers)} ({rule.certainty})."
    return f"{text} {note}" if note else text


def rule_rows(rules: RulesInForce, numbers: NumberFormat) -> tuple[SheetRow, ...]:
    """The same as rows of the assumption sheet."""
    rows = [
        SheetRow(
            group=f"{duty.region}, duty not known",
            values=(("", open_duty_sentence(duty, numbers)),),
            evidence="",
            source="",
        )
        for duty in rules.open_duties
    ]
    rows += [
        SheetRow(
            group=rule_place(rule, numbers),
            values=(("", rule_words(rule, numbers)),),
            evidence="" if isinstance(rule.rule, RuleChange) else rule.rule.evidence,
            source=f"{rule_source(rule)}. Certainty: {rule.certainty}. {rule_note(rule)}".strip(),
        )
        for rule in rules.rules
    ]
    return tuple(rows)


def rule_place(rule: RuleInForce, numbers: NumberFormat) -> str:
    """Regions, products and days of a rule."""
    goods = f", {', '.join(rule.products)}" if rule.products else ""
    if rule.is_throughout:
        return f"{', '.join(rule.regions)}{goods}"
    days = numbers.day(rule.first)
    if rule.last > rule.first:
        days += f" to {numbers.day(rule.last)}"
    return f"{', '.join(rule.regions)}{goods}, {days}"


def rule_words(rule: RuleInForce, numbers: NumberFormat) -> str:
    """What a rule asks for."""
    match rule.rule:
        case ConsumptionTax() as tax:
            since = numbers.day(tax.effective_from)
            return f"consumption tax {tax.tax_id}, {numbers.share(tax.rate_frac)} since {since}"
        case DutyRule() as duty:
            return _duty_words(duty, rule, numbers)
        case TariffList() as listed:
            assumed = ", assumed since the product names no list" if rule.is_assumed else ""
            return f"duty on top by tariff list {listed.list_id}, {numbers.share(listed.ad_valorem_frac)}{assumed}"
        case ImportFee() as fee:
            low_value = " up to the low-value limit" if fee.low_value_only else ""
            off = ", not counted: import_fees can switch it on" if rule.is_off else ""
            amount = f"{fee.currency} {numbers.exact(fee.amount)} for each {fee.unit}"
            return f"import fee {fee.fee_id}, {amount}{low_value}{off}"
        case RefundRule():
            return "refunds with the shipping that the customer paid"
        case DatedEvent() as event:
            days = numbers.day(event.start)
            if event.end > event.start:
                days += f" to {numbers.day(event.end)}"
            return f"event {event.name}, {days}, demand x {numbers.exact(event.peak_demand)}"
        case RuleChange() as change:
            parts = [
                f"{words} {numbers.share(value) if is_share else numbers.money(value)}"
                for name, words, is_share in _STATED_CHANGES
                if (value := getattr(change, name)) is not None
            ]
            return f"rule change of the scenario: {', '.join(parts)}"


def _duty_words(duty: DutyRule, rule: RuleInForce, numbers: NumberFormat) -> str:
    goods = "origin of the goods not stated" if rule.origin == ANY_ORIGIN else f"goods from {rule.origin}"
    base = "goods and charged shipping" if duty.duty_base == "CIF" else "goods"
    parts = [f"{numbers.share(duty.ad_valorem_frac)} of {base}"]
    if rule.own_rates:
        own = ", ".join(numbers.share(rate) for rate in rule.own_rates)
        parts.append(f"products with a duty_frac of their own {own} instead")
    if duty.surcharge_frac > 0.0:
        parts.append(f"surcharge {numbers.share(duty.surcharge_frac)}")
    each = f"an {duty.threshold_unit}{' with charged shipping' if duty.threshold_basis == 'CIF' else ''}"
    if duty.threshold > 0.0:
        limit = f"up to {duty.currency} {numbers.exact(duty.threshold)} {each}"
        flat = f"{duty.currency} {numbers.exact(duty.flat_duty)} for each {duty.flat_duty_unit}"
        parts.append(f"{flat if duty.flat_duty > 0.0 else 'no duty'} {limit}")
    if duty.tax_threshold > 0.0:
        limit = f"up to {duty.currency} {numbers.exact(duty.tax_threshold)} {each}"
        parts.append(f"consumption tax owed by the {duty.tax_below} {limit}".replace("the nobody", "nobody"))
    if not duty.tax_on_duty:
        parts.append("no consumption tax on duty")
    return f"duty {duty.duty_id} since {numbers.day(duty.effective_from)}, {goods}: {'; '.join(parts)}"


def rule_source(rule: RuleInForce) -> str:
    """Where a rule was found."""
    return "Stated by the scenario" if isinstance(rule.rule, RuleChange) else rule.rule.source.rstrip(".")


def rule_note(rule: RuleInForce) -> str:
    """What a rule leaves out or assumes; empty where nothing is noted."""
    note = getattr(rule.rule, "note", "")
    return f"{note.rstrip('.')}." if note else ""


def open_duty_sentence(duty: OpenDuty, numbers: NumberFormat) -> str:
    """What is not known, what to do about it, and what a surcharge would cost."""
    share = numbers.share(ASKED_SURCHARGE_FRAC)
    cost = f"{share} would cost the {duty.paid_by} {numbers.number(duty.per_order_base, 'price')} an average order"
    if duty.campaign_base is not None:
        cost += f" and {numbers.money(duty.campaign_base)} on this campaign's orders"
    goods = "" if duty.origin == ANY_ORIGIN else f" on goods from {duty.origin}"
    return (
        f"{duty.region}, {numbers.day(duty.first)} to {numbers.day(duty.last)}: the duty{goods} is not known in full; "
        f"state a rule_change with the surcharge_frac that you expect. {cost}."
    )


def rules_table(rules: RulesInForce, numbers: NumberFormat) -> Table:
    """The same for a workbook, one row a rule."""
    return Table(
        key="rules",
        title="Rules and events from the dated tables",
        columns=(
            Column("where", "Where", "text", "Regions, products and days of the campaign"),
            Column("rule", "Rule", "text"),
            Column("certainty", "Certainty", "text", "high, medium, low or unknown; stated for the scenario's own"),
            Column("source", "Source", "text"),
            Column("note", "Note", "text"),
        ),
        rows=(
            *(
                (
                    rule_place(rule, numbers),
                    rule_words(rule, numbers),
                    rule.certainty,
                    rule_source(rule),
                    rule_note(rule),
                )
                for rule in rules.rules
            ),
            *((duty.region, "", "unknown", "", open_duty_sentence(duty, numbers)) for duty in rules.open_duties),
        ),
    )
