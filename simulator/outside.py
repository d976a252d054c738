"""The world outside: currencies, competitors, congestion, sentiment and the price of reach."""

import numpy as np

from xbopt.core.arrays import FloatArray, IntArray
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

    Logs are centred so that what they multiply keeps its mean on every day, and the expected mode (all deviations 0)
    states means and not medians: the currency's rate, delivery time, and the reach that a given spend buys.

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
        fx = fx + (p.fx_centre[day + 1] - p.fx_keep * p.fx_centre[day])
        competitor = competitor + p.competitor_sd * np.sqrt(1.0 - p.competitor_keep**2) * z["competitor"]
        congestion = congestion + p.congestion_sd * np.sqrt(1.0 - p.congestion_keep**2) * z["congestion"]
        congestion = congestion - centring(p.congestion_sd, p.congestion_keep, day)
        sentiment = sentiment + p.sentiment_sd * np.sqrt(1.0 - p.sentiment_keep**2) * z["sentiment"]
        media_price = media_price + p.media_price_sd * np.sqrt(1.0 - p.media_price_keep**2) * z["media_price"]
        # Reach is spend over price: it is the mean of 1/price that must stay 1.
        media_price = media_price + centring(p.media_price_sd, p.media_price_keep, day)
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


def centring(sd: FloatArray | float, keep: FloatArray | float, day: IntArray | int) -> FloatArray | float:
    """What must be taken off on the way from ``day`` to the next so that ``exp`` of the deviation has mean 1.

    The variance after ``t`` days is ``sd^2 (1 - keep^(2t))`` and the mean log must be minus half of it; a mean ``m``
    fades to ``keep m`` by itself.
    """
    days = 2.0 * day
    today = 0.5 * sd**2 * (1.0 - keep**days)
    tomorrow = 0.5 * sd**2 * (1.0 - keep ** (days + 2.0))
    return tomorrow - keep * today


def fx_centre(
    fx_keep: FloatArray, fx_sd: FloatArray, jump_chance: FloatArray, jump_log: FloatArray, days: int
) -> FloatArray:
    """Minus the log of the mean of ``exp(x)`` by day ``(T + 1, K)``, ``x`` the centred log rate without shocks.

    A day's normal step that is ``k`` days old multiplies the mean by ``exp(sd^2 keep^(2k)/2)``, its jump by
    ``1 + chance (cosh(size keep^k) - 1)``.
    """
    faded = fx_keep ** np.arange(days, dtype=np.float64)[:, None]
    log_mean = 0.5 * (fx_sd * faded) ** 2 + np.log1p(jump_chance * (np.cosh(jump_log * faded) - 1.0))
    return -np.concatenate([np.zeros((1, len(fx_keep))), np.cumsum(log_mean, axis=0)])
