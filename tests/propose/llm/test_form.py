"""The fields of a request, and what is left out after a refusal in the words of real servers."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from bad_server import BadServer
from server_errors import ErrorStyle

from rewardsearch.config import LLMConfig, Served
from rewardsearch.propose.llm.prompt import Prompt
from rewardsearch.propose.llm.request_body import ADAPTABLE, SCHEMA, change_for, request_body
from rewardsearch.propose.llm.server import Received, Refused, opened

PROMPT = Prompt(system="You write rewards.", user="Write one.")


def served(**fields: Any) -> Served:
    values = {"model": "m", "temperature": 0.2, "base_url": "http://127.0.0.1:1/v1", **fields}
    return LLMConfig.model_validate(values).served()[0]


def change(names: str, *refused: str, **fields: Any) -> str | None:
    return change_for(names, served(**fields), refused)


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_the_first_form_is_the_official_apis() -> None:
    assert request_body(served(base_url=None), PROMPT, 8000, ()) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "You write rewards."},
            {"role": "user", "content": "Write one."},
        ],
        "stream": False,
        "max_completion_tokens": 8000,
        "temperature": 0.2,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "reward", "strict": True, "schema": SCHEMA},
        },
    }


def test_each_refused_field_is_left_out_or_written_otherwise() -> None:
    before = request_body(served(), PROMPT, 8000, ())
    without = {name: request_body(served(), PROMPT, 8000, (name,)) for name in ADAPTABLE}
    assert without["temperature"] == {k: v for k, v in before.items() if k != "temperature"}
    assert without["structured"] == {k: v for k, v in before.items() if k != "response_format"}
    assert without["max_tokens"] == {k: v for k, v in before.items() if k != "max_tokens"}
    assert without["max_completion_tokens"] == {k: v for k, v in before.items() if k != "max_completion_tokens"}
    assert without["system"]["messages"] == [{"role": "user", "content": "You write rewards.\n\nWrite one."}]


def test_a_server_that_refuses_everything_is_asked_with_what_is_left() -> None:
    assert request_body(served(), PROMPT, 100, tuple(ADAPTABLE)) == {
        "model": "m",
        "messages": [{"role": "user", "content": "You write rewards.\n\nWrite one."}],
        "stream": False,
        "max_completion_tokens": 100,
    }


@pytest.mark.parametrize(
    "url", [None, "https://api.openai.com/v1", "https://us.api.openai.com/v1", "https://x.openai.azure.com/v1"]
)
def test_openai_is_sent_its_own_limit_alone_until_it_refuses_it(url: str | None) -> None:
    first = request_body(served(base_url=url), PROMPT, 100, ())
    assert first["max_completion_tokens"] == 100 and "max_tokens" not in first
    then = request_body(served(base_url=url), PROMPT, 100, ("max_completion_tokens",))
    assert "max_completion_tokens" not in then and then["max_tokens"] == 100


def test_others_are_sent_both_limits_since_many_pass_over_the_one_they_do_not_know() -> None:
    body = request_body(served(), PROMPT, 100, ())
    assert (body["max_completion_tokens"], body["max_tokens"]) == (100, 100)


def test_what_the_config_does_not_want_is_not_sent() -> None:
    body = request_body(served(temperature=None, structured="off"), PROMPT, 100, ())
    assert sorted(body) == ["max_completion_tokens", "max_tokens", "messages", "model", "stream"]


def test_further_fields_of_the_config_go_with_every_request() -> None:
    extra = {"reasoning_effort": "high", "top_k": 20}
    assert request_body(served(extra=extra), PROMPT, 100, ()) == {**request_body(served(), PROMPT, 100, ()), **extra}


def test_the_schema_is_in_the_subset_that_strict_servers_take() -> None:
    assert SCHEMA["required"] == list(SCHEMA["properties"])
    assert SCHEMA["additionalProperties"] is False


# --- what is left out next --------------------------------------------------------------------------------------------

REFUSALS = {
    "structured": [
        # OpenAI
        "response_format Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. "
        "Learn more about supported models at the Structured Outputs guide.",
        # Azure
        "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",
        # vLLM
        "[{'type': 'extra_forbidden', 'loc': ('body', 'response_format', 'json_schema', 'strict'), "
        "'msg': 'Extra inputs are not permitted', 'input': True}]",
        "Grammar error: The grammar is unsatisfiable",
        # llama.cpp
        'response_format type must be one of "text" or "json_object", but got: json_schema',
        "failed to parse grammar",
        # DeepSeek
        "This response_format type is unavailable now",
        # Groq
        "This model does not support response format `json_schema`. See supported models at https://console.groq.com/docs",
        # LM Studio
        "'response_format.type' must be 'json_object' or 'text'",
        # TGI
        "Failed to deserialize the JSON body into the target type: response_format: unknown variant `json_schema`",
        # Gemini
        "Invalid JSON payload received. Unknown name \"additionalProperties\" at 'generation_config.response_schema'",
    ],
    "temperature": [
        "temperature Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is "
        "supported.",
        "Unsupported parameter: 'temperature' is not supported with this model.",
        # Anthropic
        "temperature: range: 0..1",
        "`temperature` may only be set to 1 when thinking is enabled.",
    ],
    "max_tokens": [
        # OpenAI's reasoning models, behind a gateway
        "max_tokens Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
    ],
    "max_completion_tokens": [
        # Azure
        " Unrecognized request argument supplied: max_completion_tokens",
        # vLLM
        "[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens'), 'msg': 'Extra inputs are not permitted', "
        "'input': 8000}]",
        # Mistral
        '[{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"], "msg": "Extra inputs are not permitted", '
        '"input": 8000}]',
        # Gemini
        'Invalid JSON payload received. Unknown name "max_completion_tokens": Cannot find field.',
    ],
    "system": [
        "messages[0].role Unsupported value: 'messages[0].role' does not support 'system' with this model.",
        # vLLM, llama.cpp: what the model's chat template raises
        "System role not supported",
        "Conversation roles must alternate user/assistant/user/assistant/...",
        # Anthropic
        'messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an '
        "input message role.",
        # Gemini
        "Developer instruction is not enabled for models/gemma-3-27b-it: system instruction is not supported",
    ],
}


@pytest.mark.parametrize(("wanted", "names"), [(wanted, text) for wanted, texts in REFUSALS.items() for text in texts])
def test_the_field_that_a_servers_message_names_is_changed(wanted: str, names: str) -> None:
    assert change(names) == wanted
    assert change(names, wanted) != wanted


@pytest.mark.parametrize(
    "names",
    [
        "messages This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        # vLLM
        "'max_tokens' or 'max_completion_tokens' is too large: 8000. This model's maximum context length is 4096 tokens "
        "and your request has 5000 input tokens (8000 > 4096 - 5000).",
        # OpenAI
        "max_completion_tokens max_tokens is too large: 100000. This model supports at most 16384 completion tokens, "
        "whereas you provided 100000.",
        "messages[0].content Invalid 'messages[0].content': string too long. Expected a string with maximum length 1048576.",
        # Anthropic
        "max_tokens: 64000 > 8192, which is the maximum allowed number of output tokens for this model",
        # DeepSeek
        "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
        # safety
        "Your request was rejected as a result of our safety system.",
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
    ],
)
def test_a_request_that_is_refused_for_its_size_or_its_words_is_not_changed(names: str) -> None:
    assert change(names) is None


@pytest.mark.parametrize("names", [" ", "Unknown field in request", "Extra inputs are not permitted", "unexpected key"])
def test_a_refusal_that_names_nothing_is_laid_to_the_schema_once(names: str) -> None:
    assert change(names) == "structured"
    assert change(names, "structured") is None
    assert change(names, structured="off") is None


def test_a_refused_field_of_the_users_own_is_the_users_to_mend() -> None:
    told = "Unrecognized request argument supplied: reasoning_effort"
    assert change(told, extra={"reasoning_effort": "high"}) is None
    assert change(told) == "structured"


def test_what_is_not_sent_is_not_left_out() -> None:
    assert change("temperature Unsupported value", temperature=None, structured="off") is None


def test_an_error_that_says_nothing_of_the_request_changes_nothing() -> None:
    assert change("") is None


@pytest.mark.parametrize("style", get_args(ErrorStyle))
def test_each_servers_errors_lead_step_by_step_to_the_form_that_it_takes(style: ErrorStyle, no_proxy: None) -> None:
    refuses = ("temperature", "max_completion_tokens", "response_format", "system")
    with BadServer(lambda body: "Yes.", refused_parameters=refuses, error_style=style) as bad:
        model = served(base_url=bad.url)
        refused: list[str] = []
        with opened((model,)) as servers:
            for _ in refuses:
                outcome = servers["m"].post(request_body(model, PROMPT, 8000, refused), f"key {len(refused)}")
                assert isinstance(outcome, Refused)
                found = change_for(outcome.names, model, refused)
                assert found is not None
                refused.append(found)
            assert set(refused) == set(ADAPTABLE) - {"max_tokens"}
            assert isinstance(servers["m"].post(request_body(model, PROMPT, 8000, refused), "key"), Received)
        assert len(bad.billed) == 1
