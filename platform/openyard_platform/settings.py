"""What a process is told from outside, read once at the edge and passed on."""

from collections.abc import Mapping

from msgspec import Struct


class BadSetting(ValueError):
    """A setting is missing or cannot be understood; the message says which and why."""


class Settings(Struct, frozen=True, kw_only=True):
    """Each field is read from ``OPENYARD_<NAME>``. URLs carry their credentials."""

    database_url: str
    nats_url: str
    redis_url: str
    secret_key: str
    base_url: str = "http://127.0.0.1:8000"
    smtp_url: str = ""  # empty: mail is kept in the in-app inbox only
    mail_from: str = "联育 <noreply@openyard.example>"
    partitions: int = 2
    pool_size: int = 8
    decision_wait: float = 5.0  # seconds a request waits for its decision before it gets a 202
    lease_seconds: float = 3.0  # a decider silent for so long is replaced

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings of this process.

        Raises:
            BadSetting: one is missing, empty or not a number where one is wanted.
        """
        values: dict[str, object] = {}
        for name, kind in cls.__annotations__.items():
            variable = f"OPENYARD_{name.upper()}"
            text = environment.get(variable, "")
            if not text:
                if name in ("database_url", "nats_url", "redis_url", "secret_key"):
                    raise BadSetting(f"{variable} is not set.")
                continue
            try:
                values[name] = kind(text)
            except ValueError as error:
                raise BadSetting(f"{variable} is {text!r}: not a number.") from error
        settings = cls(**values)  # type: ignore[arg-type]
        if len(settings.secret_key) < 32:  # noqa: PLR2004 - the sentence beside it says what it is
            raise BadSetting("OPENYARD_SECRET_KEY needs at least 32 characters.")
        if not 1 <= settings.partitions <= 64:  # noqa: PLR2004 - the sentence beside it says what it is
            raise BadSetting("OPENYARD_PARTITIONS must be 1 to 64.")
        return settings
