"""What an agent was trained in: the campaign, and all that stood between it and the agent.

An evaluation plays the campaign itself, so a wrapper that changed what the agent saw, or what its answers did, would be
left out. Those are refused by name; ``VecNormalize`` and ``ScaledActions`` are known, and done again.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from xbopt.core.errors import UsageError
from xbopt.env.campaign import Campaign

if TYPE_CHECKING:
    from gymnasium import Env
    from gymnasium.envs.registration import EnvSpec

_SCALED = "xbopt.studies.scaled_actions:ScaledActions"
_NORMALISED = "stable_baselines3.common.vec_env.vec_normalize:VecNormalize"
_PROCESSES = "stable_baselines3.common.vec_env.subproc_vec_env:SubprocVecEnv"
_ENTRY_POINTS = ("xbopt.env.gym_env:CampaignEnv", "xbopt.studies.tasks:task_env")
_BATCHES = (
    "xbopt.agents.ppo.vec_env:CampaignVecEnv",
    "stable_baselines3.common.vec_env.dummy_vec_env:DummyVecEnv",
    _PROCESSES,
)
# They watch, count, draw or change rewards; what is seen and what is done stay as they are.
_HARMLESS = frozenset(
    {
        "gymnasium.wrappers.common:OrderEnforcing",
        "gymnasium.wrappers.common:PassiveEnvChecker",
        "gymnasium.wrappers.common:RecordEpisodeStatistics",
        "gymnasium.wrappers.common:TimeLimit",
        "gymnasium.wrappers.rendering:HumanRendering",
        "gymnasium.wrappers.rendering:RecordVideo",
        "gymnasium.wrappers.rendering:RenderCollection",
        "gymnasium.wrappers.stateful_reward:NormalizeReward",
        "gymnasium.wrappers.transform_reward:ClipReward",
        "gymnasium.wrappers.transform_reward:TransformReward",
        "minari.data_collector.data_collector:DataCollector",
        "sb3_contrib.common.wrappers.action_masker:ActionMasker",
        "stable_baselines3.common.monitor:Monitor",
        "stable_baselines3.common.vec_env.vec_check_nan:VecCheckNan",
        "stable_baselines3.common.vec_env.vec_monitor:VecMonitor",
        "stable_baselines3.common.vec_env.vec_video_recorder:VecVideoRecorder",
    }
)


class _Envs(Protocol):
    def get_attr(self, attr_name: str) -> list[object]: ...

    def env_is_wrapped(self, wrapper_class: type[object]) -> list[bool]: ...


@runtime_checkable
class _HasEnvs(Protocol):
    def get_env(self) -> _Envs | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentEnvironment:
    """What an agent was trained in.

    Attributes:
        campaign: What its observations and actions mean.
        is_scaled: Numbers from -1 to 1 stood for its choices.
    """

    campaign: Campaign
    is_scaled: bool


def environment_of(agent: object) -> AgentEnvironment | None:
    """The environment that a model of stable-baselines3 still has; None without one, or if it is somebody else's.

    Raises:
        UsageError: A wrapper changed what the agent saw or did, or may have.
    """
    envs = agent.get_env() if isinstance(agent, _HasEnvs) else None
    if envs is None:
        return None
    try:
        campaign = envs.get_attr("campaign")[0]
    except AttributeError:
        return None
    if not isinstance(campaign, Campaign):
        return None
    wrappers = _wrappers(envs)
    changing = [name for name in wrappers if name not in _HARMLESS and name not in {_SCALED, _NORMALISED}]
    # Of several, the outermost alone could be read from the model; and several scalings change numbers twice.
    changing += [name for name in (_NORMALISED, _SCALED) if wrappers.count(name) > 1]
    if changing:
        raise UsageError(
            f"The agent was trained behind {changing[0].split(':')[1]}, which may change what it sees or what its "
            "actions do, and an evaluation plays the campaign without it. Train without the wrapper, or hand over a "
            "function from observations to actions that does what the wrapper does."
        )
    return AgentEnvironment(campaign=campaign, is_scaled=_SCALED in wrappers)


def _wrappers(envs: _Envs) -> list[str]:
    """Classes between an agent and its campaign, the outermost first, written as ``module:name``.

    Raises:
        UsageError: They stand in other processes, and cannot be told.
    """
    found: list[str] = []
    layer: object = envs
    while (within := getattr(layer, "__dict__", {}).get("venv")) is not None:
        found.append(_name(layer))
        layer = within
    base = _name(layer)
    if base not in _BATCHES:
        found.append(base)
    if base == _PROCESSES:
        return found + _in_processes(cast("_Envs", layer))
    # All environments of a batch are made alike, but nothing makes sure of it.
    singles = cast("list[Env[object, object]]", getattr(layer, "__dict__", {}).get("envs", []))
    stacks = [_of_single(single) for single in singles]
    return found + max([*stacks, list[str]()], key=lambda names: len(set(names) - _HARMLESS))


def _of_single(env: "Env[object, object]") -> list[str]:
    import gymnasium

    found: list[str] = []
    layer = env
    while isinstance(layer, gymnasium.Wrapper):
        found.append(_name(cast("object", layer)))
        layer = layer.env
    return found if _name(layer) == _ENTRY_POINTS[0] else [*found, _name(layer)]


def _in_processes(envs: _Envs) -> list[str]:
    import gymnasium

    spec = cast("EnvSpec | None", envs.get_attr("spec")[0])
    if spec is not None:
        wrappers = [wrapper.entry_point for wrapper in reversed(spec.additional_wrappers)]
        return wrappers if spec.entry_point in _ENTRY_POINTS else [*wrappers, str(spec.entry_point)]
    if any(envs.env_is_wrapped(gymnasium.Wrapper)):
        raise UsageError(
            "The agent's environments are wrapped in other processes, and do not tell in what. Make them with "
            "gymnasium.make, or hand over a function from observations to actions that does what they do."
        )
    return []


def _name(thing: object) -> str:
    return f"{type(thing).__module__}:{type(thing).__qualname__}"
