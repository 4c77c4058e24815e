"""Where the replies of a conversation stand: below what they answer, siblings by time. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from services.contracts.matching import Facts, answered_by
from services.stream.feeds.places import Place, place_of

#: Deeper replies belong to the thread of the one that they are below.
DEEPEST = 16

#: The places of a reply and of those that it is below, the outermost first.
Path = tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply in its place. parent: id of what it stands below. path: orders a tree, parents before their replies.

    aside: what it answers isn't in the thread (closed to the reader, deleted, or of another conversation), so it stands below the
    activity that it is about. cut: there are replies below it, too deep to be shown.
    """

    facts: Facts
    parent: str
    path: Path
    aside: bool = False
    cut: bool = False

    @property
    def depth(self) -> int:
        """How many replies deep it stands, 1 for an answer to the activity itself."""
        return len(self.path)


def arranged(root: str, found: Iterable[Facts]) -> list[Reply]:
    """Return the replies below an activity as a tree, in its order; what isn't connected with it is left out.

    root: the activity's id. found: facts of what the reader may see, each id once. A reply stands below what it answers, or, where
    that isn't there, below what it is about. Sources may say that two activities answer each other: each is shown once.
    O(n log n), but for such rings.
    """
    facts = {each.id: each for each in sorted(found, key=place_of, reverse=True) if each.id != root}
    parents = _parents(root, facts)
    children: defaultdict[str, list[Facts]] = defaultdict(list)
    for reply, each in facts.items():
        if reply in parents:
            children[parents[reply]].append(each)
    return _in_order(root, children)


def _parents(root: str, facts: Mapping[str, Facts]) -> dict[str, str]:
    """Return id → id of what it stands below, for everything that is connected with root."""
    members = _connected(root, facts)
    wishing: defaultdict[str, list[str]] = defaultdict(list)
    for each in members - {root}:
        wishing[next(link for link in answered_by(facts[each]) if link != each and link in members)].append(each)
    parents: dict[str, str] = {}
    reached, left = {root}, [root]
    while left:
        parent = left.pop()
        placed = [each for each in wishing[parent] if each not in reached]
        parents |= dict.fromkeys(placed, parent)
        reached.update(placed)
        left += placed
        if not left and len(reached) < len(members):
            # A ring: the oldest that is about something outside it stands below that.
            loose = (facts[each] for each in members - reached if reached.intersection(answered_by(facts[each])))
            oldest = min(loose, key=place_of)
            parents[oldest.id] = next(link for link in answered_by(oldest) if link in reached)
            reached.add(oldest.id)
            left.append(oldest.id)
    return parents


def _connected(root: str, facts: Mapping[str, Facts]) -> set[str]:
    answers: defaultdict[str, list[str]] = defaultdict(list)
    for each in facts.values():
        for link in answered_by(each):
            answers[link].append(each.id)
    members, left = {root}, [root]
    while left:
        new = [each for each in answers[left.pop()] if each not in members]
        members.update(new)
        left += new
    return members


def _in_order(root: str, children: Mapping[str, list[Facts]]) -> list[Reply]:
    """Return a tree, parents before their replies. children: the youngest first."""
    replies: list[Reply] = []
    left: list[tuple[Facts, str, Path]] = [(each, root, ()) for each in children.get(root, ())]
    while left:
        facts, parent, above = left.pop()
        path = (*above, place_of(facts))
        below = children.get(facts.id, ())
        cut = len(path) == DEEPEST and bool(below)
        replies.append(Reply(facts, parent, path, aside=answered_by(facts)[0] != parent, cut=cut))
        if not cut:
            left += ((each, facts.id, path) for each in below)
    return replies
