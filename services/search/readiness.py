"""What keeps a process from doing its work, gathered from its rooms."""

from collections.abc import Callable, Mapping

#: Returns why a part can't do its work now, empty when it can.
Problem = Callable[[], str]


class Readiness:
    """Asks every check that was added; the expected ones are not ready before their check is there."""

    def __init__(self, *expected: str) -> None:
        self._checks: dict[str, Problem] = {name: lambda: "starting" for name in expected}

    def add(self, name: str, problem: Problem) -> None:
        """Ask problem from now on, under a name."""
        self._checks[name] = problem

    def problems(self) -> Mapping[str, str]:
        """Return {name: reason} of what isn't ready."""
        return {name: reason for name, problem in self._checks.items() if (reason := problem())}
