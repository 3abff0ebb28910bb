"""`rewardsearch adapt`: a reward that was written for another trainer, in our contract."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rewardsearch.cli.options import JsonOption
from rewardsearch.cli.tables import print_json, write_messages

if TYPE_CHECKING:
    from rewardsearch.rewards.adapt import Adapted, NotAdapted


def adapt(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A reward file or a training script.")],
    function: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A reward of the file. Repeatable. [default: those that it trains with]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", metavar="NEW", help="Write the reward to this file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Turn a reward of another trainer into one of ours.

    Reads rewards of TRL, open-r1, Unsloth, verl, ms-swift, verifiers and OpenRLHF. Prints the new file; what was recognised and
    done goes to standard error. Ends with exit code 4 when a line must be changed by hand.
    """
    from rewardsearch.errors import UserError
    from rewardsearch.files import write_atomic
    from rewardsearch.rewards.adapt import Adapted
    from rewardsearch.rewards.adapt import adapt as adapted
    from rewardsearch.session.validating import read_reward

    if file.suffix == ".ipynb":
        script = f"jupyter nbconvert --to script {shlex.quote(str(file))}"
        raise UserError(f"{file} is a notebook, not a Python file; convert it first: {script}")
    found = adapted(read_reward(file).code, function or ())
    if isinstance(found, Adapted) and out is not None:
        try:
            write_atomic(out, f"{found.code}\n")
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise UserError(f"cannot write {out}: {error.strerror}; name a file in a folder with -o") from None
    if as_json:
        print_json({"file": str(file), **_document(found)})
    else:
        if isinstance(found, Adapted) and out is None:
            sys.stdout.write(f"{found.code}\n")
        write_messages(*_messages(found, file, out))
    if not isinstance(found, Adapted):
        raise typer.Exit(4)


def _document(found: Adapted | NotAdapted) -> dict[str, Any]:
    from rewardsearch.rewards.adapt import Adapted

    trainer = found.convention.key if found.convention else None
    if isinstance(found, Adapted):
        fields = {"functions": found.functions, "notes": found.notes, "code": found.code}
        return {"adapted": True, "trainer": trainer, **fields, "refused": []}
    refused = [{"line": fault.line, "what": fault.what, "instead": fault.instead} for fault in found.faults]
    return {
        "adapted": False,
        "trainer": trainer,
        "functions": found.possible,
        "notes": [],
        "code": None,
        "refused": refused,
    }


def _messages(found: Adapted | NotAdapted, file: Path, out: Path | None) -> Iterator[str]:
    from rewardsearch.rewards.adapt import CONTRACT, Adapted

    if isinstance(found, Adapted):
        if found.convention is CONTRACT:
            yield f"{file}: needs no change"
        else:
            yield f"{file}: written for {found.convention.label}; rewards: {', '.join(found.functions)}"
        yield from (f"  {note}" for note in found.notes)
        if out is not None:
            yield f"wrote {out}"
        validated = shlex.quote(str(out)) if out is not None else f"--adapt {shlex.quote(str(file))}"
        yield f"validate it: rewardsearch validate {validated}"
    else:
        yield from (f"{file}: {fault}" for fault in found.faults)
        if found.possible:
            chosen = " ".join(f"--function {name}" for name in found.possible)
            yield f"without these: rewardsearch adapt {shlex.quote(str(file))} {chosen}"
