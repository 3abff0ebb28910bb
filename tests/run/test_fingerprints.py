"""What depends on each key of the config: declared once, and true of the fingerprints."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, Any, get_args

import pytest
from pydantic import BaseModel

from rewardsearch.config import Affects, Config, PairColumns, Section, effects_of
from rewardsearch.errors import UserError
from rewardsearch.run.fingerprints import Artifact, fingerprint
from rewardsearch.run.jobs import policy_job
from rewardsearch.run.journal import Journal

ARTIFACTS: tuple[Artifact, ...] = get_args(Artifact)
EFFECTS = effects_of(Config)
CHANGEABLE = {key for key, effects in EFFECTS.items() if not effects}


def changed(config: Config, key: str) -> Config:
    """`config` with another value of `key`, whether that is allowed or not."""
    *sections, name = key.split(".")
    models: list[BaseModel] = [config]
    for section in sections:
        models.append(getattr(models[-1], section))
    value = getattr(models[-1], name)
    other: Any
    match value:
        case bool():
            other = not value
        case int() | float():
            other = value + 1
        case tuple():
            other = (*value, "another")
        case dict():
            other = {"another": 1}
        case None if key == "train.slots":
            other = 3
        case None if key == "task.pairs":
            other = PairColumns()
        case _:
            other = f"another {value}"
    update: Any = other
    for model, field in zip(reversed(models), (name, *reversed(sections)), strict=True):
        update = model.model_copy(update={field: update})
    assert isinstance(update, Config)
    return update


def fingerprints(config: Config) -> dict[str, str]:
    with warnings.catch_warnings():
        # A changed value need not be of its field's type.
        warnings.simplefilter("ignore", UserWarning)
        return {artifact: fingerprint(artifact, config, policy_job(0)) for artifact in ARTIFACTS}


def test_every_key_of_the_config_has_a_declared_effect() -> None:
    def keys(model: BaseModel, prefix: str = "") -> list[str]:
        values = {name: getattr(model, name) for name in type(model).model_fields}
        return [
            key
            for name, value in values.items()
            for key in (keys(value, f"{prefix}{name}.") if isinstance(value, BaseModel) else [prefix + name])
        ]

    assert list(EFFECTS) == keys(Config())


def test_a_key_that_declares_nothing_is_a_bug() -> None:
    class Inner(Section):
        a: int = 1

    class Outer(Section):
        inner: Annotated[Inner, Affects("bank")] = Inner()
        b: int = 1

    with pytest.raises(TypeError, match="b: declare"):
        effects_of(Outer)


@pytest.mark.parametrize("key", EFFECTS)
def test_a_key_changes_the_fingerprints_that_it_says(key: str) -> None:
    before, after = fingerprints(Config()), fingerprints(changed(Config(), key))
    found = {artifact for artifact in ARTIFACTS if before[artifact] != after[artifact]}
    if key == "task.test_data":
        # Whether the test rows have a source of their own counts for all.
        other = changed(changed(Config(), key), key)
        assert found == set(ARTIFACTS)
        found = {artifact for artifact in ARTIFACTS if after[artifact] != fingerprints(other)[artifact]}
    if key == "sft.enabled":
        assert EFFECTS[key] == {"training", "bank"}
    assert found == EFFECTS[key] - {"search"}


@pytest.mark.parametrize("artifact", ["training", "bank"])
def test_what_starts_from_a_fine_tuning_depends_on_it(artifact: Artifact) -> None:
    config = changed(Config(), "sft.enabled")
    after = fingerprint(artifact, changed(config, "sft.steps"), policy_job(0))
    assert fingerprint(artifact, config, policy_job(0)) != after


def test_threads_count_on_a_cpu_alone() -> None:
    cuda = Config.model_validate({"policy": {"device": "cuda"}})
    before, after = fingerprints(cuda), fingerprints(changed(cuda, "train.threads"))
    assert {artifact for artifact in ARTIFACTS if before[artifact] != after[artifact]} == {"training"}


@pytest.mark.parametrize("key", [key for key in EFFECTS if key.split(".")[-1] in ("steps", "seed", "slots", "retries")])
def test_a_key_may_change_in_a_run_where_nothing_depends_on_it(tmp_path: Path, key: str) -> None:
    Journal.open(tmp_path, Config(), ()).__exit__()
    try:
        Journal.open(tmp_path, changed(Config(), key), ()).__exit__()
        allowed = True
    except UserError as error:
        allowed = False
        assert key in str(error)
    assert allowed == (key in CHANGEABLE)
