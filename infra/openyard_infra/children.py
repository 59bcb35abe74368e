"""Which processes ``openyard up`` runs, how each is started, and in what order they stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from openyard_infra.embedded import processes
from openyard_infra.supervisor import Child
from openyard_platform.settings import Settings

DECIDERS = 2

# Answering first: what waits for a decision still gets it. Together well below 10 seconds.
STOP_ORDER: Sequence[tuple[Sequence[str], float]] = (
    (("web",), 3.0),
    (("intake", "decider", "relay", "projector", "jobs"), 2.5),
    (("nats", "valkey", "postgres"), 3.0),
)


def roles(
    settings: Settings, log: Callable[[str], Path], descriptor: int, workers: int
) -> list[Child]:
    """Every role of ours, not yet started. ``descriptor``: the listening socket for web."""
    environment = environment_of(settings, os.environ)

    def child(name: str, *arguments: str, label: str = "", keep: int = -1, nice: int = 0) -> Child:
        def launch() -> subprocess.Popen[bytes]:
            return processes.spawn(
                processes.Command(
                    # Without -P the current directory would be searched for modules.
                    arguments=[sys.executable, "-P", "-m", "openyard_infra.cli", *arguments],
                    directory=Path.cwd(),
                    log=log(name),
                    # Their effects are transactions; one that lived on would keep the port.
                    death=signal.SIGKILL,
                    environment=environment,
                    keep=() if keep < 0 else (keep,),
                    nice=nice,
                )
            )

        # The web process takes so long to begin that it had better not wait for others before.
        return Child(name, launch, label=label, patient=name == "web")

    fd = str(descriptor)
    return [
        # The one that takes longest to begin goes first.
        *(
            child(
                "web", "web", "--fd", fd, label=f"web {i}" if workers > 1 else "", keep=descriptor
            )
            for i in range(workers)
        ),
        *(
            child("decider", "worker", "decider", "--home", f"{i}/{DECIDERS}", label=f"decider {i}")
            for i in range(DECIDERS)
        ),
        child("intake", "worker", "intake"),
        # What nobody waits for leaves the processors to the others.
        child("relay", "relay", nice=5),
        child("projector", "worker", "projector", nice=5),
        child("jobs", "jobs", nice=5),
    ]


def environment_of(settings: Settings, ours: Mapping[str, str]) -> dict[str, str]:
    """The environment of a role: ours, with these settings."""
    values = {f"OPENYARD_{name.upper()}": str(getattr(settings, name)) for name in _PASSED_ON}
    path = [str(Path(each).absolute()) for each in ours.get("PYTHONPATH", "").split(os.pathsep)]
    if ours.get("PYTHONPATH"):
        values["PYTHONPATH"] = os.pathsep.join(path)
    return {**ours, **values}


_PASSED_ON = ("database_url", "nats_url", "redis_url", "secret_key", "base_url", "smtp_url")
