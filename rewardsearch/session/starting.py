"""A folder to work in: a commented config, an example of a reward, and a template for prompts.

The config of a user's data is guessed from the columns (tasks/guessing/), and then checked as a search checks it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from rewardsearch.config import Config, load_config, parse_config
from rewardsearch.errors import RewardSearchError, UserError
from rewardsearch.files import make_folder, write_atomic
from rewardsearch.files.resources import resource
from rewardsearch.propose import load_proposer
from rewardsearch.rewards.base import read_code
from rewardsearch.rewards.definitions import with_definitions
from rewardsearch.session.preflight import check
from rewardsearch.session.requests import first_request
from rewardsearch.tasks import SPLITS, Task, load_task
from rewardsearch.tasks.datasheet import check_rows
from rewardsearch.tasks.guessing import Guess, guess_task
from rewardsearch.tasks.sources import read_source, source_name
from rewardsearch.tasks.tables import Mistakes

BUILT_IN = {
    "arithmetic": "arithmetic-grammar",
    "contrast": "contrast-demo",
    "gsm8k": "gsm8k-llama3.2-3b",
    "resume": "resume-demo",
}
"""The config that is copied for a built-in task."""
SIZES = {"train": 2000, "val": 500, "test": 1000}
"""Rows of each split, where the data have as many."""
_FEWEST_ROWS = 20
_TEMPLATE = Path(__file__).with_name("start.yaml.j2")
_PLAIN = re.compile(r"[A-Za-z_][\w -]*")
_YAML_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"))


@dataclass(frozen=True)
class Started:
    """What was written. guesses: a line each. problems: what a search with this config would refuse; warnings: what it would
    warn of."""

    config: Path
    files: tuple[Path, ...]
    guesses: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataSource:
    """The user's rows. file: a path, or the id of a hub data set. prompt, answer: columns; None where they are to be guessed."""

    file: str
    prompt: str | None = None
    answer: str | None = None


def start_from_data(folder: Path, data: DataSource, model: str | None = None) -> Started:
    """Writes a config that was guessed from `data`, with a reward and a template for prompts, into `folder`.

    model: of the policy, a hub id or a folder; None takes the bundled one. Raises UserError for data that no search can use, and
    where a file would be overwritten; then nothing is written.
    """
    folder = folder.expanduser().resolve()
    files = {name: folder / name for name in ("config.yaml", "candidates/right_or_nothing.py", "prompts/_task.j2")}
    _check_new(folder, files.values())
    source, mistakes = _on_this_machine(data.file), Mistakes()
    table, name = read_source("--data", source, "train", mistakes), source_name(source)
    mistakes.end(name)
    if len(table.rows) < _FEWEST_ROWS:
        raise UserError(
            f"--data: {name} has {len(table.rows)} rows, too few for the splits train, val and test; give {_FEWEST_ROWS} or more"
        )
    guess = guess_task(table, name, data.prompt, data.answer, chat=model is not None and _is_chat(model))
    del table
    section = {"kind": guess.task["kind"], "data": source, **guess.task}
    draft = parse_config({"task": section}, name)
    task = load_task(draft.task)
    found = _found(task)
    check_rows(task, draft)
    values = {
        "source": name,
        "path": shown_path(files["config.yaml"]),
        "run_dir": f"runs/{folder.name}",
        "task": _lines(section, guess),
        "unused": [_scalar(column) for column in guess.unused],
        "found": ", ".join(f"{found[split]:,} {split}" for split in SPLITS),
        "sizes": {split: max(1, min(found[split], SIZES[split])) for split in SPLITS},
        "model": None if model is None else _on_this_machine(model),
        "proposer": "grammar" if _has_grammar(draft) else "folder",
        "candidates": str(folder / "candidates"),
        "prompts": str(folder / "prompts"),
    }
    reward = resource("candidates") / "start" / "right_or_nothing.py"
    texts = {
        "config.yaml": _render(values),
        "candidates/right_or_nothing.py": with_definitions(read_code(reward), task.reward_code),
        "prompts/_task.j2": (resource("prompts") / "_task.j2").read_text(encoding="utf-8"),
    }
    for key, text in texts.items():
        make_folder(files[key].parent)
        write_atomic(files[key], text)
    return _checked(files["config.yaml"], tuple(files.values()), tuple(str(reason) for reason in guess.reasons))


def start_from_task(folder: Path, task: str) -> Started:
    """Writes a copy of the config of a built-in task, with its example rewards, into `folder`. Raises UserError for another task,
    and where a file would be overwritten."""
    if task not in BUILT_IN:
        raise UserError(f"--task: got {task}; allowed: {', '.join(BUILT_IN)}; for rows of your own give --data FILE")
    folder = folder.expanduser().resolve()
    config, original = folder / "config.yaml", resource("configs") / f"{BUILT_IN[task]}.yaml"
    rewards = {file: folder / "candidates" / file.name for file in (resource("candidates") / task).glob("*.py")}
    _check_new(folder, [config, *rewards.values()])
    text = original.read_text(encoding="utf-8").replace(f"configs/{original.name}", shown_path(config))
    make_folder(folder / "candidates")
    head = f"run_dir: {json.dumps(f'runs/{folder.name}')}\n"
    write_atomic(config, text.replace("\nseed:", f"\n{head}seed:", 1))
    for file, copy in rewards.items():
        shutil.copyfile(file, copy)
    return _checked(config, (config, *sorted(rewards.values())), ())


def _check_new(folder: Path, files: Any) -> None:
    if folder.is_file():
        raise UserError(f"{folder} is a file; name a folder, which is made where there is none")
    there = [str(file.relative_to(folder)) for file in files if file.exists()]
    if there:
        raise UserError(f"{folder} has {', '.join(there)} already, and nothing is overwritten; name another folder")


def _found(task: Task) -> Mapping[Any, int]:
    source = task.source
    if source.found is None:
        return {split: len(task.rows(split)) for split in SPLITS}
    return source.found


def _has_grammar(draft: Config) -> bool:
    """Whether the offline proposer has parts for this task."""
    try:
        load_proposer(draft).check(first_request(draft))
    except UserError:
        return False
    return True


def _on_this_machine(name: str) -> str:
    """The absolute path of what is on this machine; anything else, such as an id of the hub, as it is."""
    local = Path(name).expanduser()
    return str(local.resolve()) if local.exists() else name


def _is_chat(model: str) -> bool:
    """Whether the policy has a chat template; of a model of the hub it is taken for granted."""
    folder = Path(model).expanduser()
    settings = folder / "tokenizer_config.json"
    if not settings.is_file():
        return not (folder / "config.json").is_file()
    return (folder / "chat_template.jinja").is_file() or "chat_template" in settings.read_text(encoding="utf-8")


def _checked(config: Path, files: tuple[Path, ...], guesses: tuple[str, ...]) -> Started:
    try:
        warnings = check(load_config(config))
    except RewardSearchError as error:
        return Started(config, files, guesses, tuple(str(error).splitlines()))
    return Started(config, files, guesses, (), warnings)


def shown_path(path: Path) -> str:
    """The path as the user would type it here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _lines(section: Mapping[str, Any], guess: Guess) -> list[tuple[str, str, list[str]]]:
    """Key, YAML and guesses of each key of the section."""
    reasons: dict[str, list[str]] = {}
    for reason in guess.reasons:
        reasons.setdefault(reason.key, []).append(f"guess: {reason.value} ({reason.why}); {reason.otherwise}")
    return [(key, _yaml(value), reasons.get(key, [])) for key, value in section.items()]


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_scalar(each)}' for key, each in value.items())}}}"
    return _scalar(str(value))


def _scalar(text: str) -> str:
    """A text in YAML, quoted where YAML could take it for something else."""
    plain = _PLAIN.fullmatch(text) and text == text.strip() and text.casefold() not in _YAML_WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


def _render(values: Mapping[str, Any]) -> str:
    environment = Environment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False
    )
    environment.filters["quoted"] = _scalar
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8")).render(**values)
