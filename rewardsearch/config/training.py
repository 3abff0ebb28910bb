"""The sections of a search's config for training: the runs, the race through their rungs, and the watch over them."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from rewardsearch.config.effects import Affects
from rewardsearch.config.sections import Count, Section, Share

_ROUNDING = 1e-9
"""Keeps a share of a count from missing an integer by a rounding error."""


class VllmConfig(Section):
    """The server that the engine `vllm` generates through: a running one, or one that it starts for the processes on a device."""

    affects = Affects()
    url: str | None = None
    """The address of a running server on this machine, such as http://localhost:8000; None starts one."""
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """What starts it, such as [/path/to/vllm, serve, --enforce-eager]; None is `vllm serve` of the package beside this one."""
    gpu_memory: Annotated[float, Field(gt=0, lt=1)] = 0.4
    """The share of the device's memory that it takes; training needs the rest."""
    timeout_minutes: Annotated[float, Field(gt=0)] = 15.0
    """The longest wait for its start, and for one answer."""

    @model_validator(mode="after")
    def _either(self) -> VllmConfig:
        if self.url is not None and self.command is not None:
            raise ValueError(f"got url {self.url} and a command; give one of them")
        return self

    @field_validator("url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError(f"url: got {url!r}; give an address such as http://localhost:8000")
        return url.rstrip("/").removesuffix("/v1") if url else None


class RayConfig(Section):
    """The cluster of the launcher `ray`."""

    affects = Affects()
    address: str | None = None
    """Such as 10.0.0.1:6379. None: that of the environment variable RAY_ADDRESS, else a cluster that runs on this machine, else
    one that is started here for the search, with room for `train.slots` workers."""
    gpus: Annotated[float, Field(ge=0, le=1)] | None = None
    """GPUs of a worker; 0.5 puts two on one GPU. None: 1 where the cluster has GPUs and policy.device allows them, else 0."""


BASE_REWARDS = {"contrast": ("near_query", "near_group", "finished")}
"""The base rewards of a built-in task that has no gold answers, by its name, where a config names none."""


class TrainConfig(Section):
    """One GRPO + LoRA training run and its evaluation; the same for every candidate."""

    affects = Affects("training")
    engine: Annotated[str, Affects("training", "bank", "sft")] = "trl"
    """What trains and evaluates in a training process: `trl`, `lockstep`, `vllm`, `package.module:Name` or `file.py:Name`."""
    vllm: VllmConfig = VllmConfig()
    launcher: Annotated[str, Affects()] = "local"
    """Where training processes run: `local` (this machine), `ray` (docs/cluster.md), `package.module:Name` or `file.py:Name`."""
    baseline_seeds: Annotated[Count, Affects()] = 3
    """Seeds that the baseline is trained with: the search's and those that follow it. Their spread is the seed noise."""

    steps: Count = 40
    prompts_per_step: Count = 8
    group_size: Annotated[int, Field(ge=2)] = 8
    max_completion_tokens: Annotated[Count, Affects("training", "bank", "sft")] = 40
    micro_batch: Count | None = None
    """Completions of a forward and backward pass; None takes a whole step's at once. Must divide them."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    lr_schedule: Literal["constant", "linear", "cosine"] = "linear"
    beta: Annotated[float, Field(ge=0)] = 0.0
    """KL coefficient; 0 trains without a reference model."""
    temperature: Annotated[float, Field(gt=0), Affects("training", "bank")] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1), Affects("training", "bank")] = 1.0
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo"] = "dapo"
    scale_rewards: Literal["group", "batch", "none"] = "group"
    base_rewards: Annotated[tuple[str, ...], Field(min_length=1)] = ("format_exact", "format_approximate", "answer")
    """Names of files in candidates/base/ that every run trains on, or paths. The task `contrast` has others where none are given
    (BASE_REWARDS)."""
    trl: Annotated[dict[str, JsonValue], Affects("training", "bank")] = {}
    """Further fields of TRL's GRPOConfig, for the engines `trl` and `vllm`; those that the search sets itself are refused."""
    eval_batch_size: Annotated[Count, Affects("training", "bank", "sft")] = 250
    """Questions that are answered at once, at most. A batch that does not fit into memory is halved."""
    eval_batch_tokens: Annotated[Count | None, Affects("training", "bank", "sft")] = None
    """Tokens of a batch, at most: its rows times its longest prompt and `max_completion_tokens`. None is no limit."""
    ray: RayConfig = RayConfig()
    slots: Annotated[Count | None, Affects()] = None
    """Training processes side by side. None: one for each GPU that has room for the policy; on a CPU two, where cores and memory
    allow it."""
    arms: Annotated[Count, Affects()] = 1
    """Arms that one process is given at once. `lockstep` trains them side by side, `trl` one after another."""
    checkpoint_minutes: Annotated[float, Field(gt=0), Affects()] = 10.0
    """How often a training run saves what it resumes from when its process dies."""
    threads: Annotated[Count, Affects("training", "bank", "sft")] = 1
    """CPU threads of each; part of the result on a CPU, to the last bit."""
    retries: Annotated[int, Field(ge=0), Affects()] = 2
    """How often a run is started again after its process died or was silent for `stall_minutes`."""
    max_infrastructure_errors: Annotated[Count, Affects()] = 3
    """Candidates in a row whose runs ended in an infrastructure error, retries included, at which the search stops. Fewer are
    marked `error`, and tried again later."""
    stall_minutes: Annotated[float, Field(gt=0), Affects()] = 60.0
    """A training process speaks at every step; loading a model and evaluating are the longest silences."""

    @property
    def completions_per_step(self) -> int:
        return self.prompts_per_step * self.group_size

    @property
    def completions_at_once(self) -> int:
        """Of a forward and backward pass."""
        return min(self.micro_batch or self.completions_per_step, self.completions_per_step)


class Rung(Section):
    """A point in training where candidates are compared; both numbers are shares of the total."""

    steps: Annotated[float, Field(gt=0, lt=1)]
    """Of train.steps."""
    questions: Annotated[float, Field(gt=0, le=1)]
    """Of the rows of `val`."""


class RaceConfig(Section):
    """Training in rungs: a candidate that is behind at a rung, by more than the noise of questions and training seeds, is stopped
    there. Where earlier candidates suggest that a rung's ranks hold to the end, a share of each round is stopped by rank."""

    affects = Affects("search")
    enabled: bool = True
    """False trains every candidate to the end."""
    rungs: tuple[Rung, ...] = (
        Rung(steps=0.2, questions=1.0),
        Rung(steps=0.5, questions=1.0),
    )
    """In order of their steps; the last segment, to the end of training, follows by itself."""
    min_promoted: Annotated[float, Field(ge=0.33, le=1)] = 1 / 3
    """Share of a round's candidates that goes on from a rung however far behind they are, the best of them."""
    max_promoted: Share = 0.5
    """Largest share that goes on from a rung whose ranks are trusted; 1 stops nobody by rank."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    """Of the interval of a difference at the rung, over questions and training seeds; who is within it goes on."""
    min_correlation: Share = 0.6
    """Rank correlation between F1 at a rung and at the end, over the candidates of earlier rounds that were trained to the end,
    from which on the rung's ranks are trusted."""
    min_candidates: Annotated[int, Field(ge=3)] = 6
    """How many such candidates it takes. Six whose ranks are unrelated reach a correlation of 0.6 about one time in eight."""

    def min_promoted_of(self, entrants: int) -> int:
        """How many of the entrants at a rung go on whatever the distance: `min_promoted` of them, rounded up."""
        return math.ceil(self.min_promoted * entrants - _ROUNDING)

    def max_promoted_of(self, entrants: int) -> int:
        """How many of the entrants at a rung go on at most: `max_promoted` of them, rounded down, or `min_promoted_of`."""
        return max(self.min_promoted_of(entrants), math.floor(self.max_promoted * entrants + _ROUNDING))

    @model_validator(mode="after")
    def _some_go_on(self) -> RaceConfig:
        if self.max_promoted < self.min_promoted:
            raise ValueError(
                f"max_promoted must be at least min_promoted: got {self.max_promoted:g} < {self.min_promoted:g}"
            )
        return self

    @field_validator("rungs")
    @classmethod
    def _in_order(cls, rungs: tuple[Rung, ...]) -> tuple[Rung, ...]:
        if not rungs:
            raise ValueError("give at least one rung, or set race.enabled to false")
        steps = [rung.steps for rung in rungs]
        if steps != sorted(set(steps)):
            raise ValueError(f"the rungs' steps must rise, got {steps}")
        return rungs


class WatchConfig(Section):
    """Rules that look for reward hacking in the curves of a training run; each raises a flag on the leaderboard.

    They compare the mean of the first steps with that of the last. A change is measured in standard errors, from the spread of
    the steps within the two windows. Exact match is the share of a step's completions that are right.
    """

    affects = Affects("training")
    enabled: bool = True
    end_early: bool = True
    """End a run that is hopeless; it is evaluated as it is then."""
    window: Annotated[int, Field(ge=2)] = 8
    """Steps at either end. A dead gradient is reported after one window, all else after two."""
    min_improvement_z: Annotated[float, Field(ge=0)] = 1.0
    """Standard errors by which exact match must rise for the policy to count as learning."""
    alarm_z: Annotated[float, Field(gt=0)] = 2.5
    """Standard errors from which a rise of the reward, a change of length, or a fall of exact match counts as real."""
    solved: Share = 0.9
    """Exact match from which it need not rise any more: an even reward, a low entropy or a drift says nothing then. On a task
    with classes it must also be at least halfway from what one answer for everyone gets to 1."""
    floor: Share = 0.05
    """Exact match up to which a policy that gives one answer to everyone, or never finishes, is hopeless. On a task with
    classes one answer is hopeless also where exact match is no more than the more frequent class gets by itself."""
    forgetting: Share = 0.1
    """The run is hopeless where exact match in every step of the last window is at most this share of the first window's."""
    forgetting_from: Share = 0.1
    """Exact match of the first window below which `forgetting` is not checked: a few easy questions are no loss."""
    zero_std_fraction: Share = 0.9
    """Share of the groups without spread in reward from which the gradient counts as dead."""
    collapse: Share = 0.9
    """Share of the answers that are the same from which they are one answer for everyone."""
    collapse_gap: Share = 0.1
    """By how much that share must be above that of the most frequent gold answer of the same completions. On a task with classes
    it is also a collapse where a class is clearly answered a tenth as often as it should be, or less, however rare it is."""
    collapse_parsed: Share = 0.1
    """Share of the completions that must give an answer for a collapse to be reported."""
    class_avoidance: Share = 0.6
    """Tasks with classes: the policy avoids a class where it answers it less often than this share of its gold frequency and
    that answer is paid less than the other. A careful policy, which finds seven in ten and errs with none, stays at 0.7."""
    clipped: Share = 0.25
    """Share of the completions cut off at the token limit from which that is reported where exact match does not rise."""
    all_clipped: Share = 0.95
    """Such a share from which a run with exact match at the floor is hopeless."""
    length: Annotated[float, Field(gt=1)] = 1.5
    """Factor by which completions may get longer, or shorter, while exact match does not rise."""
    entropy: Annotated[float, Field(ge=0)] = 0.02
    """Nats a token up to which the policy's entropy has collapsed, where exact match does not rise."""
    entropy_left: Share = 0.25
    """Share of the first window's entropy that must not be exceeded either."""
    embedding_collapse: Share = 0.25
    """Tasks that measure `sim_batch` and `rank`: share of its distance to 1 by which `sim_batch`, the mean similarity of texts of
    different rows, may rise while `rank` does not improve. A share, since the texts of some policies are near each other from the
    start. A policy that learns may raise it too, and improves its rank."""
    embedding_alike: Share = 0.99
    """A `sim_batch` from which all texts are embedded alike, whether it rose or not, where the own query (`sim_query`) is hardly
    nearer and `rank` does not improve."""
