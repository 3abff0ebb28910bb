"""The loop's own promises at every interruption, with real proposing, validation, journal and files.

Training and the reading of the test are played by functions here, which takes seconds instead of minutes; the real ones
are in tests/end_to_end.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, rewarded, said
from played import SMALL, Quiet, Trainer

from rewardsearch.config import Config, parse_config
from rewardsearch.errors import BudgetReached, Interrupted, MachineError, NothingAccepted, UserError
from rewardsearch.loop import finalize_run, search
from rewardsearch.propose.llm.proposer import LLMProposer
from rewardsearch.records import BASELINE
from rewardsearch.rewards.sandbox import Defences, inspect
from rewardsearch.run import restore as module
from rewardsearch.run.journal import JOURNAL, read_run
from rewardsearch.run.state import RunState
from rewardsearch.session import preflight
from rewardsearch.session.preflight import check

FINAL = {"ensembles": ["top2"], "random_k": 2, "finalists": 1, "seeds": 1}


def config(**settings: Any) -> Config:
    return parse_config({**SMALL, "finalize": FINAL, **settings}, "test")


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / JOURNAL).read_text(encoding="utf-8").splitlines()]


def interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


class Telling(Quiet):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunState, list[str]]:
    """A search of one round to its end, and its lines of progress."""
    progress = Telling()
    with Trainer().in_place():
        return search(config(), tmp_path_factory.mktemp("finished"), progress), progress.lines


def test_an_interruption_after_a_training_run_changes_nothing_in_the_end(tmp_path: Path, trainer: Trainer) -> None:
    settings = config(rounds=2)
    whole = search(settings, tmp_path / "whole", Quiet())
    runs = list(trainer.trained)
    for stop in range(0, len(runs), 3):
        trainer.trained.clear()
        trainer.after_run = lambda id, stop=stop: interrupt() if len(trainer.trained) == stop + 1 else None
        folder = tmp_path / f"stopped-{stop}"
        with pytest.raises(KeyboardInterrupt):
            search(settings, folder, Quiet())
        stopped, resumed = read_run(folder), Telling()
        assert stopped.status == "stopped"
        trainer.after_run = lambda id: None
        again = search(settings, folder, resumed)
        trained = [int(line[6]) for line in resumed.lines if line.startswith("round ") and ": training " in line]
        assert trained == [number for number in (1, 2) if number > stopped.rounds_done]
        assert trainer.trained == runs
        assert (again.rankings, again.final, again.feedbacks) == (whole.rankings, whole.final, whole.feedbacks)


def test_files_are_there_whenever_their_event_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: Trainer
) -> None:
    real = module.write_atomic
    for name in ("reward.py", "verdict.json", "ranking.json", "feedback.md", "test.json"):
        folder = tmp_path / name

        def fail(path: Path, text: str, name: str = name) -> None:
            if path.name == name:
                interrupt()
            real(path, text)

        monkeypatch.setattr(module, "write_atomic", fail)
        with pytest.raises(KeyboardInterrupt):
            search(config(), folder, Quiet())
        monkeypatch.setattr(module, "write_atomic", real)
        state = search(config(), folder, Quiet())
        assert all((folder / "candidates" / id / "reward.py").exists() for id in state.candidates)
        assert all((folder / "candidates" / id / "verdict.json").exists() for id in state.verdicts)
        assert (folder / "rounds" / "01" / "feedback.md").exists() and (folder / "final" / "test.json").exists()


def test_new_members_of_an_ensemble_are_trained_and_tested_anew(tmp_path: Path, trainer: Trainer) -> None:
    trainer.before_test = interrupt
    with pytest.raises(KeyboardInterrupt):
        search(config(rounds=1, finalize={**FINAL, "finalists": 0}), tmp_path, Quiet())
    (tmp_path / JOURNAL).write_text(
        "".join(json.dumps(e) + "\n" for e in events(tmp_path) if e["event"] != "test_opened"), encoding="utf-8"
    )
    before = trainer.trained.count("ensemble-top2")
    trainer.before_test = lambda: None
    state = search(config(rounds=3, finalize={**FINAL, "finalists": 0}), tmp_path, Quiet())
    arms = [{arm["id"]: arm["members"] for arm in e["arms"]} for e in events(tmp_path) if e["event"] == "arms"]
    first, last = (each["ensemble-top2"] for each in (arms[0], arms[-1]))
    assert (trainer.trained.count("ensemble-top2") - before == 1) == (first != last)
    assert tuple(last) == state.arms["ensemble-top2"].members


def test_once_the_test_is_opened_no_further_round_is_searched(tmp_path: Path, trainer: Trainer) -> None:
    trainer.before_test = interrupt
    with pytest.raises(KeyboardInterrupt):
        search(config(), tmp_path, Quiet())
    with pytest.raises(UserError, match="sealed test is opened"):
        search(config(rounds=2), tmp_path, Quiet())
    trainer.before_test = lambda: None
    state = search(config(), tmp_path, Quiet())
    assert state.final is not None
    assert [e["event"] for e in events(tmp_path)].count("test_opened") == 1


def test_the_test_is_not_read_again_for_a_reference_that_was_edited(tmp_path: Path, trainer: Trainer) -> None:
    reference = tmp_path / "held.py"
    code = (
        "def reward(prompts, completions, answer, **columns):\n"
        "    return [1.0 * (a in c) for c, a in zip(completions, answer)]\n"
    )
    reference.write_text(code, encoding="utf-8")
    settings = config(finalize={**FINAL, "references": [str(reference)]})
    trainer.before_test = interrupt
    with pytest.raises(KeyboardInterrupt):
        search(settings, tmp_path / "run", Quiet())
    trainer.before_test = lambda: None
    reference.write_text(code.replace("1.0", "2.0"), encoding="utf-8")
    with pytest.raises(
        UserError, match=r"sealed test was opened for other arms \(reference-held changed since\).*once"
    ):
        search(settings, tmp_path / "run", Quiet())
    assert trainer.tested == []
    reference.write_text(code, encoding="utf-8")
    assert search(settings, tmp_path / "run", Quiet()).final is not None


def test_the_test_stays_sealed_while_an_ensemble_could_not_be_trained(tmp_path: Path, trainer: Trainer) -> None:
    settings = config(finalize={**FINAL, "finalists": 0})
    trainer.ends = {"ensemble-top2": "error"}
    with pytest.raises(MachineError, match=r"not finalized.*ensemble-top2 with seed 1: because"):
        search(settings, tmp_path, Quiet())
    assert not read_run(tmp_path).test_opened
    trainer.ends = {}
    state = search(settings, tmp_path, Quiet())
    assert state.final is not None and all(row.status == "done" for row in state.final.rows)


@pytest.mark.parametrize(("end", "error"), [("failed", UserError), ("error", MachineError)])
def test_without_a_baseline_there_is_no_search_however_often_it_is_started(
    tmp_path: Path, trainer: Trainer, end: str, error: type[Exception]
) -> None:
    trainer.ends = {BASELINE: end}
    for _ in range(2):
        with pytest.raises(error, match=r"baseline.*: because"):
            search(config(), tmp_path, Quiet())
    assert read_run(tmp_path).candidates == {}


def test_when_every_candidate_fails_in_training_the_test_stays_sealed(
    tmp_path: Path, trainer: Trainer, finished: tuple[RunState, list[str]]
) -> None:
    trainer.ends = dict.fromkeys(finished[0].candidates, "failed")
    with pytest.raises(NothingAccepted, match="no candidate was screened"):
        search(config(), tmp_path / "run", Quiet())
    assert not read_run(tmp_path / "run").test_opened


def test_a_stop_file_in_mid_round_leaves_the_round_open(tmp_path: Path, trainer: Trainer) -> None:
    stop = tmp_path / "run" / "STOP"
    trainer.after_run = lambda id: stop.touch() if len(trainer.trained) == 3 else None
    with pytest.raises(Interrupted, match="STOP is there"):
        search(config(), tmp_path / "run", Quiet())
    assert (read_run(tmp_path / "run").rounds_done, len(trainer.trained)) == (0, 3)
    stop.unlink()
    trainer.after_run = lambda id: None
    assert search(config(), tmp_path / "run", Quiet()).status == "finished"
    folders = [job.folder for job in trainer.jobs]
    assert len(folders) == len(set(folders))


def test_a_search_says_first_which_layers_confine_its_candidates(finished: tuple[RunState, list[str]]) -> None:
    state, lines = finished
    assert lines[0].startswith("sandbox: ") and "attempted breaches blocked" in lines[0]
    told = next(event for event in events(state.folder) if event["event"] == "sandbox")
    assert (told["layers"], told["open"]) == (list(inspect(config().sandbox).layers), [])


def test_a_search_without_a_layer_that_it_requires_does_not_start(tmp_path: Path, trainer: Trainer) -> None:
    with pytest.raises(UserError, match=r"sandbox\.require: bubblewrap is not in force here"):
        search(config(sandbox={"require": ["bubblewrap"]}), tmp_path, Quiet())
    assert trainer.trained == []
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match=r"sandbox\.require: bubblewrap"):
        check(config(sandbox={"require": ["bubblewrap"]}))


def test_the_layers_around_candidates_are_no_part_of_what_a_result_means(
    tmp_path: Path, trainer: Trainer, finished: tuple[RunState, list[str]]
) -> None:
    shutil.copytree(finished[0].folder, tmp_path, dirs_exist_ok=True)
    layers = inspect(config().sandbox).layers
    assert search(config(sandbox={**SMALL["sandbox"], "require": layers}), tmp_path, Quiet()).status == "finished"
    assert trainer.trained == []


def test_a_search_goes_no_further_where_whole_layers_leak(
    tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = ("uid", "no_new_privs", "landlock", "seccomp")
    monkeypatch.setattr(preflight, "inspect", lambda sandbox: Defences(layers, ("run a program",), 18))
    with pytest.raises(MachineError, match=r"every layer .* could run a program"):
        search(config(), tmp_path, Quiet())
    assert trainer.trained == []
    monkeypatch.setattr(preflight, "inspect", lambda sandbox: Defences(layers[:2], ("run a program",), 18))
    progress = Telling()
    assert search(config(), tmp_path, progress).status == "finished"
    assert "missing: landlock, seccomp; 17 of 18 attempted breaches blocked, open: run a program" in progress.lines[0]


def test_a_budget_used_up_before_finalize_does_not_keep_finalize_from_being_asked_for(
    tmp_path: Path, trainer: Trainer
) -> None:
    search(config(finalize={"enabled": False}), tmp_path, Quiet())
    spent = config(rounds=2, budget={"wall_clock_minutes": 1e-9})
    with pytest.raises(BudgetReached):
        search(spent, tmp_path, Quiet())
    assert read_run(tmp_path).status == "budget"
    assert finalize_run(read_run(tmp_path).config, tmp_path, Quiet()).final is not None


def test_finalize_of_a_run_without_a_round_is_a_user_error(tmp_path: Path, trainer: Trainer) -> None:
    with pytest.raises(UserError, match="no finished round to finalize"):
        finalize_run(config(), tmp_path, Quiet())


def test_too_few_training_rows_for_a_step_are_told_before_anything_runs() -> None:
    with pytest.raises(UserError, match="the train split has 4 rows, needs 8"):
        check(config(task={"train_rows": 4}))


def test_every_candidate_of_a_later_round_was_told_the_feedback(tmp_path: Path, trainer: Trainer) -> None:
    state = search(config(rounds=2), tmp_path, Quiet())
    later = [c for c in state.candidates.values() if c.round == 2]
    assert later and all(set(c.parents) <= set(state.candidates) for c in later)
    prompt = (tmp_path / "rounds" / "02" / "prompt.md").read_text(encoding="utf-8")
    assert state.feedbacks[1].text.strip() in prompt


BROKEN = "```python\nimport os\n\ndef reward(prompts, completions, answer, **columns):\n    return []\n```"


def test_a_language_model_is_told_the_feedback_and_the_reasons_of_refusals(
    tmp_path: Path, trainer: Trainer, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-that-nobody-sees")

    def respond(n: int, body: Any) -> Any:
        # The second reply of the first round reaches for files; its repair is the third request.
        return said(BROKEN) if n == 1 else rewarded(n + 1.0)

    server.respond = respond
    openai = {"model": "served", "base_url": server.url, "max_retries": 0}
    settings = config(rounds=2, propose={"proposer": "llm", "repairs": 1, "llm": openai})
    state = search(settings, tmp_path, Quiet())
    first, repair, *second = ["\n".join(m["content"] for m in body["messages"]) for body in server.bodies[1:]]
    assert len(server.bodies) == 5
    assert "the module `os` is not available" in repair and "the module `os` is not available" not in first
    assert len(second) == 2 and all("baseline (base rewards alone): F1" in text for text in second)
    assert [v.accepted for v in state.verdicts.values()].count(False) == 1
    assert [c.operator for c in state.candidates.values()].count("repair") == 1
    assert (state.usage.requests, state.usage.tokens) == (5, 5 * 790)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not any(b"sk-a-key-that-nobody-sees" in path.read_bytes() for path in files)


def test_a_server_that_is_gone_for_a_while_costs_no_round(
    tmp_path: Path, trainer: Trainer, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-that-nobody-sees")
    url = server.url
    openai = {"model": "served", "base_url": "http://127.0.0.1:9/v1", "max_retries": 0}
    settings = config(propose={"proposer": "llm", "llm": openai})
    with pytest.raises(UserError, match=r"no connection to .*; start the server there"):
        search(settings, tmp_path, Quiet())
    assert trainer.trained == []
    # It may also go once the search has begun.
    monkeypatch.setattr(LLMProposer, "check_connectivity", lambda self: [])
    with pytest.raises(MachineError, match="no request was answered: no connection to"):
        search(settings, tmp_path, Quiet())
    assert read_run(tmp_path).rounds_done == 0
    back = config(propose={"proposer": "llm", "llm": {**openai, "base_url": url}})
    assert search(back, tmp_path, Quiet()).rounds_done == 1


def test_money_that_was_spent_before_there_were_prices_is_told(
    tmp_path: Path, trainer: Trainer, server: ChatServer
) -> None:
    def settings(**more: Any) -> Config:
        openai = {"model": "served", "base_url": server.url, **more.pop("llm", {})}
        return config(propose={"proposer": "llm", "llm": openai}, finalize={"enabled": False}, **more)

    search(settings(), tmp_path, Quiet())
    progress = Telling()
    prices = {"prices": {"served": {"input": 1, "output": 2}}}
    search(settings(llm=prices, budget={"dollars": 5}, rounds=2), tmp_path, progress)
    assert "warning: budget.dollars does not count 2 earlier requests, which had no price" in progress.lines
