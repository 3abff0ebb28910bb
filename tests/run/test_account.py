"""The account: what was sent and what it cost, as a fold of the journal's money events."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewardsearch.records import Usage, total
from rewardsearch.run.account import Account
from rewardsearch.run.events import Adapted, MoneyEvent, Received, RequestFailed, Sent

BOUND = Usage(requests=1, prompt_tokens=100, completion_tokens=50, dollars=0.25)
PAID = Usage(requests=1, prompt_tokens=40, completion_tokens=5, dollars=0.125)


def sent(request: str = "1/0/1/1", send: int = 1, fingerprint: str = "mark", bound: Usage = BOUND) -> Sent:
    return Sent(request=request, send=send, model="m", fingerprint=fingerprint, bound=bound)


def received(request: str = "1/0/1/1", send: int = 1, usage: Usage = PAID) -> Received:
    return Received(request=request, send=send, usage=usage)


def request_failed(maybe_billed: bool, request: str = "1/0/1/1", send: int = 1) -> RequestFailed:
    return RequestFailed(request=request, send=send, reason="no", maybe_billed=maybe_billed)


def account_of(*events: MoneyEvent) -> Account:
    account = Account()
    for event in events:
        account.apply(event)
    return account


@pytest.mark.parametrize(
    ("end", "usage", "unconfirmed"),
    [
        ([], Usage(), BOUND),
        ([received()], PAID, Usage()),
        ([request_failed(maybe_billed=False)], Usage(), Usage()),
        ([request_failed(maybe_billed=True)], Usage(), BOUND),
    ],
    ids=["in flight", "received", "refused", "lost"],
)
def test_a_request_counts_at_its_most_until_its_end_is_known(
    end: list[MoneyEvent], usage: Usage, unconfirmed: Usage
) -> None:
    account = account_of(sent(), *end)
    assert (account.usage, account.unconfirmed) == (usage, unconfirmed)


def test_a_reply_that_is_found_after_its_sending_was_given_up_is_paid_for_and_no_longer_uncertain() -> None:
    account = account_of(sent(), request_failed(maybe_billed=True), received())
    assert (account.usage, account.unconfirmed) == (PAID, Usage())


def test_each_sending_of_a_request_has_an_end_of_its_own() -> None:
    account = account_of(sent(), request_failed(maybe_billed=True), sent(send=2, fingerprint="other"), received(send=2))
    assert (account.usage, account.unconfirmed) == (PAID, BOUND)
    assert account.sends("1/0/1/1") == 2
    assert account.fingerprints("1/0/1/1") == {"mark", "other"}


def test_booking_a_reply_twice_counts_it_once() -> None:
    assert account_of(sent(), received(), received()).usage == PAID


def test_what_a_part_of_the_run_has_cost_goes_by_whole_names() -> None:
    names = ["1/0/1/1", "1/0/1/2", "1/0/11/1", "1/1/1/1", "11/0/1/1"]
    account = account_of(*map(sent, names), *map(received, names))
    counts = {prefix: account.under(prefix).requests for prefix in ("1/0/1/", "1/0/", "1/", "")}
    assert counts == {"1/0/1/": 2, "1/0/": 3, "1/": 4, "": 5}


def test_a_requests_sends_and_marks_are_not_anothers() -> None:
    account = account_of(sent("1/0/1/1"), sent("1/0/11/1", fingerprint="other"))
    assert (account.sends("1/0/1/1"), account.fingerprints("1/0/1/1")) == (1, {"mark"})
    assert (account.sends("1/0/2/1"), account.fingerprints("1/0/2/1")) == (0, set())


def test_what_servers_refuse_is_kept_by_server_in_the_order_it_was_found() -> None:
    events = [
        Adapted(server=server, change=change, reason="no")
        for server, change in (("a", "temperature"), ("b", "system"), ("a", "structured"))
    ]
    assert account_of(*events).adapted == {"a": ("temperature", "structured"), "b": ("system",)}


ENDS = st.sampled_from(["in flight", "received", "refused", "lost"])
COUNTS = st.integers(0, 10_000)


@given(st.lists(st.tuples(ENDS, COUNTS, COUNTS, st.integers(0, 3)), max_size=20), st.randoms())
def test_no_cost_is_counted_twice_or_left_out_in_whatever_order_the_ends_come(
    requests: list[tuple[str, int, int, int]], rng: Any
) -> None:
    begun, ended, paid, open_ = [], [], [], []
    for n, (end, bound, cost, place) in enumerate(requests, start=1):
        most, usage = (Usage(requests=1, prompt_tokens=tokens) for tokens in (bound, cost))
        name = f"1/0/{place}/1"
        begun.append(sent(name, n, bound=most))
        if end == "received":
            ended.append(received(name, n, usage))
            paid.append(usage)
        elif end != "in flight":
            ended.append(request_failed(end == "lost", name, n))
        if end in ("in flight", "lost"):
            open_.append(most)
    rng.shuffle(ended)
    account = account_of(*begun, *ended)
    assert (account.usage, account.unconfirmed) == (total(paid), total(open_))
    assert total(account.under(f"1/0/{place}/") for place in range(4)) == account.usage
