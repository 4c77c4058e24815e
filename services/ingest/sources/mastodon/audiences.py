"""Who may read a status here: never more people than its author chose, never more than the source is configured for."""

from collections.abc import Iterable

from services.contracts.activity import Audience, Scope
from services.ingest.narrowing import narrower
from services.ingest.source import SourceConfig


def audience_of(visibility: str, author: str, mentioned: Iterable[str], config: SourceConfig) -> Audience:
    """Return the audience of a visibility. author and mentioned: entity names.

    public and unlisted: the configured audience. private (followers only): its author, since who follows her is not known here; with
    the option `followers_only = "audience"` the configured audience, but never PUBLIC. direct: author and mentioned. Anything
    else, a missing one too: its author.
    """
    if visibility in ("public", "unlisted"):
        return config.audience
    if visibility == "private" and config.options.get("followers_only") == "audience":
        return narrower(config.audience, Audience(Scope.INTERNAL))
    named = direct(author, *mentioned) if visibility == "direct" else direct(author)
    audience = narrower(config.audience, named)
    return audience if audience.recipients else direct(author)


def direct(*names: str) -> Audience:
    """Return the audience of exactly these people; names that are no people's are left out."""
    return Audience(Scope.DIRECT, recipients=tuple(dict.fromkeys(name for name in names if name.startswith("person:"))))
