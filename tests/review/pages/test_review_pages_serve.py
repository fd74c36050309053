"""Where the application may listen, who may stand in front of it, and what it says of itself."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from served import port_of, served
from visitor import Visitor
from world import PASSWORD, World

from duecare.core import StudyError
from duecare.review.app import Settings, application
from duecare.review.pages.proxy import Behind
from duecare.review.serve import Binding, server


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "review.example"])
def test_beyond_loopback_needs_a_certificate_or_a_stated_proxy(host: str) -> None:
    with pytest.raises(StudyError, match="loopback"):
        Binding(host=host)
    assert Binding(host=host, proxies=("10.0.0.1",), names=("review.example",)).secure
    assert Binding(host=host, certificate=Path("c"), key=Path("k"), names=("review.example",)).secure


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_neither(host: str) -> None:
    assert not Binding(host=host).secure


@pytest.mark.parametrize(
    "settings",
    [
        {"certificate": Path("c"), "names": ("a.example",)},
        {"proxies": ("not an address",), "names": ("a.example",)},
        {"proxies": ("10.0.0.1",)},
        {"port": 70_000},
    ],
)
def test_half_a_binding_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(StudyError):
        Binding(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("hosts", [(), ("*",), ("a.example:80",), (".example",), ("a/b",), ("::1",)])
def test_host_names_are_names(hosts: tuple[str, ...]) -> None:
    with pytest.raises(StudyError):
        Settings(hosts=hosts)
    assert Settings(hosts=("a.example", "127.0.0.1", "[::1]"))


def behind(world: World, where: str) -> Visitor:
    app = Behind(application(world.store, Settings(hosts=("review.example",), secure=True)), ["10.0.0.0/30"])
    return Visitor(app, base="https://review.example", where=where)


def test_only_the_proxy_is_answered(world: World) -> None:
    stranger, proxy = behind(world, "192.0.2.7"), behind(world, "10.0.0.1")
    assert stranger.get("/log-in").status_code == 403
    assert stranger.get("/log-in", headers={"x-forwarded-for": "10.0.0.1"}).status_code == 403
    assert proxy.get("/log-in", headers={"x-forwarded-proto": "http"}).status_code == 403
    assert proxy.get("/log-in", headers={"x-forwarded-proto": "https"}).status_code == 200
    for one in (stranger, proxy):
        one.close()


def test_attempts_are_counted_by_the_visitor_that_the_proxy_names(world: World) -> None:
    """What a visitor writes into the header before the proxy does is not believed."""
    visitor = behind(world, "10.0.0.1")
    visitor.get("/log-in")
    for number in range(31):
        headers = {"x-forwarded-for": f"203.0.113.{number}, 198.51.100.1, 10.0.0.2"}
        answer = visitor.post("/log-in", {"login": f"nobody{number}", "password": "x"}, headers=headers)
    assert answer.status_code == 429
    visitor.get("/log-in")
    headers = {"x-forwarded-for": "198.51.100.2"}
    assert visitor.post("/log-in", {"login": "ann", "password": PASSWORD}, headers=headers).status_code == 303
    visitor.close()


def test_it_serves_on_loopback_and_says_nothing_about_itself(world: World) -> None:
    with (
        served(world.store, Settings()) as address,
        httpx.Client(base_url=address, trust_env=False) as client,
    ):
        answer = client.get("/log-in")
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert client.get("/log-in", headers={"host": "evil.example"}).status_code == 400


def test_50_mb_are_refused_before_they_are_sent(world: World) -> None:
    head = "POST /log-in HTTP/1.1\r\nhost: localhost\r\ncontent-length: 52428800\r\n\r\ncsrf="
    with served(world.store, Settings()) as address:
        place = ("127.0.0.1", int(address.rpartition(":")[2]))
        with socket.create_connection(place, timeout=10) as connection:
            connection.sendall(head.encode())
            answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()


def test_it_speaks_tls_with_a_certificate(world: World, tmp_path: Path) -> None:
    import threading

    certificate, key = _certificate(tmp_path)
    binding = Binding(port=0, certificate=certificate, key=key, names=("localhost", "127.0.0.1"))
    running = server(world.store, Settings(), binding)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        thread.join(0.01)
    known = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(
        base_url=f"https://127.0.0.1:{port_of(running)}", verify=known, trust_env=False
    ) as client:
        answer = client.get("/log-in")
    running.should_exit = True
    thread.join(20)
    assert answer.status_code == 200
    assert answer.headers["set-cookie"].startswith("__Host-")


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that is its own authority."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(secret.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(secret, hashes.SHA256())
    )
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key.write_bytes(secret.private_bytes(*plain))
    return certificate, key
