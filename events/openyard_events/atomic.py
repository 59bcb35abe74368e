"""Several messages into a stream at once: one fsync for all of them, or for none."""

import logging
import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from nats.aio.client import Client
from nats.js.errors import APIError

_log = logging.getLogger(__name__)

# What the server takes in one batch.
MAX_MESSAGES = 1000

# Named codes of the server's answers, for the log.
DUPLICATE_INSIDE = 10201


class Message(Struct, frozen=True):
    """``headers`` hold a ``Nats-Msg-Id``, so that a repeat is recognised."""

    subject: str
    headers: dict[str, str]
    data: bytes


class _Problem(Struct):
    code: int
    err_code: int = 0
    description: str = ""


class _Answer(Struct):
    error: _Problem | None = None
    count: int | None = None


_answers = msgspec.json.Decoder(_Answer)


async def publish_batch(
    nc: Client,
    stream: str,
    messages: Sequence[Message],
    *,
    timeout: float = 5.0,  # noqa: ASYNC109 - of each answer, not of the whole
) -> None:
    """Publish in this order; when it returns, the stream holds every one of them.

    One by one where the server refuses the batch, e.g. because it holds one of them already.
    Repeating the whole after an error is safe within the stream's duplicate window.

    Raises:
        APIError: the stream refuses a message, e.g. because it is full.
        nats.errors.Error: the server does not answer; some may be in the stream.
    """
    if len(messages) > MAX_MESSAGES:
        raise ValueError(f"At most {MAX_MESSAGES} messages make a batch.")
    if not messages:
        return
    if len(messages) > 1:
        problem = await _whole(nc, messages, timeout)
        if problem is None:
            return
        level = logging.DEBUG if problem.err_code == DUPLICATE_INSIDE else logging.WARNING
        _log.log(level, "%s: batch refused, going singly: %s", stream, problem.description)
    for message in messages:
        await _single(nc, stream, message, timeout)


async def _whole(nc: Client, messages: Sequence[Message], seconds: float) -> _Problem | None:
    batch = secrets.token_hex(16)
    last = len(messages)
    for number, message in enumerate(messages, 1):
        headers = {**message.headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
        if number < last:
            await nc.publish(message.subject, message.data, headers=headers)
            continue
        headers["Nats-Batch-Commit"] = "1"
        reply = await nc.request(message.subject, message.data, timeout=seconds, headers=headers)
    answer = _answers.decode(reply.data)
    if answer.error is None and answer.count != last:
        return _Problem(code=0, description=f"the server took {answer.count} of {last}")
    return answer.error


async def _single(nc: Client, stream: str, message: Message, seconds: float) -> None:
    headers = {**message.headers, "Nats-Expected-Stream": stream}
    reply = await nc.request(message.subject, message.data, timeout=seconds, headers=headers)
    problem: Any = _answers.decode(reply.data).error
    if problem is not None:
        raise APIError(
            code=problem.code, err_code=problem.err_code, description=problem.description
        )
