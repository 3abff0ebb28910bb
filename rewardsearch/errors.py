"""The errors that end a command, each with the exit code that users script against.

A failing candidate, a refused request or a torn journal line is data and appears in records, not here.
"""

from __future__ import annotations


class RewardSearchError(Exception):
    """Base of the errors that the command line shows in one line each. `exit_code` is the process's exit status."""

    exit_code = 1


class UserError(RewardSearchError):
    """The user's mistake: what was wrong, the value found, what is allowed, what to do. Several mistakes are reported at once."""

    exit_code = 2

    def __init__(self, *mistakes: str) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class BudgetReached(RewardSearchError):
    """A budget (rounds aside) is used up; everything computed so far is kept."""

    exit_code = 3


class NothingAccepted(RewardSearchError):
    """There is nothing to choose from: no candidate passed validation and training, or too little is answered right."""

    exit_code = 4


class Interrupted(RewardSearchError):
    """Ctrl-C or the STOP file ended the command; the same command resumes."""

    exit_code = 130


class MachineError(RewardSearchError):
    """An infrastructure error (a worker died again and again, a disk is full): never a candidate's fault, never a score."""
