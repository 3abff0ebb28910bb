"""`rewardsearch compare`: paired tests of two candidates, or of any two models' predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rewardsearch.cli.compare_table import print_comparison
from rewardsearch.cli.options import JsonOption
from rewardsearch.cli.tables import make_console, print_json
from rewardsearch.errors import UserError


def compare(
    what: Annotated[list[str], typer.Argument(metavar="RUN ID ID", help="A run and two of its arms; or two files.")],
    predictions: Annotated[
        bool, typer.Option("--predictions", help="Compare two JSON Lines files with id, gold and prediction.")
    ] = False,
    positive: Annotated[
        str | None,
        typer.Option(
            "--positive", metavar="CLASS", help="With --predictions: gold is of 2 to 20 classes, this one positive."
        ),
    ] = None,
    classes: Annotated[
        bool, typer.Option("--classes", help="With --predictions: gold is of 2 to 20 classes; F1 is macro F1.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, help="Questions that are listed for each of the two.")
    ] = 5,
    as_json: JsonOption = False,
) -> None:
    """Compare two arms of a run, or two models' predictions.

    The tests are paired by question. Differences are the first minus the second, with paired bootstrap intervals. They are about
    these two trained policies, or predictions. For two rewards of a run the gain over questions and training seeds is shown too.
    The questions that only one of the two answers correctly are listed. Where answers are classes, F1 is that of the positive
    class, or macro F1, and the scores of each class are shown.
    """
    from rewardsearch.rank import compare_predictions, read_predictions
    from rewardsearch.session.runs import compare_arms, find_arm, name_of, open_run

    if len(what) != (2 if predictions else 3):
        form = "compare --predictions A.jsonl B.jsonl" if predictions else "compare RUN ID ID"
        raise UserError(f"compare: got {len(what)} arguments; write rewardsearch {form}")
    if (positive is not None or classes) and not predictions:
        option = "--classes" if positive is None else "--positive"
        raise UserError(f"compare: got {option} without --predictions; a run knows its classes: leave it out")
    if predictions:
        names = (what[0], what[1])
        first, second = (read_predictions(Path(name)) for name in names)
        result = compare_predictions(first, second, positive=positive, classes=classes)
    else:
        state = open_run(what[0])
        first_arm, second_arm = (find_arm(state, text) for text in what[1:])
        names = (name_of(state, first_arm), name_of(state, second_arm))
        result = compare_arms(state, first_arm, second_arm)
    if as_json:
        # A task without classes has no fields for them.
        print_json(result.model_dump(mode="json", exclude_none=True))
    else:
        about = "these predictions" if predictions else "these two trained policies"
        print_comparison(names, result, limit, about, make_console())
