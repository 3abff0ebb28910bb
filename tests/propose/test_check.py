"""What is told before anything is spent: mistakes of the config that would end proposing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewardsearch.config import Config, LLMConfig, ProposeConfig
from rewardsearch.errors import UserError
from rewardsearch.propose import PROPOSERS, load_proposer
from rewardsearch.session.requests import first_request

KEY_NAME = "REWARDSEARCH_TEST_KEY"


def openai(base_url: str | None = None) -> ProposeConfig:
    return ProposeConfig(proposer="llm", llm=LLMConfig(api_key_env=KEY_NAME, base_url=base_url))


def look(propose: ProposeConfig, task: str = "arithmetic") -> None:
    """Checks as a search does before it starts."""
    config = Config(propose=propose)
    load_proposer(config).check(first_request(config).model_copy(update={"task": task}))


def mistake(config: ProposeConfig, task: str = "arithmetic") -> str:
    with pytest.raises(UserError) as error:
        look(config, task)
    assert error.value.exit_code == 2
    return str(error.value)


@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_a_missing_key_is_told_with_the_variable_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    monkeypatch.delenv(KEY_NAME, raising=False)
    if key is not None:
        monkeypatch.setenv(KEY_NAME, key)
    told = mistake(openai())
    assert f"the environment variable {KEY_NAME} has no key for https://api.openai.com/v1" in told
    assert "propose.proposer=grammar" in told


@pytest.mark.parametrize("key", ["sk-…0123456789", "sk-0123\n456789"])
def test_a_key_that_no_header_can_carry_is_told_without_showing_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(KEY_NAME, key)
    told = mistake(openai())
    assert f"{KEY_NAME} holds no key" in told
    assert "456789" not in told


@pytest.mark.parametrize(
    "url", ["", "localhost:8000", "ftp://host/v1", "http://", "http://[::1", "http://host:99999/v1", "http://host:x/"]
)
def test_a_base_url_that_is_no_address_is_told(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(KEY_NAME, "sk-0123456789")
    assert f"propose.llm.base_url: got {url!r}" in mistake(openai(url))


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:80/v1", "http://127.8.8.8"]
)
def test_a_server_on_loopback_needs_no_key(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv(KEY_NAME, raising=False)
    look(openai(url))


@pytest.mark.parametrize("url", ["http://10.0.0.1/v1", "http://localhost.example.org/v1", "https://example.org/v1"])
def test_a_server_elsewhere_needs_a_key(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv(KEY_NAME, raising=False)
    assert f"has no key for {url}" in mistake(openai(url))
    monkeypatch.setenv(KEY_NAME, "sk-0123456789")
    look(openai(url))


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    told = mistake(ProposeConfig(proposer="folder", folder=str(tmp_path / "nowhere")))
    assert f"propose.folder not found: {tmp_path / 'nowhere'}" in told


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "reward.py").write_text("")
    told = mistake(ProposeConfig(proposer="folder", folder=str(tmp_path / "reward.py")))
    assert "propose.folder is not a folder" in told


def test_a_folder_without_python_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("later")
    told = mistake(ProposeConfig(proposer="folder", folder=str(tmp_path)))
    assert f"propose.folder has no rewards: {tmp_path} holds no .py file" in told


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "reward.py").write_bytes(b"\xff\xfe\x00")
    told = mistake(ProposeConfig(proposer="folder", folder=str(tmp_path)))
    assert f"{tmp_path / 'reward.py'} cannot be read (UnicodeDecodeError)" in told


def test_a_task_without_carried_rewards_is_told() -> None:
    assert "propose.folder is not a folder" in mistake(ProposeConfig(proposer="folder"), task="no-such-task")


@pytest.mark.parametrize("task", ["arithmetic", "gsm8k"])
def test_the_carried_rewards_and_the_grammar_need_nothing(task: str) -> None:
    look(ProposeConfig(proposer="folder"), task)
    look(ProposeConfig(proposer="grammar"), task)


@pytest.mark.parametrize("url", ["http://me:secret@127.0.0.1:8000/v1", "https://secret@example.org/v1"])
def test_an_address_with_a_password_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv(KEY_NAME, "sk-0123456789")
    told = mistake(openai(url))
    assert "an address with a name or password in it" in told
    assert "secret" not in told


@pytest.mark.parametrize("proposer", ["llm", "manual"])
def test_a_limit_that_no_prompt_fits_is_told(monkeypatch: pytest.MonkeyPatch, proposer: str) -> None:
    monkeypatch.setenv(KEY_NAME, "sk-0123456789")
    config = Config.model_validate(
        {"propose": {"proposer": proposer, "prompt_tokens": 4000, "llm": {"api_key_env": KEY_NAME}}}
    )
    request = first_request(config)
    load_proposer(config).check(request)
    long = request.model_copy(update={"description": "A long story. " * 1000})
    with pytest.raises(
        UserError, match=r"propose\.prompt_tokens: the prompt takes about \d+ tokens however much is cut"
    ):
        load_proposer(config).check(long)


def test_each_of_several_models_needs_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_NAME, "sk-0123456789")
    monkeypatch.delenv("ANOTHER_KEY", raising=False)
    models = [{"model": "one"}, {"model": "two", "api_key_env": "ANOTHER_KEY", "base_url": "https://example.org/v1"}]
    config = LLMConfig.model_validate({"api_key_env": KEY_NAME, "models": models})
    told = mistake(ProposeConfig(proposer="llm", llm=config))
    assert "the environment variable ANOTHER_KEY has no key for https://example.org/v1" in told


def test_replay_without_a_run_is_told(tmp_path: Path) -> None:
    assert "propose.replay: no run is named" in mistake(ProposeConfig(proposer="replay"))
    assert f"no run in {tmp_path}" in mistake(ProposeConfig(proposer="replay", replay=str(tmp_path)))


def test_a_task_without_parts_in_the_grammar_gets_the_names_of_other_proposers() -> None:
    config = Config(propose=ProposeConfig(proposer="grammar"))
    request = first_request(config).model_copy(update={"task": "times", "numeric": False, "classes": ()})
    with pytest.raises(UserError) as error:
        load_proposer(config).check(request)
    named = str(error.value).rpartition("; use ")[2].replace(" or ", ", ").split(", ")
    assert set(named) == {"llm", "manual", "folder"} <= set(PROPOSERS)
