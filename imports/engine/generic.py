"""A format that the user describes by naming columns, for files that no profile knows."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from xbopt.core.documents.problems import suggest
from xbopt.core.errors import UsageError
from xbopt.core.files import replace_file
from xbopt.imports.profile import FieldKind, Profile, TableKey
from xbopt.imports.profile_files import load_profiles, user_folder
from xbopt.imports.tables import TABLES, ColumnKind

# What tells the table, in the order in which it is asked.
_TELLING: Mapping[TableKey, Sequence[str]] = {
    "refunds": ("amount",),
    "rates": ("per_euro",),
    "stock": ("on_hand",),
    "sends": ("recipients", "delivered", "opens"),
    "media": ("spend", "impressions"),
    "feedback": ("rating", "returns", "contacts"),
    "sessions": ("sessions",),
    "transactions": ("order_id", "unit_price", "line_price", "net_revenue", "quantity"),
}
_NEEDED: Mapping[TableKey, Sequence[str]] = {
    "transactions": ("order_id",),
    "refunds": ("amount",),
    "media": ("spend",),
    "sessions": ("sessions",),
    "sends": ("recipients",),
    "stock": ("sku", "on_hand"),
    "rates": ("currency", "per_euro"),
    "feedback": ("country",),
}
_FEEDBACK_ROLES: Mapping[str, ColumnKind] = {
    "date": "date", "country": "text", "rating": "number", "reviews": "number", "returns": "number",
    "contacts": "number",
}  # fmt: skip
_KIND: Mapping[ColumnKind, FieldKind] = {
    "date": "date", "time": "time", "hour": "hour", "text": "text", "money": "money", "number": "number",
    "count": "count", "flag": "flag", "share": "number",
}  # fmt: skip
_OWN_KIND: Mapping[str, FieldKind] = {
    "order_id": "id", "sku": "id", "campaign_id": "id", "customer": "customer", "country": "country",
    "currency": "currency", "zone": "zone", "line_price": "money",
}  # fmt: skip
_STATUS = {
    **dict.fromkeys(
        "sold paid completed complete shipped delivered processing refunded partially_refunded fulfilled done".split(),
        "sold",
    ),
    **dict.fromkeys("cancelled canceled voided failed expired storniert 已取消".split(), "cancelled"),
    **dict.fromkeys("pending unpaid authorized on-hold open waiting draft offen".split(), "pending"),
}
_UNIT_PRICE = "coalesce(unit_price, line_price / nullif(abs(quantity), 0), net_revenue / nullif(abs(quantity), 0))"
_CHARGED = "coalesce(line_price, unit_price * quantity) - coalesce(discount, 0)"
_TAX_ON_TOP = {
    "code": "tax_said_on_top",
    "when": "prices is null and tax is not null",
    "message": "The tax is taken to be on top of the prices; --prices with-tax says that they contain it.",
}


def generic_profile(columns: Mapping[str, str], *, name: str = "generic") -> Profile:
    """The format of a file whose columns the user names.

    Orders: rows with a negative quantity are refunds of that day; ``line_price`` is the price of the whole line.

    Args:
        columns: Header by role; a role is a canonical column, or ``line_price``.
        name: Id of the profile.

    Raises:
        UsageError: A role is unknown, or those named make no table.
    """
    roles = {role for table in TABLES.values() for role in table} | {"line_price", *_FEEDBACK_ROLES}
    for role in columns:
        if role not in roles:
            raise UsageError(
                f"--columns: {role!r} is no role.{suggest(role, sorted(roles))} Roles: {', '.join(sorted(roles))}."
            )
    table: TableKey | None = next(
        (table for table, telling in _TELLING.items() if any(role in columns for role in telling)), None
    )
    if table is None:
        raise UsageError(
            "--columns: these roles make no table. Orders have order_id, unit_price, quantity; media have spend; "
            "visits have sessions; mailings have recipients; stock has on_hand; exchange rates have per_euro; "
            "feedback has rating, returns or contacts."
        )
    lacking = [role for role in _NEEDED[table] if role not in columns]
    if "date" not in columns and "time" not in columns:
        lacking.append("date")
    if table == "transactions" and not {"unit_price", "line_price", "net_revenue"} & columns.keys():
        lacking.append("unit_price")
    if lacking:
        raise UsageError(f"--columns: the table {table} needs {', '.join(lacking)} too.")
    allowed: dict[str, ColumnKind] = dict(_FEEDBACK_ROLES if table == "feedback" else TABLES[table])
    if table == "transactions":
        allowed["line_price"] = "money"
    for role in columns:
        if role not in allowed:
            raise UsageError(f"--columns: the table {table} has no {role!r}; it has {', '.join(allowed)}.")
    fields: dict[str, dict[str, object]] = {}
    for role, kind in allowed.items():
        if role in columns:
            fields[role] = {
                "kind": _OWN_KIND.get(role, _KIND[kind]),
                "names": {"own": [columns[role]]},
                "required": True,
            }
        elif table == "feedback" or role in ("unit_price", "line_price", "net_revenue", "quantity", "discount", "tax"):
            # Expressions name them, whether the file has them or not.
            fields[role] = {"kind": "money", "names": {"own": [f"({role})"]}}
    if "status" in columns:
        fields["status"]["values"] = _STATUS
    # A profile in slashes or braces would be a pattern; a header is a header.
    tables: dict[str, object] = {table: {}}
    if table == "transactions":
        tables = {
            "transactions": {"where": "coalesce(quantity, 1) >= 0", "columns": _revenue(columns), "dropped": ""},
            "refunds": {"where": "quantity < 0", "columns": _returned(columns)},
        }
    like = load_profiles()["feedback"] if table == "feedback" else None
    if like is not None:
        tables = {"feedback": like.tables["feedback"].model_dump(mode="json")}
    document = {
        "id": name, "title": f"Columns named by hand ({table})", "platform": "own", "evidence": "doc",
        "source": "the columns were named by whoever imported the file", "looked_up": "2026-11-28",
        "grain": "one row a line of an order" if table == "transactions" else f"one row of {table}",
        "containers": ["text", "workbook", "json", "parquet"], "encodings": ["cp1252", "gbk", "cp932"],
        "delimiters": [",", ";", "\t", "|"], "anchors": {"required": list(columns)}, "fields": fields, "tables": tables,
        **({} if like is None else like.model_dump(mode="json", include={"steps", "traps", "zone"})),
        **(_tax(columns) if table == "transactions" else {}),
        **({"place": "own_shop"} if table == "transactions" and "place" not in columns else {}),
    }  # fmt: skip
    return Profile.model_validate_json(__import__("json").dumps(document))


def _revenue(columns: Mapping[str, str]) -> dict[str, str]:
    """How a line's price and revenue are told, by what is known of its tax: revenue itself, the tax, or nothing."""
    told = {"unit_price": _UNIT_PRICE}
    if "tax" in columns:
        net = f"{_CHARGED} - case when prices = 'with-tax' then coalesce(tax, 0) else 0 end"
        return {**told, "net_revenue": f"coalesce(net_revenue, {net})"}
    if "net_revenue" in columns:
        return {**told, "net_revenue": f"coalesce(net_revenue, {_CHARGED})"}
    net, tax = f"({_CHARGED}) * (1 - tax_share)", f"case when tax_share > 0 then ({_CHARGED}) * tax_share end"
    return {**told, "net_revenue": net, "tax": tax}


def _returned(columns: Mapping[str, str]) -> dict[str, str]:
    """What a row with a negative quantity pays back, with its tax."""
    paid = "coalesce(abs(net_revenue), abs(coalesce(line_price, unit_price * quantity)))"
    if "tax" in columns:
        paid += " + case when net_revenue is null and prices = 'with-tax' then 0 else coalesce(abs(tax), 0) end"
    return {"amount": paid, "quantity": "abs(quantity)"}


def _tax(columns: Mapping[str, str]) -> dict[str, object]:
    """The step or the trap that reads what the user says of prices."""
    if "net_revenue" in columns:
        return {}
    return {"traps": [_TAX_ON_TOP]} if "tax" in columns else {"steps": ["tax_by_answer"]}


def save_profile(profile: Profile, name: str) -> Path:
    """Keep a profile among the user's own, under a name.

    Raises:
        UsageError: The name is no name, or is that of a shipped profile.
    """
    if name in load_profiles():
        raise UsageError(f"--save-profile {name}: there is a profile of that name; choose another.")
    renamed = Profile.model_validate_json(profile.model_copy(update={"id": name}).model_dump_json())
    path = user_folder() / "profiles" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as temporary:
        document = renamed.model_dump(mode="json", exclude_defaults=True)
        temporary.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path
