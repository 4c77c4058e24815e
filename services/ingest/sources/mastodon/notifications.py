"""Notifications, single and grouped: what others did to the account whose token is used."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.contracts.activity import Activity, Object, Verb
from services.ingest.loose_fields import as_dict, as_id, as_list, as_text, time_ms
from services.ingest.source import Mapped, Rejection, SourceConfig
from services.ingest.sources.mastodon.accounts import entity_of, own_account
from services.ingest.sources.mastodon.audiences import direct
from services.ingest.sources.mastodon.statuses import source_of, status_activity

# The notification only says that the status is there.
_SHOWS_STATUS = frozenset({"mention", "status", "update", "poll", "quote", "quoted_update"})
_ACTS_ON_STATUS = {
    "favourite": Verb.LIKE,
    "reblog": Verb.SHARE,
    "pleroma:emoji_reaction": Verb.LIKE,
    "reaction": Verb.LIKE,
}
_FOLLOWS = frozenset({"follow", "follow_request"})
_PRIVATE = frozenset({"admin.sign_up", "admin.report", "severed_relationships", "moderation_warning", "annual_report"})
TYPES = _SHOWS_STATUS | _ACTS_ON_STATUS.keys() | _FOLLOWS | _PRIVATE


@dataclass(frozen=True, slots=True)
class _Notice:
    """What a notification tells, single or as one of a group. key: its own id or its group's."""

    kind: str
    key: str
    account: Mapping[str, Any]
    status: Mapping[str, Any]
    at_ms: int

    @property
    def incomplete(self) -> bool:
        """Whether it is about a status that didn't come along."""
        return not self.status and (self.kind in _SHOWS_STATUS or self.kind in _ACTS_ON_STATUS)

    @property
    def who(self) -> str:
        """The id of whoever did it."""
        return as_id(self.account.get("id")) or as_text(self.account.get("acct"))


def map_notification(notification: Mapping[str, Any], config: SourceConfig) -> Mapped:
    """Map one notification. One about a status that is gone is a rejection `status-missing`."""
    notice = _Notice(
        as_text(notification.get("type")),
        as_id(notification.get("id")),
        as_dict(notification.get("account")),
        as_dict(notification.get("status")),
        time_ms(notification.get("created_at")),
    )
    return _mapped([notice], config)


def map_groups(document: Mapping[str, Any], config: SourceConfig) -> Mapped:
    """Map an answer with grouped notifications: one activity for each account that it shows.

    The time of each is that of the newest in its group, the only one that is told.
    """
    accounts = {as_id(account.get("id")): account for account in _dicts(document, "partial_accounts", "accounts")}
    statuses = {as_id(status.get("id")): status for status in _dicts(document, "statuses")}
    notices: list[_Notice] = []
    for group in _dicts(document, "notification_groups"):
        kind, key = as_text(group.get("type")), as_id(group.get("group_key"))
        status = statuses.get(as_id(group.get("status_id")), {})
        at_ms = time_ms(group.get("latest_page_notification_at"))
        ids = [as_id(sample) for sample in as_list(group.get("sample_account_ids"))]
        who = [accounts[native] for native in ids if native in accounts] or [{}]
        notices += [_Notice(kind, key, account, status, at_ms) for account in (who[:1] if kind in _SHOWS_STATUS else who)]
    return _mapped(notices, config)


def _mapped(notices: list[_Notice], config: SourceConfig) -> Mapped:
    return Mapped(
        tuple(_activity(notice, config) for notice in notices if not notice.incomplete),
        tuple(
            Rejection("status-missing", "a notification without the status that it is about", notice.key[:500])
            for notice in notices
            if notice.incomplete
        ),
    )


def _activity(notice: _Notice, config: SourceConfig) -> Activity:
    if notice.kind in _SHOWS_STATUS:
        return status_activity(notice.status, config)
    if notice.kind in _ACTS_ON_STATUS:
        return _act_on_status(notice, config)
    if notice.kind in _FOLLOWS:
        return _follow(notice, config)
    return _private(notice, config)


def _act_on_status(notice: _Notice, config: SourceConfig) -> Activity:
    """Return the like or boost of a status, for those who may read the status. It is undated: groups blur the time of each."""
    original = status_activity(notice.status, config)
    shown = original.object
    return Activity(
        source=source_of(f"{notice.kind}/{notice.who}/{original.source.native_id}", config),
        verb=_ACTS_ON_STATUS[notice.kind],
        actor=entity_of(notice.account, config),
        object=Object(id=shown.id, type=shown.type, url=shown.url, activity_id=original.source.activity_id),
        audience=original.audience,
        published_ms=notice.at_ms,
    )


def _follow(notice: _Notice, config: SourceConfig) -> Activity:
    """Return that somebody follows the token's account, or only asks to: that concerns the two alone."""
    own, actor = own_account(config), entity_of(notice.account, config)
    asks = notice.kind == "follow_request"
    return Activity(
        source=source_of(f"{notice.kind}/{notice.who}", config),
        verb=Verb.OTHER if asks else Verb.FOLLOW,
        actor=actor,
        object=Object(id=own.name, type="person", title=own.handle),
        audience=direct(own.name, actor.name if actor else "") if asks else config.audience,
        published_ms=notice.at_ms,
    )


def _private(notice: _Notice, config: SourceConfig) -> Activity:
    """Return that the instance told the token's account something (a report, a warning, a sign-up), without what it was."""
    own = own_account(config)
    return Activity(
        source=source_of(f"{notice.kind}/{notice.key}", config),
        verb=Verb.OTHER,
        actor=entity_of(notice.account, config) or own,
        object=Object(type=notice.kind.replace("admin.", "")[:100]),
        audience=direct(own.name),
        published_ms=notice.at_ms,
    )


def _dicts(document: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    return [item for name in names for item in as_list(document.get(name)) if isinstance(item, dict)]
