"""Time stamps of the ledger by a third party: what they prove, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from small_run import KEY, open_run, rewrite
from stamp_authority import WHEN, Authority, der, number

from duecare.core import FAIL, INSUFFICIENT, PASS, Finding, LedgerError
from duecare.ledger import head, verify
from duecare.ledger.chain import leaf_hash
from duecare.ledger.log import read_log
from duecare.ledger.stamp import parse_stamp, stamp_name, stamp_request, stamp_size, stamped_size

pytest.importorskip("rfc3161_client")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def stamped(run: Path, authority: Authority) -> Path:
    path = run / "ledger" / stamp_name(head(run).size)
    path.write_bytes(authority.stamp(stamp_request(head(run))))
    return path


def of_stamps(run: Path, *authorities: Authority) -> list[Finding]:
    found = verify(run, pinned_key=KEY.public, authorities=[each.root for each in authorities])
    return [finding for finding in found if finding.name == "verify.stamp"]


def test_a_stamp_dates_the_log_and_stays_good_while_it_grows(run: Path, authority: Authority) -> None:
    assert [each.verdict for each in of_stamps(run, authority)] == [INSUFFICIENT]
    size = head(run).size
    stamped(run, authority)
    with open_run(run) as recorder:
        recorder.append("told")
    (found,) = of_stamps(run, authority)
    assert found.verdict == PASS
    assert f"at {WHEN.isoformat()} the log had these {size} entries" in found.detail
    assert not of_stamps(run)  # without a certificate it says nothing
    assert not [each for each in verify(run) if each.verdict == FAIL]


def test_another_authority_and_one_that_may_not_stamp_are_refused(run: Path, authority: Authority) -> None:
    stamped(run, Authority("Others"))
    (found,) = of_stamps(run, authority)
    assert found.verdict == FAIL
    assert "leads to no certificate for time stamps that was named" in found.detail
    signer = Authority("Code", may_stamp=False)
    stamped(run, signer)
    (found,) = of_stamps(run, signer)
    assert found.verdict == FAIL
    stamped(run, authority)
    assert [each.verdict for each in of_stamps(run, signer, authority)] == [PASS]  # the control


def test_a_stamp_of_another_state_is_refused(run: Path, authority: Authority) -> None:
    path = stamped(run, authority)
    moved = path.with_name(stamp_name(2))
    shutil.copy(path, moved)
    first, second = of_stamps(run, authority)
    assert (first.verdict, second.verdict) == (FAIL, PASS)
    assert "not of the first 2 entries" in first.detail
    moved.unlink()
    rewrite(run, lambda records: records[1].update(actor="somebody else"))
    (found,) = of_stamps(run, authority)
    assert found.verdict == FAIL


def test_every_changed_byte_of_a_stamp_is_found_or_says_the_same(run: Path, authority: Authority) -> None:
    path = stamped(run, authority)
    good = path.read_bytes()
    whole = of_stamps(run, authority)
    for place in range(0, len(good), 41):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x10]) + good[place + 1 :])
        found = of_stamps(run, authority)
        assert [each.verdict for each in found] == [FAIL] or found == whole, place
    for cut in (0, 1, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:cut])
        assert [each.verdict for each in of_stamps(run, authority)] == [FAIL]


def test_a_stamp_outlives_nothing_it_was_not_given(run: Path, authority: Authority) -> None:
    """A certificate has to be good at the time of the stamp."""
    path = run / "ledger" / stamp_name(head(run).size)
    path.write_bytes(authority.stamp(stamp_request(head(run)), WHEN + timedelta(days=4000)))
    assert [each.verdict for each in of_stamps(run, authority)] == [FAIL]


def test_a_stamp_finds_its_place(run: Path, authority: Authority) -> None:
    early = authority.stamp(stamp_request(head(run)))
    size = head(run).size
    with open_run(run) as recorder:
        recorder.append("told")
    leaves = [leaf_hash(line) for line in read_log(run / "ledger")[1]]
    assert stamped_size(early, head(run).run, leaves) == size
    with pytest.raises(LedgerError, match="of no state of this log"):
        stamped_size(early, "ab" * 16, leaves)
    assert stamp_size("stamp-12.tsr") == 12
    assert stamp_size("stamp-012.tsr") is None
    assert stamp_size("stamp-1.tsr.tmp") is None


@pytest.mark.parametrize("data", [b"", b"0", b"x" * (1 << 20), b"0\x03\x02\x01\x00", b"y" * ((1 << 20) + 1)])
def test_what_is_no_answer_is_refused(data: bytes) -> None:
    with pytest.raises(LedgerError):
        parse_stamp(data)


def test_a_refusal_is_told_and_steers_no_terminal() -> None:
    words = der(0x30, der(0x0C, b"no such \x1b[2Jpolicy"))
    with pytest.raises(LedgerError, match=r"refused \(status 2\): no such \\x1b\[2Jpolicy$"):
        parse_stamp(der(0x30, der(0x30, number(2), words)))


def test_openssl_agrees(run: Path, authority: Authority, tmp_path: Path) -> None:
    """The authority of these tests answers as the standard says: another program takes its stamps too."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here")
    path = stamped(run, authority)
    (tmp_path / "root.pem").write_bytes(authority.pem)
    (tmp_path / "leaf.pem").write_bytes(authority.leaf.public_bytes(Encoding.PEM))
    (tmp_path / "asked.tsq").write_bytes(stamp_request(head(run)))
    done = subprocess.run(
        [
            *("openssl", "ts", "-verify", "-queryfile", "asked.tsq", "-in", str(path), "-CAfile", "root.pem"),
            *("-untrusted", "leaf.pem", "-attime", str(int(WHEN.timestamp()))),
        ],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "Verification: OK" in done.stdout + done.stderr, done.stderr
