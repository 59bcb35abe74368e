"""Messages leave by mail once, whatever happens to Valkey and the mail server."""

import asyncio
import email
import email.policy
import socket
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path

import msgspec
import pytest
from aiosmtpd.controller import Controller

from openyard_infra.embedded.valkey import Valkey
from openyard_platform import clock
from openyard_platform.actions import notifications
from openyard_platform.settings import Settings
from openyard_platform.store import engine
from openyard_workers.consumers.notifier import Notifier
from openyard_workers.jobs import notifications as job
from openyard_workers.jobs import queue, sweeper, worker
from tests.integration.nats_server import NatsServer
from tests.integration.projection_stage import drop_positions, stage

BASE_URL = "https://openyard.example"


class Mailbox:
    """A real SMTP server that keeps what it takes, and may refuse or be slow."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.mails: list[EmailMessage] = []
        self.answer = ""
        self.slow = 0.0
        self.delays: list[float] = []  # of the next mails, before ``slow`` for all
        self._controller: Controller | None = None

    def open(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def close(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: ARG002, N802
        if self.answer:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: ARG002, N802
        await asyncio.sleep(self.delays.pop(0) if self.delays else self.slow)
        self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 OK"

    def recipients(self) -> list[str]:
        return sorted(mail["To"] for mail in self.mails)


@pytest.fixture(scope="module")
async def nc(tmp_path_factory):
    directory: Path = tmp_path_factory.mktemp("nats")
    server = NatsServer(directory)
    await server.start()
    client = await server.connect()
    yield client
    await client.close()
    server.stop()


@pytest.fixture
def mailbox():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    box = Mailbox(port)
    box.open()
    yield box
    box.close()


@pytest.fixture
def settings(mailbox, valkey) -> Settings:
    return Settings(
        database_url="unused",
        nats_url="unused",
        redis_url=valkey.url,
        secret_key="s" * 64,
        base_url=BASE_URL,
        smtp_url=f"smtp://127.0.0.1:{mailbox.port}",
        mail_from="联育 <noreply@openyard.example>",
    )


@pytest.fixture
async def pokes(settings):
    connection = queue.connect(settings.redis_url)
    await connection.flushall()
    yield connection
    await queue.close(connection)


@pytest.fixture
async def on_stage(postgres, nc):
    async with stage(postgres.fresh("mailing"), nc) as made:
        yield made


@asynccontextmanager
async def at_work(settings, connection):
    """The jobs process: the arq worker and the sweeper, until the end of the block."""
    stop = asyncio.Event()
    tasks = [
        asyncio.create_task(worker.work(settings, stop)),
        asyncio.create_task(sweeper.serve(connection, stop)),
    ]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def until(condition, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.05)


async def states() -> dict[str, int]:
    rows = await engine.fetch("SELECT state, count(*) AS n FROM notification GROUP BY state")
    return {row["state"]: row["n"] for row in rows}


async def booked(on_stage, settings, pokes, count: int):
    """So many families with a confirmed reservation each, the messages written and poked."""
    slot = await on_stage.offer("a", capacity=count)
    families = await on_stage.families(count)
    await on_stage.decide(*(family.reserve(slot, 1) for family in families))
    await on_stage.project(Notifier(settings, pokes))
    return families


async def test_a_confirmation_arrives_in_chinese_with_time_place_and_link(
    on_stage, settings, mailbox, pokes
):
    (family,) = await booked(on_stage, settings, pokes, 1)
    async with at_work(settings, pokes):
        await until(lambda: mailbox.mails)
        await until(lambda: done(1))
    (mail,) = mailbox.mails
    assert mail["To"] == family.email
    assert mail["Subject"] == "【联育】预约成功：周末篮球开放"
    assert mail["From"] == settings.mail_from
    for kind in ("plain", "html"):
        text = mail.get_body((kind,)).get_content()
        assert "10:00–12:00" in text
        assert "市图书馆 大厅（文昌路 1 号）" in text
        assert f"{BASE_URL}/slots/" in text


async def test_each_message_leaves_once_however_many_workers_are_poked(
    on_stage, settings, mailbox, pokes
):
    families = await booked(on_stage, settings, pokes, 30)
    mailbox.slow = 0.05
    async with at_work(settings, pokes), at_work(settings, pokes):
        await until(lambda: done(30))
    assert mailbox.recipients() == sorted(family.email for family in families)


async def test_of_two_who_claim_one_message_one_gets_it(on_stage, settings, mailbox, pokes):
    await booked(on_stage, settings, pokes, 1)
    ((message, _),) = await notifications.due(clock.now(), 10)
    sent = await asyncio.gather(*(job.send(settings, message) for _ in range(8)))
    assert sorted(sent) == [False] * 7 + [True]
    assert len(mailbox.mails) == 1


async def test_a_worker_that_died_while_sending_is_followed_by_the_next_with_the_same_message_id(
    on_stage, settings, mailbox, pokes
):
    await booked(on_stage, settings, pokes, 1)
    ((message, _),) = await notifications.due(clock.now(), 10)
    assert await job.send(settings, message)
    # As if it had died between the sending and the marking, and its claim had run out.
    await engine.fetch(
        "UPDATE notification SET state = 'pending', sent_at = NULL, next_try_at = now()"
    )
    assert await job.send(settings, message)
    first, second = mailbox.mails
    assert first["Message-ID"] == second["Message-ID"]


async def test_flushing_valkey_in_the_middle_loses_no_mail(on_stage, settings, mailbox, pokes):
    families = await booked(on_stage, settings, pokes, 60)
    mailbox.slow = 0.05
    async with at_work(settings, pokes):
        for _ in range(3):
            await until(lambda: mailbox.mails)
            await asyncio.sleep(0.1)
            await pokes.flushall()
        await until(lambda: done(60))
    assert mailbox.recipients() == sorted(family.email for family in families)


async def test_pokes_that_never_reached_valkey_are_made_up_for(on_stage, settings, mailbox, pokes):
    dead = queue.connect("redis://127.0.0.1:1/0")
    await booked(on_stage, settings, dead, 3)
    await queue.close(dead)
    async with at_work(settings, pokes):
        await until(lambda: done(3))
    assert len(mailbox.mails) == 3


async def test_mail_waits_for_a_mail_server_that_is_down(on_stage, settings, mailbox, pokes):
    mailbox.close()
    await booked(on_stage, settings, pokes, 3)
    async with at_work(settings, pokes):
        await until(lambda: tried(3))
        rows = await engine.fetch("SELECT state, error FROM notification")
        assert {row["state"] for row in rows} == {"pending"}
        assert all("cannot be reached" in row["error"] for row in rows)
        mailbox.open()
        await until(lambda: done(3))
    assert len(mailbox.mails) == 3


async def test_an_address_that_nobody_has_is_given_up_at_once(on_stage, settings, mailbox, pokes):
    mailbox.answer = "550 5.1.1 no such user"
    await booked(on_stage, settings, pokes, 1)
    async with at_work(settings, pokes):
        await until(lambda: failed(1))
    row = await engine.fetch_one("SELECT tries, error FROM notification")
    assert row["tries"] == 1
    assert row["error"]


async def test_a_mail_that_is_put_off_too_often_is_given_up(on_stage, settings, mailbox, pokes):
    mailbox.answer = "451 4.3.0 try later"
    await booked(on_stage, settings, pokes, 1)
    ((message, _),) = await notifications.due(clock.now(), 10)
    await engine.fetch("UPDATE notification SET tries = $1", notifications.MAX_TRIES - 2)
    assert not await job.send(settings, message)
    assert await states() == {"pending": 1}
    await engine.fetch("UPDATE notification SET next_try_at = now()")
    assert not await job.send(settings, message)
    assert await states() == {"failed": 1}


async def test_replaying_the_facts_sends_no_second_mail(on_stage, settings, mailbox, pokes):
    await booked(on_stage, settings, pokes, 5)
    async with at_work(settings, pokes):
        await until(lambda: done(5))
        await drop_positions()
        await on_stage.project(Notifier(settings, pokes))
        await asyncio.sleep(0.5)
    assert len(mailbox.mails) == 5


async def test_the_worker_survives_a_valkey_that_goes_away_and_comes_back(
    on_stage, settings, mailbox, servers_directory
):
    server = Valkey(
        servers_directory / "fragile", secret="f" * 64, log=servers_directory / "fragile.log"
    )
    server.start()
    settings = msgspec.structs.replace(settings, redis_url=server.url)
    pokes = queue.connect(server.url)
    async with at_work(settings, pokes):
        await asyncio.to_thread(server.stop)
        await booked(on_stage, settings, pokes, 3)
        await asyncio.sleep(0.5)
        await asyncio.to_thread(server.start)
        await until(lambda: done(3))
    await queue.close(pokes)
    await asyncio.to_thread(server.stop)
    assert len(mailbox.mails) == 3


async def test_without_a_mail_server_messages_are_for_the_inbox_only(on_stage, settings, pokes):
    settings = msgspec.structs.replace(settings, smtp_url="")
    await booked(on_stage, settings, pokes, 2)
    assert await states() == {"sent": 2}
    assert await pokes.zcard(queue.NAME) == 0


async def done(count: int) -> bool:
    return (await states()).get("sent", 0) == count


async def failed(count: int) -> bool:
    return (await states()).get("failed", 0) == count


async def tried(count: int) -> bool:
    row = await engine.fetch_one(
        "SELECT count(*) AS n FROM notification WHERE error IS NOT NULL AND state = 'pending'"
    )
    return row["n"] == count
