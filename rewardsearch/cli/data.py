"""`rewardsearch data`: the rows that a search would use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rewardsearch.cli.options import ConfigArgument, JsonOption, SetOption, settings_of
from rewardsearch.cli.tables import make_console, print_json, print_lines, print_table, write_messages
from rewardsearch.files.numbers import number, percent

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.records import Row
    from rewardsearch.tasks.datasheet import DataSheet

_LONGEST = 120
"""Signs of a completion or an answer that are shown."""


def data(config: ConfigArgument, set_: SetOption = None, as_json: JsonOption = False) -> None:
    """Show the rows of each split and what was left out.

    Then one prompt, and how completions of it are judged.

    Warns when a split has fewer rows than the config asks for. Ends with exit code 2 when a search cannot use the rows.
    """
    from rewardsearch.run.policy_files import chat_template
    from rewardsearch.tasks import load_task_or_sample
    from rewardsearch.tasks.datasheet import check_rows, datasheet

    settings = settings_of(config, set_)
    task, problem = load_task_or_sample(settings.task)
    if problem is not None:
        write_messages(
            f"warning: these rows are the sample that comes with the package: {problem}; a search would stop"
        )
    sheet = datasheet(task, settings)
    # None: the model's files are not here.
    template = chat_template(settings.policy)
    if as_json:
        print_json({**sheet.model_dump(mode="json"), "chat_template": template})
    else:
        _print(sheet, make_console(), plain=template is False)
    check_rows(task, settings)


def _print(sheet: DataSheet, console: Console, plain: bool) -> None:
    print_lines(console, f"{sheet.task}: {sheet.source}")
    for name, count in sheet.read.items():
        print_lines(console, f"read: {count:,} rows of {name}")
    for reason, count in sheet.left_out.items():
        print_lines(console, f"left out: {count:,}, {reason}")
    print_lines(console, "")
    print_table(
        console,
        ("", *(each.split for each in sheet.splits), "meaning"),
        list(_measures(sheet)),
        wrap={"meaning": 20},
    )
    print_lines(console, *(f"note: {note}" for note in sheet.notes), *(f"warning: {each}" for each in sheet.warnings))
    if sheet.example is not None:
        row = sheet.example.row
        answers = ", ".join(map(_cut, sheet.answers))
        print_lines(console, "", f"first answers of train: {answers}", f"a row of train, {row.id}:")
        if plain and not isinstance(row.prompt, str):
            print_lines(console, "note: the model has no chat template, so it gets messages as plain text:")
        print_lines(console, *(f"  {line}" for line in _prompt(row, plain).strip().split("\n")))
        for attribute, group in row.groups.items():
            print_lines(console, f"  (group, used only for the fairness table) {attribute}: {group}")
        print_lines(console, "completions of a row that rewards are validated on, as the task judges them:")
        for each in sheet.labelled:
            print_lines(console, f"  {each.judged:8}  {_cut(each.completion)}", hang=12)
        print_lines(console, "what supervised fine-tuning teaches for it:")
        print_lines(console, *(f"  {line}" for line in sheet.example.completion.split("\n")))


def _prompt(row: Row, plain: bool) -> str:
    """The prompt as the policy gets it; chat messages with their roles where it has a chat template."""
    if plain or isinstance(row.prompt, str):
        return row.plain_prompt
    return "\n".join(f"[{message['role']}] {message['content']}" for message in row.prompt)


def _cut(text: str) -> str:
    """A text in one line, its middle left out where it is long."""
    line = text.replace("\n", "\\n") or "(nothing)"
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST // 2]} .. {line[-_LONGEST // 2 :]}"


def _measures(sheet: DataSheet) -> Iterator[tuple[str, ...]]:
    """One row per measure: its name, its value for each split, its meaning."""
    splits = sheet.splits
    yield ("rows", *(f"{each.rows:,}" for each in splits), "rows that a search uses")
    if sheet.classes is not None:
        positive = [sheet.classes[0]] if splits[0].share is not None else sheet.classes
        yield ("found", *(f"{each.found:,}" for each in splits), "rows in the data, before sizes and balancing")
        for name in positive:
            yield (name, *(percent(each.classes.get(name)) for each in splits), f"share of {name} in the data")
        if any(each.balanced_share != each.share for each in splits):
            balanced = (percent(each.balanced_share) for each in splits)
            yield ("balanced", *balanced, f"share of {sheet.classes[0]} in the rows used")
    for name in dict.fromkeys(name for each in splits for name in each.shares):
        yield (name, *(percent(each.shares.get(name)) for each in splits), "a share that the task reports")
    for name in dict.fromkeys(name for each in splits for name in each.words):
        yield (f"words/{name}", *(number(each.words.get(name), 0) for each in splits), "median number of words")
    for name in dict.fromkeys(name for each in splits for name in each.baselines):
        scores = [each.baselines.get(name) for each in splits]
        fitted = "of a heuristic without a model, fitted to train; the test stays sealed"
        yield (f"{name} accuracy", *(number(score.accuracy if score else None) for score in scores), fitted)
        yield (f"{name} macro F1", *(number(score.macro_f1 if score else None) for score in scores), fitted)
