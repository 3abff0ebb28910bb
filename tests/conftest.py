"""What every test has at hand."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_server import ChatServer
from played import Trainer
from small_disk import SmallDisk

from rewardsearch.config import Config, parse_config

LONG = ("end_to_end", "train", "loop", "validation", "rewards")
"""Folders whose files take longest, longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: where files are shared among processes, none is left with a long one at the end."""
    items.sort(key=lambda item: next((i for i, name in enumerate(LONG) if name in item.path.parts), len(LONG)))


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> None:
    """A shell that starts the tests in the background has them ignore SIGINT, and what they start as well."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Rollout banks that tests sample are theirs, and are sampled once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REWARDSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def small_config() -> Config:
    """A search on the embedded policy that takes seconds."""
    return parse_config(
        {
            "rounds": 2,
            "candidates": 2,
            "task": {"train_rows": 64, "val_rows": 40, "test_rows": 40},
            "bank": {"enabled": False},
            "train": {"baseline_seeds": 1, "steps": 2, "prompts_per_step": 2, "group_size": 4, "slots": 1},
            "race": {"enabled": False},
            "rank": {"resamples": 200},
            "finalize": {"ensembles": ["top2"], "random_k": 2},
        },
        "small config",
    )


@pytest.fixture
def write_reward(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Writes a reward file whose body is the given expression over one completion `c` and its gold `a`."""

    def write(name: str, expression: str) -> Path:
        path = tmp_path / "rewards" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f'"""{name}"""\n\n\ndef reward(prompts, completions, answer, **columns):\n'
            f"    return [{expression} for c, a in zip(completions, answer)]\n",
            encoding="utf-8",
        )
        return path

    return write


@pytest.fixture
def trainer() -> Iterator[Trainer]:
    """Takes the place of the processes that train and that read the test."""
    trainer = Trainer()
    with trainer.in_place():
        yield trainer


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the machine would be asked for loopback addresses too."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server(no_proxy: None) -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk, where this user may mount one."""
    try:
        disk = SmallDisk.mount(tmp_path / "disk")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a disk takes root")
    yield disk
    disk.unmount()
