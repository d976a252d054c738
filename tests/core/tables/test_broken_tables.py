"""A broken row stops the program and says file, row and column."""

from collections.abc import Callable
from pathlib import Path

import pytest

from xbopt.core.errors import TableError
from xbopt.core.tables.duties import load_duties
from xbopt.core.tables.event_dates import load_event_dates
from xbopt.core.tables.events import load_events
from xbopt.core.tables.import_fees import load_import_fees
from xbopt.core.tables.refunds import load_refund_rules
from xbopt.core.tables.rows import read_rows
from xbopt.core.tables.tariff_lists import load_tariff_lists
from xbopt.core.tables.taxes import load_taxes

TAX = "tax_id,effective_from,rate_frac,kind,evidence,source\nAA,2010-01-01,0.2,vat,mem,from memory\n"
DUTY = (
    "duty_id,origin,effective_from,currency,threshold,threshold_basis,threshold_unit,flat_duty,flat_duty_unit,"
    "ad_valorem_frac,surcharge_frac,duty_base,tax_threshold,tax_below,tax_above,tax_on_duty,certainty,evidence,source,note\n"
    "aa_import,any,2010-01-01,EUR,150,FOB,order,3,line,0.06,0,CIF,22,nobody,importer,yes,high,S,a law,\n"
)
EVENT = (
    "event_id,name,rule,length_days,countries,lead_in_days,lead_in_demand,peak_demand,dip_days,dip_demand,"
    "cpm,price_sensitivity,night_share,usual_deal_frac,deal_seekers_frac,evidence,source\n"
    "feast,Feast,fixed:05-05,2,AA;BB,4,1.4,2,4,0.8,1.2,1.1,1,0.2,0.5,E,an estimate\n"
)


FEE = (
    "fee_id,duty_ids,countries,effective_from,effective_to,currency,amount,unit,scope,by_default,certainty,evidence,"
    "source,note\naa_fee,aa_import,*,2026-01-01,2026-09-30,EUR,2,item,all,no,medium,W,a plan,\n"
)
TARIFF = (
    "list_id,duty_id,origin,effective_from,ad_valorem_frac,assumed,certainty,evidence,source,note\n"
    "aa_list,aa_import,BB,2020-01-01,0.25,yes,high,S,a law,\n"
)
REFUND = "country,effective_from,outbound_shipping,certainty,evidence,source,note\nAA,2014-01-01,yes,high,S,a law,\n"
DATES = "event_id,year,start,length_days,name,certainty,source\nfeast,2026,2026-06-23,4,Feast in June,high,a paper\n"


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (load_taxes, TAX),
        (load_duties, DUTY),
        (load_events, EVENT),
        (load_import_fees, FEE),
        (load_tariff_lists, TARIFF),
        (load_refund_rules, REFUND),
        (load_event_dates, DATES),
    ],
    ids=["tax", "duty", "event", "fee", "tariff list", "refund", "event date"],
)
def test_the_sound_tables_of_this_module_load(tmp_path: Path, load: Callable[[Path], object], text: str) -> None:
    """Otherwise the broken ones below could fail for another reason."""
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    assert load(path)


@pytest.mark.parametrize(
    ("load", "text", "old", "new", "said"),
    [
        (load_taxes, TAX, "0.2", "20", "row 2, column rate_frac: 20 is not between 0 and 1"),
        (load_taxes, TAX, "0.2", "nan", "column rate_frac"),
        (load_taxes, TAX, "0.2", "a fifth", "column rate_frac: 'a fifth' is not a number"),
        (load_taxes, TAX, "2010-01-01", "01.01.2010", "column effective_from: '01.01.2010' is not a date"),
        (load_taxes, TAX, "2010-01-01", "20100101", "column effective_from: '20100101' must be written 2010-01-01"),
        (load_taxes, TAX, ",vat,", ",tva,", "column kind: 'tva' is not one of vat, gst, sales_tax"),
        (load_taxes, TAX, ",mem,", ",sure,", "column evidence: 'sure' is not one of"),
        (load_taxes, TAX, "from memory", "", "column source: is empty"),
        (load_taxes, TAX, "AA,", " AA,", "column tax_id: has spaces"),
        (load_taxes, TAX, ",from memory", "", "row 2, column source: 5 cells where 6 belong"),
        (load_taxes, TAX, "rate_frac", "rate", "row 1, column rate_frac: the header must be"),
        (load_taxes, TAX, "AA,2010-01-01,0.2,vat,mem,from memory\n", "", "row 2, column tax_id: the table has no"),
        (load_duties, DUTY, "EUR", "euro", "row 2, column currency: 'euro' is not an ISO 4217 code"),
        (load_duties, DUTY, ",150,", ",0,", "column flat_duty: needs a threshold"),
        (load_duties, DUTY, "0.06", "-0.06", "column ad_valorem_frac: -0.06 is not between"),
        (load_duties, DUTY, ",order,", ",basket,", "column threshold_unit: 'basket' is not one of order, item"),
        (load_duties, DUTY, ",line,", ",kilo,", "column flat_duty_unit: 'kilo' is not one of"),
        (load_duties, DUTY, ",CIF,", ",cif,", "column duty_base: 'cif' is not one of CIF, FOB"),
        (load_duties, DUTY, ",nobody,", ",buyer,", "column tax_below: 'buyer' is not one of"),
        (load_duties, DUTY, ",importer,", ",nobody,", "column tax_above: 'nobody' is not one of seller, importer"),
        (load_duties, DUTY, ",high,", ",sure,", "column certainty: 'sure' is not one of high, medium, low, unknown"),
        (load_duties, DUTY, ",yes,", ",1,", "column tax_on_duty: '1' is not one of yes, no"),
        (load_import_fees, FEE, "2026-09-30", "2025-09-30", "column effective_to: lies before 2026-01-01"),
        (load_import_fees, FEE, ",all,", ",some,", "column scope: 'some' is not one of low_value, all"),
        (load_tariff_lists, TARIFF, "0.25", "25", "column ad_valorem_frac: 25 is not between 0 and 2"),
        (load_refund_rules, REFUND, ",yes,", ",,", "column outbound_shipping: is empty"),
        (load_event_dates, DATES, "feast,2026", "feast,2025", "column start: 2026-06-23 does not lie in 2025"),
        (load_events, EVENT, "fixed:05-05", "fixed:02-29", "column rule"),
        (load_events, EVENT, "fixed:05-05", "fixed:13-01", "column rule"),
        (load_events, EVENT, "fixed:05-05", "every friday", "column rule: 'every friday' is no rule"),
        (load_events, EVENT, "fixed:05-05", "nth_weekday:11:thu:5:+1", "column rule"),
        (load_events, EVENT, "fixed:05-05", "hijri:9:30", "column rule"),
        (load_events, EVENT, ",2,AA", ",month,AA", "column length_days: 'month' goes with a hijri rule"),
        (load_events, EVENT, ",2,AA", ",2.5,AA", "column length_days: '2.5' is not a whole number"),
        (load_events, EVENT, "AA;BB", "AA;Spain", "column countries: 'Spain' is not an ISO 3166 code"),
        (load_events, EVENT, "AA;BB", "AA;AA", "column countries: names a country twice"),
        (load_events, EVENT, ",4,1.4,", ",61,1.4,", "column lead_in_days: 61 is not between 0 and 60"),
        (load_events, EVENT, "0.2,0.5,E", "0,0.5,E", "column deal_seekers_frac: Somebody seeks a deal"),
        (load_events, EVENT, "1.1,1,0.2", "0.9,1,0.2", "column price_sensitivity: 0.9 is not between 1 and 5"),
    ],
)
def test_a_broken_row_is_refused_with_its_place(
    tmp_path: Path, load: Callable[[Path], object], text: str, old: str, new: str, said: str
) -> None:
    assert old in text
    path = tmp_path / "table.csv"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TableError) as caught:
        load(path)
    assert str(caught.value).startswith("table.csv, row ")
    assert said in str(caught.value)


def test_rows_of_an_id_stand_together_and_in_order_of_days(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TAX + "AA,2010-01-01,0.3,vat,mem,from memory\n", encoding="utf-8")
    with pytest.raises(TableError, match="row 3, column effective_from: must be later than 2010-01-01"):
        load_taxes(path)
    row = "{},2011-01-01,0.3,vat,mem,from memory\n"
    path.write_text(TAX + row.format("BB") + row.format("AA"), encoding="utf-8")
    with pytest.raises(TableError, match="row 4, column tax_id: the rows of 'AA' must stand together"):
        load_taxes(path)


def test_the_rules_of_a_duty_keep_one_currency(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    second = DUTY.splitlines()[1].replace("2010", "2011")
    path.write_text(DUTY + second.replace("EUR", "USD") + "\n", encoding="utf-8")
    with pytest.raises(TableError, match="row 3, column currency: differs from EUR"):
        load_duties(path)
    path.write_text(DUTY + second + "\n", encoding="utf-8")
    assert len(load_duties(path)["aa_import"]) == 2


def test_a_fee_and_an_event_s_year_stand_once(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(FEE + FEE.splitlines()[1] + "\n", encoding="utf-8")
    with pytest.raises(TableError, match="row 3, column fee_id: 'aa_fee' stands in an earlier row"):
        load_import_fees(path)
    path.write_text(DATES + DATES.splitlines()[1] + "\n", encoding="utf-8")
    with pytest.raises(TableError, match="row 3, column year: feast has a row for 2026 already"):
        load_event_dates(path)


def test_two_rows_of_an_event_must_not_share_a_country(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    second = EVENT.splitlines()[1]
    path.write_text(EVENT + second.replace("AA;BB", "BB;CC") + "\n", encoding="utf-8")
    with pytest.raises(TableError, match="row 3, column countries: BB stands in an earlier row"):
        load_events(path)
    path.write_text(EVENT + second.replace("AA;BB", "CC") + "\n", encoding="utf-8")
    assert len(load_events(path)) == 2


def test_a_phase_of_another_name_may_share_a_country(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(EVENT + EVENT.splitlines()[1].replace("Feast", "Last day") + "\n", encoding="utf-8")
    assert len(load_events(path)) == 2


def test_a_table_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"nowhere.csv cannot be read"):
        read_rows(tmp_path / "nowhere.csv", ("a",))
    (tmp_path / "noise.csv").write_bytes(b"a\n\xff\xfe\n")
    with pytest.raises(TableError, match=r"noise.csv cannot be read"):
        read_rows(tmp_path / "noise.csv", ("a",))
    (tmp_path / "wide.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(TableError, match="row 1, column b: the header must be a"):
        read_rows(tmp_path / "wide.csv", ("a",))
