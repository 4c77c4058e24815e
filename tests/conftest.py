"""Settings of all tests. `HYPOTHESIS_PROFILE=long` (make test-long) looks much further."""

import os

import pytest
from hypothesis import HealthCheck, settings

from tests.cluster.kept import end_servers

# The machines that this runs on are shared and noisy: how long an example takes says nothing about the code.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", parent=settings.get_profile("default"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure() -> None:
    """Refuse to run where the environment names servers: tests delete what is on theirs."""
    named = [name for name in ("SLUICE_KAFKA__BOOTSTRAP_SERVERS", "SLUICE_ELASTICSEARCH__URL") if os.environ.get(name)]
    if named:
        pytest.exit(f"{' and '.join(named)} is set, and tests might use and empty those servers: unset it", 2)


def pytest_sessionfinish() -> None:
    """End the real servers that this process may have started."""
    end_servers()
