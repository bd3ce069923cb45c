"""Taking secrets out of what is logged, stored with an error, or sent to an error tracker.

A secret is known by the name it stands under, by what surrounds it in a text, or because it is one of this process's
own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "***"
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?s?$|pwd$|secret|tokens?$|authorization|(api|private|access)[_-]?key|credential|cookie"
    r"|signature$|session_?(id|key)$|dsn$",
    re.IGNORECASE,
)
_NAME = r"(?:passw(?:or)?d|passphrase|pwd|tokens?|secret\w{0,20}|(?:api|private|access)[_-]?key)"
_VALUE = r"""(?:"(?:\\.|[^"\\]){0,500}"|"[^"]*"|'[^']*'|[^\s"'&,;)}]+)"""
# What gives a secret away wherever it stands in a text: the password of a URL or, where it has no name before it, all
# that stands before the host of an http URL; parameters by which URLs are signed; credentials of the Authorization
# header; our own API tokens; cookies; and values after `password=`, `"api_key": `, `(b'x-api-key', b` and the like.
# Their cost grows with the length of the text and no faster, whatever the text: what is unbounded begins with something
# rare.
SECRET_TEXT = (
    (re.compile(r"(\b\w{1,20}://[^\s:/@]*):[^\s/]+@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"(\bhttps?://)[^\s:/?#@\"']+@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    (
        re.compile(
            r"([?&](?:key|sig|code|auth|pass|[\w.-]{0,40}(?:signature|credential|session_?id))=)[^&\s\"'<>#]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(Bearer|Token|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"\bdck_[\w-]+"), f"dck_{HIDDEN}"),
    (re.compile(r"\b((?:set-)?cookie: ?)[^\r\n]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (
        re.compile(
            rf"""((?:{_NAME}|authorization|cookie)\\?["']\s?,\s?b?)(?:"[^"]*"|'[^']*')""",
            re.IGNORECASE,
        ),
        rf"\1'{HIDDEN}'",
    ),
    (re.compile(rf"""({_NAME}\\?["']? ?[=:] ?(?:b(?=["']))?\\?){_VALUE}""", re.IGNORECASE), rf"\1{HIDDEN}"),
)
# Each of these needs one of those: most texts are done with after one look.
SUSPECT = re.compile(r"://|[?&][\w.-]+=|bearer|token|basic|dck_|cookie|passw|passphrase|pwd|secret|key|auth", re.I)
# Shorter ones may be words, which would vanish from every text.
OWN_MIN = 12

_own: list[str] = []


def hide(secrets: Iterable[str]) -> None:
    """Black these out wherever they stand from now on: what this process knows it must not tell."""
    _own[:] = sorted({secret for secret in secrets if len(secret) >= OWN_MIN}, key=len, reverse=True)


@lru_cache(maxsize=1_000)
def is_secret(name: str) -> bool:
    """Whether what stands under this name is secret."""
    return SECRET_NAME.search(name) is not None


def redact(value: Any, name: str = "") -> Any:
    """The value as JSON can hold it, without secrets: by the name it stands under, and by what stands in its text."""
    if value is None:
        return value
    if is_secret(name):
        return HIDDEN
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): redact(item, _text(key)) for key, item in value.items()}
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], (str, bytes)):
        # A pair, as headers come.
        return [redact(value[0]), redact(value[1], _text(value[0]))]
    if isinstance(value, (list, tuple, set, frozenset)):
        return [redact(item) for item in value]
    return _redacted(_text(value))


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _redacted(text: str) -> str:
    for secret in _own:
        if secret in text:
            text = text.replace(secret, HIDDEN)
    if SUSPECT.search(text):
        for pattern, replacement in SECRET_TEXT:
            text = pattern.sub(replacement, text)
    return text
