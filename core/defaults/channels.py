"""The media channels of a scenario without data."""

from collections.abc import Mapping, Sequence

from xbopt.core.defaults.ledger import Ledger, figures, held
from xbopt.core.tables.market_facts import facts
from xbopt.core.tables.market_names import ChannelKind, channel_kinds

DEFAULT_CHANNELS = ("search", "social", "video", "affiliate", "email")
"""The channels of a media plan of ordinary shape."""
_BUCKETS = ("prospect", "new", "active", "at_risk", "lapsed")
_WINDOW_DAYS = 42


def plan_shares(ledger: Ledger, channels: Sequence[str]) -> dict[str, float]:
    """Share of each channel in an ordinary plan of these; sums to 1."""
    shares = {channel: ledger.look_up("channel", channel, "plan_share").value for channel in channels}
    total = sum(shares.values())
    return {channel: share / total for channel, share in shares.items()}


def price_of_1000(ledger: Ledger, channel: str) -> float:
    """Price of 1,000 impressions at a media price level of 1, base currency."""
    price = ledger.usd(ledger.look_up("channel", channel, "price_usd").value)
    if channel_kinds()[channel].price_model == "cpm":
        return price
    return price * ledger.look_up("channel", channel, "clicks_per_1000").value


def spend_per_1000(ledger: Ledger, shares: Mapping[str, float]) -> float:
    """Spend a day per 1,000 people, at a media price level of 1, at which a head has the usual contacts a week."""
    contacts = sum(1000.0 * share / price_of_1000(ledger, channel) for channel, share in shares.items())
    return ledger.general("contacts_a_week") / 7.0 * 1000.0 / contacts


def channel_fields(ledger: Ledger, kind: ChannelKind, *, spend_per_1000_base: float) -> dict[str, object]:
    """One channel.

    Args:
        ledger: Where its facts come from.
        kind: The channel.
        spend_per_1000_base: What is spent on it a day per 1,000 people whom it reaches, at a media price level of 1:
            the price holds there, and its half-saturation is a multiple of the exposure that this buys.
    """
    name, path = kind.id, f"channels.{kind.id}"

    def take(field: str, fact_name: str) -> float:
        return ledger.take(f"{path}.{field}", "channel", name, fact_name)

    half_life = take("adstock.half_life_days", "half_life_days")
    adstock: dict[str, object] = {"curve": kind.carry_over, "half_life_days": half_life}
    if kind.carry_over == "delayed":
        adstock["peak_days"] = take("adstock.peak_days", "peak_days")
        adstock["window_days"] = _WINDOW_DAYS
        ledger.state(f"{path}.adstock.window_days", "set", "By choice: six weeks, four half-lives")
    exposure = spend_per_1000_base / price_of_1000(ledger, name)  # impressions a head and day
    ratio = ledger.look_up("general", "any", "half_saturation_ratio")
    wanted = ratio.value * exposure
    half = min(max(wanted, 1e-4), 100.0)
    ledger.state(
        f"{path}.saturation.half_saturation",
        ratio.evidence,
        ratio.source,
        f"{ratio.value:g} times the plan's exposure" + held(wanted, half),
    )
    ledger.state(
        f"{path}.price.reference_per_1000", "set", "By definition: the plan's own spend a day per 1,000 reached people"
    )
    fields: dict[str, object] = {
        "id": name,
        "name": kind.name,
        "price": {
            "model": kind.price_model,
            "amount_base": take("price.amount_base", "price_usd"),
            "bid_up": take("price.bid_up", "bid_up"),
            "reference_per_1000": figures(spend_per_1000_base),
        },
        "visits_per_1000_impressions": take("visits_per_1000_impressions", "clicks_per_1000"),
        "visit_quality": take("visit_quality", "visit_quality"),
        "adstock": adstock,
        "saturation": {
            "curve": "hill",
            "half_saturation": figures(half),
            "slope": take("saturation.slope", "slope"),
        },
        "fatigue": {
            "weekly_frequency": take("fatigue.weekly_frequency", "weekly_frequency"),
            "exponent": take("fatigue.exponent", "fatigue_exponent"),
            "half_life_days": take("fatigue.half_life_days", "fatigue_half_life_days"),
        },
        "daypart_response": {"evening": take("daypart_response.evening", "evening_response")},
    }
    reach = {bucket: take(f"reach.{bucket}", f"reach_{bucket}") for bucket in _BUCKETS}
    if set(reach.values()) != {1.0}:
        fields["reach"] = reach
    if (kept := take("keeps_contact", "keeps_contact")) > 0.0:
        fields["keeps_contact"] = kept
    return fields


def synergy_fields(ledger: Ledger, channels: Sequence[str]) -> list[dict[str, object]]:
    """The pairs of these channels that are known to work better together."""
    pairs = [
        key.removeprefix("synergy.").split("-") for key in facts("general") if key.startswith("synergy.") and "-" in key
    ]
    found: list[dict[str, object]] = []
    for pair in pairs:
        if set(pair) <= set(channels):
            path = f"synergies.{len(found)}.strength"
            found.append({"channels": pair, "strength": ledger.take_general(path, "-".join(pair), "synergy")})
    return found
