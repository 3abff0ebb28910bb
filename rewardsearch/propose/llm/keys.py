"""Keys and addresses of servers: where a key is read, where it may go, and how it is cut out of what comes back.

A key is held in memory alone. Not covered: keys of fewer characters than those below, which are no secrets (EMPTY, none) and
whose removal would spoil what they are cut out of.
"""

from __future__ import annotations

import ipaddress
import os
import re
from urllib.parse import urlsplit

from rewardsearch.errors import UserError

OFFICIAL_URL = "https://api.openai.com/v1"
NO_KEY = "no-key"
"""What the SDK, which insists on a key, is given for a server on this machine."""
SECRET_CHARS = 16
"""From here on a key is cut out of replies, which hold code."""
SECRET_CHARS_IN_MESSAGES = 8
"""From here on it is cut out of error messages."""


def key_of(url: str, name: str) -> str:
    """The key to send. Raises UserError when there is none that the server could take, or no server to send it to."""
    host = _host(url)
    key = os.environ.get(name, "").strip()
    if not key and is_loopback(host):
        return NO_KEY
    if not key:
        raise UserError(
            f"propose.llm: the environment variable {name} has no key for {url}; set it (to any word where the "
            "server asks for none), name another variable "
            "with propose.llm.api_key_env, or search without a key with propose.proposer=grammar"
        )
    # A header takes nothing else, and the errors of HTTP libraries quote the header that they refuse.
    if not (key.isascii() and key.isprintable()):
        raise UserError(
            f"propose.llm: the environment variable {name} holds no key: it has characters other than printable ASCII; "
            "copy the key again"
        )
    return key


def echo_of(key: str) -> re.Pattern[str]:
    """Finds `key` in what a server sends: as it is, and with any of its characters escaped for JSON or for an address."""
    return re.compile(
        "".join(rf"(?:\\{{0,8}}(?:{re.escape(c)}|(?i:u{ord(c):04x}))|(?i:%(?:25)?{ord(c):02x}))" for c in key)
    )


def _host(url: str) -> str:
    """The host of a server's address. Raises UserError for what is no such address, and for one that carries a secret."""
    try:
        parts = urlsplit(url)
        if parts.username is not None or parts.password is not None:
            raise UserError(
                "propose.llm.base_url: got an address with a name or password in it, which the run folder would keep; "
                "leave them out, and put the key into the environment variable of api_key_env"
            )
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts.hostname
    except ValueError:
        pass
    raise UserError(
        f"propose.llm.base_url: got {url!r}, an address such as http://127.0.0.1:8000/v1 or {OFFICIAL_URL} is needed"
    )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, where no key is needed and no proxy is asked."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
