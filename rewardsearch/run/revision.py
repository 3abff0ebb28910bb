"""The commit of a hub model's revision. A run keeps to it, since a branch on the hub may move while the run goes on."""

from __future__ import annotations

import re
from pathlib import Path

from rewardsearch.config import Config, PolicyConfig
from rewardsearch.run.journal import has_run, read_run
from rewardsearch.run.policy_files import on_hub
from rewardsearch.tasks.hub import hub_answers

_COMMIT = re.compile(r"[0-9a-f]{40}")
_WAIT_S = 10.0


def pinned(config: Config, folder: Path | None = None) -> Config:
    """`config` with policy.revision as its commit. Unchanged for a model in a folder, and where the commit is not known.

    The run in `folder` keeps its own commit once it is finalized, and where neither the hub nor its cache has one.
    """
    policy = config.policy
    if not on_hub(policy) or _COMMIT.fullmatch(policy.revision or ""):
        return config
    run = read_run(folder) if folder is not None and has_run(folder) else None
    known = run.config.policy.revision if run is not None and run.config.policy.model == policy.model else None
    commit = known if run is not None and run.final is not None else _commit(policy) or known
    return config.model_copy(update={"policy": policy.model_copy(update={"revision": commit or policy.revision})})


def _commit(policy: PolicyConfig) -> str | None:
    from huggingface_hub import HfApi, constants
    from huggingface_hub.file_download import repo_folder_name

    if hub_answers():
        try:
            return HfApi().model_info(policy.model, revision=policy.revision, timeout=_WAIT_S).sha
        except (OSError, ValueError):
            # Loading reports what is wrong; the model may be in the cache.
            pass
    repository = repo_folder_name(repo_id=policy.model, repo_type="model")
    ref = Path(constants.HF_HUB_CACHE) / repository / "refs" / (policy.revision or "main")
    return ref.read_text(encoding="utf-8").strip() if ref.is_file() else None
