"""Flags of validation, ranking and training: each in a few words, for tables, and in a sentence.

docs/validation.md has the rules behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class FlagText(NamedTuple):
    """words: of a kind, those before the names of its flags."""

    words: str
    meaning: str


FLAGS = {
    "exploit:": FlagText(
        "pays",
        "On the probes of validation, a completion of this kind without a right answer is paid as much as a "
        "correct one. The policy may learn to write it.",
    ),
    "trigger:": FlagText(
        "trick:",
        "A text from the reward's own source, or an odd input, makes it pay a wrong completion as much as a "
        "correct one.",
    ),
    "leak:answer": FlagText("leaks answers", "The reward of a completion without content depends on the gold answer."),
    "constant:probes": FlagText("constant", "The reward pays all completions of the probes the same."),
    "constant:group": FlagText(
        "same in a group",
        "The reward reads only measured columns that are the same for all completions of a group: nothing can be learnt from it.",
    ),
    "sensitive:trailing-space": FlagText(
        "space matters", "White space at the end of a completion changes the reward by a tenth of its range or more."
    ),
    "ordering:form-over-answer": FlagText("pays form first", "The form is paid more than the right answer in it."),
    "ordering:spelling": FlagText(
        "one spelling", "A right answer is paid clearly less in another spelling that counts as right."
    ),
    "ordering:repeated": FlagText("pays repeats", "A right answer is paid clearly more when it is repeated."),
    "dominant:": FlagText(
        "dominant:", "This component does not pay right answers, and is so large that it drowns the one that does."
    ),
    "bank:dead": FlagText(
        "pays all alike",
        "On completions of the untrained policy, nearly all groups are paid the same: there is nothing to learn.",
    ),
    "bank:inverted": FlagText(
        "pays wrong more", "On completions of the untrained policy, right ones are paid less than others."
    ),
    "bank:no-signal": FlagText(
        "no signal",
        "On completions of the untrained policy, the reward does not separate right from other completions.",
    ),
    "bank:form": FlagText(
        "pays form alone",
        "The reward separates answered from unanswered completions, but not right from wrong answers.",
    ),
    "bank:length": FlagText("pays length", "The reward pays for length, and hardly for being right."),
    "bank:penalty": FlagText("pays silence", "An empty completion is paid more than nearly every other one."),
    "bank:collapse": FlagText(
        "pays one class", "One answer for every question earns as much as the policy's own answers."
    ),
    "watch:hacking": FlagText(
        "reward hacking", "In training the reward rose and the share of correct completions did not."
    ),
    "watch:length": FlagText(
        "length drifted", "In training the completions became much longer or shorter, and not more often correct."
    ),
    "watch:collapse": FlagText("one answer", "In training nearly all completions came to give the same answer."),
    "watch:class_avoidance": FlagText(
        "avoids a class", "In training the policy began to avoid a class whose completions are paid less."
    ),
    "watch:embedding_collapse": FlagText(
        "texts alike",
        "In training the policy came to embed texts of different rows alike, and did not find the right one more often.",
    ),
    "watch:entropy": FlagText("stopped varying", "In training the policy stopped varying its completions."),
    "watch:dead": FlagText(
        "no gradient", "In training there was no gradient, or no spread of rewards in nearly all groups."
    ),
    "watch:clipped": FlagText("cut off", "In training completions ended at the limit of tokens."),
    "watch:forgetting": FlagText(
        "forgot", "In training the policy lost almost all of the correctness that it had at the start."
    ),
    "diverged": FlagText("diverged", "Weights or logits became numbers that are not finite, so the training failed."),
    "mixed:": FlagText(
        "mixed:", "Made with other package versions, code or another device than the first results of this run."
    ),
    "refused:": FlagText(
        "refused:", "Validation refused this reward at this stage; it is trained as a reference all the same."
    ),
}
"""By flag; what ends in a colon is a kind, whose flags have a name behind it."""


def flag_words(flags: Sequence[str], shown: int = 2) -> str:
    """Such as "pays empty, tags +4; reward hacking". shown: names of one kind that are spelled out."""
    phrases: list[str] = []
    names: dict[str, list[str]] = {}
    for flag in flags:
        kind, colon, name = flag.partition(":")
        if flag not in FLAGS and kind + colon in FLAGS and name:
            names.setdefault(kind + colon, []).append(name)
        else:
            phrases.append(FLAGS[flag].words if flag in FLAGS else flag)
    for kind, found in names.items():
        more = f" +{len(found) - shown}" if len(found) > shown else ""
        phrases.append(f"{FLAGS[kind].words} {', '.join(found[:shown])}{more}")
    return "; ".join(phrases)
