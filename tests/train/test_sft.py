"""Supervised fine-tuning of the embedded policy, and the training process that starts from it."""

import hashlib
import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from working import train_now

from rewardsearch.config import Config, SftConfig, TaskConfig, parse_config
from rewardsearch.errors import MachineError, UserError
from rewardsearch.records import Demonstration, Row
from rewardsearch.run.artifacts import ADAPTER, SFT, load_bank, load_sft
from rewardsearch.run.fingerprints import fingerprint
from rewardsearch.run.jobs import policy_job
from rewardsearch.tasks import load_task
from rewardsearch.train.engines.tokenizing import prompt_ids
from rewardsearch.train.engines.trl.generation import greedy
from rewardsearch.train.engines.trl.policy import Policy, load_policy
from rewardsearch.train.engines.trl.sft import _example, fine_tune
from rewardsearch.train.worker.jobs import Worker

TASK = load_task(TaskConfig(train_rows=8, val_rows=24))
TAUGHT = TASK.demonstrations()
STEPS = {"steps": 3, "batch_size": 8, "learning_rate": 3e-3, "lr_schedule": "constant", "warmup": 0.0}

TEMPLATE = (
    "{% for message in messages %}{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}The answer is{% endif %}"
)


@pytest.fixture(scope="module")
def policy() -> Policy:
    torch.set_num_threads(1)
    return load_policy(Config().policy)


def settings(**changes: object) -> SftConfig:
    return SftConfig.model_validate(STEPS | changes)


def weights(adapter: Path) -> str:
    return hashlib.sha256((adapter / "adapter_model.safetensors").read_bytes()).hexdigest()


def test_the_loss_is_that_of_the_targets_and_falls(policy: Policy, tmp_path: Path) -> None:
    losses = []
    for taught in TAUGHT:
        example = _example(policy.tokenizer, taught)
        ids, start = torch.tensor(example["input_ids"]), example["completion_mask"].index(1)
        with torch.no_grad():
            said = policy.base(input_ids=ids[None]).logits[0].log_softmax(-1)
        losses += [-said[place - 1, ids[place]].item() for place in range(start, len(ids))]
    steps: list[int] = []
    tuned = fine_tune(policy, TAUGHT, settings(), tmp_path / "a", steps.append)
    assert tuned.curve[0].loss == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    assert tuned.curve[2].loss < 0.8 * tuned.curve[0].loss
    assert (tuned.rows, tuned.left_out, steps) == (8, 0, [1, 2, 3])
    micro = fine_tune(policy, TAUGHT, settings(micro_batch=4), tmp_path / "b")
    assert [p.loss for p in micro.curve] == pytest.approx([p.loss for p in tuned.curve], rel=1e-3)


def test_the_seed_fixes_the_adapter_bit_for_bit_whatever_was_drawn_before(policy: Policy, tmp_path: Path) -> None:
    found = []
    for number, seed in enumerate((3, 3, 4)):
        torch.rand(number)
        fine_tune(policy, TAUGHT, settings(batch_size=4, seed=seed), tmp_path / str(number))
        found.append(weights(tmp_path / str(number)))
    assert found[0] == found[1] != found[2]


def test_the_merged_policy_answers_as_the_base_under_the_adapter(policy: Policy, tmp_path: Path) -> None:
    ids = torch.tensor([prompt_ids(policy.tokenizer, TAUGHT[0].row)])
    rows = TASK.rows("val")
    with torch.no_grad():
        untuned = policy.base(input_ids=ids).logits
    fine_tune(policy, TAUGHT, settings(learning_rate=1e-2), tmp_path / "adapter")
    merged = load_policy(policy.config, tmp_path / "adapter")
    with torch.no_grad():
        with policy.saved_adapter(tmp_path / "adapter") as model:
            beside, answers = model(input_ids=ids).logits, greedy(model, policy, rows, Config().train)
        assert torch.allclose(merged.base(input_ids=ids).logits, beside, atol=1e-4)
        assert torch.equal(policy.base(input_ids=ids).logits, untuned)
        assert (beside - untuned).abs().max() > 0.1
    assert greedy(merged.base, merged, rows, Config().train) == answers
    assert not any(each.requires_grad for each in merged.base.parameters())


def test_demonstrations_that_are_too_long_are_left_out_and_counted(
    policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths = sorted(len(_example(policy.tokenizer, each)["input_ids"]) for each in TAUGHT)
    tuned = fine_tune(policy, TAUGHT, settings(steps=1, max_tokens=lengths[3]), tmp_path / "a")
    fitting = sum(length <= lengths[3] for length in lengths)
    assert (tuned.rows, tuned.left_out) == (fitting, 8 - fitting)
    with pytest.raises(UserError, match=rf"sft.max_tokens: got {lengths[0] - 1}.* give at least {lengths[0]}$"):
        fine_tune(policy, TAUGHT, settings(max_tokens=lengths[0] - 1), tmp_path / "b")
    with monkeypatch.context() as patch:
        patch.setattr(policy.base.config, "max_position_embeddings", lengths[3])
        assert fine_tune(policy, TAUGHT, settings(steps=1), tmp_path / "c").left_out == 8 - fitting
        patch.setattr(policy.base.config, "max_position_embeddings", lengths[0] - 1)
        with pytest.raises(UserError, match=f"context is {lengths[0] - 1} tokens"):
            fine_tune(policy, TAUGHT, settings(), tmp_path / "d")


def test_a_loss_that_is_no_number_is_told_with_what_to_do(policy: Policy, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"sft: the loss is (nan|inf) at step \d; lower sft.learning_rate, got 1e\+30"):
        fine_tune(policy, TAUGHT, settings(learning_rate=1e30), tmp_path / "a")


def test_the_schedule_the_warm_up_and_the_adapter_are_as_configured(policy: Policy, tmp_path: Path) -> None:
    changes = {"steps": 4, "batch_size": 1, "lr_schedule": "linear", "warmup": 0.5, "lora": {"r": 2, "alpha": 6}}
    tuned = fine_tune(policy, TAUGHT, settings(**changes), tmp_path / "a")
    assert [p.learning_rate for p in tuned.curve] == pytest.approx([0.0, 1.5e-3, 3e-3, 1.5e-3])
    adapter = json.loads((tmp_path / "a" / "adapter_config.json").read_text(encoding="utf-8"))
    assert (adapter["r"], adapter["lora_alpha"]) == (2, 6)
    # Its digest is the same whatever the process's hash seed.
    assert adapter["target_modules"] == sorted(adapter["target_modules"])


def test_a_chat_prompt_is_taught_with_the_ids_that_generation_sees(policy: Policy) -> None:
    tokenizer = deepcopy(policy.tokenizer)
    tokenizer.chat_template = TEMPLATE
    row = Row(id="0", prompt=[{"role": "user", "content": "Anna has 12 apples."}], answer="12")
    example = _example(tokenizer, Demonstration(row=row, completion=" 12."))
    assert tokenizer.decode(example["input_ids"]) == "Anna has 12 apples.\nThe answer is 12." + tokenizer.eos_token
    asked = prompt_ids(tokenizer, row)
    assert example["input_ids"][: len(asked)] == asked
    assert example["completion_mask"] == [0] * len(asked) + [1] * (len(example["input_ids"]) - len(asked))


@pytest.fixture
def worker(tmp_path: Path) -> Callable[..., Worker]:
    """Makes training processes' workers on one run."""
    data = {
        "task": {"train_rows": 8, "val_rows": 24, "test_rows": 8},
        "sft": {"enabled": True, **STEPS, "learning_rate": 1e-2},
        "bank": {"questions": 4, "group_size": 2},
    }
    return lambda **changes: Worker(tmp_path, parse_config(data | changes, "test"))


def test_every_job_starts_from_the_fine_tuned_policy(worker: Callable[..., Worker], tmp_path: Path) -> None:
    tuning = worker()
    tuning.fine_tune()
    result = load_sft(tmp_path / SFT, fingerprint("sft", tuning.config))
    assert result is not None and result.before != result.after
    assert [each.id for each in result.after] == [row.id for row in tuning.task.rows("val")]
    other = worker()
    banks = []
    for number, each in enumerate((tuning, other, worker(sft={}))):
        screened = train_now(each, policy_job(0)).outcomes
        assert screened == (result.after if number < 2 else result.before)
        path = tmp_path / f"bank-{number}.jsonl"
        each.sample_bank(path)
        banks.append(load_bank(path))
    assert banks[0] == banks[1] != banks[2]
    other.evaluate_test(None, tmp_path / "test.jsonl")
    assert len((tmp_path / "test.jsonl").read_text(encoding="utf-8").splitlines()) == 8


def test_without_its_fine_tuning_no_job_is_done(worker: Callable[..., Worker], tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"fine-tuned policy in .*sft is missing or damaged"):
        train_now(worker(), policy_job(0))
    assert not (tmp_path / SFT / ADAPTER).exists()
