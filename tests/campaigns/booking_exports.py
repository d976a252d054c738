"""Small exports of every platform in its usual encoding: campaigns to book a plan into, and others between them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter

Table = list[list[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A campaign of an export."""

    id: str
    name: str
    budget: str = "50.00"
    runs: bool = True
    schedule: str = ""
    bidding: str = "Manual CPC"


def text(
    table: Sequence[Sequence[object]], *, separator: str = ",", encoding: str = "utf-8", end: str = "\r\n"
) -> bytes:
    """A table as a text file."""
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=separator, lineterminator=end).writerows(table)
    return stream.getvalue().encode(encoding)


def workbook(sheets: dict[str, Table]) -> bytes:
    """Tables as a workbook; numbers are numbers."""
    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    for name, table in sheets.items():
        sheet = book.add_worksheet(name)
        for row, cells in enumerate(table):
            for column, cell in enumerate(cells):
                if cell not in ("", None):
                    sheet.write(row, column, cell)
    book.close()
    return made.getvalue()


def google_editor(campaigns: Sequence[Campaign]) -> bytes:
    """UTF-16 with tabs, as the Editor exports for Excel; an ad group and a location below each campaign."""
    table: Table = [["Campaign", "Ad Group", "Budget", "Budget type", "Bid Strategy Type", "Ad Schedule", "Location",
                     "Campaign Status", "Comment"]]  # fmt: skip
    for each in campaigns:
        status = "Enabled" if each.runs else "Paused"
        table.append([each.name, "", each.budget, "Daily", each.bidding, each.schedule, "", status, 'a "quoted", one'])
        table.append([each.name, "Lamps", "", "", "", "", "", status, ""])
        table.append([each.name, "", "", "", "", "", "Germany", status, ""])
    table.append(["Brand only", "", "12.34", "Daily", "Maximize conversions", "", "", "Paused", ""])
    return text(table, separator="\t", encoding="utf-16", end="\r\n")


def google_bulk(campaigns: Sequence[Campaign]) -> bytes:
    """Semicolons and decimal commas, as an account in German has them; two lines above the head."""
    table: Table = [["Row Type", "Action", "Campaign status", "Campaign ID", "Campaign", "Budget", "Budget type"]]
    for each in campaigns:
        status = "Enabled" if each.runs else "Paused"
        table.append(["Campaign", "", status, each.id, each.name, each.budget.replace(".", ","), "Daily"])
        table.append(["Ad group", "", status, each.id, each.name, "", ""])
    table.append(["Campaign", "", "Paused", "999", "Brand only", "1.204,50", "Daily"])
    return b"Campaign report\r\n1 September 2026 - 30 September 2026\r\n" + text(table, separator=";")


def meta(campaigns: Sequence[Campaign]) -> bytes:
    """UTF-16 with tabs; the budget stands at the ad set, and each of its ads repeats it."""
    table: Table = [["Campaign ID", "Campaign Name", "Campaign Status", "Campaign Daily Budget",
                     "Campaign Lifetime Budget", "Ad Set ID", "Ad Set Name", "Ad Set Run Status", "Ad Set Daily Budget",
                     "Ad Set Lifetime Budget", "Ad Name"]]  # fmt: skip
    for each in campaigns:
        status = "ACTIVE" if each.runs else "PAUSED"
        table += [
            ["cg:1", "Lamps", "ACTIVE", "", "", f"c:{each.id}", each.name, status, each.budget, "0", ad] for ad in "ab"
        ]
    table.append(["cg:2", "Brand", "PAUSED", "77.00", "", "c:999", "Brand only", "PAUSED", "", "", "a"])
    return text(table, separator="\t", encoding="utf-16", end="\n")


def amazon(campaigns: Sequence[Campaign]) -> bytes:
    """A workbook with other sheets; budgets are numbers, operations are empty."""
    head: list[object] = [
        "Product",
        "Entity",
        "Operation",
        "Campaign ID",
        "Campaign Name",
        "State",
        "Daily Budget",
        "SKU",
    ]
    table: Table = [head]
    for each in campaigns:
        state = "enabled" if each.runs else "paused"
        table.append(["Sponsored Products", "Campaign", "", each.id, each.name, state, float(each.budget), ""])
        table.append(["Sponsored Products", "Product Ad", "", each.id, "", "enabled", "", "LMP-1"])
    table.append(["Sponsored Products", "Campaign", "", "999", "Brand only", "paused", 5.5, ""])
    return workbook({"Portfolios": [["Portfolio ID", "Budget"], ["1", 3.0]], "Sponsored Products Campaigns": table})


def microsoft(campaigns: Sequence[Campaign]) -> bytes:
    """UTF-8 with its mark; the row of the format's version is the first."""
    table: Table = [["Type", "Status", "Id", "Parent Id", "Campaign", "Budget", "Budget Type", "Name"]]
    table.append(["Format Version", "", "", "", "", "", "", "6.0"])
    for each in campaigns:
        status = "Active" if each.runs else "Paused"
        table.append(["Campaign", status, each.id, "7", each.name, each.budget, "DailyBudgetStandard", ""])
        table.append(["Ad Group", "Active", f"9{each.id}", each.id, each.name, "", "", "Lamps"])
    table.append(["Campaign", "Paused", "999", "7", "Brand only", "5.50", "DailyBudgetStandard", ""])
    return text(table, encoding="utf-8-sig")


def tiktok(campaigns: Sequence[Campaign]) -> bytes:
    """A workbook of texts; the budget stands at the ad group."""
    head: list[object] = ["Campaign ID", "Campaign name", "Campaign budget", "Ad group ID", "Ad group name",
                          "Ad group status", "Budget mode", "Ad group budget", "Dayparting"]  # fmt: skip
    table: Table = [head]
    for each in campaigns:
        status = "Active" if each.runs else "Paused"
        table.append(["1", "Lamps", "", each.id, each.name, status, "BUDGET_MODE_DAY", each.budget, each.schedule])
    table.append(["1", "Brand", "", "999", "Brand only", "Paused", "BUDGET_MODE_DAY", "60.00", ""])
    return workbook({"Ads": table})


def plain(campaigns: Sequence[Campaign]) -> bytes:
    """A table of one's own, with columns of one's own."""
    table: Table = [["who", "campaign", "daily_budget", "status", "note"]]
    for each in campaigns:
        table.append(["me", each.name, each.budget, "active" if each.runs else "paused", "Grüße"])
    table.append(["me", "Brand only", "5.50", "paused", ""])
    return text(table, end="\n")


EXPORTS = {
    "google_editor": google_editor,
    "google_bulk": google_bulk,
    "meta": meta,
    "amazon": amazon,
    "microsoft": microsoft,
    "tiktok": tiktok,
    "csv": plain,
}
