import json
import threading
from pathlib import Path

import pytest
from fakes import book_training, screened

from rewardsearch.config import BudgetConfig, Config
from rewardsearch.errors import BudgetReached, Interrupted, MachineError, UserError
from rewardsearch.records import Candidate, LostFile, Proposal, Request, RewardSpec, TrainingResult, Usage, Verdict
from rewardsearch.run.budget import Budget
from rewardsearch.run.events import (
    EVENT,
    FORMAT,
    Adapted,
    Ended,
    Lost,
    Planned,
    Proposed,
    Received,
    SealedTestOpened,
    Sent,
    Validated,
)
from rewardsearch.run.journal import JOURNAL, Journal, in_use, read_run
from rewardsearch.run.state import RunState

BASE = (RewardSpec(id="base:answer", name="answer", code="x"),)
PROPOSAL = Proposal(candidates=(Candidate(id="a", name="first", code="code", round=1),))
SENT = Sent(request="1/0/1/1", send=1, model="m", fingerprint="mark", bound=Usage(requests=1, completion_tokens=500))
PAID = Usage(requests=1, prompt_tokens=70)


def propose(journal: Journal) -> None:
    journal.append(SENT)
    journal.append(Received(request=SENT.request, send=1, usage=PAID))
    journal.append(Proposed(round=1, attempt=0, proposal=PROPOSAL))


def test_the_state_is_the_fold_of_the_events(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        propose(journal)
        journal.append(Validated(verdict=Verdict(candidate="a", accepted=True)))
        journal.append(Ended(status="stopped"))
    state = read_run(tmp_path)
    assert state.candidates == {"a": PROPOSAL.candidates[0]}
    assert state.verdicts["a"].accepted
    assert (state.status, state.usage.tokens, state.base) == ("stopped", 70, BASE)


@pytest.mark.parametrize("cut", range(1, 40, 6))
def test_a_torn_last_line_is_work_still_owed(tmp_path: Path, cut: int) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        propose(journal)
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes()[:-cut])
    assert read_run(tmp_path).candidates == {}
    with Journal.open(tmp_path, Config(), BASE) as journal:
        propose(journal)
    assert list(read_run(tmp_path).candidates) == ["a"]


def test_damage_inside_the_journal_is_told_with_its_line(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        propose(journal)
    path = tmp_path / JOURNAL
    path.write_bytes(b"not json\n" + path.read_bytes())
    with pytest.raises(UserError, match=r"journal\.jsonl:1: "):
        read_run(tmp_path)


def test_two_processes_cannot_write_one_run(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE), pytest.raises(UserError, match="in use by another process"):
        Journal.open(tmp_path, Config(), BASE)


def test_a_reader_that_looks_whether_a_run_is_in_use_never_keeps_it_from_starting(tmp_path: Path) -> None:
    Journal.open(tmp_path, Config(), BASE).__exit__()
    ended = threading.Event()

    def poll() -> None:
        while not ended.is_set():
            in_use(tmp_path)

    pollers = [threading.Thread(target=poll) for _ in range(2)]
    for poller in pollers:
        poller.start()
    try:
        for _ in range(8):
            Journal.open(tmp_path, Config(), BASE).__exit__()
    finally:
        ended.set()
        for poller in pollers:
            poller.join()


def test_a_config_that_changes_what_results_mean_is_refused_key_by_key(tmp_path: Path) -> None:
    Journal.open(tmp_path, Config(), BASE).__exit__()
    other = Config.model_validate({"seed": 1, "train": {"steps": 9}})
    with pytest.raises(UserError) as error:
        Journal.open(tmp_path, other, BASE)
    assert [line.split(": ")[1].split(" is ")[0] for line in error.value.mistakes] == ["seed", "train.steps"]


def test_a_prompt_that_a_model_has_no_room_for_may_be_made_shorter(tmp_path: Path) -> None:
    Journal.open(tmp_path, Config(), BASE).__exit__()
    Journal.open(tmp_path, Config.model_validate({"propose": {"prompt_tokens": 5000}}), BASE).__exit__()
    assert read_run(tmp_path).config.propose.prompt_tokens == 5000


def test_a_run_may_be_made_longer(tmp_path: Path) -> None:
    Journal.open(tmp_path, Config(), BASE).__exit__()
    longer = Config.model_validate({"rounds": 9, "budget": {"tokens": 5}})
    Journal.open(tmp_path, longer, BASE).__exit__()
    assert read_run(tmp_path).config.rounds == 9


def test_after_the_sealed_test_is_opened_the_search_cannot_be_made_longer(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        journal.append(SealedTestOpened(readings=()))
    with pytest.raises(UserError, match="sealed test is opened"):
        Journal.open(tmp_path, Config(rounds=9), BASE)
    assert read_run(tmp_path).config.rounds == 2


def test_a_start_killed_before_its_first_event_can_be_started_again(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).touch()
    Journal.open(tmp_path, Config(), BASE).__exit__()
    assert read_run(tmp_path).status == "running"


def test_base_rewards_stay_those_the_run_began_with(tmp_path: Path) -> None:
    Journal.open(tmp_path, Config(), BASE).__exit__()
    Journal.open(tmp_path, Config(), (RewardSpec(id="base:answer", name="answer", code="changed"),)).__exit__()
    assert read_run(tmp_path).base == BASE


def test_a_folder_without_a_run_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no run in"):
        read_run(tmp_path)


def test_tokens_are_a_budget(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        propose(journal)
        Budget(BudgetConfig(tokens=71), journal.state).check(proposing=True)
        with pytest.raises(BudgetReached, match=r"budget\.tokens: 70 of 70 are used"):
            Budget(BudgetConfig(tokens=70), journal.state).check(proposing=True)


def test_a_request_without_a_known_end_is_held_against_the_budget_at_the_most_it_can_cost(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        journal.append(SENT)
        with pytest.raises(
            BudgetReached, match=r"budget\.tokens: 0 and at most 500 in \d requests? of unknown end, of 400 are used"
        ):
            Budget(BudgetConfig(tokens=400), journal.state).check(proposing=True)
        assert Budget(BudgetConfig(tokens=400), journal.state).may_start()


def test_plans_and_what_servers_refuse_are_read_back(tmp_path: Path) -> None:
    ask = Request(index=1, operator="mutate", model="m", parents=("a",))
    with Journal.open(tmp_path, Config(), BASE) as journal:
        journal.append(Planned(round=2, attempt=0, requests=(ask,)))
        for change in ("structured", "temperature"):
            journal.append(Adapted(server="m at http://s", change=change, reason="no"))
        propose(journal)
    state = read_run(tmp_path)
    assert state.plans == {(2, 0): (ask,)}
    assert state.account.adapted == {"m at http://s": ("structured", "temperature")}
    assert state.account == journal.state.account


def test_what_was_paid_for_is_still_trained_on(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        propose(journal)
        assert Budget(BudgetConfig(tokens=1), journal.state).may_start()


def test_the_wall_clock_of_all_sessions_is_a_budget(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        journal.state.seconds = 120.0
        Budget(BudgetConfig(wall_clock_minutes=3), journal.state).check()
        with pytest.raises(BudgetReached, match=r"wall_clock_minutes: 2\.0 of 2 minutes"):
            Budget(BudgetConfig(wall_clock_minutes=2), journal.state).check()


def test_the_stop_file_stops_before_anything_new(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        budget = Budget(BudgetConfig(), journal.state)
        (tmp_path / "STOP").touch()
        assert not budget.may_start()
        with pytest.raises(Interrupted, match="STOP"):
            budget.check()


def test_an_event_that_this_version_does_not_know_is_refused_with_its_line(tmp_path: Path) -> None:
    with Journal.open(tmp_path, Config(), BASE) as journal:
        journal.append(Ended(status="finished"))
    with (tmp_path / JOURNAL).open("a", encoding="utf-8") as file:
        file.write('{"event": "validated", "time": 1.0, "verdict": {"candidate": "a", "colour": "blue"}}\n')
    with pytest.raises(UserError) as error:
        read_run(tmp_path)
    (line,) = error.value.mistakes
    assert f"{JOURNAL}:3:" in line and "'validated'" in line and "verdict" in line


@pytest.mark.parametrize("format", [None, 1, FORMAT - 1, FORMAT + 1])
def test_a_run_of_another_format_is_refused_in_one_line(tmp_path: Path, format: int | None) -> None:
    Journal.open(tmp_path, Config(), BASE).__exit__()
    path = tmp_path / JOURNAL
    event = json.loads(path.read_text(encoding="utf-8"))
    del event["format"]
    path.write_text(json.dumps(event | ({} if format is None else {"format": format})) + "\n", encoding="utf-8")
    before = path.read_bytes()
    for read in (lambda: read_run(tmp_path), lambda: Journal.open(tmp_path, Config(), BASE)):
        with pytest.raises(UserError) as error:
            read()
        (line,) = error.value.mistakes
        assert str(tmp_path) in line and f"format {format or 1}" in line
    assert path.read_bytes() == before


def test_events_that_were_written_are_read_back_equal(tmp_path: Path) -> None:
    written = []
    with Journal.open(tmp_path, Config(), BASE) as journal:
        journal.state.apply = written.append  # type: ignore[method-assign]
        propose(journal)
        journal.append(Ended(status="stopped", reason="it \udc80 ended"))
    lines = (tmp_path / JOURNAL).read_bytes().splitlines()[1:]
    assert [EVENT.validate_python(json.loads(line)) for line in lines] == written


# --- results: the journal has what is small, files the rest -----------------------------------------------------------


def train(folder: Path, outcomes: int = 20) -> TrainingResult:
    result = screened("baseline", "c" * outcomes)
    with Journal.open(folder, Config(), BASE) as journal:
        book_training(journal, "home", result)
        assert journal.state.trainings["home"] == result
    return result


def test_folding_reads_no_file_and_results_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    result = train(tmp_path)
    events = [EVENT.validate_python(json.loads(line)) for line in (tmp_path / JOURNAL).read_bytes().splitlines()]
    here, gone = RunState(tmp_path, Config()), RunState(tmp_path / "nowhere", Config())
    for event in events:
        here.apply(event)
        gone.apply(event)
    found = here.results["baseline"]
    assert (found, found.outcomes, found.curves) == (result, result.outcomes, result.curves)
    assert (found.disagreements, found.flags) == (result.disagreements, result.flags)
    assert found.model_dump() == result.model_dump()
    away = gone.results["baseline"]
    assert (away.status, away.steps, away.seconds) == (result.status, result.steps, result.seconds)
    with pytest.raises(MachineError, match=r"nowhere/home/result\.json is missing"):
        away.outcomes  # noqa: B018


@pytest.mark.parametrize("name", ["result.json", "predictions.jsonl", "curves.jsonl"])
@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_a_result_that_is_lost_is_pending_when_the_run_is_read(tmp_path: Path, name: str, what: str) -> None:
    result = train(tmp_path)
    path = tmp_path / "home" / name
    path.unlink() if what == "missing" else path.write_bytes(path.read_bytes() + b"\n")
    state = read_run(tmp_path)
    assert state.lost == {"home": LostFile(path=f"home/{name}", what=what)}
    assert (state.trainings, state.results, state.fingerprints) == ({}, {}, {})
    assert train(tmp_path) == result
    assert read_run(tmp_path).lost == {} and read_run(tmp_path).results["baseline"] == result


def test_a_lost_adapter_leaves_the_result(tmp_path: Path) -> None:
    result = train(tmp_path)
    with Journal.open(tmp_path, Config(), BASE) as journal:
        journal.append(Lost(folder="home", file=LostFile(path="home/adapter/a.bin", what="missing")))
    state = read_run(tmp_path)
    assert (state.results["baseline"], state.fingerprints) == (result, {})
    assert [each.path for each in state.lost.values()] == ["home/adapter/a.bin"]


def test_a_run_overwrites_no_config_of_the_user_and_needs_a_place_for_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("rounds: 7  # mine\n")
    (tmp_path / "file").write_text("")
    for folder in (tmp_path, tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(UserError, match=str(folder)):
            Journal.open(folder, Config(), BASE)
    assert (tmp_path / "config.yaml").read_text() == "rounds: 7  # mine\n"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.yaml", "file"]
