"""A made-up company of 60 people with groups and follows, the same every time."""

from dataclasses import dataclass
from random import Random

from services.contracts.relations import Relation, RelationKind

_NAMES = (
    "anna ben carla david elif finn greta hannes ines jonas katrin leon mara nils olga paul quirin rosa selim tanja "
    "uwe vera wanda xenia yusuf zoe amir bianca clemens dora emil franka gustav helena ivo jule karim lotte milan nora "
    "oskar pia rafael sofia tim ulla viktor wiebke yara zacharias aylin bjarne celina dominik eva fabio gesa henrik ida jakob"
)
NAMES = tuple(_NAMES.split())

DEPARTMENTS = {
    "platform": "Platform Engineering",
    "mobile": "Mobile Apps",
    "sales": "Vertrieb DACH",
    "marketing": "Marketing & Communications",
    "support": "Customer Care",
    "people": "People & Culture",
}
COMMUNITIES = {
    "kafka-guild": "Kafka Guild",
    "release-train": "Release Train",
    "kantine": "Kantine & Genuss",
    "laufgruppe": "Laufgruppe Alster",
    "security": "Security Circle",
    "works-council": "Betriebsrat",
}
OUTSIDERS = ("partner-nordwind", "guest-lena")
TAGS = ("kafka", "release", "kunde", "kantine", "security", "hiring", "datenschutz", "ai")
CHANNELS = ("company-blog", "industry-news", "mastodon-public", "connections", "app-events")


@dataclass(frozen=True, slots=True)
class Company:
    """people: user ids; groups: group id → members' user ids; follows: user id → entity names."""

    people: tuple[str, ...]
    groups: dict[str, tuple[str, ...]]
    group_names: dict[str, str]
    follows: dict[str, tuple[str, ...]]

    def relations(self, now_ms: int) -> list[Relation]:
        """Return every edge: memberships and follows."""
        member = [
            Relation(f"person:{person}", RelationKind.MEMBER_OF, f"group:{group}", now_ms)
            for group, members in self.groups.items()
            for person in members
        ]
        follows = [
            Relation(f"person:{person}", RelationKind.FOLLOWS, name, now_ms)
            for person, names in self.follows.items()
            for name in names
        ]
        return member + follows


def build_company(seed: int = 7) -> Company:
    """Return the demo company; the same seed gives the same company. Anna is in `platform`, `kafka-guild` and `release-train`."""
    chance = Random(seed)  # noqa: S311 - a demo, not a secret
    people = NAMES
    departments = list(DEPARTMENTS)
    groups = {
        name: [person for i, person in enumerate(people) if i % len(departments) == at] for at, name in enumerate(departments)
    }
    groups |= {name: chance.sample(people, chance.randint(8, 20)) for name in COMMUNITIES}
    for group in ("platform", "kafka-guild", "release-train"):
        if "anna" not in groups[group]:
            groups[group].append("anna")
    groups["works-council"] = [person for person in groups["works-council"] if person != "anna"]
    follows = {person: _follows(person, people, chance) for person in people}
    follows |= dict.fromkeys(OUTSIDERS, ("channel:company-blog", "channel:connections", "tag:release"))
    return Company(
        people=people,
        groups={name: tuple(sorted(members)) for name, members in groups.items()},
        group_names=DEPARTMENTS | COMMUNITIES,
        follows=follows,
    )


def _follows(person: str, people: tuple[str, ...], chance: Random) -> tuple[str, ...]:
    others = [other for other in people if other != person]
    # A few people are followed by many, as everywhere.
    known = chance.sample(others[:12], 4) + chance.sample(others[12:], chance.randint(4, 12))
    names = [f"person:{other}" for other in known]
    names += [f"tag:{tag}" for tag in chance.sample(TAGS, 2)]
    names += [f"channel:{channel}" for channel in chance.sample(CHANNELS, 2)]
    return tuple(names)
