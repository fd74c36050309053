"""Time stamps (RFC 3161): a third party says that the log had this state at that time.

What is stamped is the text of the checkpoint: run, number of entries and their root. A stamp stays good while
the log grows, since the root of its first entries can be computed again. Whose stamp it is rests on a
certificate that the reader brings along.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from duecare.core.errors import LedgerError
from duecare.core.finding import INSUFFICIENT, Finding
from duecare.ledger.chain import Frontier, tree_root
from duecare.ledger.checkpoint import Checkpoint
from duecare.ledger.durable import read_regular
from duecare.ledger.inspect_log import Ledger, fail, hold
from duecare.ledger.layout import LEDGER
from duecare.ledger.manifest import show
from duecare.ledger.sign import Head

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

MOST_BYTES = 1 << 20
"""A longer answer is refused unread; they have a few thousand bytes."""
_NAME = re.compile(r"stamp-(0|[1-9][0-9]{0,17})\.tsr")
_LIMIT = "the time stamp is of the log as it was, by an authority that was named"
_SHA512 = "2.16.840.1.101.3.4.2.3"
_AGAIN = "Take it out and ask for one again (`duecare stamp`); find out where it comes from."


@dataclass(frozen=True, slots=True)
class Stamped:
    """A time stamp that holds: of the first `size` entries, at `time`."""

    size: int
    time: datetime


def stamp_name(size: int) -> str:
    """What the stamp of the first `size` entries is called in the ledger folder."""
    return f"stamp-{size}.tsr"


def stamp_size(name: str) -> int | None:
    """Of how many entries a file is the stamp, by its name; None for any other name."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def stamp_request(head: Head) -> bytes:
    """What a time stamping authority is asked (TimeStampReq, DER): the SHA-512 of the checkpoint's text."""
    _need()
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    text = Checkpoint(head.run, head.size, head.root).text().encode()
    asked = TimestampRequestBuilder(text, HashAlgorithm.SHA512, nonce=False, cert_req=True)
    return asked.build().as_bytes()


def stamped_size(data: bytes, run: str, leaves: Sequence[bytes]) -> int:
    """Of how many of the log's entries a stamp is. Raises LedgerError where it is of none of its states."""
    imprint, grown = _imprint(parse_stamp(data)), Frontier()
    for size in range(len(leaves) + 1):
        if size:
            grown.add(leaves[size - 1])
        if _digest(run, size, grown.root().hex()) == imprint:
            return size
    raise LedgerError("the time stamp is of no state of this log")


def parse_stamp(data: bytes) -> TimeStampResponse:
    """An authority's answer (TimeStampResp, DER). Raises LedgerError where it is none, or a refusal."""
    _need()
    from rfc3161_client import decode_timestamp_response

    if len(data) > MOST_BYTES:
        raise LedgerError(f"a time stamp of {len(data)} bytes is none")
    try:
        found = decode_timestamp_response(data)
        status = found.status
    except ValueError as error:
        raise LedgerError("the file holds no answer of a time stamping authority") from error
    if status not in (0, 1):
        why = show("; ".join(found.status_string)[:200])
        raise LedgerError(f"the authority refused (status {status}): {why}")
    return found


def check_stamp(data: bytes, run: str, size: int, root: str, roots: Sequence[x509.Certificate]) -> Stamped:
    """The stamp, where it is of this state and leads to one of the certificates `roots`.

    Raises LedgerError where it does not.
    """
    found = parse_stamp(data)
    from rfc3161_client import VerificationError, VerifierBuilder

    if _imprint(found) != _digest(run, size, root):
        raise LedgerError(f"it is not of the first {size} entries of this log")
    builder = VerifierBuilder()
    for each in roots:
        builder = builder.add_root_certificate(each)
    try:
        builder.build().verify_message(found, Checkpoint(run, size, root).text().encode())
        time = found.tst_info.gen_time
    except (VerificationError, ValueError) as error:
        why = "its signature does not hold, or leads to no certificate for time stamps that was named"
        raise LedgerError(why) from error
    return Stamped(size, time if time.tzinfo else time.replace(tzinfo=UTC))


def inspect_stamps(run: Path, ledger: Ledger, roots: Sequence[x509.Certificate]) -> list[Finding]:
    """Findings on the stamps in the ledger folder, where certificates are given to hold them against."""
    if not roots or ledger.head is None:
        return []
    folder, findings = run / LEDGER, []
    sizes = sorted(size for name in os.listdir(folder) if (size := stamp_size(name)) is not None)
    for size in sizes:
        where = f"{LEDGER}/{stamp_name(size)}"
        try:
            if size > len(ledger.leaves):
                raise LedgerError(f"it is of {size} entries, the log holds {len(ledger.leaves)}")
            root = tree_root(ledger.leaves[:size])
            data = read_regular(folder / stamp_name(size))
            stamped = check_stamp(data, ledger.head.run, size, root, roots)
        except LedgerError as error:
            findings.append(fail("stamp", _LIMIT, f"{where}: {error}.", _AGAIN))
        else:
            detail = f"{where}: at {stamped.time.isoformat()} the log had these {size} entries."
            findings.append(hold("stamp", _LIMIT, detail))
    if findings:
        return findings
    return [
        Finding(
            name="verify.stamp",
            verdict=INSUFFICIENT,
            limit=_LIMIT,
            detail="There is no time stamp.",
            next="Ask for one: `duecare stamp RUN --tsa URL`.",
        )
    ]


def _digest(run: str, size: int, root: str) -> bytes:
    return hashlib.sha512(Checkpoint(run, size, root).text().encode()).digest()


def _imprint(found: TimeStampResponse) -> bytes:
    try:
        imprint = found.tst_info.message_imprint
    except ValueError as error:
        raise LedgerError("the time stamp in the answer is malformed") from error
    if imprint.hash_algorithm.dotted_string != _SHA512:
        raise LedgerError("the time stamp is over another digest than SHA-512, which was asked for")
    return imprint.message


def _need() -> None:
    try:
        import rfc3161_client  # noqa: F401  # only to say in words that it is missing
    except ImportError as error:
        said = "time stamps need the package rfc3161-client: pip install duecare[stamp]"
        raise LedgerError(said) from error
