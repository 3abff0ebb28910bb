"""The generated support requests, and the policy that the package carries for them."""

from __future__ import annotations

import itertools

import pytest
import torch

from rewardsearch.config import PolicyConfig
from rewardsearch.embedded.support import STYLES, prompt_of, target
from rewardsearch.tasks.base import SPLITS
from rewardsearch.tasks.contrast.support import CLEAR, KINDS, NEAR, Request, rationale, stream, vague
from rewardsearch.tasks.contrast.support_words import SUBJECTS
from rewardsearch.train.engines.trl.policy import Policy, load_policy


@pytest.fixture(scope="module")
def requests() -> dict[str, list[Request]]:
    return {split: list(itertools.islice(stream(split, 3), 2000)) for split in SPLITS}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(PolicyConfig(model="embedded-support", device="cpu"))


def test_no_text_is_in_two_splits_or_twice_in_one(requests: dict[str, list[Request]]) -> None:
    texts = [request.text for drawn in requests.values() for request in drawn]
    assert len(set(texts)) == len(texts) == 6000


def test_the_seed_fixes_the_requests_and_their_order(requests: dict[str, list[Request]]) -> None:
    assert list(itertools.islice(stream("val", 3), 50)) == requests["val"][:50]
    assert list(itertools.islice(stream("val", 4), 50)) != requests["val"][:50]


def test_near_intents_are_near_each_other_and_about_subjects_of_one_kind() -> None:
    assert set(NEAR) == set(CLEAR) == set(KINDS)
    for intent, others in NEAR.items():
        assert others and intent not in others
        assert all(intent in NEAR[other] and KINDS[other] == KINDS[intent] for other in others)


def test_every_split_has_nearly_all_meanings(requests: dict[str, list[Request]]) -> None:
    meanings = {f"{intent} {subject}" for intent, kind in KINDS.items() for subject in SUBJECTS[kind]}
    for drawn in requests.values():
        found = {request.meaning for request in drawn}
        assert found <= meanings and len(found) > 0.95 * len(meanings)


def test_a_text_has_one_meaning_and_a_clear_rationale_gives_it(requests: dict[str, list[Request]]) -> None:
    drawn = [request for split in requests.values() for request in split]
    assert len({rationale(request) for request in drawn}) == len({request.meaning for request in drawn})
    assert len({vague(request) for request in drawn}) < 12
    assert all(not set(rationale(request).split()) & set(vague(request).split()) for request in drawn)


def test_bare_words_mislead(requests: dict[str, list[Request]]) -> None:
    """By shared words, the nearest of a positive and a near-duplicate is the near-duplicate about as often."""
    by_meaning: dict[str, list[set[str]]] = {}
    for request in requests["val"]:
        by_meaning.setdefault(request.meaning, []).append(set(request.text.split()))

    def shared(words: set[str], others: list[set[str]]) -> float:
        return max(len(words & other) / len(words | other) for other in others)

    misled = total = 0
    for request in requests["val"][:400]:
        words = set(request.text.split())
        same = [other for other in by_meaning[request.meaning] if other != words][:3]
        near = [
            other for intent in NEAR[request.intent] for other in by_meaning.get(f"{intent} {request.subject}", [])
        ][:3]
        if same and near:
            misled += shared(words, near) >= shared(words, same)
            total += 1
    assert misled > 0.35 * total > 100


def test_the_policy_knows_every_word_of_requests_and_rationales(
    policy: Policy, requests: dict[str, list[Request]]
) -> None:
    for request in requests["val"][:500]:
        for style in STYLES:
            text = prompt_of(request) + target(request, style)
            ids = policy.tokenizer(text)["input_ids"]
            assert policy.tokenizer.unk_token_id not in ids
            assert policy.tokenizer.decode(ids) == text
            assert len(ids) <= 48


def test_the_policy_closes_most_rationales_and_some_are_clear(
    policy: Policy, requests: dict[str, list[Request]]
) -> None:
    asked = requests["val"][:24]
    prompts = policy.tokenizer([prompt_of(each) for each in asked], return_tensors="pt", padding=True)
    width = prompts["input_ids"].shape[1]
    with torch.inference_mode():
        out = policy.base.generate(
            prompts["input_ids"], attention_mask=prompts["attention_mask"], max_new_tokens=20, do_sample=False
        )
    said = policy.tokenizer.batch_decode(out[:, width:], skip_special_tokens=True)
    closed = sum(text.startswith("<think>") and text.endswith("</think>") for text in said)
    clear = sum(text == target(each, "clear") for each, text in zip(asked, said, strict=True))
    assert closed > 10
    assert 4 < clear < 20
