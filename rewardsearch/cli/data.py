"""`rewardsearch data`: the rows that a search would have, before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from rewardsearch.tasks.datasheet import DataSheet, SplitSheet


def data(
    config: Annotated[str, typer.Argument(metavar="CONFIG", help="A YAML config, such as configs/resume-demo.yaml.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Override, such as task.data=hires.csv. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Show the rows of each split and what was left out.

    Warns where a split has fewer rows than the config asks for. Ends with exit code 2 where a search cannot use the rows.
    """
    from rewardsearch.cli.tables import make_console, print_json
    from rewardsearch.config import load_config
    from rewardsearch.tasks import load_task
    from rewardsearch.tasks.datasheet import check_rows, datasheet

    settings = load_config(config, set_ or [])
    task = load_task(settings.task)
    sheet = datasheet(task, settings)
    if as_json:
        print_json(sheet.model_dump(mode="json"))
    else:
        _print(sheet, make_console())
    check_rows(task, settings)


def _print(sheet: DataSheet, console: Console) -> None:
    from rewardsearch.cli.tables import print_lines, print_table

    print_lines(console, f"{sheet.task}: {sheet.source}")
    for name, count in sheet.read.items():
        print_lines(console, f"read: {count:,} rows of {name}")
    for reason, count in sheet.left_out.items():
        print_lines(console, f"left out: {count:,}, {reason}")
    print_lines(console, "")
    texts = list(dict.fromkeys(name for each in sheet.splits for name in each.words))
    baselines = list(dict.fromkeys(name for each in sheet.splits for name in each.baselines))
    headers = ["split", "rows", *_class_headers(sheet), *sheet.splits[0].shares, *(f"words/{name}" for name in texts)]
    headers += [header for name in baselines for header in (f"{name} acc.", f"{name} macro F1")]
    print_table(console, headers, [_cells(sheet, each, texts, baselines) for each in sheet.splits], left=("split",))
    if baselines:
        meaning = "a heuristic without a model, fitted to train; the test is sealed until finalize"
        print_lines(console, f"{', '.join(baselines)}: {meaning}")
    print_lines(console, *(f"note: {note}" for note in sheet.notes), *(f"warning: {each}" for each in sheet.warnings))
    if sheet.example is not None:
        row = sheet.example.row
        print_lines(console, "", f"answers of train: {', '.join(sheet.answers)}", f"a row of train, {row.id}:")
        print_lines(console, *(f"  {line}" for line in row.prompt_text.strip().split("\n")))
        for attribute, group in row.groups.items():
            print_lines(console, f"  (group, for the fairness table alone) {attribute}: {group}")
        print_lines(console, "what supervised fine-tuning teaches for it:", f"  {sheet.example.completion}")


def _class_headers(sheet: DataSheet) -> list[str]:
    return ["found", sheet.classes[0], "balanced"] if sheet.classes else []


def _cells(sheet: DataSheet, each: SplitSheet, texts: list[str], baselines: list[str]) -> list[str]:
    from rewardsearch.cli.tables import number, percent

    cells = [each.split, f"{each.rows:,}"]
    if sheet.classes:
        cells += [f"{each.found:,}", percent(each.share), percent(each.balanced_share)]
    cells += [percent(share) for share in each.shares.values()]
    cells += [number(each.words.get(name), 0) for name in texts]
    for name in baselines:
        score = each.baselines.get(name)
        cells += [number(score.accuracy if score else None), number(score.macro_f1 if score else None)]
    return cells
