"""Who gets which partitions: shares that differ by one at the most, with as few moves as that allows. Pure."""

from collections.abc import Collection, Mapping


def even_shares(partitions: int, held: Mapping[str, Collection[int]]) -> dict[str, list[int]]:
    """Return member → its partitions, in order. held: what each member says that it has; at least one member.

    Two may say so of one partition, when one of them was away without knowing it. The answer depends on nothing but the arguments' content.
    """
    # Who has most may keep most.
    members = sorted(held, key=lambda member: (-len(held[member]), member))
    least, more = divmod(partitions, len(members))
    room = {member: least + (place < more) for place, member in enumerate(members)}
    left = set(range(partitions))
    shares: dict[str, list[int]] = {}
    for member in reversed(members):
        shares[member] = sorted(left.intersection(held[member]))[: room[member]]
        left.difference_update(shares[member])
    rest = iter(sorted(left))
    for member in members:
        missing = room[member] - len(shares[member])
        shares[member] = sorted([*shares[member], *(next(rest) for _ in range(missing))])
    return shares
