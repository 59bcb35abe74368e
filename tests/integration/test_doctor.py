"""``openyard doctor``: what is wrong is said in one line, with how to mend it."""

import subprocess
import sys

import pytest

from openyard_events import bus
from openyard_infra import doctor
from openyard_infra.doctor import Finding
from openyard_infra.embedded.nats import Nats
from openyard_infra.embedded.processes import free_port
from openyard_infra.embedded.valkey import Valkey
from tests.conftest import Databases
from tests.stack import environment as bare


@pytest.fixture(scope="module")
async def healthy(database_url: str, nats: Nats, valkey: Valkey) -> dict[str, str]:
    connection = await bus.connect(nats.url, name="test")
    await bus.ensure_streams(connection.jetstream(), 4)
    await connection.close()
    return {
        "OPENYARD_DATABASE_URL": database_url,
        "OPENYARD_NATS_URL": nats.url,
        "OPENYARD_REDIS_URL": valkey.url,
        "OPENYARD_SECRET_KEY": "0123456789abcdef" * 4,
    }


async def wrong(environment: dict[str, str]) -> list[Finding]:
    return [each for each in await doctor.examine(environment) if not each.healthy]


async def test_nothing_is_wrong_with_a_healthy_installation(healthy: dict[str, str]):
    assert await wrong(healthy) == []


@pytest.mark.parametrize(
    ("change", "what", "mend"),
    [
        ({"OPENYARD_SECRET_KEY": "short"}, "secret key", "openssl rand"),
        ({"OPENYARD_SECRET_KEY": "a" * 64}, "secret key", "openssl rand"),
        ({"OPENYARD_SECRET_KEY": ""}, "OPENYARD_SECRET_KEY", "set it"),
        ({"OPENYARD_SECRETKEY": "x"}, "OPENYARD_SECRETKEY", "spelling"),
        ({"OPENYARD_BASE_URL": "openyard.example"}, "base URL", "https://HOST"),
        ({"OPENYARD_BASE_URL": "https://openyard.example/app"}, "base URL", "https://HOST alone"),
        ({"OPENYARD_BASE_URL": "http://openyard.example"}, "base URL", "TLS"),
        ({"OPENYARD_MAIL_FROM": "nobody"}, "sender", "ADDRESS"),
        ({"OPENYARD_PARTITIONS": "many"}, "settings", "correct"),
        ({"OPENYARD_SMTP_URL": "mail.example"}, "SMTP", "smtp://"),
        ({"OPENYARD_DATABASE_URL": "postgresql://x@127.0.0.1:{port}/x"}, "PostgreSQL", "start it"),
        ({"OPENYARD_NATS_URL": "nats://127.0.0.1:{port}"}, "NATS", "start it"),
        ({"OPENYARD_REDIS_URL": "redis://127.0.0.1:{port}/0"}, "Valkey", "start it"),
        ({"OPENYARD_SMTP_URL": "smtp://127.0.0.1:{port}"}, "SMTP", "start it"),
    ],
)
async def test_each_wrong_setting_is_found_with_how_to_mend_it(
    healthy: dict[str, str], change: dict[str, str], what: str, mend: str
):
    port = str(free_port())
    change = {name: value.replace("{port}", port) for name, value in change.items()}
    found = [each for each in await wrong({**healthy, **change}) if each.what == what]
    assert found
    assert mend in found[0].mend


async def test_a_superuser_is_found(healthy: dict[str, str], postgres: Databases):
    url = postgres.server.superuser_url("openyard")
    found = await wrong({**healthy, "OPENYARD_DATABASE_URL": url})
    assert [each.what for each in found] == ["PostgreSQL role"]


async def test_a_missing_schema_is_found(healthy: dict[str, str], postgres: Databases):
    found = await wrong({**healthy, "OPENYARD_DATABASE_URL": postgres.empty()})
    assert [(each.what, each.mend) for each in found] == [("schema", "run 'openyard migrate'")]


async def test_streams_that_are_missing_or_set_up_otherwise_are_found(
    healthy: dict[str, str], nats: Nats
):
    connection = await bus.connect(nats.url, name="test")
    js = connection.jetstream()
    await js.delete_stream("COMMAND_3")
    config = (await js.stream_info("FACT")).config
    await js.update_stream(config.evolve(max_age=60.0, duplicate_window=60.0))
    found = await wrong(healthy)
    await bus.ensure_streams(js, 4)
    await connection.close()
    assert sorted(each.what for each in found) == ["stream COMMAND_3", "stream FACT"]


async def test_no_password_is_in_what_it_says(healthy: dict[str, str]):
    url = "postgresql://x:geheim@127.0.0.1:1/x"
    found = await doctor.examine({**healthy, "OPENYARD_DATABASE_URL": url})
    assert not any("geheim" in f"{each.is_}{each.mend}" for each in found)


def test_it_does_without_the_web_framework():
    code = "import sys, openyard_infra.doctor; sys.exit('litestar' in sys.modules)"
    outcome = subprocess.run([sys.executable, "-P", "-c", code], env=bare(), check=False)
    assert outcome.returncode == 0
