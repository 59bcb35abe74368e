from collections import Counter

import msgspec

from openyard_infra.demo import credentials, ready
from openyard_platform.domain import feeds

SECRET = "5" * 64
KEY = "k" * 64
URL = "http://127.0.0.1:8000"


def test_the_same_directory_always_has_the_same_accounts_and_venues():
    assert ready.accounts_for_ready(SECRET, KEY, URL) == ready.accounts_for_ready(SECRET, KEY, URL)
    assert ready.venues_for_ready(SECRET) == ready.venues_for_ready(SECRET)


def test_another_directory_shares_no_password_and_no_token():
    mine = ready.accounts_for_ready(SECRET, KEY, URL)
    theirs = ready.accounts_for_ready("6" * 64, "l" * 64, URL)

    for field in ("password", "token", "feed_url"):
        assert not {each[field] for each in mine} & {each[field] for each in theirs}
    assert not {each["nats_password"] for each in ready.venues_for_ready(SECRET)} & {
        each["nats_password"] for each in ready.venues_for_ready("6" * 64)
    }


def test_accounts_of_every_role_are_listed_with_what_opens_them():
    accounts = ready.accounts_for_ready(SECRET, KEY, URL)
    roles = Counter(each["role"] for each in accounts)

    assert set(roles) == {"family", "school", "venue", "volunteer", "supervisor"}
    assert roles["family"] >= 400
    assert accounts[0]["role"] == "family"
    for each in accounts:
        assert {"login", "password", "role", "token", "feed_url"} <= set(each)
        assert each["token"].startswith("oy_")
        assert each["feed_url"].startswith(f"{URL}/feeds/")
        assert each["feed_url"].endswith(".ics")
    assert len({each["token"] for each in accounts}) == len(accounts)
    assert len({each["feed_url"] for each in accounts}) == len(accounts)


def test_staff_carry_the_key_of_their_venue_or_organisation():
    for each in ready.accounts_for_ready(SECRET, KEY, URL):
        assert ("venue" in each) == (each["role"] == "venue")
        assert ("organisation" in each) == (each["role"] == "school")


def test_every_venue_is_listed_with_its_own_user_and_its_spaces():
    venues = ready.venues_for_ready(SECRET)

    assert [each["key"] for each in venues] == list(ready.venue_keys())
    assert all(each["nats_user"] == each["key"] for each in venues)
    assert len({each["nats_password"] for each in venues}) == len(venues)
    assert all(each["spaces"] for each in venues)


def test_what_ready_says_can_be_written_as_json():
    assert msgspec.json.encode(ready.accounts_for_ready(SECRET, KEY, URL))


def test_a_token_is_stored_as_the_hash_that_feeds_store_too():
    token = credentials.token(SECRET, "family-001@demo.example")

    assert credentials.token_hash(token) == feeds.token_hash(token)
