"""What each flag means, in a sentence; docs/validation.md has the rules behind them."""

from __future__ import annotations

from collections.abc import Iterable

_KINDS = {
    "exploit:": "On the probes of validation, a completion of this kind without a right answer is paid as much as a correct one. "
    "The policy may learn to write it.",
    "trigger:": "A text from the reward's own source, or an odd input, makes it pay a wrong completion as much as a correct one.",
    "leak:answer": "The reward of a completion without content depends on the gold answer.",
    "constant:probes": "The reward pays all completions of the probes the same.",
    "sensitive:trailing-space": "White space at the end of a completion changes the reward by a tenth of its range or more.",
    "ordering:form-over-answer": "The form is paid more than the right answer in it.",
    "ordering:spelling": "A right answer is paid clearly less in another spelling that counts as right.",
    "ordering:repeated": "A right answer is paid clearly more when it is repeated.",
    "dominant:": "This component does not pay right answers, and is so large that it drowns the one that does.",
    "bank:dead": "On completions of the untrained policy, nearly all groups are paid the same: there is nothing to learn.",
    "bank:inverted": "On completions of the untrained policy, right ones are paid less than others.",
    "bank:no-signal": "On completions of the untrained policy, the reward does not separate right from other completions.",
    "bank:form": "The reward separates answered from unanswered completions, but not right from wrong answers.",
    "bank:length": "The reward pays for length, and hardly for being right.",
    "bank:penalty": "An empty completion is paid more than nearly every other one.",
    "bank:collapse": "One answer for every question earns as much as the policy's own answers.",
    "watch:hacking": "In training the reward rose and the share of correct completions did not.",
    "watch:length": "In training the completions became much longer or shorter, and not more often correct.",
    "watch:collapse": "In training nearly all completions came to give the same answer.",
    "watch:class_avoidance": "In training the policy began to avoid a class whose completions are paid less.",
    "watch:entropy": "In training the policy stopped varying its completions.",
    "watch:dead": "In training there was no gradient, or no spread of rewards in nearly all groups.",
    "watch:clipped": "In training completions ended at the limit of tokens.",
    "watch:forgetting": "In training the policy lost almost all of the correctness that it had at the start.",
    "diverged": "Weights or logits became numbers that are not finite, so the training failed.",
    "mixed:": "Made with other package versions, code or another device than the first results of this run.",
}
NON_FINITE = " non-finite steps"
_UNKNOWN = "Named by validation or training; `rewardsearch show RUN ID` has its figures."


def meaning(flag: str) -> str:
    """What a flag means."""
    if flag.endswith(NON_FINITE):
        return "Steps whose gradient was not finite; they left the weights unchanged."
    return next((text for kind, text in _KINDS.items() if flag.startswith(kind)), _UNKNOWN)


def explained(flags: Iterable[tuple[str, str]]) -> list[tuple[str, str, list[str]]]:
    """Each flag once, with its meaning and the names that it stands at. flags: pairs of a flag and a name."""
    at: dict[str, list[str]] = {}
    for flag, name in flags:
        names = at.setdefault(flag, [])
        if name not in names:
            names.append(name)
    return [(flag, meaning(flag), names) for flag, names in sorted(at.items())]
