"""The benchmark of intervals runs, in its tiny mode."""

from benchmarks.bench_prices import price_cover, promotion_cover


def test_a_shop_of_each_part_is_told_of() -> None:
    price = price_cover("twelve products, two countries", 2)
    assert price.measured == 1.0
    assert price.error > 0.0
    assert promotion_cover("every fourth week", 1).measured == 0.0
