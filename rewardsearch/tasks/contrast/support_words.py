"""The words of the support requests: what they are about, how each intent is worded, and what stands around it.

A frame holds the sentences of all intents of a group: `[lost|stolen]` is "lost" in those of the first intent and "stolen" in
those of the second. So two requests of near intents may share all words but one, and two of the same intent none.
"""

from __future__ import annotations

from dataclasses import dataclass

SUBJECTS: dict[str, dict[str, tuple[str, ...]]] = {
    "product": {
        "laptop": ("laptop", "notebook"),
        "phone": ("phone", "mobile"),
        "jacket": ("jacket", "coat"),
        "lamp": ("lamp", "light"),
        "chair": ("chair", "stool"),
        "camera": ("camera", "webcam"),
        "printer": ("printer", "plotter"),
        "bicycle": ("bicycle", "bike"),
        "kettle": ("kettle", "teapot"),
        "watch": ("watch", "clock"),
        "tent": ("tent", "shelter"),
        "sofa": ("sofa", "couch"),
    },
    "card": {
        "debit": ("debit", "current"),
        "credit": ("credit", "visa"),
        "travel": ("travel", "holiday"),
        "gift": ("gift", "voucher"),
        "student": ("student", "college"),
        "business": ("business", "company"),
        "family": ("family", "household"),
        "fuel": ("fuel", "petrol"),
    },
    "plan": {
        "music": ("music", "song"),
        "video": ("video", "film"),
        "news": ("news", "paper"),
        "storage": ("storage", "cloud"),
        "fitness": ("fitness", "gym"),
        "gaming": ("gaming", "game"),
        "meal": ("meal", "food"),
        "language": ("language", "speech"),
    },
}
"""What a request may be about, by kind, with the words that requests use for it."""


@dataclass(frozen=True)
class Group:
    """Near-duplicate intents about subjects of one kind, each with its clear words. `{it}` in a frame is the subject."""

    kind: str
    intents: dict[str, str]
    frames: tuple[str, ...]


GROUPS = (
    Group(
        "product",
        {"refund_missing": "refund overdue unpaid", "refund_wanted": "refund claim demand"},
        (
            "[where is|I want] the refund for my {it}",
            "I sent the {it} back and [no money came so far|expect my money for it]",
            "you [promised to|should please] pay back what I spent on the {it}",
            "the {it} went back [weeks ago but my account is empty|today so pay me out]",
            "that {it} disappoints me, [and the reimbursement never came|kindly reimburse me]",
            "[I wait to be reimbursed|please reimburse me] for that {it}",
        ),
    ),
    Group(
        "product",
        {"parcel_late": "delivery late delayed", "parcel_lost": "delivery lost vanished"},
        (
            "my {it} is [late|lost] in the post",
            "the parcel with the {it} [should have been here by now|was marked delivered but is not here]",
            "the courier [delays my {it} again and again|left my {it} with nobody]",
            "I [still wait for|never received] the {it} that you shipped",
            "tracking says the {it} [comes after the agreed day|came yet nothing is here]",
            "the delivery of the {it} [takes far too long|disappeared on its way]",
        ),
    ),
    Group(
        "product",
        {"item_broken": "item broken defect", "item_wrong": "item wrong mismatch"},
        (
            "my {it} came [damaged|in another colour]",
            "the {it} in the box [has a crack|is not what I chose]",
            "the model of the {it} [does not work|does not match]",
            "I opened the parcel and the {it} was [in pieces|some other type]",
            "you sent a [faulty|different] {it}",
            "this {it} is [in bad shape|for another person]",
        ),
    ),
    Group(
        "product",
        {"return_item": "return collect back", "swap_item": "swap replacement other"},
        (
            "I would like to [send back|trade] my {it}",
            "how do I [hand in|exchange] the {it}",
            "the {it} does not fit, [take it away|give me one more size]",
            "please [pick up|renew] the {it} that I got",
            "I changed my mind about the {it} and [do not keep it|prefer the bigger version]",
            "is there a [label to ship the {it} to you|way to turn the {it} into a new one]",
        ),
    ),
    Group(
        "product",
        {"order_cancel": "order cancel stop", "order_change": "order change edit"},
        (
            "please [withdraw|modify] my order of the {it}",
            "I ordered the {it} and [do not need it anymore|need another address on it]",
            "can I [undo|adjust] the purchase of the {it} before it ships",
            "[drop|correct] the {it} in my basket from today",
            "the order for the {it} has a mistake, [void it|fix it]",
            "the {it} has not left yet, so [forget about it|update the address]",
        ),
    ),
    Group(
        "product",
        {"charged_twice": "payment twice double", "charged_more": "payment excess high"},
        (
            "you billed me [two times|too much] for the {it}",
            "the bill for the {it} [appears again|is above the offer]",
            "my statement lists the {it} [on two lines|over the listed price]",
            "I paid for the {it} [and then paid again|more than the offer said]",
            "[a second sum|an extra fee] was taken with the {it}",
            "the invoice of the {it} [came as a duplicate|has a false total]",
        ),
    ),
    Group(
        "card",
        {"card_lost": "card lost mislaid", "card_stolen": "card stolen theft"},
        (
            "my {it} card is [nowhere|in the hands of a thief]",
            "I [cannot find|was robbed of] my {it} card",
            "in the train my {it} card [slipped|was pulled] out of my bag",
            "[I left|a thief has] my {it} card somewhere in town",
            "my wallet [is misplaced|was snatched] with the {it} card in it",
            "since today [I miss my {it} card|somebody ran off with my {it} card]",
        ),
    ),
    Group(
        "card",
        {"card_declined": "card declined rejected", "card_blocked": "card blocked locked"},
        (
            "my {it} card [did not go through|is frozen]",
            "the shop [refused|reported a ban on] my {it} card",
            "I could not pay, the {it} card [failed|is switched off]",
            "the terminal [says no to|says you suspended] the {it} card",
            "why [is a payment with my {it} card not taken|is my {it} card deactivated]",
            "after two tries the {it} card [bounced|got closed]",
        ),
    ),
    Group(
        "card",
        {"pin_forgotten": "pin forgotten recover", "pin_change": "pin change choose"},
        (
            "I [cannot recall|want to replace] the code of my {it} card",
            "the code for my {it} card [is gone from my mind|should be a new one]",
            "how can I [find|adjust] the number for the {it} card",
            "I [do not remember|would like to set] the secret digits of the {it} card",
            "please [remind me of|let me renew] the code on the {it} card",
            "my {it} card asks for a code that I [no longer know|no longer like]",
        ),
    ),
    Group(
        "plan",
        {"plan_cancel": "plan cancel end", "plan_pause": "plan pause hold"},
        (
            "[terminate|freeze] my {it} contract",
            "I want my {it} membership to [stop for good|rest for a month]",
            "I am away, [close|suspend] the {it} subscription",
            "I do not use the {it} service [and quit|this month]",
            "let my {it} contract [expire|sleep] now",
            "no more {it} bills [ever|until I am back]",
        ),
    ),
    Group(
        "plan",
        {"plan_upgrade": "plan upgrade raise", "plan_downgrade": "plan downgrade reduce"},
        (
            "move my {it} contract [up|down] a level",
            "I want [more|less] from the {it} subscription",
            "turn the {it} membership into the [premium|basic] package",
            "my {it} service is too [small|large] for me",
            "can I get the [bigger|smaller] {it} contract",
            "we need [extra|fewer] seats in the {it} service",
        ),
    ),
)

OPENERS: dict[str, str] = {
    "hello, ": "somebody greets us warmly before saying anything else",
    "hi, ": "short greeting came in from another visitor today",
    "dear team, ": "formal letter reached support and waits its turn",
    "good morning, ": "early message arrived while most people were asleep",
    "please help, ": "assistance seems needed here although details remain unclear",
    "sorry, ": "apologetic person wrote with visible regret and doubt",
    "excuse me, ": "interruption by polite guest who expects attention soon",
    "": "customer says something that our colleagues could read",
}
"""What a request may open with, and the words of a vague rationale, which only looks at that."""
CLOSERS = ("", " please", " thanks", " thank you", " best regards", " it is urgent", " can you help")
