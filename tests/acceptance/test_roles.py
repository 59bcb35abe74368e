"""Each role alone, against servers that somebody else runs."""

import signal
import subprocess
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from openyard_infra.embedded.nats import Nats
from openyard_infra.embedded.processes import free_port
from openyard_infra.embedded.valkey import Valkey
from tests.stack import environment, openyard, wait_until

ROLES = ["worker decider", "worker intake", "worker projector", "worker", "relay", "jobs"]


@pytest.fixture(scope="module")
def elsewhere(database_url: str, nats: Nats, valkey: Valkey) -> dict[str, str]:
    return environment(
        OPENYARD_DATABASE_URL=database_url,
        OPENYARD_NATS_URL=nats.url,
        OPENYARD_REDIS_URL=valkey.url,
        OPENYARD_SECRET_KEY="0123456789abcdef" * 4,
    )


@pytest.fixture(scope="module")
def decider(elsewhere: dict[str, str]) -> Iterator[None]:
    """Running: it makes the streams that the others read."""
    with _started("worker", "decider", settings=elsewhere) as process:
        yield
        _stop(process)


@pytest.mark.usefixtures("decider")
@pytest.mark.parametrize("role", ROLES)
def test_a_role_runs_alone_until_it_is_told_to_stop(elsewhere: dict[str, str], role: str):
    with _started(*role.split(), settings=elsewhere) as process:
        wait_until(lambda: _is_connected(process, elsewhere), 30, f"{role} at work")
        time.sleep(0.5)
        assert process.poll() is None, _said(process)
        code, seconds = _stop(process)
    assert code == 0
    assert seconds < 5


def test_web_runs_alone_until_it_is_told_to_stop(elsewhere: dict[str, str]):
    port = free_port()
    with _started("web", "--port", str(port), settings=elsewhere) as process:
        wait_until(lambda: _answers(port), 20, "web")
        code, seconds = _stop(process)
    assert code == 0
    assert seconds < 5


@pytest.mark.parametrize("role", [*ROLES, "web", "migrate"])
def test_without_settings_a_role_says_so_in_one_line(role: str):
    outcome = subprocess.run(
        openyard(*role.split()), env=environment(), capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 2
    assert outcome.stdout == ""
    assert outcome.stderr == "openyard: OPENYARD_DATABASE_URL is not set.\n"


@pytest.mark.parametrize("role", ["worker decider", "worker intake", "relay", "web"])
def test_without_its_servers_a_role_ends_without_a_traceback(elsewhere: dict[str, str], role: str):
    url = f"postgresql://x:x@127.0.0.1:{free_port()}/x"
    outcome = subprocess.run(
        openyard(*role.split(), *(["--port", "0"] if role == "web" else [])),
        env={**elsewhere, "OPENYARD_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert outcome.returncode == 1
    assert "Traceback" not in outcome.stderr
    assert "Connect" in outcome.stderr


def _started(*arguments: str, settings: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        openyard(*arguments),
        env=settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _is_connected(process: subprocess.Popen[str], settings: dict[str, str]) -> bool:
    """To PostgreSQL: from then on it works, and a signal is no surprise."""
    assert process.poll() is None, _said(process)
    port = urlsplit(settings["OPENYARD_DATABASE_URL"]).port
    connections = psutil.Process(process.pid).net_connections("tcp")
    return any(each.raddr and each.raddr.port == port for each in connections)


def _said(process: subprocess.Popen[str]) -> str:
    return process.communicate(timeout=5)[1]


def _stop(process: subprocess.Popen[str]) -> tuple[int, float]:
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _said(process)
    return process.returncode, time.monotonic() - begun


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False
