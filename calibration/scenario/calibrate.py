"""The verb: from data folders to a scenario that says of each number where it comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from xbopt.calibration.customers.cleaning import Cleaned, clean
from xbopt.calibration.customers.cleaning_sessions import CleanedSessions, clean_sessions
from xbopt.calibration.customers.profiles import table_by_first_order
from xbopt.calibration.customers.purchases import purchases_of
from xbopt.calibration.customers.segments import Segments, learn_segments
from xbopt.calibration.fit.draws import MarketDraws
from xbopt.calibration.fit.lift_tests import LiftTest, read_lift_tests
from xbopt.calibration.fit.market_fit import NOISE_WORLDS, MarketFit
from xbopt.calibration.prices import PriceEstimate, estimate_elasticity
from xbopt.calibration.scenario.assortment import Costs
from xbopt.calibration.scenario.calibration import Calibration, Options, signs_of
from xbopt.calibration.scenario.channels import kinds_of
from xbopt.calibration.scenario.costs import check_costs
from xbopt.calibration.scenario.draft import Draft, finished
from xbopt.calibration.scenario.findings import Finding
from xbopt.calibration.scenario.findings_of import GENERAL, findings_of, shared_channels, unread_tables
from xbopt.calibration.scenario.folders import tables_of
from xbopt.calibration.scenario.insights import insights_of
from xbopt.calibration.scenario.like import started_from, started_from_facts
from xbopt.calibration.scenario.media_fit import DRAWS, LEAST_FIT_DAYS, fit_days, fit_media, put_fit, rounds_told
from xbopt.calibration.scenario.next_tests import next_tests
from xbopt.calibration.scenario.order_value import check_local_amounts, check_order_value
from xbopt.calibration.scenario.panel_market import calibrate_panel, lone_panel
from xbopt.calibration.scenario.people import CustomerBase, customer_base
from xbopt.calibration.scenario.plan import MEDIA_SHARE
from xbopt.calibration.scenario.sentiment import put_sentiment
from xbopt.calibration.scenario.shop import Shop, read_shop
from xbopt.calibration.scenario.skeleton import Skeleton, build_skeleton, count_days
from xbopt.core.errors import CalibrationError, PanelError, SupportError
from xbopt.core.tables.market_names import countries as known_countries
from xbopt.core.tables.public_holidays import country_codes
from xbopt.imports.coverage import Span, longest_covered
from xbopt.imports.data_folder import read_data_folder
from xbopt.imports.panel import build_panel, only_currency
from xbopt.imports.rates import converted, unrated
from xbopt.imports.tables import REFUND_MONEY

if TYPE_CHECKING:
    from xbopt.studies.simulate import Progress

LEAST_DAYS = 28
_NAMED_SHARE = 0.5
"""Share of orders that must name a customer before customers are told apart."""
_MONEY = ("list_price", "unit_price", "discount", "net_revenue", "tax", "shipping", "duty", "platform_discount")


def calibrate(
    data: Path | str | Sequence[Path | str],
    *,
    name: str = "calibrated",
    title: str | None = None,
    currency: str | None = None,
    like: str | Path | None = None,
    trade: str | None = None,
    origin: str = "any",
    regions: Sequence[str] | None = None,
    start: date | None = None,
    days: int = 90,
    until: date | None = None,
    world: int | None = None,
    costs: Mapping[str, float] | None = None,
    gross_margin: float | None = None,
    tests: Path | str | Sequence[LiftTest] = (),
    off: Sequence[Span] = (),
    fits_media: bool = True,
    worlds: int = NOISE_WORLDS,
    seed: int = 0,
    on_progress: "Progress | None" = None,
) -> Calibration:
    """Calibrate a scenario from data folders, as ``xbopt import`` writes them, or fit one to a panel.

    Args:
        data: One folder or several; or a panel of ``xbopt simulate --panel``, as a file or as all that a folder holds.
        name: Name of the scenario.
        title: Its title, for people; period and countries where left out.
        currency: Currency to count in; that of the orders where left out.
        like: Scenario to start from, for what the data do not tell; facts of trade and countries where left out.
        trade: What is sold, for these facts; general merchandise where left out.
        origin: Where the goods come from, for these facts: an ISO code, ``EU`` or ``any``.
        regions: Countries to take; those with enough orders where left out.
        start: First day of the scenario; the day after the last of the data where left out.
        days: Days of the scenario.
        until: Rows after this day are left out.
        world: Which simulated world of a panel to take; needed where it holds several.
        costs: Unit cost by sku, in the currency.
        gross_margin: Gross margin of what ``costs`` does not list, a share of the price.
        tests: Lift tests on days of the data, or a file of them.
        off: Spans in which a platform without rows was off (nothing was spent), or the shop without orders closed; days
            without rows are not known where left out.
        fits_media: Whether the market is fitted to the panel where media are in the data.
        worlds: Sampled worlds that the noise of the fit is read off, 32 at least; fewer are faster and rougher.
        seed: Same seed, same result.
        on_progress: Called with the stage, how much of it is done, and how much there is.

    Raises:
        UsageError: A folder is not there, the currency is not clear, or ``off`` names a platform that has no rows.
        CalibrationError: The orders are too few to tell anything, or money is in several currencies without rates.
        PanelError: A panel cannot be used.
        ScenarioError: ``like`` names no scenario.
        TableError: A trade, an origin or a file of tests cannot be used.
    """
    paths = [Path(data)] if isinstance(data, str | Path) else [Path(each) for each in data]
    options = Options(
        name=name,
        title=title,
        currency=currency,
        like=like,
        trade=trade,
        origin=origin,
        regions=None if regions is None else tuple(regions),
        start=start,
        days=days,
        until=until,
        world=world,
        costs=Costs(by_sku=costs or {}, gross_margin=gross_margin),
        tests=read_lift_tests(tests) if isinstance(tests, str | Path) else tuple(tests),
        off=tuple(off),
        fits_media=fits_media,
        worlds=worlds,
        seed=seed,
    )
    if panel := lone_panel(paths):
        return calibrate_panel(panel, chosen=options, tell=on_progress or _silent)
    folder = read_data_folder(paths)
    tables, left_out = tables_of(folder)
    lacking = unrated(tables, to=currency)
    if lacking is not None and not any(record.accepts_mixed for record in folder.provenance):
        raise CalibrationError(
            f"{lacking.sentence} Import a file of rates into one of the folders, as xbopt import eurofxref-hist.zip -o "
            f"{folder.paths[0]} (European Central Bank), or a table with the columns date, currency, per_euro."
        )
    made = calibrate_tables(tables, options=options, on_progress=on_progress)
    if not left_out:
        return made
    twice = Finding(code="folders_overlap", figures={"rows": left_out})
    return replace(made, findings=(*made.findings, twice))


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
    tell = on_progress or _silent
    tell("reading and cleaning", 0, 0)
    tables = _until(tables, chosen.until)
    cleaned, currency = _clean(tables, chosen.currency)
    known = set(country_codes()) if chosen.like is not None else set(country_codes()) & set(known_countries())
    shop = read_shop(cleaned.sales, cleaned.refunds, currency=currency, regions=chosen.regions, known=known)
    _check_length(shop)
    clear = {**tables, "transactions": cleaned.sales, "refunds": cleaned.refunds}
    sessions = _people(tables.get("sessions"))
    if sessions is not None:
        clear["sessions"] = sessions.sessions
    panel = build_panel(clear, currency=currency, off=chosen.off)
    tell("customers", 0, 0)
    base, segments = _customers(cleaned, shop, chosen.seed)
    start = chosen.start or shop.last + timedelta(days=1)
    like = None if chosen.like is None else started_from(chosen.like, currency=shop.currency, day=start)
    unusual = (
        *check_local_amounts(shop),
        *check_order_value(shop, chosen.trade, like),
        *check_costs(shop.lines, chosen.costs.by_sku),
    )
    draft = like or _started(chosen, shop, panel.frame, start)
    tell("prices", 0, 0)
    price = _prices(cleaned, tables.get("stock"))
    tell("levels", 0, 0)
    skeleton = build_skeleton(
        draft,
        shop,
        panel.frame,
        base,
        holes=panel.holes,
        name=chosen.name,
        title=chosen.title,
        start=start,
        days=chosen.days,
        costs=chosen.costs,
        price=price,
        rates=tables.get("rates"),
    )
    shared = shared_channels(panel, skeleton)
    fit, draws, unfitted = _fitted(chosen, draft, skeleton, shop, panel.frame, base, price, tell, shared)
    played = None if fit is None else fit.replay.panel
    put_sentiment(skeleton.draft, shop, cleaned, tables)
    unread = unread_tables(tables, skeleton.draft)
    tell("deals, coming weeks and buyers", 0, 0)
    insights = insights_of(
        cleaned,
        sessions,
        shop,
        base,
        segments,
        panel.frame,
        stock=tables.get("stock"),
        holes=skeleton.holes,
        seed=chosen.seed,
    )
    document, scenario = finished(skeleton.draft, skeleton.past)
    tell("tests and vital signs", 0, 0)
    return Calibration(
        scenario=scenario,
        document=document,
        past=skeleton.past,
        first=shop.first,
        last=shop.last,
        bought=skeleton.bought,
        cleaned=cleaned,
        shop=shop,
        base=base,
        segments=segments,
        price=price,
        insights=insights,
        skeleton=skeleton,
        fit=fit,
        draws=draws,
        next_tests=() if fit is None else next_tests(fit, shared),
        signs=signs_of(scenario, draws),
        findings=tuple(
            sorted(
                [
                    *unusual,
                    *unread,
                    *findings_of(
                        chosen,
                        shop,
                        base,
                        segments,
                        price,
                        skeleton,
                        panel,
                        unfitted,
                        played=None
                        if played is None
                        else (played.start, played.start + timedelta(days=played.days - 1)),
                    ),
                ],
                key=lambda finding: not finding.is_loud,
            )
        ),
    )


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
    del stage, done, total


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
    back = None if refunds is None else converted(refunds, REFUND_MONEY, to=chosen, rates=rates).frame
    cleaned = clean(same, back)
    if cleaned.sales.is_empty():
        taken = ", ".join(f"{count.rule} {count.rows:,}" for count in cleaned.counts if count.rows)
        raise CalibrationError(
            f"None of the {cleaned.rows_in:,} lines of orders is a sale; cleaning took {taken or 'none'}. See that "
            "status, quantity and price were read from the right columns: xbopt import formats."
        )
    return cleaned, chosen


def _people(sessions: pl.DataFrame | None) -> CleanedSessions | None:
    return None if sessions is None or sessions.is_empty() else clean_sessions(sessions)


def _prices(cleaned: Cleaned, stock: pl.DataFrame | None) -> PriceEstimate | None:
    """What orders say of prices; None where no line names a product, a quantity and a price."""
    try:
        return estimate_elasticity(cleaned.sales, stock=stock)
    except SupportError:
        return None


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
    known = shop.with_its_customers(cleaned)
    purchases = purchases_of(known)
    table = table_by_first_order(known)
    segments = learn_segments(table, seed=seed)
    # The table and the purchases are both sorted by pseudonym, and hold the same customers.
    return customer_base(purchases, shop.regions, segments, segments.of(table)), segments


def _started(chosen: Options, shop: Shop, panel: pl.DataFrame, start: date) -> Draft:
    """The market of facts to start from, for a seller of this size."""
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
    price: PriceEstimate | None,
    tell: "Progress",
    shared: Sequence[str],
) -> tuple[MarketFit | None, MarketDraws | None, str]:
    """Fit the market to its panel, and put what was found into the draft; else why it was not fitted."""
    if not chosen.fits_media or not skeleton.bought:
        return None, None, ""
    begin, days = fit_days(shop.first, shop.last, 0 if base is None else base.burn_in_days)
    # A day that a source tells nothing about would be played as one on which nothing was spent or ordered.
    told = longest_covered(begin, shop.last, skeleton.holes)
    first, last = told or (begin, begin)
    what = f"{days} days are left after the first part of the data"
    if skeleton.holes:
        days = 0 if told is None else (last - first).days + 1
        what = f"{days} days in a row are told by the orders and every platform after the first part of the data"
    if days < LEAST_FIT_DAYS:
        return None, None, f"{what}, and {LEAST_FIT_DAYS} are needed."
    tell("market fit", 0, 0)
    ids = {one.channel: one.id for one in skeleton.bought}
    counted = count_days(draft, shop, panel, base, ids, first, days)
    rows = skeleton.panel.filter(pl.col("date") >= first).filter(pl.col("date") <= last)
    try:
        fit = fit_media(
            draft,
            rows,
            counted,
            tests=_named_tests(chosen.tests, ids),
            price=price,
            seed=chosen.seed,
            worlds=chosen.worlds,
            on_round=rounds_told(tell),
        )
    except (CalibrationError, PanelError) as error:
        if chosen.tests:  # a test that does not fit is the user's to mend
            raise
        return None, None, str(error)
    draws = fit.draws(DRAWS)
    put_fit(draft, fit, draws, f"{first} to {last}", shared)
    return fit, draws, ""


def _named_tests(tests: Sequence[LiftTest], ids: Mapping[str, str]) -> list[LiftTest]:
    """Tests with their channels by id; a seller may name a channel as his files do."""
    return [replace(test, channel=ids.get(test.channel, test.channel)) for test in tests]
