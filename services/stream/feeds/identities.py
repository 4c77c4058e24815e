"""Whose an account is: the accounts of a person count as one where somebody follows, mutes or blocks any of them. Pure."""

from typing import Final

from services.contracts.relation_codec import Identity

_NOBODY: Final[frozenset[str]] = frozenset()


class Identities:
    """account → person, as the last records of sluice.identities.v1 say.

    Chains don't form: where an account's person is an account of somebody else's in turn, the account is still hers alone.
    What nobody has linked is a person of its own.
    """

    def __init__(self) -> None:
        self._persons: dict[str, str] = {}
        self._accounts: dict[str, set[str]] = {}
        self._approving: set[str] = set()
        # Everybody who stands for more than herself; few among many.
        self._linked: set[str] = set()

    def person_of(self, name: str) -> str:
        """Return the person whose account a name is; the name itself where it is nobody's."""
        return self._persons.get(name, name)

    def names_of(self, name: str) -> frozenset[str]:
        """Return all names of the person whose account a name is, her own and the given one included."""
        person = self.person_of(name)
        return frozenset({person, *self._accounts.get(person, _NOBODY)})

    def approves(self, name: str) -> bool:
        """Return whether the person whose account a name is approves of her followers."""
        return self.person_of(name) in self._approving

    def expanded(self, names: frozenset[str]) -> frozenset[str]:
        """Return names and all other names of the same people."""
        linked = names & self._linked
        return names.union(*map(self.names_of, linked)) if linked else names

    def set(self, identity: Identity) -> frozenset[str]:
        """Take a record; return the names that stand for others than before, none when it changes nothing."""
        account, person = identity.account, identity.person
        changed = self._move(account, person)
        self._approving.discard(account)
        if account == person and identity.approves_followers:
            self._approving.add(account)
        return changed

    def remove(self, account: str) -> frozenset[str]:
        """Take a record back; return as of set."""
        self._approving.discard(account)
        return self._move(account, account)

    def _move(self, account: str, person: str) -> frozenset[str]:
        before = self.person_of(account)
        if before == person:
            return _NOBODY
        changed = self.names_of(account) | self.names_of(person)
        if before != account:
            self._accounts[before].discard(account)
            if not self._accounts[before]:
                del self._accounts[before]
        if person == account:
            del self._persons[account]
        else:
            self._persons[account] = person
            self._accounts.setdefault(person, set()).add(account)
        changed |= self.names_of(account)
        for name in changed:
            linked = name in self._persons or name in self._accounts
            (self._linked.add if linked else self._linked.discard)(name)
        return changed
