"""Whatever a server sends, a request ends within its deadline and takes little memory; nothing is sent anywhere else."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asked import KEY, PRICE, answer, asked, config, fresh
from bad_server import BadServer
from chat_server import Answer, Body, ChatServer, reward_code, said
from raw_server import MOST_S, Script, Send, raw
from requests_of import MakeRequest, ledger_of

from rewardsearch.errors import UserError
from rewardsearch.propose import load_proposer
from rewardsearch.propose.llm import exchange
from rewardsearch.propose.llm import server as server_module
from rewardsearch.propose.llm.server import Lost, Outcome, Received, Refused, opened

pytestmark = pytest.mark.usefixtures("quick")

BODY: Body = {"model": "served", "messages": [{"role": "user", "content": "number\n1."}]}
WHOLE = json.dumps(said("number").body).encode()


def post(url: str, **settings: Any) -> Outcome:
    with opened(config(url, **settings).propose.llm.served()) as servers:
        return servers["served"].post(BODY, "key-of-the-request")


def forever(data: bytes) -> Iterator[bytes]:
    while True:
        yield data


def sends(before: bytes, again: bytes) -> Script:
    """The status line, then `before` once, then `again` as long as the client is there; one byte at a time where it is one."""

    def script(send: Send, status: bytes) -> None:
        send(status + before)
        for data in forever(again):
            send(data)

    return script


def silent(send: Send, status: bytes) -> None:
    for _ in forever(b""):
        send(b"")


def continues(send: Send, status: bytes) -> None:
    for data in forever(b"HTTP/1.1 100 Continue\r\n\r\n"):
        send(data)


BOMB = gzip.compress(bytes(64_000_000))
LENGTH = b"Content-Length: 3000000000\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
BLOCK = b" " * 65_536
SCRIPTS: dict[str, tuple[Script, bool]] = {
    # Whether a status is known when it ends.
    "nothing at all": (silent, False),
    "headers that drip": (sends(b"X-Long: ", b"x"), False),
    "headers that never end": (sends(b"", b"X-Many: 1\r\n"), False),
    "a header line that never ends": (sends(b"X-Long: ", BLOCK), False),
    "continue for ever": (continues, False),
    "a body that drips": (sends(LENGTH, b" "), True),
    "a body that drips to its end": (sends(b"\r\n", b" "), True),
    "3 GB": (sends(LENGTH, BLOCK), True),
    "chunks for ever": (sends(CHUNKED, b"10000\r\n" + BLOCK + b"\r\n"), True),
    "a chunk's size for ever": (sends(CHUNKED, b"0"), True),
    "trailers for ever": (sends(CHUNKED + b"0\r\n", b"X-Many: 1\r\n"), True),
    "a bomb": (sends(b"Content-Encoding: gzip\r\n\r\n" + BOMB, b"x"), True),
    "zeros as deflate": (sends(b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(bytes(9_000_000)), b"x"), True),
    "another compression": (sends(b"Content-Encoding: br\r\n\r\n", b"x"), True),
    "a stream that drips": (sends(b"Content-Type: text/event-stream\r\n\r\n", b":"), True),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_answer_ends_within_its_deadline(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, has_status = SCRIPTS[name]
    monkeypatch.setattr(server_module, "REACH_S", 0.5)
    monkeypatch.setattr(exchange, "ERROR_BODY_S", 0.3)
    began = time.monotonic()
    with raw(script) as bad, ThreadPoolExecutor(3) as pool:
        success = pool.submit(post, f"{bad.url}/200", timeout_s=0.5)
        error = pool.submit(post, f"{bad.url}/500", timeout_s=0.5)
        models = pool.submit(load_proposer(config(bad.url)).check_connectivity)
        assert isinstance(success.result(), Lost)
        # An error status says enough, whatever becomes of its body.
        assert isinstance(error.result(), Refused if has_status else Lost)
        assert all("did not answer" in warning for warning in models.result())
    assert time.monotonic() - began < MOST_S / 2


def test_a_tls_handshake_that_drips_ends_within_its_deadline() -> None:
    began = time.monotonic()
    with raw(lambda send, _: sends(b"\x16\x03\x03\x40\x00", b"\0")(send, b"")) as bad:
        outcome = post(f"https://127.0.0.1:{bad.port}/v1", timeout_s=0.5)
    assert isinstance(outcome, Refused) and outcome.again
    assert time.monotonic() - began < MOST_S / 2


MEASURED = """
import json, resource, sys
from asked import config
from rewardsearch.propose import load_proposer
from rewardsearch.propose.llm.server import opened

def ask(url):
    with opened(config(url).propose.llm.served()) as servers:
        return type(servers["served"].post({"model": "served", "messages": []}, "key")).__name__

most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
load_proposer(config(sys.argv[1])).check_connectivity()
before = most()
kinds = [ask(url + path) for url in sys.argv[2:] for path in ("/200", "/500")]
for url in sys.argv[2:]:
    load_proposer(config(url)).check_connectivity()
print(json.dumps([kinds, most() - before]))
"""


def test_an_answer_of_any_size_takes_little_memory(server: ChatServer) -> None:
    with raw(SCRIPTS["a bomb"][0]) as bomb, raw(SCRIPTS["3 GB"][0]) as long:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, server.url, bomb.url, long.url],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    kinds, grown_mib = json.loads(done.stdout)
    assert kinds == ["Lost", "Refused", "Lost", "Refused"]
    assert grown_mib < 40


def once(after_status: bytes) -> Script:
    return lambda send, status: send(status + after_status)


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: %d\r\n\r\n" % (len(WHOLE) + 9) + WHOLE,
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(WHOLE) + WHOLE + b"\r\n",
        b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(WHOLE),
        b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(WHOLE),
        b"\r\n" + WHOLE,
        b"\r\n" + WHOLE.decode().encode("utf-16"),
        b"\r\n" + b"\xef\xbb\xbf" + WHOLE,
    ],
    ids=["longer length", "no last chunk", "gzip", "deflate", "no length", "UTF-16", "BOM"],
)
def test_a_reply_that_came_whole_is_taken_in_however_it_was_sent(body: bytes) -> None:
    with raw(once(body)) as bad:
        outcome = post(f"{bad.url}/200")
    assert isinstance(outcome, Received) and json.loads(outcome.text) == json.loads(WHOLE)


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: %d\r\n\r\n" % (len(WHOLE) - 9) + WHOLE,
        b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + WHOLE,
        b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(WHOLE)[:-20],
        b"Content-Encoding: gzip\r\n\r\n" + WHOLE,
    ],
    ids=["shorter length", "no chunk", "half a gzip", "no gzip"],
)
def test_a_reply_that_did_not_come_whole_is_lost(body: bytes) -> None:
    with raw(once(body)) as bad:
        assert isinstance(post(f"{bad.url}/200"), Lost)


# --- nothing goes elsewhere -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_not_followed_and_its_host_is_told(status: int) -> None:
    with BadServer(answer) as other:
        to = f"{other.url.replace('//', '//name:word@')}/chat/completions?key={KEY}"
        moved = f"HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
        with raw(lambda send, _: send(moved)) as first:
            for ask in (post, lambda url: load_proposer(config(url)).check_connectivity()):
                with pytest.raises(UserError, match=rf"redirects to {re.escape(other.url)} .*set base_url") as error:
                    ask(first.url)
                assert KEY not in str(error.value) and "word" not in str(error.value)
        assert other.requests == []


@pytest.mark.parametrize("to", ["/v1/models/", "models/", "?page=1", ""])
def test_a_list_of_models_elsewhere_on_the_server_says_nothing_of_its_replies(to: str) -> None:
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()
    with raw(lambda send, _: send(moved)) as first:
        assert load_proposer(config(first.url)).check_connectivity() == []


def test_a_proxy_of_the_environment_is_asked_for_other_hosts_and_not_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = b"HTTP/1.1 200 OK\r\n\r\n" + WHOLE
    monkeypatch.setenv("no_proxy", "")
    with raw(lambda send, _: send(answered)) as proxy, raw(lambda send, _: send(answered)) as here:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://me:p%40ss@127.0.0.1:{proxy.port}")
        assert isinstance(post("http://models.invalid/v1"), Received)
        # The proxy makes no tunnel: what it answers is no TLS.
        assert isinstance(post("https://models.invalid/v1"), Refused)
        assert isinstance(post(here.url), Received)
    plain, tunnel = proxy.requests
    assert plain.startswith(b"POST http://models.invalid/v1/chat/completions HTTP/1.1\r\n")
    assert tunnel.startswith(b"CONNECT models.invalid:443 HTTP/1.")
    assert all(b"Basic " + base64.b64encode(b"me:p@ss") in each for each in proxy.requests)
    assert KEY.encode() not in tunnel and b"Proxy-Authorization" not in here.requests[0]


def test_an_address_may_have_a_query_and_is_asked_without_compression() -> None:
    with raw(once(b"\r\n" + WHOLE)) as bad:
        post(f"{bad.url}/200/?version=1")
    assert bad.requests[0].startswith(b"POST /v1/200/chat/completions?version=1 HTTP/1.1\r\n")
    assert b"accept-encoding: identity\r\n" in bad.requests[0].lower()


def test_nothing_of_the_environments_openai_settings_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "of-another-server")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Mine: of-another-server\nAuthorization: Bearer of-another-server")
    with raw(once(b"\r\n" + WHOLE)) as bad:
        assert isinstance(post(f"{bad.url}/200"), Received)
        assert load_proposer(config(bad.url)).check_connectivity() == []
    assert len(bad.requests) == 2
    for sent in bad.requests:
        assert f"authorization: bearer {KEY}\r\n".encode().lower() in sent.lower()
        assert b"of-another-server" not in sent and b"OpenAI-Organization" not in sent.title()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("https_proxy", "socks5://127.0.0.1:1"),
        ("all_proxy", "ftp://127.0.0.1:1"),
        ("https_proxy", "http://127.0.0.1:port"),
        ("SSL_CERT_FILE", "/nowhere/authorities.pem"),
    ],
)
def test_a_proxy_or_certificates_that_cannot_be_used_are_the_users_mistake(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=name):
        post("https://models.invalid/v1")
    with raw(once(b"\r\n" + WHOLE)) as here:
        assert isinstance(post(f"{here.url}/200"), Received)


# --- what is asked again, and what is booked --------------------------------------------------------------------------

EVENT = f"data: {json.dumps({'choices': [{'delta': {'content': reward_code(1.0)}}]})}\n\n".encode()


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Type: text/event-stream; charset=utf-8\r\n\r\n" + EVENT,
        b"Content-Type: application/json\r\n\r\n" + EVENT + b"data: [DONE]\n\n",
        b"\r\n\n: ping\n\n" + EVENT,
        b"Content-Type: application/x-ndjson\r\n\r\n{}\n{}\n",
        b"\r\n" + b'{"message": {"content": "def"}, "done": false}\n' * 3,
    ],
    ids=["type", "data", "ping", "ndjson", "lines"],
)
def test_a_stream_is_told_once_and_its_server_is_asked_nothing_more(request_of: MakeRequest, body: bytes) -> None:
    ledger = ledger_of()
    with raw(lambda send, _: send(b"HTTP/1.1 200 OK\r\n" + body)) as bad:
        with pytest.raises(UserError, match=r"streams its answers.*turn streaming off"):
            asked(request_of(count=6), bad, ledger, in_flight=2)
        assert len(bad.requests) == 2
    assert sum("streams its answers" in line for line in ledger.said) == 1
    assert ledger.account.unconfirmed.requests == 2


def test_another_server_goes_on_where_one_streams(request_of: MakeRequest) -> None:
    with raw(once(b"Content-Type: text/event-stream\r\n\r\n")) as bad, BadServer(answer) as sound:
        models = [{"model": "a", "base_url": f"{bad.url}/200"}, {"model": "b"}]
        proposal = asked(request_of(plan=fresh(4, "a", "b")), sound, ledger_of(), models=models)
    assert (len(proposal.candidates), len(proposal.refusals)) == (2, 2)


@pytest.mark.parametrize("tokens", [10**9, 10**12, -1, 1.5, "1000", True, None])
def test_usage_that_cannot_be_is_not_booked_and_told_once(
    request_of: MakeRequest, server: ChatServer, tokens: Any
) -> None:
    def respond(n: int, body: Body) -> Answer:
        reply = json.loads(json.dumps(said(answer(body)).body))
        return Answer(reply | {"usage": {"prompt_tokens": tokens, "completion_tokens": tokens}})

    server.respond = respond
    ledger = ledger_of()
    asked(request_of(count=2), server, ledger, prices={"served": PRICE})
    assert ledger.account.usage.estimated == 2 and 0 < ledger.account.usage.dollars < 0.1
    assert sum("counted from characters" in line for line in ledger.said) == 1
