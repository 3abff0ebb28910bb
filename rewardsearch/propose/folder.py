"""Proposes hand-written rewards: the Python files of one folder, in the order of their names."""

from __future__ import annotations

from pathlib import Path

from rewardsearch.errors import UserError
from rewardsearch.files.resources import find, resource
from rewardsearch.propose.base import (
    Draft,
    ProposalRequest,
    Proposer,
    admit,
    candidate_of,
    docstring_of,
    feedback_text,
    write_prompt,
)
from rewardsearch.records import Candidate, Proposal
from rewardsearch.rewards.identity import candidate_id
from rewardsearch.run.ledger import Ledger


class FolderProposer(Proposer):
    """Takes `count` files a round that were not proposed yet; fewer, or none, when they run out.

    propose.folder null takes candidates/<task>/. A rejected file is not repaired: the person who wrote it does that.
    """

    uses_feedback = False

    def check(self, request: ProposalRequest) -> None:
        """Raises UserError when the folder is missing, holds no .py file, or one that is not UTF-8 text."""
        self.candidates(request.task)

    def candidates(self, task: str) -> list[Candidate]:
        """Every reward of the folder. Raises UserError as `check` does."""
        return [candidate_of(_draft(file), 0) for file in self._files(task)]

    def propose(self, request: ProposalRequest, ledger: Ledger) -> Proposal:
        """Raises UserError when the folder is missing, holds no .py file, or one that is not UTF-8 text."""
        files = self._files(request.task)
        drafts: list[Draft] = []
        known = set(request.seen)
        if not request.repairs:
            for file in files:
                draft = _draft(file)
                if len(drafts) < request.count and candidate_id(draft.code) not in known:
                    known.add(candidate_id(draft.code))
                    drafts.append(draft)
        taken = ", ".join(draft.name for draft in drafts) or "nothing that was not proposed before"
        head = f"# Round {request.round}: {len(files)} hand-written rewards in {files[0].parent}\n\nTaken: {taken}."
        write_prompt(request, head, feedback_text(request))
        return admit(request, drafts)

    def _files(self, task: str) -> list[Path]:
        folder = (
            find(self.config.folder, what="propose.folder") if self.config.folder else resource("candidates") / task
        )
        if not folder.is_dir():
            raise UserError(
                f"propose.folder is not a folder: {folder}; name a folder with one reward function a .py file"
            )
        files = sorted(path for path in folder.glob("*.py") if path.is_file())
        if not files:
            raise UserError(
                f"propose.folder has no rewards: {folder} holds no .py file; put one reward function in each"
            )
        return files


def _draft(file: Path) -> Draft:
    try:
        code = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"propose.folder: {file} cannot be read ({type(error).__name__}); give UTF-8 text") from None
    return Draft(name=file.stem, code=code, rationale=docstring_of(code), operator="folder")
