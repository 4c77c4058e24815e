"""Who may read what is in Connections. It is inside: its `public` means every employee, unless the installation faces outwards."""

from dataclasses import dataclass

from services.contracts.activity import Audience, Entity, Scope
from services.ingest.narrowing import narrower, with_a_reader
from services.ingest.source import SourceConfig


@dataclass(frozen=True, slots=True)
class Visibility:
    """What a story or entry says of its readers.

    public: None where it doesn't say. communities, people: native ids. restricted: groups of its own, such as an activity's
    members, whose membership Connections keeps to itself.
    """

    public: bool | None = None
    communities: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    restricted: tuple[str, ...] = ()


def audience_of(visibility: Visibility, actor: Entity, config: SourceConfig) -> Audience:
    """Return the audience, never wider than configured, and PUBLIC only where the option `external` is true.

    Public → INTERNAL (PUBLIC). Not public, or not said, in a community → its members. Not public otherwise → the actor and the
    people addressed. Nothing said at all → as configured.
    """
    widest = narrower(config.audience, Audience(Scope.PUBLIC if config.options.get("external") is True else Scope.INTERNAL))
    return with_a_reader(narrower(widest, _said(visibility, widest, config)), actor.name, config)


def _said(visibility: Visibility, widest: Audience, config: SourceConfig) -> Audience:
    if visibility.public is True:
        return Audience(Scope.PUBLIC)
    groups = tuple(config.group(native) for native in (*visibility.restricted, *visibility.communities))
    if groups:
        return Audience(Scope.GROUP, groups=groups)
    if visibility.public is False or visibility.people:
        return Audience(Scope.DIRECT, recipients=tuple(config.person(native) for native in visibility.people))
    return widest
