from pathlib import Path

import pytest

from rewardsearch.config import CONTROLS, ENSEMBLES, Config, load_config, parse_config
from rewardsearch.errors import UserError
from rewardsearch.files.resources import resource


@pytest.mark.parametrize(
    ("finalize", "told"),
    [
        (
            {"ensembles": ["tp3"]},
            r"c: finalize\.ensembles: no ensemble is called 'tp3'; allowed: top<k> \(top1 to top99\), top5-l",
        ),
        ({"ensembles": ["top0"]}, "no ensemble is called 'top0'"),
        ({"ensembles": ["top3", "cover", "top3"]}, "got top3 more than once"),
        ({"controls": ["random"]}, "no control is called 'random'; allowed: random-k, random-reward, format-only"),
        ({"random_draws": 27}, r"finalize\.random_draws"),
    ],
)
def test_what_finalize_cannot_do_is_told_with_what_it_can(finalize: dict[str, object], told: str) -> None:
    with pytest.raises(UserError, match=told):
        parse_config({"finalize": finalize}, "c")


def test_every_ensemble_and_control_can_be_asked_for_and_the_study_does() -> None:
    config = parse_config({"finalize": {"ensembles": ["top12", *ENSEMBLES], "controls": CONTROLS}}, "c")
    assert config.finalize.ensembles[0] == "top12"
    study = load_config(resource("configs") / "arithmetic-study.yaml").finalize
    assert set(study.ensembles) == {"top3", "top5", "top7", "top10", *ENSEMBLES}
    assert set(study.controls) == set(CONTROLS)


def test_a_config_with_its_finalize_reads_back_equal(tmp_path: Path) -> None:
    config = parse_config({"run_dir": "runs/x", "finalize": {"ensembles": ["cover"], "controls": [], "seeds": 2}}, "c")
    (tmp_path / "c.yaml").write_text(config.to_yaml(), encoding="utf-8")
    assert load_config(tmp_path / "c.yaml") == config
    assert config != Config(run_dir="runs/x")
