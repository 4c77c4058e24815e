"""Reading the settings from the environment, with errors that name the variable and never show its value."""

import difflib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from services.runtime.settings import DELIMITER, PREFIX, Settings


class SettingsInvalid(Exception):
    """The environment doesn't make settings. problems: one sentence a variable, safe to print."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the settings are not usable:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = tuple(problems)


def load_settings() -> Settings:
    """Return the settings of this process's environment. Connects to nothing.

    Raises SettingsInvalid for unknown `SLUICE_` variables (with the known one that is nearest) and for values that don't fit.
    """
    given = {name.upper() for name in os.environ if name.upper().startswith(PREFIX)}
    if unknown := [_unknown(name) for name in sorted(given - _KNOWN)]:
        raise SettingsInvalid(unknown)
    try:
        return Settings()
    except ValidationError as error:
        problems = [_problem(details["loc"], details["msg"]) for details in error.errors(include_input=False, include_url=False)]
    # Raised outside the handler: the chained pydantic error could print what was given.
    raise SettingsInvalid(problems)


def variables(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[tuple[str, Any]]:
    """Yield the name and the field of every variable there is."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from variables(kind, f"{prefix}{name.upper()}{DELIMITER}")
        else:
            yield f"{prefix}{name.upper()}", field


_KNOWN = frozenset(name for name, _ in variables())


def _unknown(name: str) -> str:
    nearest = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.7)
    return f"{name} is not a setting of Sluice" + (f"; did you mean {nearest[0]}?" if nearest else "")


def _problem(location: tuple[int | str, ...], message: str) -> str:
    names = [str(part).upper() for part in location if not isinstance(part, int)]
    name = PREFIX + DELIMITER.join(names)
    if name not in _KNOWN:
        name += f"{DELIMITER}*" if names else "*"
    return f"{name}: {message.removeprefix('Value error, ')}"
