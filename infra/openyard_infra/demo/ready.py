"""What ready.json says about the demo city, the same at every start of a directory."""

from openyard_infra import keys
from openyard_infra.demo import credentials, people
from openyard_infra.demo.city import SEED
from openyard_infra.demo.organisations import Organisation, offering, organisations
from openyard_infra.demo.people import Account
from openyard_platform.domain import feeds
from openyard_platform.domain.people import Role


def venue_keys() -> tuple[str, ...]:
    """The organisations that publish, and so need a user on NATS."""
    return tuple(each.key for each in offering(organisations(SEED)))


def accounts_for_ready(secret: str, secret_key: str, base_url: str) -> list[dict[str, str]]:
    """Every account with what opens it. ``secret_key``: the platform's, which signs feed links."""
    city = organisations(SEED)
    return [_account(each, secret, secret_key, base_url) for each in people.accounts(SEED, city)]


def venues_for_ready(secret: str) -> list[dict[str, str | list[str]]]:
    """Every publishing organisation with its user on NATS and its spaces."""
    return [_venue(each, secret) for each in offering(organisations(SEED))]


def _account(account: Account, secret: str, secret_key: str, base_url: str) -> dict[str, str]:
    feed = feeds.token(secret_key, account.id, account.feed_id, 1)
    entry = {
        "login": account.login,
        "password": credentials.password(secret),
        "role": str(account.role),
        "token": credentials.token(secret, account.login),
        "feed_url": f"{base_url}/feeds/{feed}.ics",
    }
    if account.organisation is not None:
        name = "venue" if account.role is Role.VENUE else "organisation"
        entry[name] = account.organisation.key
    if account.district is not None:
        entry["district"] = account.district.key
    return entry


def _venue(organisation: Organisation, secret: str) -> dict[str, str | list[str]]:
    return {
        "key": organisation.key,
        "nats_user": organisation.key,
        "nats_password": keys.derive(secret, f"nats:{organisation.key}"),
        "spaces": [space.key for space in organisation.spaces],
    }
