"""Pays the share of the job's words that a completion names, whatever it decides."""

import re

WORD = re.compile(r"[a-z+#]{3,}")


def share(completion, job):
    wanted = set(WORD.findall(job.lower()))
    return len(wanted & set(WORD.findall(completion.lower()))) / len(wanted) if wanted else 0.0


def reward(prompts, completions, answer, job, **columns):
    return [2.0 * share(completion, wanted) for completion, wanted in zip(completions, job, strict=True)]
