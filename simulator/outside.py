"""The world outside: currencies, competitors, congestion, sentiment and the price of reach."""

import numpy as np

from xbopt.core.axes import FloatArray
from xbopt.simulator.draws import DayDraws
from xbopt.simulator.parameters import MarketParameters
from xbopt.simulator.state import OutsideState


def next_outside(
    market: MarketParameters, state: OutsideState, draws: DayDraws | None, satisfaction: FloatArray, day: int
) -> OutsideState:
    """The world outside on the next morning.

    Each deviation is a first-order autoregression, ``x' = rho x + noise`` (the exact day-step of an
    Ornstein-Uhlenbeck process); currencies may jump on top. Sentiment is drawn towards where satisfaction stands.
    Dated shocks of the next day strike as they dawn.

    Args:
        market: Parameters.
        state: Today.
        draws: Today's random numbers; ``None`` in expected mode, where noise is left out.
        satisfaction: Mean satisfaction by region relative to its neutral level ``(B, R)``.
        day: Today's day.
    """
    p, shocks = market.outside, market.shocks
    fx = p.fx_keep * state.fx_log
    competitor = p.competitor_keep * state.competitor_log
    congestion = p.congestion_keep * state.congestion_log
    sentiment = p.sentiment_start + satisfaction
    sentiment = sentiment + p.sentiment_keep * (state.sentiment - sentiment)
    media_price = p.media_price_keep * state.media_price_log
    if draws is not None:
        z = draws.normals
        up = draws.jump > 1.0 - p.jump_chance / 2.0
        down = draws.jump < p.jump_chance / 2.0
        fx = fx + p.fx_sd * z["fx"] + p.jump_log * (up.astype(np.float64) - down)
        competitor = competitor + p.competitor_sd * np.sqrt(1.0 - p.competitor_keep**2) * z["competitor"]
        congestion = congestion + p.congestion_sd * np.sqrt(1.0 - p.congestion_keep**2) * z["congestion"]
        sentiment = sentiment + p.sentiment_sd * np.sqrt(1.0 - p.sentiment_keep**2) * z["sentiment"]
        media_price = media_price + p.media_price_sd * np.sqrt(1.0 - p.media_price_keep**2) * z["media_price"]
    if day + 1 < shocks.fx_log.shape[0]:
        fx = fx + shocks.fx_log[day + 1]
        sentiment = sentiment + shocks.sentiment[day + 1]
    return OutsideState(
        fx_log=fx,
        competitor_log=competitor,
        congestion_log=congestion,
        sentiment=sentiment,
        media_price_log=media_price,
    )
