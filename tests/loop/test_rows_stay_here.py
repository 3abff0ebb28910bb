"""No text of a user's own rows is in anything that a proposer is sent, whatever the rewards do to carry it there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chat_server import Answer, Body, ChatServer, rewarded, said
from played import SMALL, Quiet, Trainer, answered
from user_data import write_csv

from rewardsearch.config import Config, parse_config
from rewardsearch.loop import search
from rewardsearch.propose.llm import scheduler
from rewardsearch.records import TrainingJob, TrainingResult
from rewardsearch.rewards.sandbox import Sandbox, SandboxedReward
from rewardsearch.tasks import load_task
from rewardsearch.train.worker.observe import Observer

MARK = "Quibblethwaite"
KEY_NAME = "REWARDSEARCH_TEST_KEY"
STEPS = 4
HEAD = "def reward(prompts, completions, answer, resume, job, **columns):\n"
RIGHT = '[2.0 * (f"<solution> {a} </solution>" in c) for c, a in zip(completions, answer)]'
FIRST = "resume[0][:14]"
CARRIERS = {
    # By what each is refused with, or how it comes to be trained.
    "returned a float for a component, not a list of floats": f"{{{FIRST}: 1.0}}",
    "returned 1 values for a component for": f"{{job[0]: {RIGHT}[:1]}}",
    "returned a str in place of a float for a component": f"{{{FIRST}: [r for r in resume]}}",
    "returned an integer too large for a float for a component": f"{{{FIRST}: [10**400] * len(answer)}}",
    "returned a component name that is not a printable string": "{resume[0] * 9: [1.0] * len(answer)}",
    "different components": f"{{resume[0]: {RIGHT}}}",
    "raised KeyError at line 3": "{}[resume[0]]",
    "raised ValueError at line 3": "[float(r) for r in resume]",
    "gives 0 to every completion": "[0.0 * bool(print(r)) for r in resume]",
    "trained": f"{{{FIRST}: {RIGHT}, prompts[0][5:19].upper(): [0.1 * len(c) / 999 for c in completions], 'own': {RIGHT}}}",
}


def code(returned: str) -> str:
    return f'{HEAD}    """What is paid."""\n    return {returned}\n'


def reply(n: int, body: Body) -> Answer:
    """The carriers, one after the other, then sound rewards; a repair is the same reward with another number in it."""
    if n < len(CARRIERS):
        return said(f"Name: carrier {n}\nHypothesis: It carries.\n\n```python\n{code(list(CARRIERS.values())[n])}```\n")
    return rewarded(float(n), f"Gold {n}")


def table(folder: Path) -> str:
    rows = [
        {
            "cv": f"{MARK} {n}, a person who is ill",
            "vacancy": f"{MARK} job {n}",
            "decision": ("yes", "no")[n % 2],
            "source": f"{MARK} by way of {n}",
            "why": f"{MARK} is why {n}",
            "who": f"{MARK}{n}",
            "sex": f"{MARK}{n % 3}",
        }
        for n in range(400)
    ]
    return write_csv(folder / "hires.csv", rows)


def config(folder: Path, url: str, **settings: Any) -> Config:
    columns = {"resume": "cv", "job": "vacancy", "label": "decision", "positive": ["yes"], "negative": ["no"]}
    columns |= {"prompt": ["source"], "reason": "why", "person": "who", "groups": ["sex"]}
    served = {"model": "m", "base_url": url, "api_key_env": KEY_NAME, "in_flight": 1}
    data: dict[str, Any] = {
        **SMALL,
        "rounds": 2,
        "candidates": len(CARRIERS),
        "task": {**SMALL["task"], "name": "resume", "data": table(folder), "columns": columns},
        "propose": {"proposer": "llm", "llm": served},
        "train": {"baseline_seeds": 1, "steps": STEPS},
        "validation": {"exploits": "flag"},
    }
    return parse_config({**data, **settings}, "test")


def sent_to(server: ChatServer) -> str:
    return "\n".join(message["content"] for body in server.bodies for message in body["messages"])


def observed(job: TrainingJob, result: TrainingResult, config: Config) -> TrainingResult:
    """`result` with what a training shows: real calls of the rewards on completions that copy their rows."""
    task = load_task(config.task)
    rows = task.rows("train")[: 2 * STEPS]
    with Sandbox(config.sandbox) as sandbox:
        rewards = [(spec, SandboxedReward(sandbox, spec, failures=0)) for spec in job.rewards]
        observer = Observer(task, rows, rewards, 2, 9, lambda step: None)
        for step in range(STEPS):
            places = [2 * step, 2 * step, 2 * step + 1, 2 * step + 1]
            texts = [
                f"<thinking> {rows[place].columns['resume']} </thinking> <solution> {name} </solution>"
                for place, name in zip(places, ("SELECTED", "REJECTED") * 2, strict=True)
            ]
            for reward in range(len(rewards)):
                observer.score(reward, places, texts)
            observer.record(places, texts, [5] * 4)
    shown = {
        "correlations": observer.correlations(),
        "disagreements": observer.disagreements(),
        "group": observer.group,
    }
    return result.model_copy(update={"curves": observer.curves(), **shown})


@pytest.fixture
def training(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """A played training whose curves and disagreements are those of real reward calls."""

    trained = code(CARRIERS["trained"])
    # The best is told whole.
    trainer.play = lambda job: answered(19 if trained in {spec.code for spec in job.rewards} else 10)
    trainer.observe = lambda job, result, config: observed(job, result, config) if job.rewards else result
    monkeypatch.setattr(scheduler, "BACKOFF_S", 0.01)
    monkeypatch.setenv(KEY_NAME, "sk-test")
    return trainer


def test_no_text_of_own_rows_reaches_a_proposer_by_way_of_a_reward(
    tmp_path: Path, server: ChatServer, training: Trainer
) -> None:
    server.respond = reply
    state = search(config(tmp_path, server.url), tmp_path / "run", Quiet())
    whole = sent_to(server)
    # Each was tried, and what became of it was told.
    for told in CARRIERS:
        assert told == "trained" or told in whole, told
    (carrier,) = (c for c in state.candidates.values() if c.code == code(CARRIERS["trained"]))
    assert state.results[carrier.id].status == "done"
    assert state.verdicts[carrier.id].components == ("component 1", "component 2", "own")
    curve = f"{carrier.name}-{carrier.id[:4]}/component"
    assert f"{curve} 1 (r" in whole and f"{curve} 2 (r" in whole
    group = state.results[carrier.id].group
    assert group is not None and MARK in group.prompt and MARK in group.members[0].completion
    assert MARK.casefold() not in whole.casefold()
    rounds = [path for path in (tmp_path / "run" / "rounds").rglob("*") if path.is_file()]
    assert len(rounds) > len(CARRIERS)
    for path in (*rounds, tmp_path / "run" / "leaderboard.csv"):
        assert MARK.casefold() not in path.read_text(encoding="utf-8").casefold(), path
    verdicts = [verdict.model_dump(mode="json", exclude={"checks": {"printed"}}) for verdict in state.verdicts.values()]
    assert MARK.casefold() not in json.dumps(verdicts).casefold()


def test_rows_are_sent_where_the_user_shows_them(tmp_path: Path, server: ChatServer, training: Trainer) -> None:
    server.respond = lambda n, body: rewarded(float(n))
    shown = config(tmp_path, server.url, candidates=1)
    search(
        shown.model_copy(update={"task": shown.task.model_copy(update={"show_rows": True})}), tmp_path / "run", Quiet()
    )
    assert MARK in sent_to(server)
