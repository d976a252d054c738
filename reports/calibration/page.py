"""The calibration report laid out for its page."""

from xbopt.reports.calibration.charts import CURVE_HEIGHT, FIT_HEIGHT, curve_chart, fit_chart
from xbopt.reports.calibration.fit_tables import curves_table
from xbopt.reports.calibration.insights import insight_sections
from xbopt.reports.calibration.report import CalibrationReport
from xbopt.reports.calibration.words import next_test_sentence
from xbopt.reports.kit.figures import Fact
from xbopt.reports.kit.page_parts import ChartPart, PageContent, Section, TileText, table_text

_MEANING = (
    "Measured (M) is what the data tell. A number that they do not tell is an estimate (E) or taken from published "
    "figures, and is never called measured."
)


_NOTHING_MISSING = (
    "Nothing of what is asked for was missing: the data hold a year of orders with customers, prices, sessions and "
    "media, and costs were given. That says nothing yet of how far they tell what media bring, which stands below."
)


def calibration_content(report: CalibrationReport) -> PageContent:
    """The whole page."""
    calibration, numbers = report.calibration, report.numbers
    return PageContent(
        kind="Calibration",
        title=calibration.scenario.title,
        description=calibration.scenario.document.description,
        facts=(
            Fact("Days", calibration.period),
            Fact("Scenario", f"{calibration.scenario.start}, {calibration.scenario.days} days"),
            Fact("Money", calibration.currency),
        ),
        verdict=report.verdict,
        tone="bad" if report.loud else "good",
        below_verdict=(*report.loud, *report.warnings),
        tiles=_tiles(report),
        sections=tuple(section for section in _sections(report) if section is not None),
        notes=(_MEANING,),
        numbers=numbers,
    )


def _tiles(report: CalibrationReport) -> tuple[TileText, ...]:
    calibration, numbers = report.calibration, report.numbers
    counts = calibration.by_evidence()
    whole = sum(counts.values())
    tiles: list[TileText] = []
    if (shop := calibration.shop) is not None:
        days = f"in {numbers.count(shop.days)} days"
        revenue = numbers.money(float(shop.orders["value"].sum()))
        tiles += [
            TileText(name="Orders", figure=numbers.count(shop.orders.height), range=days),
            TileText(name="Revenue", figure=revenue, range="of the regions"),
        ]
    tiles += [
        TileText(name="Regions", figure=numbers.count(len(calibration.scenario.regions))),
        TileText(
            name="Measured numbers",
            figure=numbers.count(counts.get("M", 0)),
            range=f"of {numbers.count(whole)}",
            meaning="the others say what they rest on",
        ),
    ]
    spent = sum(one.spend for one in calibration.bought)
    if spent > 0.0:
        tiles.append(TileText(name="Media spend", figure=numbers.money(spent), range="in the regions"))
    return tuple(tiles)


def _sections(report: CalibrationReport) -> tuple[Section | None, ...]:
    numbers, quality = report.numbers, report.insights.quality
    return (
        Section(
            key="findings",
            title="What the data do not tell, and what would",
            lines=(*report.loud, *report.lines) or (_NOTHING_MISSING,),
        ),
        None
        if not quality.rules.rows
        else Section(
            key="quality",
            title="Data quality",
            takeaway="Every line of orders is accounted for.",
            lines=tuple(f"{str(weight).capitalize()}: {finding}" for weight, finding in quality.findings.rows),
            tables=tuple(
                table_text(table, numbers)
                for table in (quality.rules, quality.sessions, report.regions, quality.first_samples)
                if table.rows
            ),
        ),
        None
        if not report.segments.rows
        else Section(
            key="segments",
            title="Customers",
            takeaway="Groups of customers, and how often they come back.",
            tables=(table_text(report.segments, numbers),),
        ),
        None
        if not report.channels.rows
        else Section(
            key="media",
            title="Media",
            takeaway="What was bought, and what reach cost.",
            tables=(table_text(report.channels, numbers),),
        ),
        None
        if not report.price_lines
        else Section(key="prices", title="Prices", takeaway=report.price_lines[0], lines=report.price_lines[1:]),
        *insight_sections(report.insights, numbers),
        *_fit_sections(report),
        None
        if not report.self_test_lines
        else Section(
            key="self_test",
            title="The fit's test of itself",
            takeaway=report.self_test_lines[0],
            lines=report.self_test_lines[1:],
            tables=(table_text(report.self_test, numbers),) if report.self_test.rows else (),
        ),
        Section(
            key="signs",
            title="Vital signs",
            takeaway="What the scenario implies, beside what trade and research have measured elsewhere.",
            tables=(table_text(report.signs, numbers),),
        ),
        Section(
            key="evidence",
            title="How solid the numbers are",
            tables=(table_text(report.evidence, numbers),),
        ),
    )


def _next_tests(report: CalibrationReport) -> tuple[Section, ...]:
    if not report.next_tests.rows:
        return ()
    return (
        Section(
            key="tests",
            title="Which test would tell most",
            takeaway=next_test_sentence(report.calibration.next_tests[0], report.numbers),
            tables=(table_text(report.next_tests, report.numbers),),
        ),
    )


def _fit_sections(report: CalibrationReport) -> tuple[Section, ...]:
    """What media bring, and what of it is known; nothing where no market was fitted."""
    numbers, review = report.numbers, report.review
    if not report.told.rows:
        return ()
    told = Section(
        key="told",
        title="What media bring, and how far the data tell it",
        takeaway=report.fit_lines[0] if report.fit_lines else "",
        tables=(table_text(report.told, numbers),),
        lines=report.fit_lines[1:],
    )
    first = (told, *_next_tests(report))
    if review is None:
        return first
    fitted = (
        "Dots: recorded net revenue of a week. Line: what the fitted market expects; band: 95 % of its weekly noise."
    )
    bent = "Net revenue that a channel adds over its spend a week; band: 95 % of the posterior."
    return (
        *first,
        Section(
            key="fitted",
            title="Fitted against actual",
            takeaway="A good fit alone proves nothing: xbopt backtest says how well the model foresees.",
            charts=(
                ChartPart(
                    key="chart-fitted",
                    title="Net revenue by week",
                    description=fitted,
                    spec=fit_chart(review.revenue, fitted),
                    table=table_text(report.weeks, numbers),
                    height=FIT_HEIGHT + 40,
                ),
            ),
            legend=fitted,
        ),
        Section(
            key="causes",
            title="Where sales came from",
            tables=(table_text(report.causes, numbers),),
        ),
        Section(
            key="curves",
            title="How response bends",
            charts=tuple(
                ChartPart(
                    key=f"chart-response-{curve.channel}",
                    title=curve.channel,
                    description=bent,
                    spec=curve_chart(curve, bent),
                    table=table_text(curves_table(review, curve.channel), numbers),
                    wide=False,
                    height=CURVE_HEIGHT + 50,
                )
                for curve in review.curves
            ),
            legend=f"{bent} Grey: the range of weeks that were seen; beyond it the curve is no observation.",
        ),
    )
