"""The generated support requests, and the policy that the package carries for them."""

from __future__ import annotations

import itertools

import pytest

from rewardsearch.tasks.base import SPLITS
from rewardsearch.tasks.contrast.support import CLEAR, KINDS, NEAR, Request, rationale, stream, vague
from rewardsearch.tasks.contrast.support_words import SUBJECTS


@pytest.fixture(scope="module")
def requests() -> dict[str, list[Request]]:
    return {split: list(itertools.islice(stream(split, 3), 2000)) for split in SPLITS}


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


def test_every_split_has_every_meaning_several_times(requests: dict[str, list[Request]]) -> None:
    meanings = {f"{intent} {subject}" for intent, kind in KINDS.items() for subject in SUBJECTS[kind]}
    for drawn in requests.values():
        assert {request.meaning for request in drawn} == meanings


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
