"""The verb: from data folders to a scenario that says of each number where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from xbopt.calibration.customers.cleaning import Cleaned, clean
from xbopt.calibration.customers.profiles import customer_table
from xbopt.calibration.customers.purchases import purchases_of
from xbopt.calibration.customers.segments import Segments, learn_segments
from xbopt.calibration.fit.draws import MarketDraws
from xbopt.calibration.fit.lift_tests import LiftTest
from xbopt.calibration.fit.market_fit import MarketFit
from xbopt.calibration.prices import PriceEstimate, estimate_elasticity
from xbopt.calibration.scenario.assortment import Costs
from xbopt.calibration.scenario.channels import kinds_of
from xbopt.calibration.scenario.draft import Draft, Plain
from xbopt.calibration.scenario.findings import Finding
from xbopt.calibration.scenario.like import started_from, started_from_facts
from xbopt.calibration.scenario.media_fit import DRAWS, LEAST_FIT_DAYS, fit_days, fit_media, put_fit
from xbopt.calibration.scenario.people import CustomerBase, customer_base
from xbopt.calibration.scenario.plan import MEDIA_SHARE
from xbopt.calibration.scenario.shop import Shop, read_shop
from xbopt.calibration.scenario.skeleton import Skeleton, build_skeleton, count_days
from xbopt.core.documents.document import Document
from xbopt.core.errors import CalibrationError
from xbopt.core.scenario.build import build_scenario
from xbopt.core.scenario.loading import check_document
from xbopt.core.scenario.provenance import numeric_paths, provenance_of
from xbopt.core.scenario.scenario import Scenario
from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.panel import ImportedPanel, build_panel, only_currency
from xbopt.imports.rates import converted
from xbopt.simulator.build import build_market
from xbopt.studies.frames import Frame, frame_of
from xbopt.studies.sign_values import VitalSigns
from xbopt.studies.vital_signs import vital_signs

if TYPE_CHECKING:
    from xbopt.studies.simulate import Progress

LEAST_DAYS = 28
GENERAL = "general"
"""The trade whose facts hold where nobody says what is sold."""
_YEAR_WEEKS = 52
_NAMED_SHARE = 0.5
"""Share of orders that must name a customer before customers are told apart."""
_MONEY = ("list_price", "unit_price", "discount", "net_revenue", "tax", "shipping", "duty", "platform_discount")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a seller chooses.

    Attributes:
        name: Name of the scenario.
        title: Its title, for people; period and countries where None.
        currency: Currency to count in; that of the orders where None.
        like: Scenario to start from, for what the data do not tell; facts of trade and countries where None.
        trade: What is sold, for these facts; general merchandise where None.
        origin: Where the goods come from, for these facts: an ISO code, ``EU`` or ``any``.
        regions: Countries to take; those with enough orders where None.
        start: First day of the scenario; the day after the last of the data where None.
        days: Days of the scenario.
        until: Rows after this day are left out; none where None.
        costs: What goods cost.
        tests: Lift tests on days of the data.
        fits_media: Whether the market is fitted to the panel where media are in the data.
        seed: Same seed, same result.
    """

    name: str = "calibrated"
    title: str | None = None
    currency: str | None = None
    like: str | Path | None = None
    trade: str | None = None
    origin: str = "any"
    regions: tuple[str, ...] | None = None
    start: date | None = None
    days: int = 90
    until: date | None = None
    costs: Costs = field(default_factory=lambda: Costs(by_sku={}, gross_margin=None))
    tests: tuple[LiftTest, ...] = ()
    fits_media: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A calibrated scenario, and what is known about it.

    Attributes:
        scenario: The scenario, played without joint draws here; `write` puts them beside the file.
        document: Its plain data.
        past: Rows of ``history.before``: a file of their own once written.
        cleaned: What cleaning kept and took.
        shop: What was sold in its regions.
        base: Known customers; None where orders name too few.
        segments: How segments were found; None likewise.
        price: What orders say of prices.
        skeleton: What was measured on the way.
        fit: The market fitted to the panel; None without media, or where the days are too few.
        draws: Joint draws of its numbers: a file of their own once written.
        signs: Vital signs of the scenario.
        findings: What a reader has to know, the loudest first.
    """

    scenario: Scenario
    document: Document = field(repr=False)
    past: tuple[Plain, ...] = field(repr=False)
    cleaned: Cleaned = field(repr=False)
    shop: Shop = field(repr=False)
    base: CustomerBase | None = field(repr=False)
    segments: Segments | None = field(repr=False)
    price: PriceEstimate = field(repr=False)
    skeleton: Skeleton = field(repr=False)
    fit: MarketFit | None = field(repr=False)
    draws: MarketDraws | None = field(repr=False)
    signs: VitalSigns = field(repr=False)
    findings: tuple[Finding, ...]

    def sources(self) -> list[dict[str, object]]:
        """One row a number: path, value, evidence, source, note."""
        model = self.scenario.document
        rows: list[dict[str, object]] = []
        for path in numeric_paths(model):
            entry = provenance_of(model, path)
            assert entry is not None, "every number has a source"
            rows.append(
                {
                    "path": path,
                    "value": _value(model.model_dump(mode="json"), path),
                    "evidence": entry.evidence,
                    "source": entry.source,
                    "note": entry.note,
                }
            )
        return rows

    def to_frame(self) -> Frame:
        """The same as a table for data-frame libraries."""
        return frame_of(self.sources())

    def by_evidence(self) -> Mapping[str, int]:
        """Numbers by evidence mark."""
        counts: dict[str, int] = {}
        for row in self.sources():
            mark = str(row["evidence"])
            counts[mark] = counts.get(mark, 0) + 1
        return counts


def calibrate(
    data: Path | str | Sequence[Path | str],
    *,
    options: Options | None = None,
    on_progress: "Progress | None" = None,
) -> Calibration:
    """Calibrate a scenario from data folders, as ``xbopt import`` writes them.

    Args:
        data: One folder or several.
        options: What a seller chooses.
        on_progress: Called with the stage, how much of it is done, and how much there is.

    Raises:
        UsageError: A folder is not there, or the currency is not clear.
        CalibrationError: The orders are too few to tell anything.
        ScenarioError: ``options.like`` names no scenario.
    """
    folder = read_data_folder(data)
    tables = {name: table for name in folder.names if (table := folder.table(name)) is not None}
    return calibrate_tables(tables, options=options, on_progress=on_progress)


def calibrate_tables(
    tables: Mapping[str, pl.DataFrame],
    *,
    options: Options | None = None,
    on_progress: "Progress | None" = None,
) -> Calibration:
    """The same from canonical tables by name.

    Raises:
        UsageError: The currency is not clear, or a rate is not known.
        CalibrationError: The orders are too few to tell anything.
        ScenarioError: ``options.like`` names no scenario.
    """
    chosen = options or Options()
    tell = on_progress or (lambda _stage, _done, _total: None)
    tell("quality", 0, 0)
    tables = _until(tables, chosen.until)
    cleaned, currency = _clean(tables, chosen.currency)
    shop = read_shop(cleaned.sales, cleaned.refunds, currency=currency, regions=chosen.regions)
    _check_length(shop)
    panel = build_panel({**tables, "transactions": cleaned.sales, "refunds": cleaned.refunds}, currency=currency)
    tell("customers", 0, 0)
    base, segments = _customers(cleaned, shop, chosen.seed)
    start = chosen.start or shop.last + timedelta(days=1)
    draft = _started(chosen, shop, panel.frame, start)
    tell("prices", 0, 0)
    price = estimate_elasticity(cleaned.sales, stock=tables.get("stock"))
    tell("levels", 0, 0)
    skeleton = build_skeleton(
        draft,
        shop,
        panel.frame,
        base,
        name=chosen.name,
        title=chosen.title,
        start=start,
        days=chosen.days,
        costs=chosen.costs,
        price=price,
        rates=tables.get("rates"),
    )
    fit, draws = _fitted(chosen, draft, skeleton, shop, panel.frame, base, price, tell)
    document = skeleton.draft.document()
    if skeleton.past:
        history = {**_mapping(document.data, "history"), "before": {"rows": list(skeleton.past)}}
        document = replace(document, data={**_whole(document.data), "history": history})
    scenario = build_scenario(check_document(document), None)
    tell("vital signs", 0, 0)
    return Calibration(
        scenario=scenario,
        document=document,
        past=skeleton.past,
        cleaned=cleaned,
        shop=shop,
        base=base,
        segments=segments,
        price=price,
        skeleton=skeleton,
        fit=fit,
        draws=draws,
        signs=vital_signs(build_market(scenario)),
        findings=tuple(
            sorted(_findings(chosen, shop, base, segments, skeleton, panel), key=lambda finding: not finding.is_loud)
        ),
    )


def _until(tables: Mapping[str, pl.DataFrame], until: date | None) -> Mapping[str, pl.DataFrame]:
    if until is None:
        return tables
    return {name: table.filter(pl.col("date") <= until) for name, table in tables.items()}


def _clean(tables: Mapping[str, pl.DataFrame], currency: str | None) -> tuple[Cleaned, str]:
    orders = tables.get("transactions")
    if orders is None or orders.is_empty():
        raise CalibrationError(
            "There are no orders in these data, and a market cannot be told without any. Import an export of orders "
            "(xbopt import), or start from facts: xbopt scenario new --for."
        )
    chosen = currency or only_currency(orders.filter(pl.col("status").fill_null("sold") == "sold"))
    rates, refunds = tables.get("rates"), tables.get("refunds")
    same = converted(orders, _MONEY, to=chosen, rates=rates).frame
    back = None if refunds is None else converted(refunds, ("amount",), to=chosen, rates=rates).frame
    cleaned = clean(same, back)
    if cleaned.sales.is_empty():
        taken = ", ".join(f"{count.rule} {count.rows:,}" for count in cleaned.counts if count.rows)
        raise CalibrationError(
            f"None of the {cleaned.rows_in:,} lines of orders is a sale; cleaning took {taken or 'none'}. See that "
            "status, quantity and price were read from the right columns: xbopt import formats."
        )
    return cleaned, chosen


def _check_length(shop: Shop) -> None:
    if shop.days < LEAST_DAYS:
        raise CalibrationError(
            f"The orders cover {shop.days} days, {shop.period}; at least {LEAST_DAYS} are needed to tell a market from "
            "a week's luck. Export more months, or start from facts: xbopt scenario new --for."
        )


def _customers(cleaned: Cleaned, shop: Shop, seed: int) -> tuple[CustomerBase | None, Segments | None]:
    """The customer base; None where too few orders name a customer."""
    named = shop.orders["customer"].is_not_null().mean()
    if not isinstance(named, float) or named < _NAMED_SHARE:
        return None, None
    known = replace(cleaned, transactions=cleaned.transactions.filter(pl.col("country").is_in(list(shop.regions))))
    purchases = purchases_of(known)
    table = customer_table(known)
    segments = learn_segments(table, seed=seed)
    # The table and the purchases are both sorted by pseudonym, and hold the same customers.
    return customer_base(purchases, shop.regions, segments, segments.of(table)), segments


def _started(chosen: Options, shop: Shop, panel: pl.DataFrame, start: date) -> Draft:
    """The market to start from: another scenario's, or that of facts for a seller of this size."""
    if chosen.like is not None:
        return started_from(chosen.like, currency=shop.currency, day=start)
    media = panel.filter(pl.col("channel").is_not_null() & pl.col("region").is_in(list(shop.regions)))
    spent = float(media["spend"].sum() or 0.0)
    revenue = float(shop.orders["value"].sum())
    return started_from_facts(
        trade=chosen.trade or GENERAL,
        origin=chosen.origin,
        countries=shop.regions,
        currency=shop.currency,
        day=start,
        days=chosen.days,
        spend_a_day=max(spent, MEDIA_SHARE * revenue * (spent == 0.0)) / shop.days,
        order_value=revenue / shop.orders.height,
        orders_a_month=30.4 * shop.orders.height / shop.days,
        gross_margin=chosen.costs.gross_margin,
        channels=kinds_of([str(name) for name in media["channel"].unique()]),
    )


def _fitted(
    chosen: Options,
    draft: Draft,
    skeleton: Skeleton,
    shop: Shop,
    panel: pl.DataFrame,
    base: CustomerBase | None,
    price: PriceEstimate,
    tell: "Progress",
) -> tuple[MarketFit | None, MarketDraws | None]:
    """Fit the market to its panel, and put what was found into the draft."""
    first, days = fit_days(shop.first, shop.last, 0 if base is None else base.burn_in_days)
    if not chosen.fits_media or not skeleton.bought or days < LEAST_FIT_DAYS:
        return None, None
    tell("fit", 0, 0)
    ids = {one.channel: one.id for one in skeleton.bought}
    counted = count_days(draft, shop, panel, base, ids, first, days)
    rows = skeleton.panel.filter(pl.col("date") >= first).filter(pl.col("date") <= shop.last)
    fit = fit_media(draft, rows, counted, tests=_named_tests(chosen.tests, ids), price=price, seed=chosen.seed)
    draws = fit.draws(DRAWS)
    put_fit(draft, fit, draws, f"{first} to {shop.last}")
    return fit, draws


def _named_tests(tests: Sequence[LiftTest], ids: Mapping[str, str]) -> list[LiftTest]:
    """Tests with their channels by id; a seller may name a channel as his files do."""
    return [replace(test, channel=ids.get(test.channel, test.channel)) for test in tests]


def _findings(
    chosen: Options,
    shop: Shop,
    base: CustomerBase | None,
    segments: Segments | None,
    skeleton: Skeleton,
    panel: ImportedPanel,
) -> list[Finding]:
    found: list[Finding] = []

    def add(code: str, *subjects: str, is_loud: bool = False, **figures: float) -> None:
        found.append(Finding(code=code, subjects=subjects, figures=figures, is_loud=is_loud))  # pyright: ignore[reportArgumentType]

    if not skeleton.bought:
        add("no_media", is_loud=True)
    if chosen.like is None and chosen.trade is None:
        add("trade_assumed", GENERAL)
    if base is None:
        add("no_customers", is_loud=True)
    elif base.market is None:
        add("no_repeat_model", is_loud=True, customers=float(len(base.purchases.names)))
    if shop.days < 7 * _YEAR_WEEKS:
        add("few_weeks", weeks=shop.days / 7.0)
    if segments is not None and segments.reason != "chosen":
        add("segments_few", segments.reason)
    left = [country for country in shop.countries if country.reason is not None]
    if left:
        whole = sum(country.revenue for country in shop.countries)
        share = sum(country.revenue for country in left) / whole if whole > 0.0 else 0.0
        add("countries_left_out", *(f"{country.code}:{country.reason}" for country in left), share=share)
    if skeleton.foreign:
        add("foreign_region", *skeleton.foreign, is_loud=True)
    if skeleton.rare_channels:
        add("rare_channels", *skeleton.rare_channels)
    if skeleton.levels.media_only:
        add("media_exceed_orders", *skeleton.levels.media_only)
    scaled = {
        name: float(scale)
        for name, scale in zip(skeleton.segments, skeleton.levels.repeat_scale, strict=True)
        if abs(scale - 1.0) > 0.1
    }
    if scaled and base is not None and base.market is not None:
        add("levels_differ", *scaled, **{f"scale_{n}": value for n, value in enumerate(scaled.values())})
    if chosen.costs.gross_margin is None and not chosen.costs.by_sku:
        add("costs_assumed")
    if not panel.frame["visits"].is_not_null().any():
        add("visits_assumed")
    for note in panel.notes:
        add("panel_note", note.sentence)
    return found


def _value(plain: object, path: str) -> object:
    from xbopt.core.documents.document import value_at

    steps = tuple(int(step) if step.isdecimal() else step for step in path.split("."))
    return value_at(plain, steps)


def _whole(data: object) -> Plain:
    assert isinstance(data, dict), "a document is a mapping"
    return data


def _mapping(data: object, name: str) -> Plain:
    found = _whole(data).get(name, {})
    assert isinstance(found, dict), f"{name} is a mapping"
    return found
