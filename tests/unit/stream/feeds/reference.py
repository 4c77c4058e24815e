"""What a feed is, said a second time and naively: the tests compare the engine with this. Shares no rule with the product."""

from collections import defaultdict
from dataclasses import dataclass, field

from services.contracts.activity import Activity, Scope, Verb
from services.contracts.feed_filter import FeedFilter


@dataclass
class Edges:
    """What one person (or account) did to others, as plain sets of the names that she gave."""

    follows: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    mutes: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    blocks: set[str] = field(default_factory=set)
    saved: list[str] = field(default_factory=list)
    read: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)
    read_up_to: tuple[int, str] = (-1, "")
    seen_up_to: tuple[int, str] = (-1, "")

    def mark(self, kind: str, activity_id: str, *, present: bool) -> None:
        """Mark something or take it back. saved: in the order of saving; what is said to be unread is that until it is read."""
        if kind == "SAVED":
            self.saved = [each for each in self.saved if each != activity_id] + [activity_id] * present
        else:
            marked = {"READ": self.read, "SEEN": self.seen, "DONE": self.done}[kind]
            (marked.add if present else marked.discard)(activity_id)
        if kind == "READ":
            (self.unread.discard if present else self.unread.add)(activity_id)

    def mark_up_to(self, kind: str, place: tuple[int, str]) -> None:
        """Mark everything up to a place, unless that was done for a higher one."""
        if kind == "HOME_SEEN_UP_TO":
            self.seen_up_to = max(place, self.seen_up_to)
        elif place >= self.read_up_to:
            self.read_up_to = place
            self.unread.clear()

    def has_read(self, activity: Activity) -> bool:
        """Say whether something is read."""
        below = (activity.sort_time_ms, activity.id) <= self.read_up_to
        return activity.id in self.read or (below and activity.id not in self.unread)

    def has_seen(self, activity: Activity) -> bool:
        """Say whether something is seen."""
        below = (activity.sort_time_ms, activity.id) <= self.seen_up_to
        return below or activity.id in self.seen or self.has_read(activity)


@dataclass
class Society:
    """Everybody's edges, and whose an account is."""

    edges: defaultdict[str, Edges] = field(default_factory=lambda: defaultdict(Edges))
    accounts: dict[str, str] = field(default_factory=dict)

    def names_of(self, name: str) -> set[str]:
        """Return all names of whoever has this one."""
        person = self.accounts.get(name, name)
        return {person} | {account for account, owner in self.accounts.items() if owner == person}

    def any_of(self, names: set[str], among: set[str]) -> bool:
        """Say whether some name, under any name of its person, is among others."""
        return any(self.names_of(name) & among for name in names)

    def hidden(self, author: str, user: str) -> bool:
        """Say whether a user blocked somebody, under any name, or was blocked by her, under the user's own name.

        Who blocks an account names its person as well, as far as anybody knows then.
        """
        names = self.names_of(author)
        return bool(self.edges[user].blocks & names) or any(user in self.edges[name].blocks for name in names)


def readable(activity: Activity, user: str, groups: set[str], *, employee: bool) -> bool:
    """Say who is inside an audience."""
    audience = activity.audience
    if audience.scope == Scope.PUBLIC:
        return True
    if audience.scope == Scope.INTERNAL:
        return employee
    if audience.scope == Scope.GROUP:
        return len(set(audience.groups) & groups) > 0
    return audience.scope == Scope.DIRECT and user in audience.recipients


def in_feed(activity: Activity, user: str, society: Society, *, employee: bool) -> bool:
    """Say whether an activity belongs to a home feed."""
    edges = society.edges[user]
    if activity.deleted or activity.verb not in (Verb.POST, Verb.COMMENT, Verb.SHARE, Verb.UPDATE, Verb.ADD):
        return False
    if not readable(activity, user, edges.groups, employee=employee):
        return False
    author = activity.actor.name
    if author in society.names_of(user):
        return True
    if society.hidden(author, user):
        return False
    about = about_whom(activity)
    if society.any_of(about, edges.mutes) or any(says(activity, word) for word in edges.words):
        return False
    if activity.audience.scope == Scope.DIRECT:
        return True
    return bool(about & edges.groups) or society.any_of(about, edges.follows)


def in_outbox(activity: Activity, of: str, user: str, society: Society, *, employee: bool) -> bool:
    """Say whether an activity is in the feed of one entity, or of all of a kind that a user follows, as she may see it."""
    kind, name = of.split(":", 1)
    edges = society.edges[user]
    if name == "*":
        theirs = {each for each in edges.follows | edges.groups if each.startswith(kind)}
        mine = in_feed(activity, user, society, employee=employee)
    else:
        theirs, mine = {of}, visible(activity, user, society, employee=employee)
    if kind == "person":
        return mine and bool(society.names_of(activity.actor.name) & theirs)
    return mine and bool(about_whom(activity) & theirs)


def visible(activity: Activity, user: str, society: Society, *, employee: bool) -> bool:
    """Say whether a user sees an activity when she asks for it."""
    if activity.deleted or activity.verb not in (Verb.POST, Verb.COMMENT, Verb.SHARE, Verb.UPDATE, Verb.ADD):
        return False
    if not readable(activity, user, society.edges[user].groups, employee=employee):
        return False
    author = activity.actor.name
    return author in society.names_of(user) or not society.hidden(author, user)


def thread(
    activities: list[Activity], root: str, user: str, society: Society, *, employee: bool
) -> tuple[list[str | None], list[tuple[str, str, int]]] | None:
    """Return a conversation as a user sees it, None where she doesn't see the activity that it is about.

    First what the activity answers, outermost first, None for a gap; then the replies in their order: id, what it is below, depth.
    """
    seen = {each.id: each for each in activities if visible(each, user, society, employee=employee)}
    if root not in seen:
        return None
    return _up(root, seen), _down(root, 1, _placed(root, seen), seen)


def _links(activity: Activity) -> list[str]:
    links = [activity.in_reply_to, activity.object.activity_id]
    return [link for at, link in enumerate(links) if link and link not in links[:at]]


def _up(root: str, seen: dict[str, Activity]) -> list[str | None]:
    way: list[str | None] = [root]
    while links := [link for link in _links(seen[way[-1]]) if link not in way]:
        if links[0] not in seen:
            way.append(None)
        way += [link for link in links if link in seen][:1]
        if way[-1] is None:
            break
    return way[:0:-1]


def _placed(root: str, seen: dict[str, Activity]) -> dict[str, str]:
    members, before = {root}, set()
    while before != members:
        before = set(members)
        members |= {each for each, activity in seen.items() if members & (set(_links(activity)) - {each})}
    parents: dict[str, str] = {root: ""}
    while members - parents.keys():
        wishes = {
            each: [link for link in _links(seen[each]) if link in members and link != each] for each in members - parents.keys()
        }
        ready = {each: links[0] for each, links in wishes.items() if links[0] in parents}
        if not ready:
            loose = [each for each, links in wishes.items() if set(links) & parents.keys()]
            oldest = min(loose, key=lambda each: (seen[each].sort_time_ms, each))
            ready = {oldest: next(link for link in wishes[oldest] if link in parents)}
        parents |= ready
    return parents


def _down(parent: str, depth: int, parents: dict[str, str], seen: dict[str, Activity]) -> list[tuple[str, str, int]]:
    lines = []
    for each in sorted(seen, key=lambda each: (seen[each].sort_time_ms, each)):
        if parents.get(each) == parent:
            lines += [(each, parent, depth), *_down(each, depth + 1, parents, seen)]
    return lines


def about_whom(activity: Activity) -> set[str]:
    """Return everything that one may follow an activity for."""
    about = {activity.actor.name} | {"tag:" + tag for tag in activity.tags}
    if activity.target:
        about.add(activity.target.name)
    if activity.source.channel:
        about.add(activity.source.channel)
    if activity.audience.scope == Scope.GROUP:
        about |= set(activity.audience.groups)
    return about


def says(activity: Activity, word: str) -> bool:
    """Say whether a word of the tests' (letters and spaces) stands in a text or is a tag."""
    return any(f" {word.lower()} " in f" {_letters(text)} " for text in (activity.text, *activity.tags))


def _letters(text: str) -> str:
    return " ".join("".join(character.lower() if character.isalnum() else " " for character in text).split())


def wanted(activity: Activity, asked: FeedFilter, user: str, society: Society) -> bool:
    """Say whether an activity passes what a user asked for."""
    doubts = [
        asked.source_kinds and activity.source.kind not in asked.source_kinds,
        asked.languages and activity.language not in asked.languages,
        asked.scopes and activity.audience.scope not in asked.scopes,
        asked.actors and not society.names_of(activity.actor.name) & set(asked.actors),
        asked.channels and activity.source.channel not in asked.channels,
        asked.tags and not set(asked.tags) & set(activity.tags),
        asked.unread_only and society.edges[user].has_read(activity),
    ]
    return not any(doubts)


def feed(
    activities: list[Activity], user: str, society: Society, *, employee: bool, asked: FeedFilter, of: str = ""
) -> list[tuple[str, bool, bool, bool, bool, bool, str]]:
    """Return the whole feed, newest first: id, liked, saved, read, done, seen and text of every entry. activities: the last state of each.

    of: whose feed, see in_outbox; empty for home.
    """
    edges = society.edges[user]
    liked = _liked(activities, user, edges, employee=employee)
    shown = [
        activity
        for activity in activities
        if (
            in_outbox(activity, of, user, society, employee=employee)
            if of
            else in_feed(activity, user, society, employee=employee)
        )
        and wanted(activity, asked, user, society)
    ]
    shown.sort(key=lambda activity: (activity.sort_time_ms, activity.id), reverse=True)
    return [_shown(activity, edges, liked) for activity in shown]


def _shown(activity: Activity, edges: Edges, liked: set[str]) -> tuple[str, bool, bool, bool, bool, bool, str]:
    activity_id = activity.id
    marks = activity_id in edges.saved, edges.has_read(activity), activity_id in edges.done, edges.has_seen(activity)
    return (activity_id, activity_id in liked, *marks, activity.text)


def _liked(activities: list[Activity], user: str, edges: Edges, *, employee: bool) -> set[str]:
    return {
        activity.object.activity_id
        for activity in activities
        if activity.verb == Verb.LIKE
        and not activity.deleted
        and activity.actor.name == user
        and readable(activity, user, edges.groups, employee=employee)
    }


def saved(
    latest: dict[str, Activity], user: str, society: Society, *, employee: bool, asked: FeedFilter
) -> list[tuple[str, bool, bool, bool, bool, bool, str]]:
    """Return what a user has saved and may see, the last saved first. latest: the last state of each activity, by id."""
    edges = society.edges[user]
    liked = _liked(list(latest.values()), user, edges, employee=employee)
    kept = [latest[each] for each in reversed(edges.saved)]
    return [
        _shown(activity, edges, liked)
        for activity in kept
        if visible(activity, user, society, employee=employee) and wanted(activity, asked, user, society)
    ]
