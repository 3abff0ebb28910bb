"""What is left when asking ends before its time: a crash at any event, Ctrl-C, STOP, a mistake that is the user's."""

from __future__ import annotations

import _thread
import contextlib
import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from asked import answer, asked, bill, booked, codes, kept, place_of
from bad_server import BadServer
from chat_server import Body
from requests_of import MakeRequest, MemoryLedger, ledger_of
from server_faults import Fault
from small_disk import SmallDisk

from rewardsearch.config import BudgetConfig
from rewardsearch.errors import BudgetReached, Interrupted, UserError
from rewardsearch.files import write_atomic
from rewardsearch.propose.llm import job, scheduler
from rewardsearch.run.events import AnyEvent

pytestmark = pytest.mark.usefixtures("quick")


class Crash(BaseException):
    """The process is gone: nothing is written after it."""


class MortalLedger(MemoryLedger):
    """Dies at event `last` (from 0), before or after the journal has it."""

    def __init__(self, folder: Path, last: int, written: bool) -> None:
        super().__init__(BudgetConfig(), folder, ())
        self.dead = False
        self._last, self._written = last, written

    def append(self, event: AnyEvent) -> None:
        if self.dead:
            raise Crash
        if len(self.events) == self._last:
            self.dead = True
            if self._written:
                super().append(event)
            raise Crash
        super().append(event)


ADAPTING_EVENTS = 13
"""Of three asks, two in flight: 2 refused for the schema (sent, request_failed, and adapted once), 3 replies, 1 of them empty,
and the reply to that."""


@pytest.mark.parametrize("honours", [True, False], ids=["idempotent", "not-idempotent"])
@pytest.mark.parametrize("written", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("last", range(ADAPTING_EVENTS))
def test_a_crash_at_any_event_loses_no_reply_and_pays_for_none_twice(
    request_of: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: int, written: bool, honours: bool
) -> None:
    request = request_of(count=3)
    first = MortalLedger(tmp_path, last, written)

    def writing(path: Path, text: str) -> None:
        if first.dead:
            raise Crash
        write_atomic(path, text)

    settings = {"in_flight": 2, "prices": {"served": {"input": 1.0, "output": 10.0}}}
    server = BadServer(answer, [Fault.EMPTY], honours, refused_parameters={"response_format"})
    with server:
        with monkeypatch.context() as patch, pytest.raises(Crash):
            for module in (scheduler, job):
                patch.setattr(module, "write_atomic", writing)
            asked(request, server, first, **settings)
        on_disk = {reply.request for reply in kept(request).values()}
        second = ledger_of(events=first.events)
        proposal = asked(request, server, second, **settings)
    assert [c.code for c in proposal.candidates] == codes(1.0, 2.0, 3.0)
    again = {event["request"] for event in second.told("sent")[len(first.told("sent")) :]}
    assert not on_disk & again
    # Every reply on disk is booked, once, at what it cost.
    replies = kept(request).values()
    assert {(reply.request, reply.send): reply.usage for reply in replies} == second.account.paid
    low, high = booked(second), second.account.usage + second.account.unconfirmed
    requests, prompt_tokens, completion_tokens = bill(server)
    assert low[0] <= requests <= high.requests
    assert low[1] <= prompt_tokens <= high.prompt_tokens
    assert low[2] <= completion_tokens <= high.completion_tokens
    if honours:
        assert low == bill(server)


def test_a_session_without_a_crash_has_as_many_events_as_the_crashes_are_tried_at(request_of: MakeRequest) -> None:
    ledger = ledger_of()
    with BadServer(answer, [Fault.EMPTY], refused_parameters={"response_format"}) as server:
        asked(request_of(count=3), server, ledger, in_flight=2)
    assert len(ledger.events) == ADAPTING_EVENTS


def test_a_finished_proposal_is_read_from_disk_and_asks_for_nothing(request_of: MakeRequest) -> None:
    request, first = request_of(count=3), ledger_of()
    with BadServer(answer, [Fault.EMPTY, Fault.LENGTH]) as server:
        proposal = asked(request, server, first)
        sent = len(server.requests)
        second = ledger_of(events=first.events)
        assert asked(request, server, second) == proposal
    assert (len(server.requests), second.events) == (sent, first.events)


def test_only_a_reply_that_is_gone_or_torn_is_asked_for_again(request_of: MakeRequest) -> None:
    request, first = request_of(count=3), ledger_of()
    with BadServer(answer) as server:
        asked(request, server, first)
        (request.folder / "response-2.json").unlink()
        torn = request.folder / "response-3.json"
        torn.write_text(torn.read_text(encoding="utf-8")[:100], encoding="utf-8")
        second = ledger_of(events=first.events)
        assert len(asked(request, server, second).candidates) == 3
    assert sorted(place_of(r.body) for r in server.requests[3:]) == [2, 3]
    assert [(e["request"], e["send"]) for e in second.told("sent")[3:]] == [
        ("1/0/2/1", 2),
        ("1/0/3/1", 2),
    ]


def test_a_reply_of_another_life_of_the_folder_is_not_taken_for_this_ones(request_of: MakeRequest) -> None:
    request = request_of(count=1)
    with BadServer(answer) as server:
        asked(request, server, ledger_of())
        ledger = ledger_of()
        asked(request, server, ledger)
    assert len(server.requests) == 2
    assert ledger.account.usage.requests == 1


def test_a_reply_to_another_prompt_is_not_taken(request_of: MakeRequest) -> None:
    with BadServer(answer, honours_idempotency=False) as server:
        asked(request_of(count=1), server, ledger_of())
        other = ledger_of()
        (request_of().folder / "response-1.json").rename(request_of().folder / "kept.json")
        asked(request_of(count=1, description="Another task."), server, other)
        (request_of().folder / "kept.json").rename(request_of().folder / "response-1.json")
        asked(request_of(count=1, description="Another task."), server, ledger_of(events=other.events))
    assert len(server.requests) == 3


def test_a_disk_that_fills_up_while_models_are_asked_loses_no_reply(
    request_of: MakeRequest, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_disk.remount("size=4m")
    request = request_of(count=3).model_copy(update={"folder": small_disk.place / "round"})
    ledger, full = ledger_of(), threading.Event()

    def answered(body: Body) -> str:
        full.wait(30)
        return answer(body)

    def booking(event: AnyEvent) -> None:
        # The journal is on the disk too.
        if full.is_set():
            raise OSError(errno.ENOSPC, "No space left on device")
        append(event)
        if len(ledger.told("sent")) == 3:
            with contextlib.suppress(OSError), (small_disk.place / "other").open("wb", buffering=0) as other:
                while other.write(b"0" * 4096):
                    pass
            full.set()

    append = ledger.append
    monkeypatch.setattr(ledger, "_append", booking)
    with BadServer(answered, honours_idempotency=False) as server:
        with pytest.raises(OSError, match="No space left"):
            asked(request, server, ledger, in_flight=3)
        assert sorted(kept(request)) == [f"response-{n}.json" for n in (1, 2, 3)]
        assert not list(request.folder.glob(".*.part"))
        small_disk.remount("size=16m")
        again = ledger_of(events=ledger.events)
        assert len(asked(request, server, again, in_flight=3).candidates) == 3
    assert len(server.billed) == 3 and booked(again) == bill(server)


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def interrupting(ledger: MemoryLedger, when: Callable[[str, int], bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C as an event of a kind is booked, where `when` says so of the kind and its number from 0."""
    append = ledger.append

    def booking(event: AnyEvent) -> None:
        append(event)
        if when(event.event, len(ledger.told(event.event)) - 1):
            raise KeyboardInterrupt

    monkeypatch.setattr(ledger, "_append", booking)


def slow(body: Body) -> str:
    threading.Event().wait(0.3)
    return answer(body)


def test_ctrl_c_waits_for_what_is_in_flight_and_books_it(
    request_of: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, ledger = request_of(count=4), ledger_of()
    interrupting(ledger, lambda event, n: (event, n) == ("sent", 2), monkeypatch)
    with BadServer(slow) as server:
        with pytest.raises(KeyboardInterrupt):
            asked(request, server, ledger)
        assert ledger.said[-1] == "  waiting for 2 requests in flight, which may be paid for; Ctrl-C again leaves them"
        assert sorted(kept(request)) == ["response-1.json", "response-2.json"]
        assert booked(ledger) == bill(server) and len(server.billed) == 2
        again = ledger_of(events=ledger.events)
        assert len(asked(request, server, again).candidates) == 4
    assert booked(again) == bill(server) and len(server.billed) == 4


def test_a_second_ctrl_c_leaves_what_is_in_flight_which_then_counts_at_its_most(
    request_of: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_of()
    answered = threading.Event()

    def respond(body: Body) -> str:
        if place_of(body) == 2:
            answered.wait(20)
        return answer(body)

    interrupting(ledger, lambda event, n: (event, n) in (("sent", 2), ("received", 0)), monkeypatch)
    with BadServer(respond) as server:
        with pytest.raises(KeyboardInterrupt):
            asked(request_of(count=4), server, ledger)
        answered.set()
    assert ledger.account.usage.requests == 1
    assert ledger.account.unconfirmed.requests == 2


def test_ctrl_c_while_a_reply_is_put_on_disk_does_not_lose_it(
    request_of: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, ledger = request_of(count=1), ledger_of()
    main = threading.current_thread()

    def interrupted_writing(path: Path, text: str) -> None:
        write_atomic(path, text)
        # Python's Ctrl-C reaches the main thread alone, here while the write holds it up.
        _thread.interrupt_main()
        if threading.current_thread() is main:
            raise AssertionError("the main thread puts replies on disk")

    monkeypatch.setattr(job, "write_atomic", interrupted_writing)
    with BadServer(answer, honours_idempotency=False) as server:
        with pytest.raises(KeyboardInterrupt):
            asked(request, server, ledger)
        monkeypatch.setattr(job, "write_atomic", write_atomic)
        asked(request, server, ledger_of(events=ledger.events))
        assert len(server.requests) == 1


# --- STOP, budgets, mistakes ------------------------------------------------------------------------------------------


def test_a_stop_file_ends_asking_between_requests_and_what_is_in_flight_is_booked(
    request_of: MakeRequest, tmp_path: Path
) -> None:
    request, ledger = request_of(count=6), ledger_of(folder=tmp_path)

    def respond(body: Body) -> str:
        (tmp_path / "STOP").touch()
        return answer(body)

    with BadServer(respond) as server:
        with pytest.raises(Interrupted, match="STOP is there"):
            asked(request, server, ledger, in_flight=2)
        assert 1 <= len(server.billed) <= 3
        assert booked(ledger) == bill(server)
        (tmp_path / "STOP").unlink()
        server_bill = bill(server)
        assert len(kept(request)) == server_bill[0]


def test_the_wall_clock_ends_asking_between_requests(request_of: MakeRequest) -> None:
    ledger = ledger_of(BudgetConfig(wall_clock_minutes=0.5 / 60))
    with BadServer(slow) as server:
        with pytest.raises(BudgetReached, match=r"budget\.wall_clock_minutes"):
            asked(request_of(count=8), server, ledger, in_flight=1)
        assert booked(ledger) == bill(server)
    assert 0 < len(server.billed) < 8


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Fault.UNAUTHORIZED, "refused the key in"),
        (Fault.NOT_FOUND, "has no model served"),
        (Fault.NO_QUOTA, "has no quota left"),
    ],
)
def test_a_mistake_of_the_users_ends_asking_and_replies_in_flight_are_kept_and_booked(
    request_of: MakeRequest, fault: Fault, told: str
) -> None:
    request, ledger = request_of(count=5), ledger_of()
    refused = threading.Event()

    def respond(body: Body) -> str:
        refused.wait(20)
        threading.Event().wait(0.2)
        return answer(body)

    def schedule(place: int) -> Fault | None:
        if place == 2:
            refused.set()
        return fault if place == 2 else None

    with BadServer(respond, schedule) as server:
        with pytest.raises(UserError, match=told):
            asked(request, server, ledger, in_flight=3)
        assert len(server.requests) == 3
        assert len(kept(request)) == 2
        assert booked(ledger) == bill(server) and len(server.billed) == 2
        again = ledger_of(events=ledger.events)
        assert len(asked(request, server, again, in_flight=3).candidates) == 5
        assert len(server.requests) == 6
    assert again.account.unconfirmed.requests == 0
