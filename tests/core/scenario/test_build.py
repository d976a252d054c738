"""The arrays of a scenario, worked out by hand."""

import numpy as np
import pytest


def test_names_and_shape_follow_the_file(build):
    scenario = build()
    assert (scenario.regions, scenario.segments) == (("NO1", "DE1"), ("a", "b"))
    assert (scenario.channels, scenario.dayparts) == (("search", "social"), ("day", "evening"))
    assert scenario.shape == (2, 2, 2, 2)
    assert str(scenario.date_of(9)) == "2026-10-14"


def test_people_who_are_no_customers_are_prospects(build):
    scenario = build()
    np.testing.assert_array_equal(scenario.population, [[600, 200], [100, 0]])
    np.testing.assert_array_equal(scenario.customers[0, 0], [500, 10, 20, 30, 40])
    np.testing.assert_array_equal(scenario.customers[0, 1], [200, 0, 0, 0, 0])
    np.testing.assert_array_equal(scenario.customers.sum(axis=2), scenario.population)


def test_the_audience_is_normalised_and_may_differ_by_region(build):
    np.testing.assert_allclose(build().audience, [[0.75, 0.25], [0.5, 0.5]])


def test_an_order_is_priced_by_its_mix(build):
    goods = build().assortment
    # Two items, a quarter lamps at 40 and three quarters rugs at 80: 20 + 120 = 140; NO1 sells at double prices.
    np.testing.assert_allclose(goods.price_base, [[280.0, 80.0], [140.0, 40.0]])
    np.testing.assert_allclose(goods.cost_base, [[40.0, 20.0], [40.0, 20.0]])
    # Weighted by value: (20 * 0.1 + 120 * 0.2) / 140 and (20 * 10 + 120 * 20) / 140.
    np.testing.assert_allclose(goods.return_rate[:, 0], 26.0 / 140.0)
    np.testing.assert_allclose(goods.return_days[:, 0], 2600.0 / 140.0)


def test_limits_hold_budget_caps_minimums_and_locks(build):
    limits = build().limits
    assert (limits.total_base, limits.daily_base) == (1000.0, 200.0)
    np.testing.assert_array_equal(limits.region_cap_base, [np.inf, 300.0])
    np.testing.assert_array_equal(limits.channel_cap_base, [np.inf, np.inf])
    # The minimum of 8 is shared 600 : 200 over the people.
    np.testing.assert_allclose(limits.minimum_base[0, :, 0], [6.0, 2.0])
    assert limits.minimum_base.sum() == 8.0
    assert np.argwhere(limits.locked).tolist() == [[0, 1, 1]]
    assert limits.lock_base[0, 1, 1] == limits.lock_base.sum() == 5.0


def test_a_maximum_belongs_to_a_channel_in_a_region(build):
    limits = build(
        old="  minimums:", new="  maximums: [{region: NO1, channel: social, spend_per_day_base: 9}]\n  minimums:"
    ).limits
    np.testing.assert_array_equal(limits.maximum_base, [[np.inf, 9.0], [np.inf, np.inf]])


def test_a_lock_of_a_whole_region_is_shared_over_its_segments_by_people(build):
    limits = build(old="segment: b, channel: social, ", new="channel: social, ").limits
    assert np.argwhere(limits.locked).tolist() == [[0, 0, 1], [0, 1, 1]]
    np.testing.assert_allclose(limits.lock_base[0, :, 1], [3.75, 1.25])  # 5, shared 600 : 200


def test_a_day_never_has_more_than_the_whole_budget(build):
    assert build("tactics: {decide_every_days: 1}\n").limits.daily_base == 200.0


def test_the_discount_ceiling_is_the_tighter_of_ceiling_and_margin_floor(build):
    # After discount d: (p (1-d) - c) / (p (1-d)) >= 0.2, so d <= 1 - c / (0.8 p); and at most 0.5.
    wanted = [[0.5, 0.5], [0.5, 1 - 20 / (0.8 * 40)]]
    np.testing.assert_allclose(build().limits.discount_ceiling, wanted)


def test_plan_weights_are_normalised_and_empty_cells_get_nothing(build):
    plan = build("plan: {regions: {NO1: 3, DE1: 1}, segments: {a: 1, b: 1}, channels: {search: 3, social: 1}}\n").plan
    # 3/8, 3/8, 1/8 and 1/8 (nobody lives in DE1 / b); without the last: 3/7, 3/7, 1/7.
    np.testing.assert_allclose(plan.share.sum(axis=2), [[3 / 7, 3 / 7], [1 / 7, 0]])
    np.testing.assert_allclose(plan.share[0, 0], [9 / 28, 3 / 28])


def test_a_later_channel_override_wins_in_its_cells(build):
    plan = build(
        "plan: {channel_overrides: [{regions: [NO1], channels: {search: 1}}, "
        "{regions: [NO1], segments: [b], channels: {social: 1}}]}\n"
    ).plan
    mix = plan.share / np.where(plan.share.sum(axis=2) > 0, plan.share.sum(axis=2), 1)[..., None]
    np.testing.assert_allclose(mix[0], [[1, 0], [0, 1]])
    np.testing.assert_allclose(mix[1, 0], [0.5, 0.5])


def test_dayparts_follow_the_audience_unless_the_plan_says_otherwise(build):
    weights = build("plan: {dayparts: {social: {evening: 2}}}\n").plan.daypart_weights
    np.testing.assert_allclose(weights, [[[0.75, 0.25], [0, 1]], [[0.5, 0.5], [0, 1]]])


def test_planned_discounts_hold_in_their_window_and_cells(build):
    plan = build(
        "plan: {discounts: [{discount_frac: 0.1}, "
        "{discount_frac: 0.2, mechanic: bundle, start: 2026-10-07, end: 2026-10-08, regions: [DE1]}, "
        "{discount_frac: 0.3, start: 2026-10-14, end: 2026-12-24, segments: [b]}]}\n"
    ).plan
    assert plan.discount_frac.shape == (10, 2, 2)
    np.testing.assert_array_equal(plan.discount_frac[:, 0, 0], 0.1)
    np.testing.assert_array_equal(plan.discount_frac[:, 1, 0], [0.1, 0.1, 0.2, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    np.testing.assert_array_equal(plan.mechanic[:, 1, 0], [0, 0, 2, 2, 0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(plan.discount_frac[9, :, 1], 0.3)


def test_the_menu_is_the_grid_and_a_tactic_without_discount_stands_once(build):
    menu = build("tactics: {discount_frac: [0, 0.1], intensity: [1, 2], mechanics: [percent_off, bundle]}\n").menu
    assert menu.labels == (
        "no discount / plan x1 / audience",
        "no discount / plan x2 / audience",
        "10% percent_off / plan x1 / audience",
        "10% bundle / plan x1 / audience",
        "10% percent_off / plan x2 / audience",
        "10% bundle / plan x2 / audience",
    )
    assert menu.mechanic.tolist() == [0, 0, 0, 2, 0, 2]
    np.testing.assert_allclose(menu.cell_share, [[1 / 3, 1 / 3], [1 / 3, 0]])
    np.testing.assert_allclose(menu.timings[0], [[0.75, 0.25], [0.5, 0.5]])


def test_a_listed_menu_replaces_the_grid(build):
    menu = build(
        "tactics:\n  mixes: {video: {social: 4}}\n  timings: {late: {evening: 1}}\n"
        "  menu: [{discount_frac: 0.05, mix: video, intensity: 0.5, timing: late}]\n"
    ).menu
    assert menu.labels == ("5% percent_off / video x0.5 / late",)
    np.testing.assert_array_equal(menu.mixes, np.broadcast_to([0.0, 1.0], (1, 2, 2, 2)))
    np.testing.assert_array_equal(menu.timings, [[[0, 1], [0, 1]]])


def test_the_hash_is_that_of_the_content_not_of_the_writing(build, text):
    assert build().hash == build("# a comment\n").hash
    assert build().hash == build("noise: {}\n").hash
    assert build().hash != build("noise: {demand_cv: 0.3}\n").hash
    assert len(build().hash) == 16


@pytest.mark.parametrize("people", ["0.3", "0.30000000000000004"])
def test_prospects_are_never_negative(text, people):
    from xbopt.core.documents.yaml_text import parse_yaml
    from xbopt.core.scenario.build import build_scenario
    from xbopt.core.scenario.loading import check_document

    changed = text.replace("population: {a: 600", "population: {a: " + people).replace(
        "{new: 10, active: 20, at_risk: 30, lapsed: 40}", "{new: 0.1, active: 0.1, at_risk: 0.1, lapsed: 0}"
    )
    if people == "0.3":
        changed = changed.replace("at_risk: 0.1,", "at_risk: 0.09999999999999998,")
    assert build_scenario(check_document(parse_yaml(changed))).customers.min() >= 0.0
