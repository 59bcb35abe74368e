import datetime as dt

import pytest

from openyard_events.pulling import PullConsumer, Word

AT = dt.datetime(2026, 12, 1, 1, 2, 3, 456789, tzinfo=dt.UTC)
NANOSECONDS = int(AT.timestamp()) * 10**9 + 456_789_123


def word(sequence: int, consumer_sequence: int) -> Word:
    return Word(sequence, consumer_sequence, AT)


@pytest.fixture
def consumer() -> PullConsumer:
    consumer = PullConsumer("c", "inbox", 0, 0.0)
    consumer.credit = 10
    return consumer


@pytest.mark.parametrize(
    "reply",
    [
        f"$JS.ACK.LINE.reader.1.42.7.{NANOSECONDS}.5",
        f"$JS.ACK.hub.ACC.LINE.reader.1.42.7.{NANOSECONDS}.5.x",
    ],
)
def test_a_messages_place_and_time_are_read_with_and_without_a_domain(reply):
    assert Word.of(reply) == Word(42, 7, AT)


def test_messages_that_follow_each_other_are_taken_though_the_stream_has_holes(consumer):
    assert consumer.accept(word(5, 1))
    assert consumer.accept(word(90, 2))
    assert (consumer.credit, consumer.doubt) == (8, "")


def test_a_missing_message_is_a_doubt_and_what_follows_is_not_taken(consumer):
    assert consumer.accept(word(5, 1))
    assert not consumer.accept(word(7, 3))
    assert not consumer.accept(word(6, 2))
    assert "message 2" in consumer.doubt


def test_a_heartbeat_that_knows_of_more_is_a_doubt(consumer):
    consumer.accept(word(5, 1))
    consumer.status({"Status": "100", "Nats-Last-Consumer": "1"})
    assert not consumer.doubt
    consumer.status({"Status": "100", "Nats-Last-Consumer": "2"})
    assert "after 1" in consumer.doubt


def test_a_request_that_ran_out_gives_its_credit_back(consumer):
    consumer.status({"Status": "408", "Nats-Pending-Messages": "4"})
    assert (consumer.credit, consumer.doubt) == (6, "")


@pytest.mark.parametrize("code", ["409", "503", "404"])
def test_anything_else_the_server_says_is_a_doubt(consumer, code):
    consumer.status({"Status": code, "Description": "Consumer Deleted"})
    assert code in consumer.doubt
