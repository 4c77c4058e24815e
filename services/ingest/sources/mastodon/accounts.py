"""Accounts: under which name they act here, and what they say of themselves."""

from collections.abc import Mapping
from typing import Any

from services.contracts.activity import Activity, Entity, Object, Source, Verb
from services.ingest.loose_fields import as_id, as_text, one_line, time_ms
from services.ingest.plain_text import plain_text
from services.ingest.source import SourceConfig

_MAX_NAME = 500
# Stands for the account whose token is used, until options name it. Nobody's real address has no host.
_OWN = "self"


def full_address(acct: str, config: SourceConfig) -> str:
    """Return `user@host` in lower case; the instance leaves the host out for its own accounts."""
    address = acct.strip().lstrip("@").lower()
    if not address or "@" in address:
        return address
    return f"{address}@{as_text(config.options.get('domain')) or config.instance}".lower()


def entity_of(account: Mapping[str, Any], config: SourceConfig) -> Entity | None:
    """Return an account as somebody who acts, or None where it has no address."""
    address = full_address(one_line(account.get("acct") or account.get("username"), _MAX_NAME), config)
    if not address:
        return None
    return Entity(
        config.person(address),
        one_line(account.get("display_name") or account.get("username"), _MAX_NAME),
        address,
        as_text(account.get("url")),
        as_text(account.get("avatar")),
    )


def own_account(config: SourceConfig) -> Entity:
    """Return the account whose token is used; without the option `account` a name that nobody has."""
    address = full_address(as_text(config.options.get("account")), config)
    return Entity(config.person(address or _OWN), handle=address)


def profile(account: Mapping[str, Any], config: SourceConfig) -> Activity:
    """Map what an account says of itself. Undated: the API doesn't tell when a profile was changed."""
    actor = entity_of(account, config)
    return Activity(
        source=Source(config.kind, config.instance, f"account/{as_id(account.get('id'))}", config.channel),
        verb=Verb.UPDATE,
        actor=actor,
        object=Object(
            id=as_text(account.get("uri") or account.get("url")),
            type="person",
            title=plain_text(as_text(account.get("display_name"))) or (actor.handle if actor else ""),
            content=as_text(account.get("note")),
            url=as_text(account.get("url")),
        ),
        audience=config.audience,
        published_ms=time_ms(account.get("created_at")),
    )


def following(native_id: str, followed: Object, config: SourceConfig, *, follows: bool) -> Activity:
    """Map whether the token's account follows somebody or a tag; not following any more is a delete."""
    source = Source(config.kind, config.instance, native_id, config.channel)
    if not follows:
        return Activity(source=source, deleted=True)
    return Activity(source=source, verb=Verb.FOLLOW, actor=own_account(config), object=followed, audience=config.audience)
