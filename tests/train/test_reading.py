"""What a policy reads and writes for a task that measures: embeddings, and completions at a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import CHAT, tiny_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from rewardsearch.config import PolicyConfig, TrainConfig
from rewardsearch.errors import UserError
from rewardsearch.records import Row
from rewardsearch.train.engines.trl.policy import Policy, load_policy
from rewardsearch.train.engines.trl.reading import PolicyReader

SYSTEM, RATIONALE = "pens has 1 2 3", "<thinking> Tom has 4 </thinking>"
CONFIG = TrainConfig(max_completion_tokens=6, eval_batch_size=4)


def chat_row(text: str) -> Row:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    return Row(id=text, prompt=messages, answer="")


TEXTS = ("Tom has 3 pens", "Tom", "7 pens", "Tom has pens Tom has 1 2 3 4 5 6 7 8 9 pens", "pens 4 has 4 pens")
PASSAGES = [(chat_row(text), rationale) for text in TEXTS for rationale in ("", RATIONALE)]


@pytest.fixture(scope="module", params=["chat template", "plain prompts"])
def policy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Policy:
    torch.set_num_threads(1)
    template = CHAT.replace("Tom", "then : ") if request.param == "chat template" else None
    torch.manual_seed(0)
    folder = tiny_model(tmp_path_factory.mktemp("policy"), template=template)
    return load_policy(PolicyConfig(model=folder, device="cpu", dtype="float32"))


@pytest.fixture
def reader(policy: Policy) -> PolicyReader:
    return PolicyReader(policy.base, policy, CONFIG)


def test_an_embedding_is_the_same_alone_and_in_a_batch(reader: PolicyReader) -> None:
    together = reader.embed(PASSAGES)
    alone = np.concatenate([reader.embed([passage]) for passage in PASSAGES])
    assert together.shape == (len(PASSAGES), 32) and together.dtype == np.float32
    assert np.abs(together - alone).max() < 1e-5
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)
    twice = reader.embed([*PASSAGES[3:5], PASSAGES[3]])
    assert (twice[0] == twice[2]).all() and np.abs(twice[:2] - together[3:5]).max() < 1e-5
    assert reader.embed([]).shape[0] == 0


def test_an_embedding_is_the_mean_over_the_tokens_from_the_text_on(policy: Policy, reader: PolicyReader) -> None:
    folder = policy.config.model
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for (row, rationale), found in zip(PASSAGES, reader.embed(PASSAGES), strict=True):
        chat = tokenizer.chat_template is not None
        before, after = (f"system {SYSTEM} user ", " then : ") if chat else (f"{SYSTEM} ", "\n")
        ids = tokenizer(f"{before}{row.prompt_text}{after}{rationale}")["input_ids"]
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[-1][0]
        mean = hidden[len(before.split()) :].mean(dim=0).numpy()
        assert found == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_a_text_that_the_template_changes_is_refused(tmp_path: Path) -> None:
    template = "{% for m in messages %}{{ m.content | upper }} {% endfor %}"
    policy = load_policy(PolicyConfig(model=tiny_model(tmp_path, template=template), device="cpu"))
    with pytest.raises(UserError, match=r"policy\.model.*Tom has 3"):
        PolicyReader(policy.base, policy, CONFIG).embed(PASSAGES[:1])


def test_what_is_written_follows_from_the_seed_and_draws_nothing_from_the_training(reader: PolicyReader) -> None:
    rows = [chat_row(text) for text in TEXTS]
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = reader.write(rows, 0.5, 3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(8)
    assert reader.write(rows, 0.5, 3) == first != reader.write(rows, 0.5, 4)
    assert len(first) == len(rows) and all(0 <= each.tokens <= 6 for each in first)
    # The tiny policy is nearly indifferent at any usual temperature.
    assert reader.write(rows, 1e-6, 3) == reader.write(rows, 1e-6, 4)


def modes(model: Any) -> Sequence[bool]:
    return [module.training for module in model.modules()]


def test_a_policy_in_training_with_checkpointed_gradients_reads_as_one_at_rest(
    policy: Policy, reader: PolicyReader
) -> None:
    rows = [chat_row(text) for text in TEXTS[:4]]
    written, vectors = reader.write(rows, 0.5, 3), reader.embed(PASSAGES)
    with policy.fresh_adapter(0) as model:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
        model.train()
        before, busy, widths = modes(model), PolicyReader(model, policy, CONFIG), list[int]()
        noted = policy.base.get_input_embeddings().register_forward_hook(
            lambda module, inputs, output: widths.append(inputs[0].shape[1])
        )
        assert busy.write(rows, 0.5, 3) == written
        noted.remove()
        # Keys and values are kept: the text is read once, then a token at a time.
        assert widths[0] > 1 and set(widths[1:]) == {1}
        assert np.abs(busy.embed(PASSAGES) - vectors).max() < 1e-5
        assert modes(model) == before and model.is_gradient_checkpointing
        loss = model(input_ids=torch.tensor([[3, 4, 5]]), labels=torch.tensor([[3, 4, 5]])).loss
        loss.backward()
        gradients = [weight.grad for weight in model.parameters() if weight.requires_grad]
        assert all(gradient is not None for gradient in gradients)
