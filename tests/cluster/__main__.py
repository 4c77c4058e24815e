"""`make test-cluster`: the suites on Apache Kafka and Elasticsearch, which every test process starts for itself.

Arguments are pytest's. Nothing stays behind: the run's processes and its folder are gone at the end, also after SIGTERM.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.cluster.jars import Missing, cached_jars, find_java
from tests.cluster.leaving_nothing import temporary_home


def main(arguments: Sequence[str]) -> int:
    """Run pytest; return its status, or 1 when the machine lacks something, which is named."""
    try:
        find_java()
        cached_jars()
    except Missing as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - its output
        return 1
    with temporary_home() as home:
        environment = os.environ | {"TESTS_RUN_ON": "cluster", "SLUICE_ELASTICSEARCH__CORE_ANALYSIS": "true"}
        command = [sys.executable, "-m", "pytest", f"--basetemp={home / 'tests'}", *arguments]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
