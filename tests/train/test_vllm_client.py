"""Requests to a vLLM server: what is asked for, and what becomes of the errors of a server."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_vllm import Body, FakeVllm, by_weights, serving, tokens_of

from rewardsearch.config import PolicyConfig, TrainConfig
from rewardsearch.errors import MachineError, UserError
from rewardsearch.train.engines.trl.policy import load_policy
from rewardsearch.train.engines.vllm.adapters import Adapters
from rewardsearch.train.engines.vllm.client import Client
from rewardsearch.train.engines.vllm.sampling import drawn_as, greedy_requests, sampled_requests

TRAIN = TrainConfig(max_completion_tokens=8, temperature=0.7, top_p=0.9)
PROMPTS = [[5, 6], [7, 8, 9], [5, 6]]


@pytest.fixture
def fake() -> FakeVllm:
    return FakeVllm(by_weights())


@pytest.fixture
def client(fake: FakeVllm) -> Iterator[Client]:
    with serving(fake) as url:
        yield Client(url, 5.0, "look at its log")


def adapter(folder: Path, weights: bytes = b"1", rank: int = 8) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(f'{{"r": {rank}}}')
    (folder / "adapter_model.safetensors").write_bytes(weights)
    return folder


def test_each_completion_is_asked_for_with_a_seed_of_its_own_and_comes_in_its_place(
    client: Client, fake: FakeVllm
) -> None:
    requests = sampled_requests(PROMPTS, client.base(), {1, 3}, TRAIN, seed=0, step=2)
    done: list[int] = []
    found = client.complete(requests, done.append)
    assert [[each.ids for each in those] for those in found] == [
        [fake.generate(None, prompt, request)[0]] for prompt, request in zip(PROMPTS, requests, strict=True)
    ]
    assert done == [1, 2, 3] and len({request["seed"] for request in requests}) == 3
    asked = fake.of("/v1/completions")[0]
    assert (asked["temperature"], asked["top_p"], asked["max_tokens"], asked["stop_token_ids"]) == (0.7, 0.9, 8, [1, 3])
    assert (asked["top_k"], asked["min_p"], asked["repetition_penalty"], asked["return_token_ids"]) == (-1, 0, 1, True)


def test_seeds_follow_from_job_step_prompt_and_sample_alone() -> None:
    def seeds(prompts: list[list[int]], seed: int, step: int) -> list[int]:
        return [request["seed"] for request in sampled_requests(prompts, "policy", {1}, TRAIN, seed, step)]

    first = seeds(PROMPTS, 0, 0)
    assert seeds([PROMPTS[1], PROMPTS[0], PROMPTS[2]], 0, 0) == [first[1], first[0], first[2]]
    assert not {*first} & {*seeds(PROMPTS, 1, 0)} and not {*first} & {*seeds(PROMPTS, 0, 1)}


def test_greedy_prompts_share_requests_and_come_in_order(client: Client, fake: FakeVllm) -> None:
    prompts = [[number, number + 1] for number in range(70)]
    requests = greedy_requests(prompts, "policy", {1}, TRAIN)
    found = [each.ids for those in client.complete(requests) for each in those]
    assert found == [fake.generate(None, prompt, requests[0])[0] for prompt in prompts]
    assert requests[0]["temperature"] == 0 and len(fake.of("/v1/completions")) == len(requests) < 70


def test_fields_of_trl_that_say_how_a_token_is_drawn_count_and_others_are_refused() -> None:
    config = TRAIN.model_copy(update={"trl": {"top_k": 5, "min_p": 0.1}})
    [request] = sampled_requests([[5]], "policy", {1}, config, 0, 0)
    assert (request["top_k"], request["min_p"]) == (5, 0.1)
    with pytest.raises(UserError, match=r"train\.trl\.generation_kwargs: got num_beams"):
        drawn_as(TRAIN.model_copy(update={"trl": {"generation_kwargs": {"num_beams": 2}}}))


def test_a_loaded_adapter_answers_by_its_name_until_it_is_unloaded(
    client: Client, fake: FakeVllm, tmp_path: Path
) -> None:
    client.load("one", adapter(tmp_path / "1", b"1"))
    client.load("two", adapter(tmp_path / "2", b"2"))
    one, two, base = (
        client.complete(greedy_requests([[5]], name, {1}, TRAIN))[0][0].ids for name in ("one", "two", client.base())
    )
    assert one != two and base not in (one, two)
    client.unload("one")
    client.unload("one")
    assert set(fake.adapters) == {"two"}
    with pytest.raises(MachineError, match="`one` does not exist"):
        client.complete(greedy_requests([[5]], "one", {1}, TRAIN))


def test_each_step_has_a_name_and_folder_of_its_own_and_the_one_before_stays(client: Client, fake: FakeVllm) -> None:
    adapters, names, folders = Adapters(), [], []
    with load_policy(PolicyConfig()).fresh_adapter(0) as model:
        for _ in range(3):
            names.append(adapters.publish(client, model))
            folders.append(fake.adapters[names[-1]])
        assert {file.name for file in folders[-1].iterdir()} >= {"adapter_model.safetensors", "adapter_config.json"}
    assert len({*names}) == len({*folders}) == 3 and set(fake.adapters) == {*names[1:]}
    assert [folder.exists() for folder in folders] == [False, True, True]
    assert not any(body.get("load_inplace") for body in fake.of("/v1/load_lora_adapter"))
    adapters.close(client)
    assert not fake.adapters and not folders[-1].parent.exists()


NO_ROUTE = (404, {"detail": "Not Found"})
ERRORS: list[tuple[str, Any, type[Exception], str]] = [
    (
        "/v1/load_lora_adapter",
        (500, {"error": {"message": "out of memory"}}),
        MachineError,
        "out of memory.*look at its log",
    ),
    ("/v1/load_lora_adapter", NO_ROUTE, UserError, "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1"),
    ("/v1/load_lora_adapter", (401, {"error": "Unauthorized"}), UserError, "VLLM_API_KEY"),
    ("/v1/completions", (503, "busy"), MachineError, "status 503.*look at its log"),
    ("/v1/completions", (400, {"error": {"message": "max_tokens=8 is too much"}}), UserError, "max_tokens=8"),
    ("/v1/completions", (200, "no JSON"), MachineError, "no JSON object"),
    ("/v1/completions", (200, {"choices": []}), MachineError, "0 completions for 1 prompts"),
    ("/v1/completions", (200, {"choices": [{"index": 0}]}), MachineError, "no token ids"),
    ("/v1/completions", (200, {"choices": [{"index": 0, "token_ids": [5] * 9}]}), MachineError, "9 token ids"),
    ("/v1/completions", (0, None), MachineError, "RemoteDisconnected.*look at its log"),
    ("/v1/models", (200, {"data": []}), MachineError, "serves no model"),
]


@pytest.mark.parametrize(("path", "answer", "error", "says"), ERRORS)
def test_an_error_of_the_server_is_one_line_with_what_it_said_and_the_remedy(
    client: Client, fake: FakeVllm, tmp_path: Path, path: str, answer: Any, error: type[Exception], says: str
) -> None:
    fake.fault = lambda asked, body: answer if asked == path else None
    with pytest.raises(error, match=says) as caught:
        client.load("one", adapter(tmp_path / "1"))
        client.complete(greedy_requests([[5]], client.base(), {1}, TRAIN))
    assert "\n" not in str(caught.value) and "http://127.0.0.1" in str(caught.value)


def test_a_dead_and_a_slow_server_are_named_with_the_remedy(fake: FakeVllm) -> None:
    with serving(fake) as url:
        fake.fault = lambda path, body: _late()
        with pytest.raises(MachineError, match=r"/v1/models.*train\.vllm\.timeout_minutes"):
            Client(url, 0.2, "look at its log").base()
    with pytest.raises(MachineError, match=f"{url}.*refused.*look at its log"):
        Client(url, 5.0, "look at its log").base()


def _late() -> tuple[int, Body]:
    time.sleep(1)
    return 200, {}


def test_answers_of_the_test_server_follow_from_weights_and_seed() -> None:
    hot, cold = {"temperature": 1.0, "max_tokens": 8, "seed": 1}, {"temperature": 0.0, "max_tokens": 8, "seed": 1}
    assert tokens_of("a", [5], hot) == tokens_of("a", [5], hot) != tokens_of("a", [5], hot | {"seed": 2})
    assert tokens_of("a", [5], cold) == tokens_of("a", [5], cold | {"seed": 2}) != tokens_of("b", [5], cold)
