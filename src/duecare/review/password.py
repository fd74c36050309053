"""Passwords: Argon2id (RFC 9106) with the parameters that OWASP names for it, and equal work for a wrong
log-in."""

from __future__ import annotations

import secrets
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from duecare.review.errors import ReviewError

SHORTEST, LONGEST = 10, 200
_MEMORY_KIB, _PASSES, _LANES = 19_456, 2, 1


def accepted(password: str, login: str) -> str:
    """The password, if it may be one: NIST SP 800-63B asks for length, not for kinds of characters."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ReviewError(f"a password has {SHORTEST} to {LONGEST} characters", field="password")
    try:
        password.encode()
    except UnicodeEncodeError:
        raise ReviewError("a password has no broken characters", field="password") from None
    if len(set(password)) < 4 or password.casefold() == login.casefold():
        raise ReviewError("this password is too easy to guess", field="password")
    return password


def hashed(password: str) -> str:
    """The PHC string of a password ("$argon2id$v=19$m=...")."""
    kdf = Argon2id(
        salt=secrets.token_bytes(16), length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_MEMORY_KIB
    )
    return kdf.derive_phc_encoded(password.encode())


def matches(password: str, phc: str | None) -> bool:
    """Whether a password belongs to a hash; without a hash the same work is done, and the answer is no."""
    try:
        Argon2id.verify_phc_encoded(password.encode("utf-8", "replace"), phc or _nobody())
    except InvalidKey:
        return False
    return phc is not None


@cache
def _nobody() -> str:
    return hashed(secrets.token_urlsafe(32))
