import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from fakes import BAD, GOOD, LEVEL, REFUSED, begin_with, book_training, candidate, outcomes, screened, write_predictions
from played import SMALL, Quiet, Trainer

from rewardsearch.config import parse_config
from rewardsearch.loop import search
from rewardsearch.records import Proposal, Usage, Verdict
from rewardsearch.run.events import Ended, Proposed, Received, Sent, Validated
from rewardsearch.run.journal import Journal, read_run


def parsed(done: Any) -> Any:
    """The one JSON document that a command has written."""
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_leaderboard_as_json_has_the_documented_keys(cli: Any, run: Path) -> None:
    document = parsed(cli("leaderboard", run, "--json"))
    assert (document["task"], document["split"], document["n"], document["run"]) == ("arithmetic", "val", 20, str(run))
    keys = (
        "rank id name round operator parents status f1 f1_ci accuracy accuracy_ci parse_rate p_vs_best p_vs_baseline "
        "mean_training_accuracy p_adjusted steps seconds flags"
    )
    assert all(set(keys.split()) <= set(row) for row in document["rows"])
    assert [row["name"] for row in document["rows"]][:2] == ["worked-steps", "baseline"]


def test_leaderboard_as_csv(cli: Any, run: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("leaderboard", run, "--csv").out)))
    assert rows[0]["name"] == "worked-steps"


def test_leaderboard_as_text_has_scores_reasons_and_refusals(cli: Any, run: Path) -> None:
    out = cli("leaderboard", run, "--wide").out
    assert ["1", "worked-steps", "a5fa31"] in [
        line.split()[:3] for line in out.splitlines()
    ] and "0.947  [0.857, 1.000]" in out
    assert "returned nan for a completion" in out and "static: line 3: `open` is not available" in out
    assert "round 1: reply-5: no code block in it" in out
    assert "2a / (1 + a)" in out


def test_a_run_may_be_named_by_its_folder_under_runs(cli: Any, run: Path) -> None:
    assert cli("leaderboard", "demo").out == cli("leaderboard", run).out


def test_an_unknown_run_is_told_with_those_there_are(cli: Any, run: Path) -> None:
    done = cli("leaderboard", "dmo", "--json")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("error: no run dmo") and "runs/ has demo" in done.err


def test_the_leaderboard_of_a_round_in_the_making_is_up_to_date(cli: Any, run: Path) -> None:
    new = candidate("late", "8.0", round=2)
    state = read_run(run)
    with Journal.open(run, state.config, state.base) as journal:
        proposal = Proposal(candidates=(new,))
        journal.append(Proposed(round=2, attempt=0, proposal=proposal))
        verdict = Verdict(candidate=new.id, accepted=True)
        journal.append(Validated(verdict=verdict))
        book_training(journal, "late", screened(new.id, "c" * 20))
    rows = parsed(cli("leaderboard", run, "--json"))["rows"]
    assert (rows[0]["name"], rows[0]["f1"]) == ("late", 1)


def test_status_has_rounds_candidates_and_spend(cli: Any, run: Path) -> None:
    document = parsed(cli("status", run, "--json"))
    assert (document["status"], document["rounds_done"], document["rounds"]) == ("finished", 1, 1)
    assert document["candidates"] == {
        "proposed": 4,
        "trained": 2,
        "stopped": 0,
        "failed": 1,
        "rejected": 1,
        "error": 0,
        "pending": 0,
    }
    assert (document["refusals"], document["usage"]["tokens"], document["best"]["id"]) == (1, 1000, GOOD.id)
    out = cli("status", run).out
    assert "4 proposed, 2 trained, 1 failed, 1 rejected" in out and "5 requests, 1,000 tokens" in out


def test_show_has_one_candidate_in_full(cli: Any, run: Path) -> None:
    out = cli("show", run, GOOD.id).out
    assert "why worked-steps" in out and "0.947 [0.857, 1.000]" in out
    assert "mean_correct: 1.5" in out
    # The played curves rise from 0.01 to 0.40.
    assert any(line.split()[:3] == ["training", "accuracy", "0.205,"] for line in out.splitlines())
    lines = [line.split() for line in out.splitlines()]
    assert ["step", "1", "11", "21", "30", "40", "r"] in lines
    assert ["reward", "0.100", "1.100", "2.100", "3.000", "4.000"] in lines
    assert "prompt      'How many?'" in out
    assert " 40 steps, 12 s\n" in out
    assert out.endswith(GOOD.code)


def test_show_has_the_memory_of_the_training(cli: Any, run: Path) -> None:
    result = screened(GOOD.id, "c" * 18 + "w" * 2, peak_memory_mb=1834.4)
    state = read_run(run)
    with Journal.open(run, state.config, state.base) as journal:
        book_training(journal, f"candidates/{GOOD.id}/training/full-0", result)
    assert " 40 steps, 12 s, 1,834 MB of memory\n" in cli("show", run, GOOD.id).out


def test_show_as_json_has_code_verdict_curves_and_lineage(cli: Any, run: Path) -> None:
    document = parsed(cli("show", run, GOOD.id, "--json"))
    assert document["candidate"]["code"] == GOOD.code
    assert document["verdict"]["checks"] == {"mean_correct": 1.5}
    assert len(document["training"]["curves"]) == 40 and "outcomes" not in document["training"]
    assert (document["row"]["rank"], document["children"]) == (1, [])


@pytest.mark.parametrize("text", [GOOD.id, GOOD.id[:4], "worked-steps", "work"])
def test_a_candidate_is_found_by_id_name_or_beginning(cli: Any, run: Path, text: str) -> None:
    assert parsed(cli("show", run, text, "--json"))["id"] == GOOD.id


def test_arms_that_are_no_candidates_are_shown_too(cli: Any, run: Path) -> None:
    assert parsed(cli("show", run, "baseline", "--json"))["row"]["name"] == "baseline"
    assert parsed(cli("show", run, "ensemble", "--json"))["members"] == [GOOD.id, LEVEL.id]
    assert "worked-steps" in cli("show", run, "ensemble-top3").out


def test_an_unknown_id_is_told_with_near_ones(cli: Any, run: Path) -> None:
    done = cli("show", run, "worked_steps")
    assert done.code == 2
    assert done.err.startswith("error: no worked_steps in") and "it has worked-steps" in done.err


def test_a_beginning_of_several_is_told_with_the_choices(cli: Any, run: Path) -> None:
    assert GOOD.id[0] == REFUSED.id[0]
    done = cli("show", run, GOOD.id[0])
    assert done.code == 2 and str(run) in done.err
    assert f"{GOOD.id} (worked-steps)" in done.err and f"{REFUSED.id} (opens-files)" in done.err


def test_compare_two_arms_of_a_run(cli: Any, run: Path) -> None:
    document = parsed(cli("compare", run, GOOD.id, "baseline", "--json"))
    assert set(document) == {"n", "a", "b", "difference", "mcnemar", "discordant"}
    assert document["mcnemar"] == {
        "both": 12,
        "only_a": 6,
        "only_b": 0,
        "neither": 2,
        "p_exact": 0.03125,
        "p_chi2": pytest.approx(0.0412, abs=1e-4),
    }
    assert document["difference"]["accuracy"] == pytest.approx(0.3)
    out = cli("compare", run, GOOD.id, "baseline").out
    assert "only the first 6" in out and "p exact 0.031" in out


def test_a_gain_over_the_baseline_is_of_rewards_and_over_its_mean_and_one_over_the_policy_is_not(
    cli: Any, tmp_path: Path, trainer: Trainer
) -> None:
    search(parse_config({**SMALL, "train": {"baseline_seeds": 2}}, "test"), tmp_path / "run", Quiet())
    one, other = read_run(tmp_path / "run").candidates
    pairs = {(one, "baseline"): (True, True), (one, other): (True, False), (one, "policy"): (False, False)}
    for pair, found in pairs.items():
        out = cli("compare", tmp_path / "run", *pair).out
        assert ("as rewards" in out, "mean over 2 seeds" in out) == found
        rewards = parsed(cli("compare", tmp_path / "run", *pair, "--json")).get("rewards")
        assert (rewards is not None, bool(rewards and rewards["baseline_mean"])) == found


def test_what_has_no_score_cannot_be_compared(cli: Any, run: Path) -> None:
    done = cli("compare", run, BAD.id, "baseline")
    assert done.code == 2 and "shouting has no score" in done.err


def test_compare_predictions_of_any_model(cli: Any, tmp_path: Path) -> None:
    for name, kinds in (("a", "ccw"), ("b", "cwu")):
        rows = [{"id": o.id, "gold": o.gold, "prediction": o.prediction} for o in outcomes(kinds)]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    document = parsed(cli("compare", "--predictions", tmp_path / "a", tmp_path / "b", "--json"))
    assert (document["n"], document["a"]["f1"], document["b"]["f1"]) == (3, 0.8, 0.5)
    assert set(document["difference"]) == {"f1", "f1_ci", "accuracy", "accuracy_ci"}
    assert (document["a"]["unreadable"], document["b"]["unreadable"]) == (0, 0)


def test_compare_counts_the_predictions_that_are_no_answer(cli: Any, tmp_path: Path) -> None:
    a = write_predictions(tmp_path / "a", [(1, "29", "$29.00"), (2, "1000", "1,000")])
    b = write_predictions(tmp_path / "b", [(1, "15+14\n#### 29", "29 dollars"), (2, "1000", "[invalid]")])
    document = parsed(cli("compare", "--predictions", a, b, "--json"))
    assert (document["a"]["accuracy"], document["b"]["parse_rate"], document["b"]["unreadable"]) == (1.0, 0.0, 2)
    done = cli("compare", "--predictions", a, b)
    assert done.code == 0 and "0 of the first, 2 of the second" in done.out
    assert "of the second" not in cli("compare", "--predictions", a, a).out


def test_compare_with_too_few_arguments_shows_the_form(cli: Any, run: Path) -> None:
    done = cli("compare", run, GOOD.id)
    assert done.code == 2 and "rewardsearch compare RUN ID ID" in done.err


def test_export_writes_a_module_of_the_ensemble(cli: Any, run: Path, tmp_path: Path) -> None:
    done = cli("export", run, "--to", "trl", "-o", tmp_path / "out")
    assert done.code == 0 and str(tmp_path / "out" / "rewardsearch_reward.py") in done.out
    assert "def worked_steps(" in (tmp_path / "out" / "rewardsearch_reward.py").read_text()


def test_export_of_the_best_or_of_a_named_arm(cli: Any, run: Path, tmp_path: Path) -> None:
    assert "level-headed" not in cli("export", run, "-o", tmp_path / "out", "--top", 1).out
    assert "level-headed" in cli("export", run, "-o", tmp_path / "out", "--ensemble", "level").out
    assert cli("export", run, "-o", tmp_path / "out", "--top", 9).code == 2
    done = cli("export", run, "-o", tmp_path / "out", "--to", "nemo")
    assert done.code == 2 and done.err.startswith("error: --to: got 'nemo'; allowed: easyr1")


def test_status_separates_a_running_search_from_a_killed_one(cli: Any, run: Path) -> None:
    state = read_run(run)
    with Journal.open(run, state.config, state.base):
        assert parsed(cli("status", run, "--json"))["status"] == "running"
    # The process is gone, and nobody has written its end.
    assert parsed(cli("status", run, "--json"))["status"] == "killed"


def test_status_has_money_and_unconfirmed_requests(cli: Any, run: Path) -> None:
    state = read_run(run)
    with Journal.open(run, state.config, state.base) as journal:
        for place, bound in enumerate((Usage(requests=1, completion_tokens=9000, dollars=0.5), Usage()), start=6):
            sent = Sent(request=f"1/0/{place}/1", send=1, model="m", fingerprint="mark", bound=bound)
            journal.append(sent)
        paid = Usage(requests=1, prompt_tokens=500, completion_tokens=700, dollars=0.25)
        journal.append(Received(request="1/0/7/1", send=1, usage=paid))
        journal.append(Ended(status="stopped"))
    out = cli("status", run).out
    assert "6 requests, 2,200 tokens, $0.25" in out
    (unconfirmed,) = [line for line in out.splitlines() if line.startswith("unconfirmed")]
    assert "9,000 tokens" in unconfirmed and "$0.50" in unconfirmed
    assert parsed(cli("status", run, "--json"))["unconfirmed"]["tokens"] == 9000


def test_status_and_show_name_what_was_chosen_with_its_test_score_and_verdict(cli: Any, run: Path) -> None:
    chosen = parsed(cli("status", run, "--json"))["chosen"]
    assert (chosen["id"], chosen["f1"], chosen["conclusions"][0]["verdict"]) == (
        "ensemble-top3",
        0.9,
        "not established",
    )
    out = cli("status", run).out
    assert "ensemble-top3: F1 0.900 [0.880, 0.920]" in out and "not established: " in out
    shown = parsed(cli("show", run, "ensemble-top3", "--json"))
    assert shown["weights"] == {GOOD.id: 0.5, LEVEL.id: 0.5}
    assert shown["final"] == chosen and shown["final"]["f1_by_seed"] == {"1": 0.89, "2": 0.91}
    out = cli("show", run, "ensemble-top3").out
    assert "0.890 (seed 1), 0.910 (seed 2)" in out and "not established: " in out and "weight 0.5" in out
    single = parsed(cli("show", run, GOOD.id, "--json"))["final"]
    assert (single["chosen"], single["conclusions"], single["f1"]) == (False, [], 0.88)
    assert parsed(cli("show", run, LEVEL.id, "--json"))["final"] is None
    assert "failed with seed 1: returned nan" in cli("show", run, "random-3").out


def test_export_shows_the_conclusion_and_refuses_other_arms_in_a_line(cli: Any, run: Path, tmp_path: Path) -> None:
    document = parsed(cli("export", run, "-o", tmp_path / "out", "--json"))
    assert document["final"]["conclusions"][0]["verdict"] == "not established" and len(document["files"]) == 3
    assert "Not established: " in cli("export", run, "-o", tmp_path / "out").out
    for arm in ("policy", "nobody", REFUSED.id):
        done = cli("export", run, "-o", tmp_path / "none", "--ensemble", arm)
        assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1) and arm in done.err
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("width", [60, 100])
def test_status_says_why_a_run_stopped(cli: Any, run: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    state = read_run(run)
    with Journal.open(run, state.config, state.base) as journal:
        journal.append(Ended(status="stopped", reason="candidates cannot be ranked: " + 30 * "too few right, "))
    monkeypatch.setenv("COLUMNS", str(width))
    lines = [line for line in cli("status", run).out.splitlines() if "too few" in line]
    assert lines[0].split()[:3] == ["reason", "candidates", "cannot"] and max(map(len, lines)) <= width
    assert parsed(cli("status", run, "--json"))["reason"].startswith("candidates cannot be ranked")


def test_status_shows_what_is_pending(cli: Any, run: Path) -> None:
    new = candidate("late", "8.0", round=2)
    state = read_run(run)
    config = state.config.model_copy(update={"rounds": 3})
    begin_with(run, config)
    events = [line for line in (run / "journal.jsonl").read_text().splitlines() if '"event": "final"' not in line]
    (run / "journal.jsonl").write_text("\n".join(events) + "\n")
    with Journal.open(run, config, state.base) as journal:
        proposal = Proposal(candidates=(new,))
        journal.append(Proposed(round=2, attempt=0, proposal=proposal))
    (pending,) = [line for line in cli("status", run).out.splitlines() if line.startswith("pending")]
    assert "1 candidate" in pending and "rounds 2, 3" in pending and "finalize" in pending
