"""Who must find which piece: written from the words of the issue, not from the code that is under test."""

from collections.abc import Iterable

from services.cli.demo.company import Company
from tests.smoke.writings import CHANNELS, Piece


def may_read(piece: Piece, reader: str, company: Company) -> bool:
    """Return whether a piece is for these eyes."""
    employee = reader in company.people
    if piece.kind in {"rss", "mastodon"}:
        return True
    if piece.recipients:
        return reader in piece.recipients or reader == piece.author
    if piece.group:
        return reader in company.groups[piece.group]
    return employee


def expected_feed(pieces: Iterable[Piece], reader: str, company: Company) -> set[str]:
    """Return the markers that the reader's home feed must show, no more and no less."""
    follows = set(company.follows.get(reader, ()))
    member = {f"group:{group}" for group, members in company.groups.items() if reader in members}
    found = set()
    for piece in pieces:
        if piece.deleted or not may_read(piece, reader, company):
            continue
        inside = piece.kind in {"hcl-connections", "activitystreams"}
        names = {f"channel:{CHANNELS[piece.kind]}"} | {f"tag:{tag}" for tag in piece.tags}
        names |= {f"person:{piece.author}"} if inside else set()
        names |= {f"group:{piece.group}"} if piece.group else set()
        own = inside and piece.author == reader
        if own or piece.recipients or names & (follows | member):
            found.add(piece.marker)
    return found
