"""propose.prompts: a folder of templates of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer
from played import SMALL, Quiet, Trainer
from two_rounds import ASKS, request

from rewardsearch.config import parse_config
from rewardsearch.errors import UserError
from rewardsearch.files.resources import resource
from rewardsearch.files.templates import check_prompts, prompt_source, render
from rewardsearch.loop import search
from rewardsearch.propose import build_prompt
from rewardsearch.session.preflight import check


def write(folder: Path, **templates: str) -> str:
    folder.mkdir(exist_ok=True)
    for name, text in templates.items():
        (folder / f"{name}.j2").write_text(text)
    return str(folder)


def test_a_template_of_the_users_own_is_what_is_sent(tmp_path: Path, server: ChatServer, trainer: Trainer) -> None:
    own = write(tmp_path / "prompts", fresh="Reward {{ index }} for {{ task }}.\n{% include '_task.j2' %}")
    settings: Any = {
        **SMALL,
        "propose": {"proposer": "llm", "prompts": own, "llm": {"model": "served", "base_url": server.url}},
    }
    search(parse_config(settings, "test"), tmp_path / "run", Quiet())
    texts = sorted(body["messages"][1]["content"] for body in server.bodies)
    assert [text.splitlines()[0] for text in texts] == ["Reward 1 for arithmetic.", "Reward 2 for arithmetic."]
    assert all("# The base rewards" in text for text in texts)
    assert all("# The contract" in body["messages"][0]["content"] for body in server.bodies)


def test_what_the_folder_does_not_have_is_the_carried_template(tmp_path: Path) -> None:
    own = write(tmp_path / "prompts", fresh="mine")
    assert render("again.j2", own, reason="r", cut_off=False) == render("again.j2", reason="r", cut_off=False)


def test_every_mistake_of_a_folder_is_told_at_once(tmp_path: Path) -> None:
    own = write(
        tmp_path / "prompts",
        mutation="x",
        mutate="{% if parents %}\nno end",
        fresh="{{ taks }}",
        _mine="fine {{ task }}",
    )
    with pytest.raises(UserError) as error:
        check_prompts(own)
    told = error.value.mistakes
    assert len(told) == 3
    assert "fresh.j2 uses taks; prompts know " in told[0]
    assert "mutate.j2:" in told[1]
    assert "mutation.j2" in told[2] and "allowed names: _evidence.j2" in told[2]


def test_mistakes_are_found_before_a_search_starts(tmp_path: Path, server: ChatServer) -> None:
    own = write(tmp_path / "prompts", fresh="{{ taks }}")
    propose = {"proposer": "llm", "prompts": own, "llm": {"base_url": server.url}}
    with pytest.raises(UserError, match="uses taks"):
        check(parse_config({"propose": propose}, "test"))


@pytest.mark.parametrize("folder", ["nowhere", "empty"])
def test_a_folder_without_templates_is_a_mistake(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"is not a folder|has no \.j2 file"):
        check_prompts(str(tmp_path / folder))


def test_the_carried_prompts_pass_as_a_folder(tmp_path: Path) -> None:
    sources = {path.stem: prompt_source(path.name) for path in resource("prompts").glob("*.j2")}
    del sources["feedback"]
    check_prompts(write(tmp_path / "prompts", **sources))


def test_a_template_that_cannot_be_filled_in_is_the_users_mistake(tmp_path: Path) -> None:
    own = write(tmp_path / "prompts", again="{{ reason.nothing }}")
    with pytest.raises(UserError, match=r"again\.j2 cannot be filled in \('str object' has no attribute 'nothing'\)"):
        render("again.j2", own, reason="r", cut_off=False)


def test_a_template_may_use_what_the_carried_ones_do_not(tmp_path: Path) -> None:
    own = write(
        tmp_path / "prompts", _rest="{% for e in rest %}\nother {{ e.candidate.name }} of {{ e.gain }}\n{% endfor %}"
    )
    check_prompts(own)
    asked = request().model_copy(update={"prompts": own})
    text = build_prompt(asked, ASKS["mutate"], 16_000, structured=False).user
    assert asked.feedback is not None
    others = {each.candidate.name for each in asked.feedback.parents if each.candidate.id not in ASKS["mutate"].parents}
    assert {line.split()[1] for line in text.split("\n") if line.startswith("other ")} == others
