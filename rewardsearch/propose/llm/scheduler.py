"""Sends requests to the models' servers: several in flight, each booked before it is sent and after, replies on disk before
they are read.

One thread (the caller's) books, reads and decides. Each request has a thread of its own that waits for the reply and puts it on
disk, where Ctrl-C does not reach it. A request whose reply holds no reward is asked again, with the reason; one that got no
reply is sent again, later; one that cannot be afforded is not sent. What a crash left on disk is read, not asked again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import random
import threading
import time
from collections.abc import Mapping

from rewardsearch.config import LLMConfig
from rewardsearch.errors import UserError
from rewardsearch.files import release, reserve, write_atomic
from rewardsearch.propose.base import ProposalRequest
from rewardsearch.propose.llm.job import InFlight, Job, in_reasoning, save_reply, write_transcript
from rewardsearch.propose.llm.operators import model_of
from rewardsearch.propose.llm.prompt import Prompt, TooLong, again, build_prompt
from rewardsearch.propose.llm.reply import Reply, cost_bound, load_reply
from rewardsearch.propose.llm.request_body import ADAPTABLE, asks_json, change_for, request_body
from rewardsearch.propose.llm.server import Lost, Received, Refused, Server
from rewardsearch.records import Usage
from rewardsearch.run.ledger import Ledger

BACKOFF_S = 1.0
"""The first wait before a request is sent again; doubled each time, up to MAX_BACKOFF_S."""
MAX_BACKOFF_S = 60.0
REPORTED_WAIT_S = 4.0
"""Waits from this length on are reported."""
AGAIN_TOKENS = 250
"""Room in a prompt for the reason why the last reply had no reward."""
MAX_LOST = 5
"""How often a request is sent whose reply is lost: the server may bill each time."""
REPLY_BYTES, BYTES_PER_REPLY_TOKEN = 1 << 16, 16
"""What is reserved of the disk for a reply: so much, and so much for each token, since its file has its text twice."""


class RequestScheduler:
    """The requests of one proposal."""

    def __init__(
        self,
        request: ProposalRequest,
        config: LLMConfig,
        limit: int,
        servers: Mapping[str, Server],
        ledger: Ledger,
    ) -> None:
        self._request, self._config, self._limit, self._ledger = request, config, limit, ledger
        within = f"{request.round}/{request.attempt}"
        self._jobs = [
            Job(planned, servers[model_of(planned, list(servers))], within, request.folder) for planned in request.plan
        ]
        self._in_flight: dict[str, InFlight] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._landed: queue.SimpleQueue[tuple[str, Reply | Refused | Lost | BaseException]] = queue.SimpleQueue()
        self._pauses: dict[str, float] = {}
        self._said: set[str] = set()

    def run(self) -> list[Job]:
        """Every job, done, in the order of the plan.

        Raises UserError for what no repetition mends, Interrupted and BudgetReached as Ledger.check does. Whatever ends it,
        requests in flight are waited for and booked first, since they are paid for; a second Ctrl-C leaves them.
        """
        try:
            for job in self._jobs:
                self._resume(job)
            if kept := sum(len(job.replies) for job in self._jobs):
                self._ledger.say(f"  {counted(kept, 'reply', 'replies')} kept from before")
            while self._in_flight or not all(job.end for job in self._jobs):
                self._ledger.check()
                self._launch()
                self._land(self._patience())
            for job in self._jobs:
                self._write_down(job)
        except BaseException as error:
            if self._in_flight:
                again = " again" if isinstance(error, KeyboardInterrupt) else ""
                self._ledger.say(
                    f"  waiting for {counted(len(self._in_flight), 'request')} in flight, which may be paid for; "
                    f"Ctrl-C{again} leaves them"
                )
            self._drain()
            raise
        return self._jobs

    def _drain(self) -> None:
        """Books what is in flight. A further user error is reported when the same command is started again."""
        # What Ctrl-C cut off in the middle of being booked is on disk, and does not land again. On a full disk nothing is booked:
        # the same command books what is on disk.
        while any(thread.is_alive() for thread in self._threads.values()) or not self._landed.empty():
            with contextlib.suppress(UserError, OSError):
                self._land(0.1)

    # --- sending ------------------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        """Sends what is pending, may go now and can be afforded."""
        for job in self._jobs:
            name = job.name
            if job.end or name in self._in_flight or len(self._in_flight) >= self._config.in_flight:
                continue
            if max(job.ready_at, self._pauses.get(job.server.name, 0.0)) > time.monotonic():
                continue
            try:
                prompt = self._prompt(job)
            except TooLong as error:
                job.reason, job.end = str(error), "too long"
                continue
            bound = cost_bound(prompt, job.max_tokens, job.server.served.price)
            refusal = self._ledger.unaffordable(bound)
            if refusal is None:
                self._send(job, name, prompt, bound)
            elif self._in_flight:
                # What is in flight may turn out to cost less than it can.
                return
            else:
                job.end, job.reason = "unaffordable", f"not asked: {refusal}"

    def _send(self, job: Job, name: str, prompt: Prompt, bound: Usage) -> None:
        refused = self._refused_by(job.server)
        body = request_body(job.server.served, prompt, job.max_tokens, refused)
        fingerprint = hashlib.sha256(json.dumps(body, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        job.prompt = prompt
        self._write_down(job)
        # A reply is paid for: a disk that fills up while the model thinks has room for it.
        reserve(job.path, REPLY_BYTES + BYTES_PER_REPLY_TOKEN * job.max_tokens)
        send = self._ledger.sent(name, job.server.served.model, fingerprint, bound)
        flight = InFlight(job, send, fingerprint, prompt, refused, body)
        self._in_flight[name] = flight
        self._threads[name] = threading.Thread(target=self._post, args=(name, flight), daemon=True)
        self._threads[name].start()

    def _post(self, name: str, flight: InFlight) -> None:
        place = flight.job.path
        landed: Reply | Refused | Lost | BaseException
        try:
            outcome = flight.job.server.post(flight.body, idempotency_key(self._request.run, name, flight.fingerprint))
            landed = save_reply(name, flight, outcome.text) if isinstance(outcome, Received) else outcome
        except BaseException as error:
            # In a thread of its own nobody would hear of it.
            landed = error
        release(place)
        self._landed.put((name, landed))

    def _patience(self) -> float:
        """How long to wait for a reply before looking at budgets, STOP and waits again, in seconds."""
        pending = [
            max(job.ready_at, self._pauses.get(job.server.name, 0.0))
            for job in self._jobs
            if not job.end and job.name not in self._in_flight
        ]
        return min(0.5, max(0.0, min(pending, default=0.0) - time.monotonic())) if not self._in_flight else 0.5

    # --- receiving ----------------------------------------------------------------------------------------------------

    def _land(self, patience: float) -> None:
        """Takes in what came of one request, waiting for it at most `patience` seconds."""
        try:
            name, outcome = self._landed.get(timeout=patience)
        except queue.Empty:
            return
        flight = self._in_flight.pop(name)
        if isinstance(outcome, Reply):
            self._receive(name, flight, outcome)
        elif isinstance(outcome, Refused):
            self._ledger.request_failed(name, flight.send, outcome.reason, maybe_billed=False)
            self._refuse(flight, outcome)
        elif isinstance(outcome, Lost):
            self._lose(name, flight, outcome)
        else:
            maybe = not isinstance(outcome, UserError)
            self._ledger.request_failed(name, flight.send, type(outcome).__name__, maybe_billed=maybe)
            raise outcome

    def _receive(self, name: str, flight: InFlight, reply: Reply) -> None:
        job = flight.job
        self._ledger.received(name, flight.send, reply.usage)
        if reply.usage.estimated:
            self._say_once(
                f"  {job.server.name} does not say what its replies take, or says what cannot be; their tokens are counted from "
                "characters"
            )
        if reply.usage.completion_tokens > job.max_tokens:
            self._say_once(f"  {job.server.name} passes over the limit of max_tokens: budgets cannot be held on it")
        job.read(reply, self._config.replies)
        if job.found and in_reasoning(reply):
            self._say_once(
                f"  {job.server.name} sends the whole answer as reasoning_content, with empty content; it is read from there. "
                "Start the server without its reasoning parser (--reasoning-parser of vLLM and SGLang, "
                "--reasoning-format none of llama.cpp), or with the one that fits the model"
            )
        self._write_down(job)

    def _refuse(self, flight: InFlight, outcome: Refused) -> None:
        """Sends a refused request again: written otherwise where the server does not take a field, else later."""
        job, refused = flight.job, self._refused_by(flight.job.server)
        if outcome.names and refused != flight.refused:
            # Another request has met the same refusal since this one was written.
            return
        change = change_for(outcome.names, job.server.served, refused)
        if change is not None:
            self._ledger.adapted(job.server.name, change, reason=outcome.reason)
            self._ledger.say(f"  {job.server.name} refuses {ADAPTABLE[change]}; it is asked without")
            return
        if outcome.names and job.cut_off and not job.capped:
            # What was asked for a longer reply may be more than the model can.
            job.capped = True
            return
        job.refusals += 1
        job.reason = outcome.reason
        if not outcome.again or job.refusals > self._config.max_retries:
            job.end = "unanswered" if outcome.again else "refused"
            return
        backoff = min(MAX_BACKOFF_S, BACKOFF_S * 2 ** (job.refusals - 1)) * random.uniform(0.75, 1.25)
        wait = backoff if outcome.wait_s is None else outcome.wait_s
        job.ready_at = time.monotonic() + wait
        if wait >= REPORTED_WAIT_S:
            self._ledger.say(
                f"  {outcome.reason}; again in {wait:.0f} s ({job.refusals} of {self._config.max_retries})"
            )
        if outcome.wait_s is not None:
            # A server that says when to come back means every request.
            self._pauses[job.server.name] = job.ready_at

    def _lose(self, name: str, flight: InFlight, outcome: Lost) -> None:
        job = flight.job
        if outcome.text:
            write_atomic(job.path.with_suffix(f".lost-{flight.send}.txt"), outcome.text)
        self._ledger.request_failed(name, flight.send, outcome.reason, maybe_billed=True)
        job.reason = outcome.reason
        if not outcome.again:
            self._give_up(job.server, outcome.reason)
            return
        job.lost += 1
        self._ledger.say(f"  {outcome.reason}; it may have been billed ({job.lost} of {MAX_LOST})")
        if job.lost >= MAX_LOST or job.lost > self._config.max_retries:
            job.end = "unanswered"
        job.ready_at = time.monotonic() + BACKOFF_S

    def _give_up(self, server: Server, reason: str) -> None:
        """Asks a server nothing more in this round; what is in flight there comes to its own end."""
        self._say_once(f"  {reason}")
        for job in self._jobs:
            if job.server is server and not job.end and job.name not in self._in_flight:
                job.end, job.reason = "refused", reason

    def _say_once(self, line: str) -> None:
        if line not in self._said:
            self._said.add(line)
            self._ledger.say(line)

    # --- one job ------------------------------------------------------------------------------------------------------

    def _resume(self, job: Job) -> None:
        """Takes in the replies that an earlier session was given, and books those that it had no time to."""
        account = self._ledger.account
        while not job.end:
            name = job.name
            reply = load_reply(job.path, account.fingerprints(name))
            if reply is None:
                return
            if (name, reply.send) not in account.paid:
                self._ledger.received(name, reply.send, reply.usage)
            job.read(reply, self._config.replies)

    def _prompt(self, job: Job) -> Prompt:
        structured = asks_json(job.server.served, self._refused_by(job.server))
        limit = self._limit - (AGAIN_TOKENS if job.reply > 1 else 0)
        prompt = build_prompt(self._request, job.request, limit, structured)
        return again(self._request, prompt, job.reason, job.cut_off > 0) if job.reply > 1 else prompt

    def _write_down(self, job: Job) -> None:
        with contextlib.suppress(TooLong):
            prompt = job.prompt or self._prompt(job)
            write_transcript(self._request.folder, job.request, job.server.name, prompt, job.replies, job.reason)

    def _refused_by(self, server: Server) -> tuple[str, ...]:
        return self._ledger.account.adapted.get(server.name, ())


def idempotency_key(run: str, request: str, fingerprint: str) -> str:
    """The key of a request of a run, by its name and the fingerprint of its body. One that is lost, or cut off by a kill, is sent
    again under the same key: a server that knows it bills once."""
    return hashlib.sha256(f"{run} {request} {fingerprint}".encode()).hexdigest()[:32]


def counted(count: int, one: str, many: str = "") -> str:
    return f"{count} {one if count == 1 else many or one + 's'}"
