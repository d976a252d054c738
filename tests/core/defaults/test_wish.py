"""Sentences that ask for a scenario, and those that say too little, too much or nothing."""

import pytest

from xbopt.core.defaults.money_words import find_money
from xbopt.core.defaults.wish import read_wish
from xbopt.core.errors import UsageError

MONTH, QUARTER = 365.25 / 12, 365.25 / 4


@pytest.mark.parametrize(
    ("text", "trade", "origin", "countries"),
    [
        ("home goods, CN to DE FR US, 30k EUR a month", "home", "CN", ("DE", "FR", "US")),
        (
            "€30,000/month beauty from China to Germany, France and the United Kingdom",
            "beauty",
            "CN",
            ("DE", "FR", "GB"),
        ),
        ("electronics CN -> us ca, 1m CNY in 90 days", "electronics", "CN", ("US", "CA")),
        ("fashion from Italy to us, de, it and jp with USD 12.5k per week", "apparel", "IT", ("US", "DE", "IT", "JP")),
        ("pet supplies, cn to de it no, 30.000 EUR a month", "pets", "CN", ("DE", "IT", "NO")),
        ("toys, to DE, 5000 GBP monthly", "toys", "any", ("DE",)),
        ("sports, EU to US, 1.5m yen a day", "sport", "EU", ("US",)),
        ("we sell home goods in DE, 30k EUR per month", "home", "any", ("DE",)),
        ("consumer electronics, Hong Kong to South Korea and UK, 3k USD/mo", "electronics", "HK", ("KR", "GB")),
        ("home goods, CN to DE DE FR, 30k EUR a month", "home", "CN", ("DE", "FR")),
        ("dog food from the US to UK and Ireland, 50k USD/month", "pets", "US", ("GB", "IE")),
        ("kitchen knives, CN to DE, 20k EUR a month", "home", "CN", ("DE",)),
        ("jewelery from India to US, 50k USD/month", "jewellery", "IN", ("US",)),
        ("cosmetics from South Korea to USA & Canada, 80,000 USD monthly", "beauty", "KR", ("US", "CA")),
        ("baby clothes from Turkey to DE, AT, CH; budget 25k EUR/month", "baby", "TR", ("DE", "AT", "CH")),
        ("We are selling women's dresses made in Italy to Germany, 40k EUR a month", "apparel", "IT", ("DE",)),
        ("garden furniture, CN to UK, £20k a month", "furniture", "CN", ("GB",)),
        ("cat toys CN to GB, 9k gbp per month", "pets", "CN", ("GB",)),
        ("LED lamps, Shenzhen to Germany, 20k EUR a month", "home", "CN", ("DE",)),
        ("home decor, China to Scandinavia, 30k EUR a month", "home", "CN", ("DK", "NO", "SE")),
        ("skincare, KR to US, budget is 30k USD a month", "beauty", "KR", ("US",)),
        ("clothing brand, from Bangladesh to United States, 1 million dollars per year", "apparel", "BD", ("US",)),
        (
            "Wohnaccessoires ab China nach Deutschland, Österreich und Schweiz, 30.000 € im Monat",
            "home",
            "CN",
            ("DE", "AT", "CH"),
        ),
        ("Kleidung, CN nach DE und FR, 50 Tsd. Euro pro Monat", "apparel", "CN", ("DE", "FR")),
        ("Hundefutter nach Deutschland, 20000 EUR monatlich", "pets", "any", ("DE",)),
        ("Spielzeug aus China in die USA, 100.000 $ pro Monat", "toys", "CN", ("US",)),
        ("Wir verkaufen Möbel aus Polen nach Deutschland, 2 Mio EUR im Jahr", "furniture", "PL", ("DE",)),
        ("Haushaltswaren, ab China in DACH, 30.000 EUR p.m.", "home", "CN", ("DE", "AT", "CH")),
        (
            "Kinderspielzeug aus den Vereinigten Staaten nach Großbritannien und den Niederlanden, 20k EUR im Monat",
            "toys",
            "US",
            ("GB", "NL"),
        ),
        (
            "Elektronik-Zubehör aus dem Vereinigten Königreich nach Amerika, 5k EUR im Monat",
            "electronics",
            "GB",
            ("US",),
        ),
        ("Schuhe aus der Tschechischen Republik in die Schweiz, 5k EUR im Monat", "shoes", "CZ", ("CH",)),
        ("shoes, 中国 to Niemcy, España and Viet Nam, 5k EUR a month", "shoes", "CN", ("DE", "ES", "VN")),
    ],
)
def test_trade_origin_and_countries_are_understood_in_any_order(text, trade, origin, countries):
    wish = read_wish(text)
    assert (wish.trade, wish.origin, wish.countries) == (trade, origin, countries)


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("shoes to DE on Google and TikTok, 20k EUR a month", ("search", "short_video")),
        ("shoes, on meta ads, youtube & newsletter to DE FR at 20k EUR a month", ("social", "video", "email")),
        (
            "Schuhe nach DE auf Instagram, Google Ads und TikTok, 2k EUR am Tag",
            ("social", "search", "short_video"),
        ),
        ("shoes to DE, spend on ads 20k EUR a month", ()),
    ],
)
def test_channels_go_by_name(text, channels):
    assert read_wish(text).channels == channels


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("shoes to DE, average order 85 EUR, 20k EUR a month", 85.0),
        ("shoes to DE, 20k EUR a month, avg. order value of €1,085.50", 1085.5),
        ("Schuhe nach DE, durchschnittlicher Warenkorb 85,50 €, 20k EUR im Monat", 85.5),
        ("shoes to DE, 20k EUR a month", None),
    ],
)
def test_the_value_of_an_order_is_read_where_it_is_plain(text, value):
    assert read_wish(text).order_value == value


@pytest.mark.parametrize(
    ("text", "countries"),
    [
        ("shoes to DE FR at 20k EUR a month", ("DE", "FR")),
        ("shoes to Germany at 20k EUR a month", ("DE",)),
        ("shoes to DE AT 20k EUR a month", ("DE", "AT")),
        ("shoes to de at 20k EUR a month", ("DE", "AT")),
        ("shoes to de, at, 20k EUR a month", ("DE", "AT")),
    ],
)
def test_at_before_the_budget_is_no_country_but_in_a_list_of_small_codes(text, countries):
    assert read_wish(text).countries == countries


@pytest.mark.parametrize(
    ("text", "amount", "currency", "days"),
    [
        ("30k EUR a month", 30_000, "EUR", MONTH),
        ("€30,000/month", 30_000, "EUR", MONTH),
        ("30.000 EUR monthly", 30_000, "EUR", MONTH),
        ("1m CNY in 90 days", 1_000_000, "CNY", 90),
        ("USD 12.5k per week", 12_500, "USD", 7),
        ("12,5k usd a week", 12_500, "USD", 7),
        ("1,000.50 pounds a day", 1_000.5, "GBP", 1),
        ("200 thousand dollars a quarter", 200_000, "USD", QUARTER),
        ("2 million yen per year", 2_000_000, "JPY", 365.25),
        ("£5000 every 2 weeks", 5_000, "GBP", 14),
        ("30.000 € im Monat", 30_000, "EUR", MONTH),
        ("10 000 € pro Monat", 10_000, "EUR", MONTH),
        ("50 Tsd. Euro pro Quartal", 50_000, "EUR", QUARTER),
        ("1,5 Mio. € pro Jahr", 1_500_000, "EUR", 365.25),
        ("200 Euro am Tag", 200, "EUR", 1),
        ("30.000 EUR p.m.", 30_000, "EUR", MONTH),
        ("5000 Franken jährlich", 5_000, "CHF", 365.25),
        ("50k USD/month", 50_000, "USD", MONTH),
    ],
)
def test_money_of_a_period_is_understood(text, amount, currency, days):
    money, rest = find_money(f"toys {text} DE")
    assert money is not None
    assert (money.amount, money.currency, money.period_days) == (amount, currency, days)
    assert rest.split() == ["toys", ",", "DE"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "widgets, CN to DE, 30k EUR a month",
            "'widgets' is not understood. What is sold is one of electronics, ",
        ),
        ("home goods, CN to Narnia, 3k EUR a month", "'Narnia' is not understood"),
        ("home goods, CN to DE, 30k a month", "one amount above 0 with its currency and period"),
        ("home goods, CN to DE, 30k EUR", "one amount above 0 with its currency and period"),
        ("home goods, CN to DE, 0 EUR a month", "one amount above 0"),
        ("home goods, CN to DE, -3k EUR a month", "'-' is not understood"),
        ("home goods, CN to DE, 3k EUR a month or 2k USD a week", "one amount above 0"),
        ("home goods, CN to DE, ¥1m a month", "¥ is yen or yuan: write JPY or CNY"),
        ("home goods, CN to DE", "the budget is missing"),
        ("home goods, 3k EUR a month", "the countries to sell to are missing"),
        ("CN to DE, 3k EUR a month", "what is sold is missing: one of electronics,"),
        ("toys and shoes, CN to DE, 3k EUR a month", "made for one trade"),
        ("shoes, CN FR to DE, 1k EUR a month", "the goods come from one country"),
        ("home goods, CN to EU, 3k EUR a month", "Europe is many markets: name its countries"),
        ("shoes to DE, average order 85 USD, 3k EUR a month", "the order is in USD and the budget in EUR"),
        ("shoes to DE, average order 85, 3k EUR a month", "'average'"),
        ("", "what is sold is missing"),
        ("yoga mats, China to Germny, 8k EUR a month", "Did you mean 'germany' by 'Germny'?"),
        ("furnitur, CN to DE, 30k EUR a month", "Did you mean 'furniture' by 'furnitur'?"),
        ("car parts, CN to DE, 30k EUR a month", "general holds for anything"),
        ("tools, CN to DE, 30k EUR a month", "general holds for anything"),
        ("toys, CN to Bangladesh, 30k EUR a month", "no facts of Bangladesh as a market, only as an origin"),
        ("phone cases, China to Europe, 30k EUR a month", "Europe is many markets"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_was_understood(text, words):
    with pytest.raises(UsageError, match="Understood: ") as caught:
        read_wish(text)
    assert words in str(caught.value)
    assert 'Write it as in "home goods, CN to DE FR US, 30k EUR a month"' in str(caught.value)


def test_a_sentence_in_another_language_is_echoed_as_far_as_it_is_sure():
    with pytest.raises(UsageError) as caught:
        read_wish("articles de maison, de Chine vers l'Allemagne et la France, 30 000 par mois")
    assert "read in English and German. Understood: places CN, FR." in str(caught.value)
    with pytest.raises(UsageError) as caught:
        read_wish("home goods, CN to DE FR, money 5k a month")
    assert "from CN; to DE, FR." in str(caught.value)
    assert "English" not in str(caught.value)
