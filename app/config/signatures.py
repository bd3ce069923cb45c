"""Messages signed with HMAC-SHA256 (RFC 2104), for when somebody else may write to Redis.

A signature covers the body as it stands in the message and all headers, so everything that a worker acts on; not the
queue, and not whether the message came before. Keys have names: the first one signs, every one verifies.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kombu.utils.json import dumps

HEADER = "signature"
# What kombu writes into a message that it gives back.
UNSIGNED = (HEADER, "redelivered")
SECRET_MIN_CHARACTERS = 32


class Key(NamedTuple):
    """Its name stands in the messages that it signs."""

    name: str
    secret: str


def keys_from(text: str) -> list[Key]:
    """The keys of `name:secret,name:secret`. Raises ValueError, without a word of a secret."""
    keys = [Key(*map(str.strip, pair.partition(":")[::2])) for pair in text.split(",")]
    for number, key in enumerate(keys, 1):
        if not key.name.isalnum() or len(key.secret) < SECRET_MIN_CHARACTERS:
            raise ValueError(f"key {number} is no name of letters and digits with a long enough secret behind a colon")
    if len({key.name for key in keys}) < len(keys):
        raise ValueError("two keys have one name")
    return keys


def sign(message: dict[str, Any], key: Key) -> None:
    """Give a message, as it goes to the broker, the header `signature`: the key's name, a colon and 64 hex digits."""
    message["headers"][HEADER] = f"{key.name}:{_digest(message, key)}"


def fault_of(message: Mapping[str, Any], keys: Sequence[Key], *, required: bool) -> str:
    """What is wrong with a message's signature; nothing for one that may come without."""
    given = message["headers"].get(HEADER)
    if given is None:
        return "it has no signature" if required else ""
    name, _, digest = str(given).partition(":")
    named = [key for key in keys if key.name == name]
    if not named:
        return "it is signed with a key that this worker does not have"
    if not hmac.compare_digest(digest.encode(), _digest(message, named[0]).encode()):
        return "its signature is not that of its text"
    return ""


def _digest(message: Mapping[str, Any], key: Key) -> str:
    headers = {name: value for name, value in message["headers"].items() if name not in UNSIGNED}
    return hmac.digest(
        key.secret.encode(), dumps([message.get("body"), headers], sort_keys=True).encode(), "sha256"
    ).hex()
