"""The fields of TRL's GRPOConfig that `train.trl` may set: those of the installed version that do not belong to the search.

    python -m rewardsearch.train.engines.trl.fields

reads `train.trl` as JSON from standard input and prints what is wrong with its values as a JSON list in the last line. It is a
process of its own because it imports TRL. The names are checked without that, by reading the sources of TRL and transformers.
"""

from __future__ import annotations

import ast
import difflib
import importlib.metadata
import importlib.util
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from rewardsearch.config import TrainConfig
from rewardsearch.errors import UserError
from rewardsearch.files import scratch_prefix

SAMPLING = ("top_k", "min_p", "repetition_penalty")
"""The fields that say how a token is drawn, beside those that have a key of their own."""
_SOURCES = (("trl", "trainer/grpo_config.py"), ("trl", "trainer/base_config.py"), ("transformers", "training_args.py"))
_CLASSES = ("GRPOConfig", "_BaseConfig", "TrainingArguments")
_KEYS = {
    "max_steps": "train.steps",
    "num_train_epochs": "train.steps",
    "per_device_train_batch_size": "train.micro_batch",
    "gradient_accumulation_steps": "train.micro_batch",
    "generation_batch_size": "train.prompts_per_step",
    "num_generations": "train.group_size",
    "max_completion_length": "train.max_completion_tokens",
    "learning_rate": "train.learning_rate",
    "beta": "train.beta",
    "temperature": "train.temperature",
    "top_p": "train.top_p",
    "scale_rewards": "train.scale_rewards",
    "per_device_eval_batch_size": "train.eval_batch_size",
    "bf16": "policy.dtype",
    "fp16": "policy.dtype",
    "use_cpu": "policy.device",
    "gradient_checkpointing": "policy.gradient_checkpointing",
    "trust_remote_code": "policy.model",
    "seed": "seed",
    "data_seed": "seed",
    "full_determinism": "policy.device: cpu",
    "output_dir": "run_dir",
    "reward_weights": "finalize.ensembles",
    "multi_objective_aggregation": "finalize.ensembles",
}
"""Fields with a key of their own in the config."""
_CHOICES = {"loss_type": "loss_type", "lr_scheduler_type": "lr_schedule"}
"""Fields with a key of their own that does not have every value; the others may be set."""
_REASONS = {
    "steps_per_generation": "a step is one set of completions; set train.steps",
    "num_iterations": "a step is one set of completions; set train.steps",
    "auto_find_batch_size": "a batch must hold whole groups; lower train.micro_batch",
    "model_init_kwargs": "the policy is loaded once for all arms; use the keys of policy",
    "chat_template_kwargs": "evaluation would be given other prompts than training; change the template in the model's folder",
    "cast_lm_head_to_fp32": "it changes the frozen base that all arms share; use policy.dtype: float32",
    "tf32": "it stays on for what the process does next, so that a result would depend on what ran before; use policy.dtype",
    "activation_checkpointing": "use policy.gradient_checkpointing",
    "remove_unused_columns": "rewards get every column of a row; leave it out",
    "ignore_data_skip": "a resumed training must see the rows that an undisturbed one sees; leave it out",
    "use_transformers_paged": "TRL renamed it; use use_transformers_continuous_batching",
}
_VLLM = (
    "TRL's way to use vLLM merges the adapter into the base at every step, and the base drifts in 16 bits; "
    "set train.engine: vllm, and leave it out"
)
_LOGGING = "the search records every step itself; read the curves with `rewardsearch show RUN ID`"
_SAVING = "the search saves adapters and checkpoints itself, into the run folder; set run_dir"
_EVALUATION = "the search evaluates each arm itself; use train.eval_batch_size and train.eval_batch_tokens"
_UPLOAD = "nothing leaves this machine while a search runs; use `rewardsearch export`"
_DEVICES = "a training process has one device; use train.slots for several"
_GROUPS = {
    "use_vllm": _VLLM,
    "vllm_": _VLLM,
    "logging_": _LOGGING,
    "log_": _LOGGING,
    "num_completions_to_print": _LOGGING,
    "report_to": _LOGGING,
    "run_name": _LOGGING,
    "project": _LOGGING,
    "disable_tqdm": _LOGGING,
    "include_num_input_tokens_seen": _LOGGING,
    "save_": _SAVING,
    "enable_jit_checkpoint": _SAVING,
    "resume_from_checkpoint": _SAVING,
    "restore_callback_states_from_checkpoint": _SAVING,
    "load_best_model_at_end": _SAVING,
    "metric_for_best_model": _SAVING,
    "greater_is_better": _SAVING,
    "eval_": _EVALUATION,
    "do_": _EVALUATION,
    "num_generations_eval": _EVALUATION,
    "bf16_full_eval": _EVALUATION,
    "fp16_full_eval": _EVALUATION,
    "prediction_loss_only": _EVALUATION,
    "include_for_metrics": _EVALUATION,
    "batch_eval_metrics": _EVALUATION,
    "push_to_hub": _UPLOAD,
    "hub_": _UPLOAD,
    "trackio_": _UPLOAD,
    "ddp_": _DEVICES,
    "fsdp": _DEVICES,
    "fsdp_": _DEVICES,
    "deepspeed": _DEVICES,
    "ds3_": _DEVICES,
    "accelerator_config": _DEVICES,
    "parallelism_config": _DEVICES,
    "average_tokens_across_devices": _DEVICES,
    "local_rank": _DEVICES,
}
"""Fields by their name, or by how it begins."""
_GENERATION = {
    "max_new_tokens": "train.max_completion_tokens",
    "max_length": "train.max_completion_tokens",
    "min_new_tokens": "train.max_completion_tokens",
    "temperature": "train.temperature",
    "top_p": "train.top_p",
    "do_sample": "train.temperature",
    "num_return_sequences": "train.group_size",
    "top_k": "train.trl.top_k",
    "min_p": "train.trl.min_p",
    "repetition_penalty": "train.trl.repetition_penalty",
}
"""Entries of generation_kwargs with a key of their own."""


def field_mistakes(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the names in `train.trl`, a line each. TRL is not imported."""
    return [f"train.trl.{name}: {why}" for name, value in given.items() for why in _mistakes(name, value)]


def sampling(config: TrainConfig) -> dict[str, Any]:
    """How training draws the next token, as the arguments of transformers' `generate`."""
    drawn: dict[str, Any] = {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "top_k": 0,
        "repetition_penalty": 1.0,
    }
    drawn |= {name: config.trl[name] for name in SAMPLING if name in config.trl}
    further: Any = config.trl.get("generation_kwargs") or {}
    return {"do_sample": True, **drawn, **further}


def _mistakes(name: str, value: Any) -> Iterator[str]:
    known = known_fields()
    if (reason := _refused(name, value)) is not None:
        yield f"refused: {reason}"
    elif name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see TRL's page on GRPOConfig"
        yield f"GRPOConfig of trl {importlib.metadata.version('trl')} has no such field; {hint}"
    elif name == "generation_kwargs" and isinstance(value, dict):
        for entry in value.keys() & _GENERATION.keys():
            yield f"refused: {entry} has a key of its own; set {_GENERATION[entry]}"


def _refused(name: str, value: Any) -> str | None:
    if name in _KEYS:
        return f"it has a key of its own; set {_KEYS[name]}"
    if name in _CHOICES:
        key = _CHOICES[name]
        allowed = get_args(TrainConfig.model_fields[key].annotation)
        return f"train.{key} has this value; set that" if value in allowed else None
    if name in _REASONS:
        return _REASONS[name]
    return next(
        (why for start, why in _GROUPS.items() if name == start or (start.endswith("_") and name.startswith(start))),
        None,
    )


@lru_cache
def known_fields() -> tuple[str, ...]:
    """The fields of the installed GRPOConfig, its parents' included, read from the sources."""
    found: dict[str, None] = {}
    for package, file in _SOURCES:
        spec = importlib.util.find_spec(package)
        path = Path(spec.origin).parent / file if spec is not None and spec.origin is not None else None
        # A version of TRL may lay out its classes in other files.
        for node in ast.parse(path.read_bytes()).body if path is not None and path.exists() else ():
            if isinstance(node, ast.ClassDef) and node.name in _CLASSES:
                fields = (each.target for each in node.body if isinstance(each, ast.AnnAssign))
                found |= {field.id: None for field in fields if isinstance(field, ast.Name)}
    return tuple(found)


def trainer_config(given: Mapping[str, Any], settings: Mapping[str, Any]) -> Any:
    """A GRPOConfig with `settings`, and what `train.trl` sets. Raises UserError, a line for each mistake in `train.trl`."""
    from trl import GRPOConfig

    if mistakes := field_mistakes(given):
        raise UserError(*mistakes)
    hints, values = get_type_hints(GRPOConfig) if given else {}, dict[str, Any]()
    for name, value in given.items():
        try:
            values[name] = TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True)).validate_python(
                value
            )
        except ValidationError as error:
            mistakes.append(f"train.trl.{name}: got {value!r}; {error.errors()[0]['msg']}")
    if mistakes:
        raise UserError(*mistakes)
    try:
        return GRPOConfig(**{**settings, **values})
    except (TypeError, ValueError, ImportError) as error:
        if not given:
            raise
        raise UserError(f"train.trl: TRL refuses it: {' '.join(str(error).split())}") from None


def value_mistakes(given: Mapping[str, Any]) -> list[str]:
    """What is wrong in `train.trl`, a line each. Imports TRL."""
    with tempfile.TemporaryDirectory(prefix=scratch_prefix("trl")) as folder:
        try:
            trainer_config(given, {"output_dir": folder, "report_to": "none", "use_cpu": True, "bf16": False})
        except UserError as error:
            return list(error.mistakes)
    return []


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    sys.stdout.write(f"\n{json.dumps(value_mistakes(json.loads(sys.stdin.read())))}\n")
