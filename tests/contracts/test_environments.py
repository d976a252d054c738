"""Every face of the environment keeps its library's contract, and all of them play the same campaign."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_checker import check_env as check_env_of_stable_baselines

import xbopt
from xbopt.agents.policies import built_in_policy
from xbopt.core.errors import DecisionError, PolicyError, UsageError
from xbopt.env.campaign import REWARD_TERMS, Campaign, CampaignSettings
from xbopt.env.gym_env import CampaignEnv
from xbopt.env.rollout import play_worlds
from xbopt.env.vector_env import CampaignVectorEnv
from xbopt.simulator.build import build_market
from xbopt.studies.totals import TotalsRecorder

ALL = [("residual", "factored")] + [(name, form) for name in ("tactics", "continuous") for form in ("factored", "full")]
MODES = list(AutoresetMode)


@pytest.fixture(scope="module")
def market():
    return build_market(xbopt.load_scenario("quickstart"))


@pytest.mark.parametrize(("encoding", "form"), ALL)
def test_the_env_passes_the_checkers_of_both_libraries(encoding, form):
    env = gymnasium.make("xbopt/Campaign-v0", scenario="quickstart", encoding=encoding, form=form, plan="baseline")
    check_env(env.unwrapped)
    check_env_of_stable_baselines(env.unwrapped)


def test_a_form_that_would_do_nothing_is_refused():
    from xbopt.agents.bandits.market_settings import settings_for
    from xbopt.agents.ppo.settings import PpoSettings

    for made in (
        lambda: gymnasium.make("xbopt/Campaign-v0", scenario="quickstart", form="full", plan="baseline"),
        lambda: settings_for("lin_ts", {"form": "full"}),
        lambda: PpoSettings(form="full").campaign(),
    ):
        with pytest.raises(UsageError, match="residual actions have one form"):
            made()


def test_make_vec_finds_the_native_vector_env():
    envs = gymnasium.make_vec(
        "xbopt/Campaign-v0",
        num_envs=256,
        vectorization_mode="vector_entry_point",
        scenario="quickstart",
        plan="baseline",
    )
    assert isinstance(envs.unwrapped, CampaignVectorEnv)
    first, info = envs.reset(seed=4)
    assert first.shape == (256, len(envs.unwrapped.feature_names))
    assert envs.observation_space.contains(first)
    assert list(info["world"][:3]) == [2**40, 2**40 + 1, 2**40 + 2]


@pytest.mark.parametrize(
    "code",
    [
        "import gymnasium; made = gymnasium.make('xbopt:xbopt/Campaign-v0', plan='baseline')",
        "import gymnasium, xbopt; made = gymnasium.make('xbopt/Campaign-v0', plan='baseline')",
        "import xbopt, gymnasium; made = gymnasium.make('xbopt:xbopt/Campaign-v0', plan='baseline')",
        (
            "import xbopt; s = xbopt.load_scenario('quickstart'); import gymnasium; "
            "made = gymnasium.make('xbopt:xbopt/Campaign-v0', scenario=s, plan='baseline')"
        ),
    ],
)
def test_the_environment_is_known_in_whichever_order_things_are_imported(code):
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print(made.unwrapped.action_space)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "MultiDiscrete" in done.stdout, done.stderr


def test_importing_xbopt_hooks_into_nothing():
    code = "import sys; before = list(sys.meta_path); import xbopt; print(sys.meta_path == before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_importing_xbopt_loads_no_gymnasium():
    code = "import xbopt, sys; from xbopt.env.observation import observe; print('gymnasium' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_gymnasium_the_message_says_what_to_install():
    code = "import sys; sys.modules['gymnasium'] = None; import xbopt.env.observation; import xbopt.env.gym_env"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'xbopt[rl]'" in done.stderr


@pytest.mark.parametrize(("encoding", "form"), ALL)
def test_a_batch_plays_what_single_environments_play(encoding, form):
    """Env by env and as a batch: the same observations and rewards, to the bit."""
    plan = "replan" if encoding == "residual" else "baseline"
    options = {"encoding": encoding, "form": form, "plan": plan}
    envs = CampaignVectorEnv(3, "quickstart", **options, autoreset_mode="Disabled")
    envs.action_space.seed(5)
    features, _ = envs.reset(seed=7)
    singles = [CampaignEnv("quickstart", **options, first_world=2**40 + world) for world in range(3)]
    rows = [env.reset(seed=7)[0] for env in singles]
    done = False
    while not done:
        assert np.array_equal(features, np.stack(rows))
        actions = envs.action_space.sample()
        features, rewards, over, truncated, _ = envs.step(actions)
        steps = [env.step(action) for env, action in zip(singles, actions, strict=True)]
        rows = [step[0] for step in steps]
        assert np.array_equal(rewards, np.array([step[1] for step in steps]))
        assert np.array_equal(over, np.array([step[2] for step in steps]))
        assert not truncated.any()
        done = bool(over[0])


def test_episodes_play_the_same_worlds_whatever_the_batch_size():
    options = {"plan": "baseline", "autoreset_mode": "SameStep", "first_world": 0}
    one, three = CampaignVectorEnv(1, **options), CampaignVectorEnv(3, **options)
    wide, _ = three.reset(seed=2)
    narrow = [one.reset(seed=2)[0]]
    while len(narrow) < 3:
        features, _, over, _, info = one.step(np.tile(one.campaign.encoding.neutral, (1, 1)))
        if over[0]:
            assert info["world"][0] == len(narrow)
            narrow.append(features)
    assert np.array_equal(np.concatenate(narrow), wide)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_autoreset_modes(mode):
    envs = CampaignVectorEnv(2, "quickstart", plan="baseline", autoreset_mode=mode, first_world=0)
    actions = np.tile(envs.campaign.encoding.neutral, (2, 1))
    first, _ = envs.reset(seed=1)
    for _ in range(3):
        assert not envs.step(actions)[2].any()
    features, rewards, over, _, info = envs.step(actions)
    assert over.all()
    if mode is AutoresetMode.SAME_STEP:
        assert list(info["world"]) == [2, 3]
        assert np.stack(info["final_obs"])[:, envs.feature_names.index("time_left")] == pytest.approx([0.0, 0.0])
        assert info["final_info"]["day"].tolist() == [28, 28]
        assert not np.array_equal(np.stack(info["final_obs"]), features)
    elif mode is AutoresetMode.NEXT_STEP:
        assert features[:, envs.feature_names.index("time_left")] == pytest.approx([0.0, 0.0])
        features, rewards, over, _, info = envs.step(actions)
        assert not rewards.any()
        assert not over.any()
        assert list(info["world"]) == [2, 3]
        assert np.array_equal(features, first)  # nothing is known on any first morning
    else:
        with pytest.raises(UsageError, match="reset"):
            envs.step(actions)


def test_rewards_are_the_money_of_the_roll_out(market):
    """Following the plan earns, step by step, what the simulation of the plan reports."""
    plan = built_in_policy("greedy_roas", market)
    adder = TotalsRecorder(market, 4)
    play_worlds(market, plan, worlds=np.arange(4), seed=6, recorders=[adder])
    totals = adder.totals()
    wanted = totals.reward
    campaign = Campaign(market, worlds=4, settings=CampaignSettings(seed=6, first_world=0), plan=plan)
    campaign.reset(0)
    earned, terms = np.zeros(4), dict.fromkeys(REWARD_TERMS, 0.0)
    for _ in range(campaign.steps):
        step = campaign.step(np.tile(campaign.encoding.neutral, (4, 1)))
        earned += step.reward * campaign.reward_unit_base
        terms = {name: terms[name] + step.terms_base[name] for name in REWARD_TERMS}
    assert step.done
    assert earned == pytest.approx(wanted, rel=1e-9)
    for i, name in enumerate(REWARD_TERMS[:-2]):
        assert terms[name] == pytest.approx(totals.money[..., i].sum(axis=(1, 2)), rel=1e-9), name
    assert terms["customer_value"] == pytest.approx(totals.customer_value)
    assert terms["carried_beyond"] == pytest.approx(totals.carried_beyond)
    assert totals.carried_beyond.any()


def test_relative_to_the_plan_following_it_earns_nothing(market):
    settings = CampaignSettings(relative_to_anchor=True, encoding="continuous")
    campaign = Campaign(market, worlds=3, settings=settings, plan=built_in_policy("greedy_roas", market))
    campaign.reset(0)
    for _ in range(campaign.steps):
        step = campaign.step(np.tile(campaign.encoding.neutral, (3, 1)))
        assert step.reward == pytest.approx(np.zeros(3), abs=1e-9)


def test_relative_rewards_differ_by_what_the_plan_earns(market):
    plan = built_in_policy("greedy_roas", market)
    rng, total = np.random.default_rng(0), []
    actions = None
    for relative in (False, True):
        settings = CampaignSettings(encoding="tactics", relative_to_anchor=relative, objective="margin", first_world=0)
        campaign = Campaign(market, worlds=3, settings=settings, plan=plan)
        actions = rng.integers(0, campaign.encoding.choices, size=(3, 16)) if actions is None else actions
        campaign.reset(0)
        total.append(sum(campaign.step(actions).reward for _ in range(campaign.steps)))
    adder = TotalsRecorder(market, 3)
    play_worlds(market, plan, worlds=np.arange(3), seed=0, recorders=[adder])
    margin = adder.totals().money.sum(axis=(1, 2, 3)) / market.scenario.limits.total_base
    assert total[0] - total[1] == pytest.approx(margin)


def test_the_objective_margin_leaves_customer_value_out(market):
    campaign = Campaign(market, worlds=1, settings=CampaignSettings(objective="margin", days_per_step=28))
    campaign.reset(0)
    step = campaign.step(campaign.encoding.neutral[None])
    assert step.done
    assert not step.terms_base["customer_value"].any()
    assert not step.terms_base["carried_beyond"].any()
    assert step.cell_margin_base.sum() == pytest.approx(step.reward[0] * campaign.reward_unit_base)


def test_days_per_step_may_be_chosen(market):
    campaign = Campaign(market, worlds=1, settings=CampaignSettings(days_per_step=5))
    campaign.reset(0)
    days = [campaign.step(campaign.encoding.neutral[None]).observation.day for _ in range(campaign.steps)]
    assert days == [5, 10, 15, 20, 25, 28]


def test_features_of_random_play_stay_within_the_space():
    envs = CampaignVectorEnv(
        16, "quickstart", encoding="continuous", form="full", plan="baseline", autoreset_mode="SameStep"
    )
    envs.action_space.seed(0)
    envs.reset(seed=0)
    for _ in range(8):
        features = envs.step(envs.action_space.sample())[0]
        assert envs.observation_space.contains(features)


def test_the_world_seed_is_apart_from_the_noise_seed():
    def after_a_week(**seeds):
        env = CampaignEnv("quickstart", plan="baseline", **seeds)
        env.reset()
        return env.step(env.campaign.encoding.neutral)[0]

    base = after_a_week(seed=1, world_seed=1)
    assert np.array_equal(base, after_a_week(seed=1))
    assert not np.array_equal(base, after_a_week(seed=1, world_seed=2))
    assert not np.array_equal(base, after_a_week(seed=2, world_seed=1))


BAD_OPTIONS = [
    ({"encoding": "tactic"}, "did you mean"),
    ({"encoding": 3}, "residual"),
    ({"objective": "profit"}, "margin_and_customers"),
    ({"form": "wide"}, "factored"),
    ({"days_per_step": 0}, "at least 1"),
    ({"days_per_step": 1.5}, "days_per_step is 1.5; a whole number"),
    ({"days_per_step": True}, "whole number"),
    ({"relative_to_anchor": "yes"}, "True or False"),
    ({"expected_reward": 1}, "True or False"),
    ({"seed": "one"}, "seed is 'one'"),
    ({"seed": 1.0}, "seed is 1.0"),
    ({"world_seed": -1}, "world_seed"),
    ({"first_world": -1}, "first_world"),
    ({"split": "trian"}, "did you mean 'train'"),
    ({"render_mode": "human"}, "ansi, rgb_array"),
    ({"scenario": 7}, "scenario is 7"),
    ({"plan": 7}, "plan is 7"),
    ({"plan": "plannner"}, "did you mean 'planner'"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
@pytest.mark.parametrize("face", [CampaignEnv, CampaignVectorEnv])
def test_options_that_make_no_sense_are_told(face, options, message):
    with pytest.raises((UsageError, PolicyError), match=f"(?i){message}"):
        face(**{"plan": "baseline", **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_envs": 0}, "at least 1"), ({"num_envs": 1.0}, "num_envs"), ({"autoreset_mode": "sometimes"}, "NextStep")],
)
def test_options_of_a_batch_that_make_no_sense_are_told(options, message):
    with pytest.raises(UsageError, match=f"(?i){message}"):
        CampaignVectorEnv(**{"num_envs": 1, "plan": "baseline", **options})


def test_bad_actions_and_resets_are_told():
    envs = CampaignVectorEnv(2, encoding="continuous", plan="baseline")
    envs.reset()
    with pytest.raises(DecisionError, match="row 1 of the batch is nan for pace"):
        envs.step(np.array([[0.0] * 17, [np.nan] * 17]))
    with pytest.raises(UsageError, match="1 actions for 2 worlds"):
        envs.step(np.zeros((1, 17)))
    with pytest.raises(DecisionError, match="no array"):
        envs.step([[0.0] * 17, [0.0] * 3])
    with pytest.raises(DecisionError, match="numbers are wanted"):
        envs.step([["up"] * 17] * 2)
    with pytest.raises(UsageError, match="share the day"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    with pytest.raises(UsageError, match="world"):
        envs.reset(options={"world": 1.5})


def test_a_plan_for_another_scenario_is_refused():
    other = built_in_policy("baseline", build_market(xbopt.load_scenario("us_eu_launch")))
    with pytest.raises(UsageError, match="another scenario"):
        CampaignEnv("quickstart", plan=other)


@pytest.mark.statistical
def test_expected_rewards_have_the_same_mean_and_less_spread(market):
    """Law of total expectation: over 600 worlds the means differ by less than five standard errors."""
    plan = built_in_policy("greedy_roas", market)
    returns = {}
    for expected in (False, True):
        settings = CampaignSettings(
            encoding="tactics", expected_reward=expected, relative_to_anchor=True, objective="margin", first_world=0
        )
        campaign = Campaign(market, worlds=600, settings=settings, plan=plan)
        rng = np.random.default_rng(0)
        campaign.reset(0)
        actions = rng.integers(0, campaign.encoding.choices, size=(600, 16))
        returns[expected] = sum(campaign.step(actions).reward for _ in range(campaign.steps))
    difference = returns[False] - returns[True]
    assert abs(difference.mean()) < 5.0 * difference.std(ddof=1) / np.sqrt(600)
    assert returns[True].std() < returns[False].std()


def test_expected_rewards_leave_states_as_they_are_drawn(market):
    features = []
    for expected in (False, True):
        campaign = Campaign(market, worlds=2, settings=CampaignSettings(expected_reward=expected))
        campaign.reset(0)
        step = campaign.step(np.tile(campaign.encoding.neutral, (2, 1)))
        features.append(campaign.features.flat(step.observation))
    assert np.array_equal(*features)


def test_a_list_of_seeds_is_refused():
    envs = CampaignVectorEnv(2, "quickstart", plan="baseline")
    with pytest.raises(UsageError, match="one whole number"):
        envs.reset(seed=[1, 2])
