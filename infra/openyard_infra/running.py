"""The settings of this process: the environment's, or those of a running ``openyard up``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from openyard_infra import keys
from openyard_platform.settings import BadSetting, Settings


def environment(directory: Path | None) -> Mapping[str, str]:
    """OPENYARD_* of this process, or of the ``openyard up`` running on ``directory``.

    Without either, that of the directory ``openyard up`` takes by default, if one is running.

    Raises:
        BadSetting: nothing is running there, or it is somebody else's.
    """
    if directory is None and "OPENYARD_DATABASE_URL" not in os.environ:
        directory = default_directory()
    if directory is None:
        return os.environ
    found = ready(directory)
    try:
        secret = keys.read_or_create(directory / "secret")
    except (OSError, ValueError) as error:
        raise _not_running(directory) from error
    return {
        **os.environ,
        "OPENYARD_DATABASE_URL": str(found["database_url"]),
        "OPENYARD_NATS_URL": str(found["nats_url"]),
        "OPENYARD_REDIS_URL": str(found["redis_url"]),
        "OPENYARD_PARTITIONS": str(found["partitions"]),
        "OPENYARD_SECRET_KEY": application_key(secret),
        "OPENYARD_BASE_URL": os.environ.get("OPENYARD_BASE_URL") or str(found["url"]),
    }


def ready(directory: Path) -> dict[str, Any]:
    """What the ``openyard up`` running there says about itself.

    Raises:
        BadSetting: nothing is running there, or it is somebody else's.
    """
    try:
        return msgspec.json.decode((directory / "ready.json").read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise _not_running(directory) from error


def _not_running(directory: Path) -> BadSetting:
    return BadSetting(f"No 'openyard up' of yours is running on {directory}.")


def settings(directory: Path | None) -> Settings:
    """The same, checked.

    Raises:
        BadSetting: one is missing or wrong.
    """
    return Settings.from_environment(environment(directory))


def default_directory() -> Path | None:
    """Where ``openyard up`` without --data-dir works, if it is running."""
    directory = Path(os.environ.get("OPENYARD_DATA_DIR") or "data")
    return directory if (directory / "ready.json").exists() else None


def application_key(secret: str) -> str:
    """OPENYARD_SECRET_KEY of an embedded stack."""
    return keys.derive(secret, "OPENYARD_SECRET_KEY")
