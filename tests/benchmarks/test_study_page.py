"""The page and the verdicts follow from the numbers, and every figure is drawn for a light and a dark page."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import made_study
import pytest
from made_study import Numbers

from rewardsearch.files.resources import PACKAGE

sys.path.insert(0, str(PACKAGE.parent / "benchmarks"))
import study_criteria
import study_figures
import study_page


def named(study: Numbers, name: str) -> Numbers:
    return next(run for run in study["runs"] if run["name"] == name)


def set_gain(study: Numbers, name: str, gain: float, low: float) -> None:
    study_criteria.chosen_arm(named(study, name)).update(gain=gain, gain_ci=[low, 2 * gain - low])


def verdict(study: Numbers, *words: str) -> bool | None:
    """Of the one criterion whose text has all of `words`."""
    (found,) = [each for each in study_criteria.criteria({"study": study}) if all(word in each.what for word in words)]
    return found.holds


def test_every_criterion_of_the_made_up_study_holds() -> None:
    found = study_criteria.criteria(made_study.documents())
    assert len(found) == 15
    assert all(each.holds for each in found)


def lose(study: Numbers) -> None:
    set_gain(study, "search-11", -0.01, -0.03)


def reach_0(study: Numbers) -> None:
    for seed in (0, 11):
        set_gain(study, f"search-{seed}", 0.02, -0.01)


def lose_to(kind: str, control: str) -> Callable[[Numbers], None]:
    def change(study: Numbers) -> None:
        for seed in (22, 33):
            named(study, f"{kind}-{seed}")["over"][control]["gain"] = -0.001

    return change


def never_rise(study: Numbers) -> None:
    for seed in (0, 44):
        named(study, f"frontier-{seed}")["rounds"][-1]["mean"] = 0.7


def fall(study: Numbers) -> None:
    for seed in (0, 44):
        named(study, f"search-{seed}")["rounds"][-1]["mean"] = 0.7


def find_a_gain_in_noise(study: Numbers) -> None:
    study["a_a"][3]["tie"] = False


def miss(study: Numbers) -> None:
    study["further"][0]["inside"] = False


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lose, ("beats the base rewards", "grammar")),
        (reach_0, ("excludes 0", "grammar")),
        (lose_to("frontier", "random-3"), ("three random", "frontier")),
        (lose_to("search", "average"), ("average", "grammar")),
        (fall, ("above the first's", "grammar")),
        (fall, ("random search",)),
        (never_rise, ("above the first's", "frontier")),
        (find_a_gain_in_noise, ("themselves",)),
        (miss, ("further seeds",)),
    ],
)
def test_a_claim_that_the_numbers_do_not_bear_out_does_not_hold(
    change: Callable[[Numbers], None], words: tuple[str, ...]
) -> None:
    study = made_study.study()
    assert verdict(study, *words) is True
    change(study)
    assert verdict(study, *words) is False


def test_one_seed_less_is_not_measured_in_full_and_one_loss_in_five_is_allowed() -> None:
    study = made_study.study()
    set_gain(study, "search-0", 0.02, -0.01)
    assert verdict(study, "excludes 0", "grammar") is True
    study["runs"] = [run for run in study["runs"] if run["name"] != "search-44"]
    assert verdict(study, "excludes 0", "grammar") is None
    assert verdict(study, "beats the base rewards", "frontier") is True


def choose_nothing(study: Numbers) -> None:
    for name in ("search-11", "frontier-22"):
        run = named(study, name)
        run.update(chosen=None, over={})
        for arm in run["arms"]:
            arm["chosen"] = False


def lose_the_test_files(study: Numbers) -> None:
    for name in ("search-11", "frontier-22"):
        run = named(study, name)
        run["over"] = {}
        study_criteria.chosen_arm(run).update(gain=None, gain_ci=None, p=None)


@pytest.mark.parametrize("change", [choose_nothing, lose_the_test_files])
def test_a_done_run_without_a_gain_is_named_and_counts_for_rounds_alone(change: Callable[[Numbers], None]) -> None:
    study = made_study.study()
    change(study)
    for who in ("grammar", "frontier"):
        assert [verdict(study, words, who) for words in ("beats the base", "above the first's")] == [None, True]
    text = study_page.page_text({**made_study.documents(), "study": study}, [])
    unfinished = next(line for line in text.splitlines() if line.startswith("**Not finished"))
    assert re.findall(r"`([a-z]+-\d+)` \(incomplete", unfinished) == ["search-11", "frontier-22"]
    gains = text.partition("three random | over the average")[2].partition("\n\n")[0]
    assert "`search-0`" in gains and "`search-11`" not in gains


def test_further_arms_that_lack_a_seed_are_named() -> None:
    study = made_study.study()
    row = study["further"].pop()
    study["further_left_out"] = [{**row, "f1_by_seed": dict(list(row["f1_by_seed"].items())[:8])}]
    text = study_page.page_text({"study": study}, [])
    assert "`frontier-44` ensemble-top3 (8 of 10 seeds)" in text
    assert verdict(study, "further seeds") is None


def test_rewards_of_a_recorded_search_are_counted_apart() -> None:
    documents = made_study.documents()
    for row in documents["landscape"]["rewards"][:3]:
        row["file"] = f"candidates/recorded/a/{row['name']}.py"
    better = sum(row["gain"] >= 0.04 for row in documents["landscape"]["rewards"][3:])
    text = study_page.page_text(documents, [])
    (counts,) = re.findall(r"(\d+) of the rewards come from a recorded .* Of the (\d+) others, (\d+) gain 0.04", text)
    assert counts == ("3", "7", str(better))
    assert "recorded search whose" not in study_page.page_text(made_study.documents(), [])


def test_the_page_has_every_run_and_names_what_is_not_finished() -> None:
    study = made_study.study()
    left = named(study, "random-33")
    for key in ("arms", "chosen", "over"):
        del left[key]
    left["rounds"] = left["rounds"][:2]
    left["status"] = "2 of 3 rounds, final arms not read"
    text = study_page.page_text({**made_study.documents(), "study": study}, ["gains"])
    rows = {run["name"]: re.findall(rf"^\| `{run['name']}` \|.*$", text, re.MULTILINE) for run in study["runs"]}
    assert "`random-33` (2 of 3 rounds, final arms not read)" in text
    # Of gains, rounds, cost; the searches are in the A/A table twice, five runs of each proposer in that of the intervals.
    assert {name: len(found) for name, found in rows.items() if name.startswith("random")} == {
        f"random-{seed}": 2 if seed == 33 else 3 for seed in made_study.SEEDS
    }
    assert len(rows["search-0"]) == 6
    assert [name in text for name in ("evidence/gains-dark.svg", "evidence/rounds-dark.svg")] == [True, False]


def test_what_disappoints_is_on_the_page() -> None:
    study = made_study.study()
    fine = study_page.page_text({"study": study}, []).partition("## Where it disappoints")[2]
    assert fine.count("\n- ") == 1  # The interval that missed.
    lose(study)
    find_a_gain_in_noise(study)
    text = study_page.page_text({"study": study}, []).partition("## Where it disappoints")[2]
    assert "`search-11`: the recommended arm's gain is not established, -0.010" in text
    assert text.count("\n- ") == 5


def test_a_study_without_a_finished_run_and_without_a_landscape_still_has_a_page() -> None:
    study = made_study.study()
    study["runs"] = [
        {key: run[key] for key in ("name", "kind", "seed")} | {"status": "not started"} for run in study["runs"]
    ]
    study |= {
        "environment": None,
        "a_a": [],
        "further": [],
        "further_left_out": [],
        "baseline": {"f1_by_seed": {}, "sd": None},
    }
    study["bank"] = {"auc": [], "flags": {}}
    text = study_page.page_text({"study": study}, [])
    assert re.findall("^## .*$", text, re.MULTILINE) == ["## What must hold", "## A real language model on a GPU"]
    assert text.count("not measured in full") == 12


def test_a_figure_is_drawn_for_a_light_and_a_dark_page_and_the_same_each_time(tmp_path: Path) -> None:
    documents = {"study": made_study.study() | {"further": []}}
    for name in ("a", "b"):
        assert study_figures.write_figures(tmp_path / name, documents, ["rounds", "rungs"]) == ["rounds"]
    found = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("a", "b")]
    assert found[0] == found[1]
    dark, light = (b"#0d1117" in found[0][f"rounds-{theme}.svg"] for theme in ("dark", "light"))
    assert (dark, light) == (True, False)


@pytest.mark.parametrize(
    ("name", "labels"), [("gains", 4), ("cost", 4), ("intervals", 2), ("landscape", 6), ("rungs", 5), ("races", 3)]
)
def test_every_figure_shows_all_that_there_is_of_it(name: str, labels: int) -> None:
    draw, numbers = study_figures.DRAWN[name], made_study.documents()[study_figures.OF.get(name, "study")]
    figure = draw(numbers, study_figures.THEMES[0])
    assert figure is not None
    assert len({text.get_text() for text in figure.legends[0].get_texts()}) == labels
    nothing = {"runs": [], "further": [], "rewards": [], "race": {"rungs": []}}
    assert draw({**numbers, **nothing}, study_figures.THEMES[1]) is None


def test_a_simulation_that_breaks_its_limits_does_not_hold() -> None:
    documents = made_study.documents()
    documents["gain_coverage"]["broken"] = ["0.015 / 0.015, 3 seeds: A/A 0.1, must be within 0.02 and 0.08"]
    held = {each.what: each.holds for each in study_criteria.criteria(documents) if "simulat" in each.what}
    assert list(held.values()) == [False, True]


def test_the_files_of_the_page_are_written_beside_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = ["gains"]
    monkeypatch.setattr(
        study_page, "write_figures", lambda folder, documents: drawn if "landscape" in documents else []
    )
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "study.json").write_text(json.dumps(made_study.study()), encoding="utf-8")
    assert study_page.write_page(tmp_path) == [tmp_path / "evidence.md"]
    for name, document in made_study.documents().items():
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    assert folder / "gains-dark.svg" in study_page.write_page(tmp_path)
    page = (tmp_path / "evidence.md").read_text(encoding="utf-8")
    assert re.findall(r'(?:srcset|src)="([^"]+)"', page) == ["evidence/gains-dark.svg", "evidence/gains-light.svg"]
    assert all(text in page for text in ("sound_0", "`bank:form` | 3 |", "gain_coverage.py"))
