import re
from pathlib import Path

import pytest
from classed import classed
from fakes import candidate, screened
from report_page import Page
from two_rounds import state as two_rounds

from rewardsearch.config import Config, parse_config
from rewardsearch.records import (
    BASELINE,
    POLICY,
    Candidate,
    Example,
    RankedRow,
    Ranking,
    Refusal,
    RetrievalScores,
    TrainingResult,
    Verdict,
)
from rewardsearch.records.proposing import Proposal
from rewardsearch.report import report_html
from rewardsearch.report.scoreboard import Scoreboard, Scorer
from rewardsearch.report.verdict import headline
from rewardsearch.run.state import RunState
from rewardsearch.session.requests import current_ranking

SECTIONS = (
    *("won", "search", "leaderboard", "final", "test", "lineage", "candidates", "scoreboard", "pairs", "flags"),
    *("reproduce", "export"),
)
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\" onload='x' {{ 7 * 7 }} \ud800 \u202e \x00"


class NoScores(Scorer):
    """Calls no reward."""

    def scoreboard(self, state: RunState) -> Scoreboard:
        return Scoreboard(missing="not asked for")


def page_of(state: RunState, replay: bool = False) -> Page:
    html = report_html(state, scorer=NoScores(state.config), replay=replay)
    page = Page(html)
    assert page.unclosed == []
    assert len(page.ids) == len(set(page.ids))
    # What a page would load, other than its own parts.
    assert [link for link in page.links if not link.startswith("#") and link != "data:,"] == []
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert re.search(r"url\(|@import|https?://", re.sub(r"<pre.*?</pre>", "", html, flags=re.DOTALL)) is None
    return page


def searched(candidates: list[Candidate], results: list[TrainingResult], config: Config | None = None) -> RunState:
    """A run of these candidates, all accepted, with the results of its arms."""
    state = RunState(Path("run"), config or parse_config({"rank": {"resamples": 100}}, "test"))
    for round in {each.round for each in candidates}:
        proposal = Proposal(candidates=tuple(each for each in candidates if each.round == round))
        state.proposals[round, 0] = proposal
    state.candidates = {each.id: each for each in candidates}
    state.verdicts = {each.id: Verdict(candidate=each.id, accepted=True) for each in candidates}
    state.results = {result.id: result for result in results}
    state.trainings = {f"candidates/{result.id}/training/full-0": result for result in results}
    return state


def test_every_section_is_there_in_its_order_and_says_how_to_read_it() -> None:
    page = page_of(two_rounds())
    assert [id for id in page.ids if id in SECTIONS] == list(SECTIONS)
    assert page.tags["h2"] == len(SECTIONS)
    for id in two_rounds().candidates:
        assert f"#c-{id}" in page.links
        assert f"c-{id}" in page.ids


def test_rounds_have_the_mean_and_the_best_of_their_candidates() -> None:
    state = two_rounds()
    page, ranking = page_of(state), current_ranking(state)
    for round in (1, 2):
        found = [
            row.f1 for row in ranking.rows if row.round == round and row.id in state.candidates and row.f1 and row.rank
        ]
        cells = page.row("rounds", str(round))
        assert cells == {"mean": f"{sum(found) / len(found):.3f}", "best": f"{max(found):.3f}"}


def test_a_pair_has_the_questions_that_one_of_the_two_answers() -> None:
    state = two_rounds()
    html = report_html(state, scorer=NoScores(state.config))
    baseline, policy = (state.results[arm] for arm in (BASELINE, POLICY))
    right = [{each.id for each in arm.outcomes if each.kind == "correct"} for arm in (baseline, policy)]
    only = f"{len(right[0] - right[1])} : {len(right[1] - right[0])}"
    cell = re.search(rf'data-a="{BASELINE}" data-b="{POLICY}">[^<]*<small>([^<]*)<', html)
    assert cell is not None
    assert cell[1] == only


def test_texts_of_models_stay_texts() -> None:
    evil = candidate("x").model_copy(
        update={"name": HOSTILE, "rationale": HOSTILE, "code": f"# {HOSTILE}\n", "model": HOSTILE}
    )
    child = candidate("y", "1.0", round=2, parents=[evil.id])
    example = Example(prompt=HOSTILE, completion=HOSTILE, answer=HOSTILE, reward=1.0, kind="wrong", against=0.0)
    result = screened(evil.id, "cw", component=HOSTILE, disagreements=(example,), flags=(HOSTILE,))
    state = searched([evil, child], [result, screened(BASELINE, "cw"), screened(child.id, "cc")])
    state.proposals[1, 0] = Proposal(candidates=(evil,), refusals=(Refusal(name=HOSTILE, reason=HOSTILE),))
    state.verdicts[child.id] = Verdict(
        candidate=child.id, accepted=False, stage="static", reason=HOSTILE, checks={"a": HOSTILE}
    )
    page = page_of(state)
    assert page.tags["script"] == 2
    assert page.tags["img"] == 0
    assert page.handlers == []
    assert "onerror=alert(2)" in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert not set("\ud800\u202e\x00") & set(page.text)
    assert page.data["leaderboard"]["rows"]


def test_a_run_without_anything_says_what_is_missing() -> None:
    page = page_of(searched([], []))
    assert [id for id in page.ids if id in SECTIONS] == list(SECTIONS)
    assert "No winner" in page.text
    assert "0 of 2 rounds are done" in page.text
    assert "No candidate has been accepted" in page.text


def test_classes_have_their_scores_and_the_confusion_matrix() -> None:
    made = candidate("a")
    results = [
        screened(BASELINE, "").model_copy(update={"outcomes": classed("SSRRR", "SRRR-")}),
        screened(made.id, "").model_copy(update={"outcomes": classed("SSRRR", "SSRRS")}),
    ]
    html = report_html(searched([made], results), scorer=NoScores(Config()))
    matrices = re.findall(r'<table class="confusion">(.*?)</table>', html, re.DOTALL)
    counts = [[int(cell) for cell in re.findall(r'<td class="n[^>]*>(\d+)<', matrix)] for matrix in matrices]
    assert [2, 0, 0, 1, 2, 0] in counts
    assert [1, 1, 0, 0, 2, 1] in counts


def test_a_task_that_ranks_texts_has_its_scores() -> None:
    made = candidate("a")
    state = searched([made], [screened(BASELINE, "cw"), screened(made.id, "cc")])
    ranking = current_ranking(state)
    scores = RetrievalScores.model_validate(
        {"mrr": {"value": 0.75, "ci": (0.6, 0.9)}, "ndcg": {"value": 0.8125, "ci": (0.7, 0.9)}}
    )
    rows = [row.model_copy(update={"retrieval": scores if row.id == made.id else None}) for row in ranking.rows]
    state.final_ranking = ranking.model_copy(update={"rows": tuple(rows)})
    cells = page_of(state).cells
    shown = {id: cells["leaderboard", id, "retrieval.mrr.value"] for id in (made.id, BASELINE)}
    assert shown == {made.id: "0.750", BASELINE: "-"}
    assert cells["leaderboard", made.id, "retrieval.ndcg.value"] == "0.812"


def row(**fields: object) -> RankedRow:
    values = {
        "rank": 1,
        "id": "a",
        "name": "a",
        "round": 1,
        "operator": "fresh",
        "status": "trained",
        "f1": 0.9,
        "gain": 0.2,
    }
    return RankedRow.model_validate(values | fields)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"gain_questions_ci": (0.1, 0.3)}, "not established"),
        ({"gain_ci": (0.1, 0.3), "p_adjusted": 0.01}, "better"),
        ({"gain_ci": (0.1, 0.3), "p_adjusted": 0.2}, "not established"),
        ({"gain": -0.2, "gain_ci": (-0.3, -0.1), "p_adjusted": 0.01}, "worse"),
    ],
)
def test_the_headline_is_about_seeds_and_never_about_questions_alone(fields: dict[str, object], status: str) -> None:
    made = candidate("a")
    state = searched([made], [])
    ranking = Ranking(task="t", split="val", n=20, rows=(row(**{"id": made.id} | fields),))
    assert headline(state, ranking).status == status


def test_a_replay_has_the_leaderboard_of_each_round_and_its_end() -> None:
    state = two_rounds()
    ranking = current_ranking(state)
    first = ranking.model_copy(update={"rows": tuple(row for row in ranking.rows if row.round < 2)})
    state.rankings = [first, ranking]
    try:
        html = report_html(state, scorer=NoScores(state.config), replay=True)
    finally:
        state.rankings = []
    steps = re.split(r'<div data-step="(\d)"', html)[1:]
    assert steps[::2] == ["1", "2", "3"]
    boards = [set(re.findall(r'<tr data-id="([^"]+)"', part.partition("</section>")[0])) for part in steps[1::2]]
    assert boards == [{row.id for row in each.rows} for each in (first, ranking, ranking)]
    assert 'max="3"' in html
    assert 'id="replay"' not in report_html(state, scorer=NoScores(state.config))
