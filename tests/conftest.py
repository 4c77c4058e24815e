"""Settings of all tests. `HYPOTHESIS_PROFILE=long` (make test-long) looks much further."""

import os

from hypothesis import HealthCheck, settings

# The machines that this runs on are shared and noisy: how long an example takes says nothing about the code.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("long", parent=settings.get_profile("default"), max_examples=5_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
