"""What is found of a policy before anything is trained: its files, its tokenizer, its context, the device."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from tiny_models import CHAT, tiny_model

from rewardsearch.config import Config, PolicyConfig, parse_config
from rewardsearch.errors import UserError
from rewardsearch.records import Row
from rewardsearch.run.policy_files import chat_template, file_mistakes
from rewardsearch.train import check_policy, policy_check
from rewardsearch.train.engines.tokenizing import answer_to, policy_prompt, prompt_ids
from rewardsearch.train.engines.trl.policy import load_policy


def row(words: int, chat: bool = True) -> Row:
    text = "Tom " * words
    return Row(id=str(words), prompt=[{"role": "user", "content": text}] if chat else text, answer="1")


def rows(*lengths: int, chat: bool = True) -> dict[Any, Sequence[Row]]:
    """Rows of train and val with these lengths in words; one of test."""
    found = [row(words, chat) for words in lengths]
    return {"train": found, "val": found[:2], "test": found[:1]}


def config_of(model: str, **policy: Any) -> Config:
    return parse_config({"policy": {"model": model, **policy}, "train": {"max_completion_tokens": 20}}, "test")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy is looked at in this process, which has the training libraries."""

    def run(command: Sequence[str], input: bytes, **options: Any) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(command, 0, json.dumps(answer_to(json.loads(input))).encode())

    monkeypatch.setattr(policy_check.subprocess, "run", run)


def failed(model: str, given: Any = None, **policy: Any) -> list[str]:
    found = check_policy(config_of(model, **policy), given or rows(3, 4))
    assert found and all(each.remedy for each in found if each.status != "ok")
    return [each.found for each in found if each.status == "fail"]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tiny_model(tmp_path_factory.mktemp("models") / "whole"))


def without(*names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in names] and None


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n")


def half_of_the_shards(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def adapter_alone(folder: Path) -> None:
    without("config.json", "model.safetensors")(folder)
    (folder / "adapter_config.json").write_text("{}")


def gguf_alone(folder: Path) -> None:
    without("config.json", "model.safetensors")(folder)
    (folder / "tiny.Q4.gguf").write_bytes(b"GGUF")


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (without("config.json"), "no config.json"),
        (without("tokenizer.json"), "no tokenizer"),
        (without("model.safetensors"), "no weights"),
        (cut, "model.safetensors is cut off"),
        (pointer, "model.safetensors is cut off"),
        (half_of_the_shards, "lacks model-00002-of-00002.safetensors"),
        (adapter_alone, "LoRA adapter"),
        (gguf_alone, "GGUF files alone"),
    ],
)
def test_what_is_missing_in_a_folder_is_told(
    tmp_path: Path, whole: Path, harm: Callable[[Path], None], told: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(whole, folder)
    assert list(file_mistakes(PolicyConfig(model=str(folder)))) == []
    harm(folder)
    ((found, remedy),) = file_mistakes(PolicyConfig(model=str(folder)))
    assert told in found and remedy


def test_what_is_no_folder_and_a_gguf_file_that_is_not_there_are_told(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_text("<html>")
    for model, gguf, told in (
        ("/no/where", None, "no such folder: /no/where"),
        ("./models/none", None, "no such folder: ./models/none"),
        ("./none", None, "no such folder: ./none"),
        ("~/none", None, "no such folder: ~/none"),
        (tmp_path / "a.gguf", None, "is a file"),
        (whole, "b.gguf", "no file b.gguf"),
        (tmp_path, "b.gguf", "which has a.gguf"),
        (tmp_path, "a.gguf", "is no GGUF file"),
        ("embedded", "b.gguf", "no file b.gguf"),
    ):
        ((found, remedy),) = file_mistakes(PolicyConfig(model=str(model), gguf_file=gguf))
        assert told in found and remedy
    assert "policy.gguf_file: a.gguf" in next(file_mistakes(PolicyConfig(model=str(tmp_path / "a.gguf"))))[1]


def test_a_hub_id_without_the_hub_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_check, "hub_answers", lambda: False)
    for model in ("org/nothing", "nothing"):
        (told,) = failed(model)
        assert model in told and "hub cannot be reached" in told


@pytest.mark.parametrize("why", ["offline", "unreachable"])
def test_a_hub_model_without_the_hub_is_told_where_it_is_loaded_as_well(
    why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", why == "offline")
    # Nothing listens there.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError) as raised:
        load_policy(PolicyConfig(model="org/nothing"))
    for told in (*failed("org/nothing"), *raised.value.mistakes):
        assert "org/nothing" in told and "hub cannot be reached" in told and "\n" not in told


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ({"special": ("pad",)}, "no end-of-text token"),
        ({"vocabulary": 3}, "gives token 3, the model knows 3 tokens"),
        ({"template": "{{ raise_exception('no system role') }}"}, "no system role"),
        ({"template": "{% if %}"}, "its chat template refuses"),
    ],
)
def test_a_policy_that_training_would_fail_on_is_told(
    tmp_path: Path, here: None, made: dict[str, Any], told: str
) -> None:
    model = tiny_model(tmp_path, **made)
    (found,) = failed(model)
    assert told in found
    if "special" in made:
        with pytest.raises(UserError, match="end-of-text"):
            load_policy(PolicyConfig(model=model))


@pytest.mark.parametrize("model", ["embedded", "tiny"])
def test_modules_that_a_policy_does_not_have_are_told_before_anything_is_trained(
    whole: Path, here: None, model: str
) -> None:
    model = str(whole) if model == "tiny" else model
    lora = {"target_modules": ["q_proj", "qkv"]}
    (told,) = check_policy(config_of(model, lora=lora), rows(3, 4, chat=False))[:1]
    assert told.found.startswith("policy.lora.target_modules: ") and "qkv" in told.found and "gate_proj" in told.remedy
    assert failed(model, rows(3, 4, chat=False), lora={"target_modules": ["q_proj"]}) == []


@pytest.mark.parametrize("learned", [False, True], ids=["rotary", "learned"])
def test_prompts_that_leave_no_room_are_counted_and_end_it_where_they_would_end_training(
    tmp_path: Path, here: None, learned: bool
) -> None:
    model = tiny_model(tmp_path, context=40, learned_positions=learned)
    # The template adds two words.
    assert failed(model, rows(18, 18, 18)) == []
    (told,) = failed(model, rows(19, 19, 18))
    assert "2 of 3 train, 2 of 2 val, 1 of 1 test" in told and "context of 40 tokens" in told
    found = check_policy(config_of(model), rows(5, 6, 7, 19, 41))
    (told_of_few,) = [each for each in found if each.status != "ok"]
    assert told_of_few.status == ("fail" if learned else "warn")
    assert "2 of 5 train, 0 of 2 val, 0 of 1 test" in told_of_few.found
    sealed = {**rows(5, 6), "test": [row(30)]}
    (told_of_test,) = [each for each in check_policy(config_of(model), sealed) if each.status != "ok"]
    assert "0 of 2 train, 0 of 2 val, 1 of 1 test" in told_of_test.found and "32" not in told_of_test.found


def test_the_carried_policy_is_looked_at_without_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_check, "COMMAND", ("false",))
    found = check_policy(config_of("embedded"), rows(3, 4, chat=False))
    assert [(each.name, each.status) for each in found] == [("policy", "ok"), ("policy words", "warn")]
    (told,) = failed("embedded", rows(3, 300, 300, chat=False))
    assert "2 of 3 train, 1 of 2 val, 0 of 1 test" in told


def test_a_tokenizer_without_a_template_or_a_padding_token_does_and_the_first_is_told(
    tmp_path: Path, here: None
) -> None:
    model = tiny_model(tmp_path, template=None, special=("eos",))
    found = check_policy(config_of(model), rows(3, 4))
    assert [(each.name, each.status) for each in found] == [("policy", "ok"), ("policy prompts", "warn")]
    assert "padded with its end-of-text token" in found[0].found
    assert [each.status for each in check_policy(config_of(model), rows(3, 4, chat=False))] == ["ok"]
    policy = load_policy(PolicyConfig(model=model))
    assert policy.tokenizer.pad_token_id == policy.tokenizer.eos_token_id == 1
    assert chat_template(PolicyConfig(model=model)) is False


def test_a_padding_token_that_the_model_does_not_know_is_not_used(tmp_path: Path) -> None:
    model = tiny_model(tmp_path)
    file = tmp_path / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "pad_token": "<added later>"}))
    assert load_policy(PolicyConfig(model=model)).tokenizer.pad_token_id == 1


def test_messages_are_plain_text_without_a_template_and_go_through_it_with_one(tmp_path: Path) -> None:
    policy = PolicyConfig(model=tiny_model(tmp_path))
    tokenizer = load_policy(policy).tokenizer
    assert [chat_template(each) for each in (policy, PolicyConfig(), PolicyConfig(model="org/no"))] == [
        True,
        False,
        None,
    ]
    messages = [{"role": "system", "content": " Tom has "}, {"role": "user", "content": "pens 7"}]
    asked = Row(id="1", prompt=messages, answer="7")
    assert policy_prompt(tokenizer, asked) == messages
    assert tokenizer.decode(prompt_ids(tokenizer, asked)) == "<unk> Tom has <unk> pens 7 Tom"
    for template in (None, "", {"tool_use": CHAT}):
        tokenizer.chat_template = template
        assert policy_prompt(tokenizer, asked) == "Tom has\n\npens 7\n"
        assert tokenizer.decode(prompt_ids(tokenizer, asked)) == "Tom has pens 7"
    assert policy_prompt(tokenizer, row(2, chat=False)) == "Tom Tom "


@pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
def test_cuda_that_is_not_there_is_told_beside_other_mistakes() -> None:
    found = check_policy(config_of("/no/where", device="cuda"), rows(3, 4, chat=False))
    assert [(each.name, each.status) for each in found] == [("policy device", "fail"), ("policy", "fail")]
    with pytest.raises(UserError, match=r"policy\.device: got cuda"):
        load_policy(PolicyConfig(device="cuda"))


def test_a_process_that_dies_is_told(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_check, "COMMAND", ("false",))
    (told,) = failed(str(whole))
    assert str(whole) in told and "ended with 1" in told
