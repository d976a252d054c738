"""What if: the words mean the right mechanism, and the answers have the right sign and size."""

import numpy as np
import pytest

import xbopt
from tests.worlds import BASE
from xbopt.core.errors import PolicyError, UsageError
from xbopt.core.scenario.loading import load_scenario
from xbopt.core.scenario.plan_table import write_plan
from xbopt.simulator.build import build_market
from xbopt.simulator.history import MEMORIES, initial_state
from xbopt.studies.changes import FORMS, read_change
from xbopt.studies.edits import with_edits
from xbopt.studies.simulate import simulate
from xbopt.studies.what_if import MEASURES, what_if

RUNS = 6
SHORT = ["horizon.days=10", "plan.discounts=[]"]


@pytest.fixture(scope="module")
def scenario():
    return load_scenario("quickstart", overrides=SHORT)


@pytest.fixture(scope="module")
def answers(scenario):
    texts = ["GBP -5%", "UK tariff +10%", "channel social off", "budget +20%", "move 10% search social DE"]
    return what_if(scenario, [*texts, "discount 10% DE 2026-10-06..2026-10-08"], runs=RUNS)


def answer(result, text):
    return next(one for one in result.changes if one.change.text == text)


def margins_with(changes, **options):
    changed = load_scenario("quickstart", overrides=[*SHORT, *changes])
    return simulate(changed, runs=RUNS, **options).margins


def difference(one, measure="contribution_margin"):
    return one.kept.difference[measure].mean


def test_an_exchange_rate_move_is_the_dated_move(answers):
    """log(0.95) = -0.0512932943875505 from the first day on, and not another rate to start from."""
    shock = "shocks=[{kind: fx_move, day: 2026-10-05, currency: GBP, log_size: -0.0512932943875505}]"
    moved = margins_with([shock])
    assert answer(answers, "GBP -5%").kept.values["contribution_margin"] == pytest.approx(moved)
    assert difference(answer(answers, "GBP -5%")) < 0.0


def test_a_move_of_the_base_currency_moves_the_others_the_other_way(scenario):
    (edit,) = read_change("EUR -5%", scenario).edits
    (shock,) = edit.new
    assert (shock["currency"], shock["log_size"]) == ("GBP", pytest.approx(0.0512932943875505))


def test_a_falling_euro_costs_a_seller_from_elsewhere(tmp_path):
    without_s_curve = BASE.replace("slope: 1.4", "slope: 1.0")
    (tmp_path / "small.yaml").write_text(without_s_curve, encoding="utf-8")  # in francs; sells in euros and pounds
    result = what_if(tmp_path / "small.yaml", "EUR -5%", runs=4)
    assert result.changes[0].kept.difference["contribution_margin"].high < 0.0


def test_a_tariff_is_points_on_the_value_and_costs(answers):
    shock = "shocks=[{kind: rule_change, day: 2026-10-05, regions: [UK], ad_valorem_added_frac: 0.1}]"
    assert answer(answers, "UK tariff +10%").kept.values["contribution_margin"] == pytest.approx(margins_with([shock]))
    one = answer(answers, "UK tariff +10%")
    assert difference(one) < 0.0
    assert one.remade.difference["contribution_margin"].mean < 0.0


def test_tariffs_come_on_top_of_what_holds_on_each_day():
    changes = ["{kind: rule_change, day: 2026-10-08, regions: [UK], surcharge_frac: 0.05}"]
    changed = load_scenario("quickstart", overrides=[*SHORT, f"shocks=[{', '.join(changes)}]"])
    read = read_change("GB tariff +10% from 2026-10-06", changed)
    before, rules = (build_market(each).rules for each in (changed, with_edits(changed, read.edits, text=read.text)))
    # Days 5 | 6 7 | 8 ...: nothing, 10 points, 5 and 10 points; the 5 are owed on every parcel, the 10 where duty is.
    for segment in (rules.ad_valorem_frac - before.ad_valorem_frac)[:, 1].T:
        assert segment == pytest.approx([0.0, *[0.1] * 9])
    for segment in rules.surcharge_frac[:, 1].T:
        assert segment == pytest.approx([0.0, 0.0, 0.0, *[0.05] * 7])


def test_a_tariff_leaves_a_relief_alone_unless_every_parcel_is_meant():
    """No order is worth EUR 100,000, so all are relieved of duty, whatever its rate is."""
    relieved = load_scenario(
        "quickstart",
        overrides=[*SHORT, "shocks=[{kind: rule_change, day: 2026-10-05, regions: [UK], threshold_base: 100000}]"],
    )
    for text in ("UK tariff +10%", "UK tariff 25%"):
        calm, meant = what_if(relieved, [text, f"{text} on every parcel"], runs=2).changes
        assert [difference(calm, measure) for measure in MEASURES] == [0.0, 0.0, 0.0]
        assert difference(meant) < 0.0


def test_what_is_taken_off_a_tariff_comes_off_the_duty_first_then_off_the_surcharge():
    """4 % of duty and 5 % of surcharge, less 6 points: no duty and 3 % of surcharge."""
    stated = "{kind: rule_change, day: 2026-10-05, regions: [UK], ad_valorem_frac: 0.04, surcharge_frac: 0.05}"
    taxed = load_scenario("quickstart", overrides=[*SHORT, f"shocks=[{stated}]"])
    read = read_change("UK tariff -6%", taxed)
    rules = build_market(with_edits(taxed, read.edits, text=read.text)).rules
    assert rules.ad_valorem_frac[:, 1] == pytest.approx(0.0)
    assert rules.surcharge_frac[:, 1] == pytest.approx(0.03)
    with pytest.raises(UsageError, match=r"The tariff of UK is 9\.0%; it cannot fall by 10\.0%"):
        read_change("UK tariff -10%", taxed)


def test_a_tariff_keeps_what_differs_between_goods():
    """Scarves from China pay another surcharge than British knitwear; ten points more come on top of each."""
    mixed = load_scenario("tariff_shock", overrides=["products.accessories.origin=CN"])
    read = read_change("tariff +10%", mixed)
    before, after = (build_market(each).rules for each in (mixed, with_edits(mixed, read.edits, text=read.text)))
    added = np.where(before.dutiable, 0.1, 0.0)[None, :, None]
    assert np.ptp(before.surcharge_frac, axis=2).any()
    assert after.ad_valorem_frac == pytest.approx(before.ad_valorem_frac + added)
    assert np.array_equal(after.surcharge_frac, before.surcharge_frac)


def test_a_channel_that_is_off_is_a_cap_of_0(answers):
    capped = margins_with(["budget.channel_caps_base.social=0"])
    off = answer(answers, "channel social off")
    assert off.kept.values["contribution_margin"] == pytest.approx(capped)


def test_in_one_region_a_channel_is_off_there_alone(scenario):
    read = read_change("channel 'social' off in Germany".replace("'", ""), scenario)
    market = build_market(with_edits(scenario, read.edits, text=read.text))
    assert not market.shocks.available[:, 0, 1].any()
    assert market.shocks.available[:, 1, 1].all()


def test_more_budget_changes_no_plan_that_is_kept(answers):
    one = answer(answers, "budget +20%")
    assert [edit.path for edit in one.change.edits] == [("budget", "total_base")]
    assert [difference(one, measure) for measure in MEASURES] == [0.0, 0.0, 0.0]
    assert one.remade.difference["reward"].mean >= -1e-6 * abs(one.remade.figures["reward"].mean)


def test_a_budget_of_0_spends_nothing(scenario):
    for text in ("budget -100%", "budget -11200", "budget to 0"):
        assert read_change(text, scenario).edits == read_change("budget 0", scenario).edits
    one = what_if(scenario, "budget 0", runs=2).changes[0]
    caps = [f"budget.channel_caps_base.{channel}=0" for channel in scenario.channels]
    assert one.kept.values["contribution_margin"] == pytest.approx(
        simulate(load_scenario("quickstart", overrides=[*SHORT, *caps]), runs=2).margins
    )
    assert one.kept.media_base == 0.0
    assert one.remade is not None
    assert one.remade.media_base == 0.0


def test_a_budget_that_is_set_over_a_stated_past_is_the_budget_of_what_if():
    """The past that the note offers to keep is the one that a question keeps: both mornings are the same."""
    file, asked = load_scenario("quickstart"), load_scenario("quickstart", overrides=["budget.total_base=13440"])
    mornings = [initial_state(build_market(each), 1) for each in (file, asked)]
    for name in MEMORIES:
        assert getattr(mornings[1], name) == pytest.approx(getattr(mornings[0], name), rel=1e-12)
    level = "history.steady_spend_per_day_base=480"
    richer = initial_state(build_market(load_scenario("quickstart", overrides=[level])), 1)
    assert richer.carried.sum() > mornings[0].carried.sum()


def test_moved_spend_is_moved(answers, scenario):
    one = answer(answers, "move 10% search social DE")
    changed = read_change("move 10% of Paid search to Paid social in Germany", scenario).plan
    assert changed == read_change("move 10% search social DE", scenario).plan
    assert one.kept.media_base == pytest.approx(answers.today.media_base)
    # Nothing in the market changes, so a plan made anew is today's.
    assert one.remade.difference["contribution_margin"].mean == 0.0
    assert one.remaking["contribution_margin"].mean == pytest.approx(
        answers.remade_today.difference["contribution_margin"].mean - difference(one)
    )


def test_a_discount_holds_in_its_place_and_in_the_plan_made_anew(answers, scenario):
    one = answer(answers, "discount 10% DE 2026-10-06..2026-10-08")
    assert difference(one, "orders") > 0.0
    own = load_scenario(
        "quickstart",
        overrides=[
            *SHORT[:1],
            "plan.discounts=[{discount_frac: 0.1, start: 2026-10-06, end: 2026-10-08, regions: [DE]}]",
        ],
    )
    assert one.kept.values["orders"].mean() == pytest.approx(simulate(own, runs=RUNS).kpis["orders"].mean)


def test_a_price_that_rises_loses_orders_where_the_usual_price_is_not_stated():
    plain = load_scenario("quickstart", overrides=SHORT)
    bare = with_edits(plain, [], text="")
    for i in (0, 1):
        object.__setattr__(bare.document.products[i], "usual_price_base", None)
    paths = [edit.path for edit in read_change("price +5%", bare).edits]
    assert ("products", 0, "usual_price_base") in paths
    assert what_if(plain, "price +5%", runs=2).changes[0].kept.difference["orders"].mean < 0.0


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("cost +5%", -1),
        ("media price +10% Paid search", -1),
        ("competitors -10% in United Kingdom", -1),
        ("traffic -10% DE", -1),
        ("conversion +5%", 1),
        ("delivery +3 days in UK from 2026-10-07", -1),
        ("price +10% UK", 0),
        ("price +5% lamps", 0),
    ],
)
def test_every_form_is_read_and_has_its_sign(text, sign, scenario):
    read = read_change(text, scenario)
    before, after = (
        simulate(each, runs=2).margins.mean() for each in (scenario, with_edits(scenario, read.edits, text=text))
    )
    assert np.sign(after - before) == sign or (sign == 0 and after != before)
    assert read.meaning


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("GBP -2,5%", "GBP -2.5%"),
        ("gbp \u2013 5 \uff05", "GBP -5%"),
        ("GBP minus 5 percent", "GBP -5%"),
        ("GBP/EUR down by 5%", "GBP -5%"),
        ("budget +2240", "budget +20%"),
        ("budget to \u20ac13.440,00", "budget +20%"),
        ("budget - 2240 EUR", "budget -20%"),
        ("Social OFF", "channel social off"),
        ("paid social off in germany", "channel social off in DE"),
        ("channel 'E-mail to customers' off", "channel email off"),
        ("price lamps +5%", "price +5% lamps"),
        ("lamps price up 5%", "price +5% lamps"),
        ("price of lamps by +5%", "price +5% lamps"),
        ("price United Kingdom +5%", "price +5% UK"),
        ("tariff UK +10%", "UK tariff +10%"),
        ("tariff +10% in UK from 2026-10-07", "UK tariff +10% from 2026-10-07"),
        ("UK duty to 25 %", "UK tariff 25%"),
        ("UK tariff +10% from 2026-10-07 for all parcels", "UK tariff +10% from 2026-10-07 on every parcel"),
        ("search cpc +10%", "media price +10% search"),
        ("competitors' prices -10%", "competitors -10%"),
        ("demand DE -10%", "traffic -10% DE"),
        ("delivery 2,5 days", "delivery +2.5 days"),
        ("move 10% of E-mail to customers to Paid search", "move 10% email search"),
    ],
)
def test_the_same_said_otherwise_means_the_same(text, plain, scenario):
    said, meant = (read_change(each, scenario) for each in (text, plain))
    assert said.plan == meant.plan
    assert [edit.path for edit in said.edits] == [edit.path for edit in meant.edits]
    for one, other in zip(said.edits, meant.edits, strict=True):
        assert one.new == (pytest.approx(other.new) if isinstance(other.new, float) else other.new)


def test_the_base_currency_against_one_moves_that_one_alone():
    """EUR/GBP at 0.95 of itself: a pound is worth 1 / 0.95 of what it was, and no other currency moves."""
    three = load_scenario("quickstart", overrides=[*SHORT, "market.currencies.USD={rate: 0.9}"])
    (edit,) = read_change("EUR/GBP -5%", three).edits
    assert [(shock["currency"], shock["log_size"]) for shock in edit.new] == [("GBP", pytest.approx(-np.log(0.95)))]
    (edit,) = read_change("EUR -5%", three).edits
    assert {shock["currency"] for shock in edit.new} == {"GBP", "USD"}
    with pytest.raises(UsageError, match="Rates are stated against EUR"):
        read_change("GBP/USD -5%", three)


def test_a_tariff_without_a_sign_is_the_whole_tariff(scenario):
    """25 % on the value of what is dutiable, and no surcharge; other regions keep theirs."""
    shock = "shocks=[{kind: rule_change, day: 2026-10-05, regions: [UK], ad_valorem_frac: 0.25, surcharge_frac: 0}]"
    read = read_change("UK tariff 25%", scenario)
    changed, stated = (
        with_edits(scenario, read.edits, text=read.text),
        load_scenario("quickstart", overrides=[*SHORT, shock]),
    )
    assert simulate(changed, runs=2).margins == pytest.approx(simulate(stated, runs=2).margins)
    rules, before = build_market(changed).rules, build_market(scenario).rules
    assert (rules.ad_valorem_frac[:, 1] + rules.surcharge_frac[:, 1] == 0.25).all()
    assert np.array_equal(rules.ad_valorem_frac[:, 0], before.ad_valorem_frac[:, 0])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("move 10% search search", "Both channels are search"),
        ("move 10% Paid search to search in DE", "Both channels are search"),
        ("GBP/CHF -5%", "There is no currency 'CHF'. Here: EUR, GBP."),
        ("GBP/GBP -5%", "does not move against itself"),
        ("GBP -1,000%", "can be read in two ways; write -1000 or -1."),
        ("GBP -5% from 7.10.2026", "write YYYY-MM-DD"),
        ("budget +5,000", "can be read in two ways; write 5000 or 5."),
        ("budget +5000 USD", "is in another currency; the budget is in EUR."),
        ("budget -11300", "less than nothing would be left of it"),
        ("foo off", "There is no channel 'foo'. Here: search, social, email."),
        ("price sofas +5%", "There is no product 'sofas'. Here: lamps, textiles, DE, UK."),
        ("DE price lamps +5%", "Name one of 'DE' and 'lamps', not both."),
        ("shipping cost +5%", "There is no product 'shipping'. Here: lamps, textiles."),
        ("XYZ +5%", "these words are not understood. Channels: search, social, email; regions: DE, UK;"),
        ("search +10%", "these words are not understood. Channels: "),
        ("UK tariff -10%", "as in 'UK tariff 0%'"),
        ("channel socal off", "Did you mean 'social'"),
        ("pric +5%", "Did you mean 'price'"),
        ("GBB +5%", "Did you mean 'GBP'"),
        ("everything is worse", "Forms:"),
        ("", "Forms:"),
        ("price 5%", "a change has a sign"),
        ("budget -101%", "fall by 100"),
        ("DE tariff +10%", "No customs border"),
        ("UK tariff -10%", "cannot fall"),
        ("Untied Kingdom tariff +10%", "Did you mean 'united kingdom'"),
        ("move 10% search socal", "Did you mean 'social'"),
        ("move 10% search social Franc", "There is no region 'franc'"),
        ("GBP -5% from 2027-01-01", "not a day of the horizon"),
        ("GBP -5% from 2026-10-99", "no day 2026-10-99"),
        ("discount 120%", "depth without a sign"),
        ("discount 10% 2026-10-08..2026-10-06", "is before the first"),
        ("price +5% sofas", "There is no product 'sofas'"),
        ("conversion +1000000%", "conversion_level"),
    ],
)
def test_bad_words_are_refused_with_a_way_out(text, words, scenario):
    def changed():
        return with_edits(scenario, read_change(text, scenario).edits, text=text)

    with pytest.raises(UsageError) as caught:
        changed()
    assert words in str(caught.value)


def test_the_list_of_forms_names_each_form():
    for form in FORMS:
        with pytest.raises(UsageError, match=r"Forms:") as caught:
            read_change("nonsense", load_scenario("quickstart"))
        assert form.words in str(caught.value)


@pytest.mark.parametrize("plan", ["greedy_roas", "replan"])
def test_any_policy_can_be_kept(plan, scenario):
    result = what_if(scenario, ["GBP -5%", "move 10% search social"], plan=plan, runs=2)
    assert result.plan == plan
    assert difference(result.changes[0]) < 0.0


def test_a_plan_from_a_file_is_kept(tmp_path, scenario):
    planned = xbopt.plan(scenario)
    write_plan(planned.campaign.schedule, scenario, tmp_path / "mine.csv")
    result = what_if(scenario, "GBP -5%", plan=str(tmp_path / "mine.csv"), runs=2)
    assert result.today.figures["contribution_margin"].mean == pytest.approx(
        simulate(scenario, planned.campaign.schedule, runs=2).kpis["contribution_margin"].mean
    )
    # The plan that is kept is the best one already, so a plan made anew has nothing to add.
    assert abs(result.remade_today.difference["reward"].mean) < 1e-3 * abs(result.today.figures["reward"].mean)


def test_no_plan_under_a_change_is_told():
    locked = load_scenario(
        "quickstart",
        overrides=[*SHORT, "budget.minimums=[{region: DE, channel: search, spend_per_day_base: 900}]"],
    )
    with pytest.raises(UsageError, match="budget"):
        what_if(locked, "budget -90%", runs=2)


def test_one_world_says_nothing(scenario):
    with pytest.raises(UsageError, match="at least 2"):
        what_if(scenario, "GBP -5%", runs=1)
    with pytest.raises(UsageError, match="Name at least one"):
        what_if(scenario, [], runs=2)
    with pytest.raises(PolicyError):
        what_if(scenario, "GBP -5%", plan="nobody", runs=2)


def test_the_frame_has_a_row_a_change_plan_and_measure(answers):
    assert answers.to_frame().num_rows == 6 * 2 * 3
