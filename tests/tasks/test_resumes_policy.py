"""The policy that the package carries for resumes."""

import pytest
import torch

from rewardsearch.config import PolicyConfig, TaskConfig
from rewardsearch.tasks import load_task
from rewardsearch.train.engines.trl.policy import Policy, load_policy

TASK = load_task(TaskConfig(name="resume", train_rows=200, val_rows=8))


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(PolicyConfig(model="embedded-resume", device="cpu"))


def test_the_policy_knows_every_word_of_the_task_and_gives_texts_back(policy: Policy) -> None:
    tokenizer = policy.tokenizer
    for shown in TASK.demonstrations():
        text = f"{shown.row.prompt}{shown.completion}"
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids) == text
        assert len(tokenizer(shown.row.prompt)["input_ids"]) <= 110
        assert len(tokenizer(shown.completion)["input_ids"]) <= 48


def test_the_policy_has_about_two_million_parameters_and_judges_resumes(policy: Policy) -> None:
    assert 1_500_000 < policy.base.num_parameters() < 2_500_000
    row = TASK.rows("val")[0]
    ids = policy.tokenizer(row.prompt, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        out = policy.base.generate(ids, max_new_tokens=48, do_sample=False)
    said = policy.tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    assert ("SELECTED" in said) != ("REJECTED" in said)
