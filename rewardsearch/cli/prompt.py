"""`rewardsearch prompt`: the prompt that a language model would get."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rewardsearch.cli.options import ConfigArgument, JsonOption, SetOption, settings_of
from rewardsearch.cli.tables import print_json, write_messages
from rewardsearch.errors import UserError

if TYPE_CHECKING:
    from rewardsearch.records import Operator


def prompt(
    config: ConfigArgument,
    operator: Annotated[
        str, typer.Option(metavar="NAME", help="The move: fresh, mutate, crossover, simplify or repair.")
    ] = "fresh",
    run: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="The run whose next round the prompt is for. [default: a first round]"),
    ] = None,
    set_: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the exact prompt that a language model would get. Sends nothing."""
    from rewardsearch.propose import preview
    from rewardsearch.run.account import Account
    from rewardsearch.session.requests import first_request, next_request
    from rewardsearch.session.runs import open_run

    settings = settings_of(config, set_)
    move = _operator(operator)
    if run is None:
        request, account = first_request(settings, examples=True), Account()
    else:
        state = open_run(run)
        request, account = next_request(state, settings, repairing=move == "repair"), state.account
    shown = preview(request, settings.propose, move, account)
    if as_json:
        print_json(
            {
                **shown.request.model_dump(mode="json"),
                "round": request.round,
                "tokens": shown.prompt.tokens,
                "cut": list(shown.prompt.cut),
                "system": shown.prompt.system,
                "user": shown.prompt.user,
                "request": shown.body,
            }
        )
        return
    if settings.propose.proposer != "llm":
        write_messages(
            f"propose.proposer is {settings.propose.proposer}, which asks no server; this is the prompt that llm would send"
        )
    cut = f", left out because of the length: {', '.join(shown.prompt.cut)}" if shown.prompt.cut else ""
    write_messages(
        f"round {request.round}, {shown.request.move}, "
        f"to {shown.request.model}, about {shown.prompt.tokens} tokens of {settings.propose.prompt_tokens}{cut}"
    )
    sys.stdout.write(f"## System\n\n{shown.prompt.system.strip()}\n\n## User\n\n{shown.prompt.user.strip()}\n")


def _operator(text: str) -> Operator:
    """The move of that name. Raises UserError for an unknown name."""
    from rewardsearch.propose import MOVES

    allowed: tuple[Operator, ...] = (*MOVES, "repair")
    for move in allowed:
        if move == text:
            return move
    raise UserError(f"--operator: got {text!r}, allowed: {', '.join(allowed)}")
