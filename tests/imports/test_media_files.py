"""Reports of advertising platforms, as they are written in other countries."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.imports.conftest import Importing
from xbopt.imports.refusals import RefusedFileError, UnreadFileError

DAY = date(2026, 9, 3)

GOOGLE_DE = """Kampagnenbericht
3. September 2026 - 4. September 2026
Tag\tKampagne\tKampagnen-ID\tKampagnentyp\tWährungscode\tKosten/Conv.\tKosten\tImpr.\tKlicks\tCTR\tConversions\tConv.-Wert
03.09.2026\tGesamtpaket\t11100000000000001\tSuchnetzwerk\tEUR\t12,55\t1.204,50\t48.210\t1.930\t4,00 %\t96,00\t9.120,00
14.09.2026\tTotal Rewards\t11100000000000002\tDisplaynetzwerk\tEUR\t --\t980,00\t41.004\t1.602\t< 10 %\t80,50\t7.405,10
Gesamt: Kampagnen\t\t\t\tEUR\t12,38\t2.184,50\t89.214\t3.532\t3,96 %\t176,50\t16.525,10
Gesamt: Konto\t\t\t\tEUR\t12,38\t2.184,50\t89.214\t3.532\t3,96 %\t176,50\t16.525,10
"""


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8", "cp1252"])
def test_a_german_google_report_is_read_in_every_encoding(importing: Importing, encoding: str) -> None:
    made = importing(GOOGLE_DE, encoding=encoding, zone="Europe/Berlin")
    assert made.rows(
        "media", "date", "campaign", "campaign_id", "spend", "clicks", "conversions", "currency", "margin"
    ) == [
        (DAY, "Gesamtpaket", "11100000000000001", 1204.5, 1930, 96.0, "EUR", "campaign"),
        (date(2026, 9, 14), "Total Rewards", "11100000000000002", 980.0, 1602, 80.5, "EUR", "campaign"),
    ]
    assert made.table("media")["channel"].to_list() == ["google_ads_search", "google_ads_display"]


def test_a_google_report_that_lost_rows_does_not_match_its_totals(importing: Importing) -> None:
    cut = "".join(line for line in GOOGLE_DE.splitlines(keepends=True) if "Total Rewards" not in line)
    with pytest.raises((RefusedFileError, UnreadFileError), match=r"(?i)gesamt|totals"):
        importing(cut, zone="Europe/Berlin")


def test_a_japanese_google_report_saved_by_excel_is_read(importing: Importing) -> None:
    text = (
        "日,キャンペーン,通貨コード,費用,表示回数,クリック数\n2026/09/03,検索、照明,JPY,20450,8210,930\n"
        "合計: アカウント,,JPY,20450,8210,930\n"
    )
    made = importing(text, encoding="cp932", zone="Asia/Tokyo")
    assert made.rows("media", "date", "campaign", "spend", "currency") == [(DAY, "検索、照明", 20450.0, "JPY")]


def test_a_spanish_meta_report_has_a_mean_and_a_sum_at_its_end(importing: Importing) -> None:
    text = (
        "Nombre de la campaña;Día;Importe gastado (EUR);Impresiones;Alcance;Clics en el enlace;Compras\n"
        "Lámparas;13/09/2026;1.301,20;44.000;20.100;600;18\nLámparas;14/09/2026;21,10;11.000;6.100;40;5\n"
        "Media;;661,15;27.500;13.100;320;11,5\nTotal;;1.322,30;55.000;22.000;640;23\n"
    )
    made = importing(text, encoding="cp1252", zone="Europe/Madrid")
    assert made.rows("media", "date", "campaign", "spend", "conversions") == [
        (date(2026, 9, 13), "Lámparas", 1301.2, 18.0),
        (date(2026, 9, 14), "Lámparas", 21.1, 5.0),
    ]


def test_a_french_meta_report_is_read_with_its_narrow_blanks(importing: Importing) -> None:
    text = (
        "Jour;Nom de la campagne;Pays;Montant dépensé (EUR);Impressions;Clics sur un lien;Couverture\n"
        "2026-09-03;Lampes;Allemagne;1\u202f301,20;44\u202f000;600;20\u00a0100\n"
    )
    made = importing(text, encoding="utf-8-sig", zone="Europe/Paris")
    assert made.rows("media", "country", "spend", "impressions", "reach") == [("DE", 1301.2, 44000, 20100)]


def test_a_chinese_google_report_saved_by_excel_is_read(importing: Importing) -> None:
    text = "日期,广告系列,币种代码,费用,展示次数,点击次数,转化次数\n2026/9/3,搜索 灯具,EUR,204.50,8210,930,6\n"
    made = importing(text, encoding="gbk", zone="Asia/Shanghai")
    assert made.rows("media", "date", "campaign", "spend", "impressions") == [(DAY, "搜索 灯具", 204.5, 8210)]


def test_a_report_without_a_day_is_refused(importing: Importing) -> None:
    text = (
        'Campaign report\n"September 3, 2026 - September 4, 2026"\n'
        "Campaign,Currency code,Cost,Impr.,Clicks\nA,EUR,1.00,2,3\n"
    )
    with pytest.raises((RefusedFileError, UnreadFileError), match="Day"):
        importing(text, zone="Europe/Berlin")


def test_a_report_without_a_currency_or_a_zone_is_refused(importing: Importing) -> None:
    text = "Day,Campaign,Cost,Impr.,Clicks\n2026-09-03,A,$1.00,2,3\n"
    with pytest.raises((RefusedFileError, UnreadFileError), match="currency"):
        importing(text, zone="Europe/Berlin")
    with pytest.raises((RefusedFileError, UnreadFileError), match="zone"):
        importing(text, currency="USD")


META = """Reporting starts,Reporting ends,Campaign name,Country,Day,Results,Result indicator,Reach,\
Impressions,Amount spent (EUR),Link clicks
2026-09-03,2026-09-04,,,,,,41000,55000,322.30,640
2026-09-03,2026-09-03,Lamps,DE,2026-09-03,18,actions:link_click,20100,44000,301.20,600
2026-09-04,2026-09-04,Lamps,Österreich,2026-09-04,5,actions:link_click,6100,11000,21.10,40
"""


def test_meta_results_are_no_orders_and_its_first_row_is_the_sum(importing: Importing) -> None:
    made = importing(META, zone="Europe/Berlin")
    assert made.rows("media", "country", "spend", "reach", "conversions", "margin", "currency") == [
        ("DE", 301.2, 20100, None, "country", "EUR"),
        ("AT", 21.1, 6100, None, "country", "EUR"),
    ]
    assert made.says("results_are_no_orders")
    assert not made.says("conversions_are_claims")
    assert made.says("reach_does_not_add")


def test_hours_and_countries_of_the_same_money_are_two_margins(importing: Importing) -> None:
    importing(META, zone="Europe/Berlin")
    hours = (
        "Campaign name,Day,Time of day (ad account time zone),Amount spent (EUR),Impressions,Link clicks\n"
        "Lamps,2026-09-03,00:00:00 - 00:59:59,100.00,14000,200\nLamps,2026-09-03,19:00:00 - 19:59:59,201.20,30000,400\n"
    )
    made = importing(hours, name="hours.csv", zone="Europe/Berlin")
    by_margin = made.table("media").filter(date=DAY).group_by("margin").agg(spend=pl.col("spend").sum()).sort("margin")
    assert by_margin.rows() == [("country", pytest.approx(301.2)), ("hour", pytest.approx(301.2))]
    assert made.table("media").filter(margin="hour")["hour"].to_list() == [0, 19]


def test_a_meta_report_without_days_is_refused(importing: Importing) -> None:
    text = (
        "Reporting starts,Reporting ends,Campaign name,Amount spent (EUR),Impressions,Reach\n"
        "2026-09-01,2026-09-30,A,5.00,6,7\n"
    )
    with pytest.raises((RefusedFileError, UnreadFileError), match="Day"):
        importing(text, zone="Europe/Berlin")


def test_a_chinese_meta_workbook_is_read_whatever_its_name(importing: Importing) -> None:
    rows = [
        [
            "报告开始日期",
            "报告结束日期",
            "广告系列名称",
            "单日",
            "国家/地区",
            "已花费金额 (USD)",
            "展示次数",
            "链接点击量",
            "购物次数",
        ],
        ["2026-09-03", "2026-09-03", "灯具", "2026-09-03", "德国", 301.2, 44000, 600, 18],
    ]
    made = importing(rows, name="report.csv", zone="Asia/Shanghai")
    assert made.rows("media", "date", "country", "spend", "currency", "clicks", "conversions") == [
        (DAY, "DE", 301.2, "USD", 600, 18.0)
    ]


def test_of_a_meta_workbook_the_raw_sheet_is_read(importing: Importing, tmp_path: Path) -> None:
    import xlsxwriter

    head = ["Campaign name", "Day", "Amount spent (EUR)", "Impressions", "Link clicks"]
    with xlsxwriter.Workbook(str(tmp_path / "report.xlsx")) as book:
        for name, spend in (("Formatted Report", 3), ("Raw Data Report", 301.2)):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, head)
            sheet.write_row(1, 0, ["Lamps", "2026-09-03", spend, 44000, 600])
    made = importing((tmp_path / "report.xlsx").read_bytes(), name="copy.xlsx", zone="UTC")
    assert made.table("media")["spend"].to_list() == [301.2]


MICROSOFT = (
    '"Report Name: Campaigns"\n"Report Time: 9/3/2026,9/4/2026"\n"Time Zone: (GMT+01:00)"\n'
    '"Last Completed Available Day: 9/4/2026"\n'
    '"Report Aggregation: Hourly"\n"Report Filter: "\n"Potential Incomplete Data: true"\n"Rows: 2"\n\n'
    '"TimePeriod","CampaignName","CurrencyCode","Impressions","Clicks","Spend","Conversions"\n'
    '"2026-09-03|7","Lamps","EUR","1,200","31","21.40","1"\n"2026-09-03|19","Lamps","EUR","5210","240","140.10","12"\n\n'
    '"©2026 Microsoft Corporation. All rights reserved. "\n'
)


def test_microsoft_hours_stand_behind_the_day(importing: Importing) -> None:
    made = importing(MICROSOFT, encoding="utf-8-sig", zone="UTC")
    assert made.rows("media", "date", "hour", "spend", "impressions", "margin") == [
        (DAY, 7, 21.4, 1200, "hour"),
        (DAY, 19, 140.1, 5210, "hour"),
    ]


def test_a_microsoft_report_with_fewer_rows_than_it_says_was_cut_off(importing: Importing) -> None:
    with pytest.raises(RefusedFileError, match="3 rows"):
        importing(MICROSOFT.replace("Rows: 2", "Rows: 3"), zone="UTC")


def test_a_zone_that_is_described_in_two_ways_has_to_be_given(importing: Importing) -> None:
    with pytest.raises((RefusedFileError, UnreadFileError), match="zone"):
        importing(MICROSOFT)


def test_tiktok_dashes_are_unknown_and_its_last_row_is_the_sum(importing: Importing) -> None:
    text = (
        "Campaign name,By Day,Cost,Impressions,Clicks (destination),Complete payment,Currency\n"
        "Lamps,2026-09-03,301.20,44000,600,-,USD\nLamps,2026-09-04,10.00,500,6,1,USD\n"
        "Total of 2 results,-,311.20,44500,606,1,-\n"
    )
    made = importing(text, zone="UTC")
    assert made.rows("media", "spend", "conversions") == [(301.2, None), (10.0, 1.0)]


def test_amazon_ads_spend_is_not_the_cost_per_click(importing: Importing) -> None:
    text = (
        "Date,Currency,Campaign Name,Impressions,Clicks,Cost Per Click (CPC),Spend,"
        "7 Day Total Sales ,7 Day Total Orders (#)\n"
        '"Sep 03, 2026",USD,Lamps,"12,040",310,$0.52,$161.20,"$1,234.50",41\n'
    )
    made = importing(text, zone="America/Los_Angeles")
    assert made.rows("media", "date", "spend", "conversions", "conversions_value", "attribution") == [
        (DAY, 161.2, 41.0, 1234.5, "7d")
    ]


def test_micros_of_the_google_interface_are_millionths(importing: Importing) -> None:
    line = (
        '{"customer":{"currencyCode":"EUR","timeZone":"Europe/Berlin"},"campaign":{"id":"11"},"segments":{"date":"2026-09-03",'
        '"hour":19},"geographicView":{"countryCriterionId":"2276"},"metrics":{"costMicros":"140100000","impressions":"5210"}}\n'
    )
    made = importing(line, name="rows.jsonl")
    assert made.rows("media", "spend", "hour", "country", "zone") == [(140.1, 19, "DE", "Europe/Berlin")]


def test_meta_purchases_under_several_names_count_once(importing: Importing) -> None:
    line = (
        '{"date_start":"2026-09-03","date_stop":"2026-09-03","account_currency":"EUR","spend":"1.5","impressions":"9","actions":['
        '{"action_type":"purchase","value":"2"},{"action_type":"omni_purchase","value":"3"},{"action_type":"link_click","value":"5"}]}'
    )
    made = importing(line, name="rows.jsonl", zone="UTC")
    assert made.table("media")["conversions"].to_list() == [3.0]
    assert made.says("conversions_are_claims")
    assert made.says("one_purchase_type")


def test_totals_of_a_period_from_the_meta_interface_are_refused(importing: Importing) -> None:
    line = (
        '{"date_start":"2026-09-01","date_stop":"2026-09-30","account_currency":"EUR","spend":"1.5","impressions":"9"}'
    )
    with pytest.raises(RefusedFileError, match=r"time_increment|one row a day"):
        importing(line, name="rows.jsonl", zone="UTC")
