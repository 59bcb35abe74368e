"""What the README promises, done as it stands there."""

import os
import re
import subprocess
import sys

from tests.stack import ROOT, Stack, environment


def test_the_venue_of_the_readme_connects_in_ten_lines(stack: Stack):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    venue = stack.venues["city-library"]

    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment(
            NATS_URL=stack.nats_address, NATS_PASSWORD=venue["nats_password"], LC_ALL="C.UTF-8"
        ),
        cwd=os.path.sep,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert outcome.returncode == 0, outcome.stderr
    assert "status='accepted'" in outcome.stdout
