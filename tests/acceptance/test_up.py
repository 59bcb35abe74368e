"""``openyard up`` as a user starts it: ready, refused, killed, stopped, started again."""

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.stack import Stack, environment, openyard, wait_until


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="openyard-up-"))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def running(place: Path) -> Iterator[Stack]:
    """One stack without a demo city for the whole module; every test leaves it running."""
    stack = Stack(place / "data", "--no-demo").start()
    yield stack
    if stack.process is not None and stack.process.poll() is None:
        stack.stop()


def test_it_answers_on_the_address_it_writes_and_prints(running: Stack):
    assert httpx.get(f"{running.url}/readyz").status_code == 200
    assert f"openyard ready on {running.url}\n" in running.said()


def test_ready_json_is_for_its_owner_only(running: Stack):
    mode = (running.directory / "ready.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_without_the_demo_city_there_is_no_account_in_ready_json(running: Stack):
    assert "demo" not in running.ready


def test_every_role_has_its_processes_in_ready_json(running: Stack):
    pids = running.pids()
    assert sorted(pids) == [
        *("decider", "intake", "jobs", "nats", "postgres", "projector", "relay", "valkey", "web")
    ]
    assert all(_lives(pid) for of_role in pids.values() for pid in of_role)


@pytest.mark.parametrize("role", ["web", "decider", "relay", "nats", "postgres", "valkey"])
def test_a_killed_child_comes_back_and_ready_json_says_so(running: Stack, role: str):
    before = running.pids()[role]
    os.kill(before[0], signal.SIGKILL)

    def is_back() -> bool:
        now = running.pids()[role]
        return len(now) == len(before) and before[0] not in now and all(map(_lives, now))

    wait_until(is_back, 30, f"{role} back", running.said)
    wait_until(lambda: _answers(running.url), 30, "answering again", running.said)
    assert f"{role}" in running.said()
    assert "was ended by SIGKILL; it starts again in" in running.said()


def test_a_second_start_on_the_same_directory_is_refused_in_one_line(running: Stack):
    outcome = _up("--data-dir", str(running.directory), "--port", "0")
    assert outcome.returncode == 1
    assert outcome.stdout.count("\n") == 1
    assert "in use by another 'openyard up'" in outcome.stdout
    assert _answers(running.url)


def test_a_taken_port_is_refused_in_one_line(place: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        outcome = _up("--data-dir", str(place / "other"), "--port", str(port))
    assert outcome.returncode == 1
    assert outcome.stdout.count("\n") == 1
    assert f"port {port}" in outcome.stdout


def test_a_directory_that_is_a_file_is_refused_in_one_line(place: Path):
    (place / "file").write_text("")
    outcome = _up("--data-dir", str(place / "file" / "data"), "--port", "0")
    assert outcome.returncode == 1
    assert outcome.stdout.count("\n") == 1
    assert "cannot be used" in outcome.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to give PostgreSQL another user")
def test_as_root_a_directory_its_postgres_cannot_reach_is_refused_in_one_line(place: Path):
    hidden = place / "hidden"
    hidden.mkdir(mode=0o700)
    outcome = _up("--data-dir", str(hidden / "data"), "--port", "0", "--no-demo")
    assert outcome.returncode == 1
    assert outcome.stdout.count("\n") == 1
    assert f"cannot enter {hidden}" in outcome.stdout


def test_sigterm_stops_everything_within_ten_seconds(running: Stack):
    pids = [pid for of_role in running.pids().values() for pid in of_role]
    begun = time.monotonic()
    code = running.stop(signal.SIGTERM)
    assert time.monotonic() - begun < 10
    assert code == 0
    assert not any(map(_lives, pids))
    assert not (running.directory / "ready.json").exists()
    running.start()


def test_ctrl_c_stops_everything_within_ten_seconds(running: Stack):
    begun = time.monotonic()
    assert running.stop(signal.SIGINT) == 0
    assert time.monotonic() - begun < 10
    running.start()


def test_after_sigkill_of_the_parent_the_next_start_works_and_nothing_is_left(running: Stack):
    before = [pid for of_role in running.pids().values() for pid in of_role]
    secret = (running.directory / "secret").read_text()
    running.stop(signal.SIGKILL)
    running.start(60)
    assert (running.directory / "secret").read_text() == secret
    wait_until(lambda: not any(map(_lives, before)), 10, "end of the killed one's children")
    assert _answers(running.url)


def test_a_stale_pid_file_with_a_strangers_pid_does_not_block_the_next_start(running: Stack):
    running.stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            _write_pid(running.directory / "postgres" / "data" / "postmaster.pid", stranger.pid)
            _write_pid(running.directory / "nats" / "nats.pid", stranger.pid)
            running.start(60)
            assert stranger.poll() is None
        finally:
            stranger.kill()


def _write_pid(file: Path, pid: int) -> None:
    file.write_text(f"{pid}\n{file.parent}\n0\n1\n\n127.0.0.1\n0 0\nready\n")
    owner = file.parent.stat()
    os.chown(file, owner.st_uid, owner.st_gid)
    file.chmod(0o600)


def _up(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        openyard("up", *arguments),
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"{url}/readyz").status_code == 200
    return False


def _lives(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return False
