"""The field types that all scenario sections share: strict, bounded, and with words for the reader."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

FIRST_YEAR = 2000
LAST_YEAR = 2060


class Section(BaseModel):
    """A part of the scenario file: unknown keys, wrong types, NaN and infinity are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _parse_day(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            near = re.fullmatch(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})", value)
            hint = f" Write {near[1]}-{near[2]:0>2}-{near[3]:0>2}." if near else ""
            if near := re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", value):
                hint = f" Write {near[3]}-{near[2]:0>2}-{near[1]:0>2}."
            raise ValueError(f"A date is written YYYY-MM-DD, as in 2026-11-27, not {value[:40]!r}.{hint}")
        try:
            parsed = date.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"There is no day {value}: {error}.") from None
        if not FIRST_YEAR <= parsed.year <= LAST_YEAR:
            raise ValueError(f"The year must be between {FIRST_YEAR} and {LAST_YEAR}, not {parsed.year}.")
        return parsed
    return value


Day = Annotated[date, BeforeValidator(_parse_day), WithJsonSchema({"type": "string", "format": "date"})]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Text = Annotated[str, Field(max_length=4000)]

Frac = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(ge=0.0, le=0.95)]
Level = Annotated[float, Field(ge=0.01, le=100.0)]
Index = Annotated[float, Field(ge=0.0, le=50.0)]
Money = Annotated[float, Field(ge=0.0, le=1e13)]
PositiveMoney = Annotated[float, Field(ge=1e-9, le=1e13)]
Days = Annotated[float, Field(ge=0.05, le=3650.0)]
People = Annotated[float, Field(ge=0.0, le=2e9)]
Spread = Annotated[float, Field(ge=0.0, le=1.5)]

Evidence = Literal["S", "S-", "W", "W+", "M", "E", "mem", "src", "stated", "set"]
MechanicName = Literal["percent_off", "threshold", "bundle", "member_only", "limited_time"]
