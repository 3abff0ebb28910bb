"""The fields of TRL's GRPOConfig that `train.trl` sets, and those that it must leave to the search."""

from __future__ import annotations

from typing import Any

import pytest

from rewardsearch.config import Config, TrainConfig, parse_config
from rewardsearch.errors import UserError
from rewardsearch.train import check_policy
from rewardsearch.train.engines.trl.fields import field_mistakes, known_fields, trainer_config, value_mistakes

SETTINGS = {"report_to": "none", "use_cpu": True, "bf16": False}


def test_the_fields_that_are_read_from_the_sources_are_those_of_the_installed_version() -> None:
    from dataclasses import fields

    from trl import GRPOConfig

    assert {each.name for each in fields(GRPOConfig)} <= set(known_fields())


@pytest.mark.parametrize(
    ("field", "key"),
    [
        ("max_steps", "train.steps"),
        ("num_generations", "train.group_size"),
        ("num_iterations", "train.steps"),
        ("per_device_train_batch_size", "train.micro_batch"),
        ("learning_rate", "train.learning_rate"),
        ("seed", "seed"),
        ("reward_weights", "finalize.ensembles"),
        ("fp16", "policy.dtype"),
        ("gradient_checkpointing", "policy.gradient_checkpointing"),
        ("output_dir", "run_dir"),
        ("save_steps", "run_dir"),
        ("logging_steps", "rewardsearch show"),
        ("report_to", "rewardsearch show"),
        ("hub_model_id", "rewardsearch export"),
        ("push_to_hub", "rewardsearch export"),
        ("eval_strategy", "train.eval_batch_size"),
        ("use_vllm", "train.engine"),
        ("vllm_mode", "train.engine"),
        ("deepspeed", "train.slots"),
        ("ddp_backend", "train.slots"),
        ("fsdp_config", "train.slots"),
        ("cast_lm_head_to_fp32", "policy.dtype"),
        ("chat_template_kwargs", "the template in the model's folder"),
    ],
)
def test_a_field_that_belongs_to_the_search_is_refused_with_the_key_to_use(field: str, key: str) -> None:
    assert field in known_fields()
    (told,) = field_mistakes({field: 1})
    assert told.startswith(f"train.trl.{field}: refused") and key in told


def test_an_unknown_field_is_refused_with_near_names() -> None:
    (told,) = field_mistakes({"epsilon_hihg": 0.3})
    assert told.startswith("train.trl.epsilon_hihg: ") and "epsilon_high" in told
    assert field_mistakes({"epsilon_high": 0.3, "weight_decay": 0.1}) == []


def test_a_choice_with_a_key_of_its_own_is_refused_only_where_the_key_has_it() -> None:
    assert field_mistakes({"loss_type": "cispo", "lr_scheduler_type": "cosine_with_min_lr"}) == []
    told = field_mistakes({"loss_type": "dapo", "lr_scheduler_type": "linear"})
    assert [each.split(";")[0].split()[2] for each in told] == ["train.loss_type", "train.lr_schedule"]
    (entry,) = field_mistakes({"generation_kwargs": {"max_new_tokens": 9, "typical_p": 0.5}})
    assert "train.max_completion_tokens" in entry


def test_values_are_checked_against_the_types_of_the_installed_version(tmp_path: Any) -> None:
    told = value_mistakes({"weight_decay": "a lot", "delta": [1]})
    assert [each.split(":")[0] for each in told] == ["train.trl.weight_decay", "train.trl.delta"]
    (told_by_trl,) = value_mistakes({"optim": "sgdd"})
    assert "sgdd" in told_by_trl
    # YAML reads 1e-4 as text.
    made = trainer_config({"weight_decay": "1e-4"}, {"output_dir": str(tmp_path), **SETTINGS})
    assert made.weight_decay == 1e-4


@pytest.mark.parametrize(
    ("given", "told"), [({"epsilom": 1}, "train.trl.epsilom"), ({"epsilon": "x"}, "train.trl.epsilon")]
)
def test_a_search_is_told_before_anything_is_trained(given: dict[str, Any], told: str) -> None:
    config = Config(train=TrainConfig(trl=given))
    (found,) = (each for each in check_policy(config, {}) if each.status == "fail")
    assert found.found.startswith(told) and found.remedy


def test_engines_that_do_not_train_through_trl_refuse_it() -> None:
    for engine in ("lockstep", "other:Engine"):
        with pytest.raises(UserError, match=rf"train\.trl: .*{engine}"):
            parse_config({"train": {"engine": engine, "trl": {"epsilon": 0.1}}}, "test")
