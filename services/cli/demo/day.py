"""A believable day: who writes what, where and when. Pure; the seed decides everything."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from services.cli.demo import sentences
from services.cli.demo.company import Company


@dataclass(frozen=True, slots=True)
class Writing:
    """One piece of writing, before any channel's format. group: a community's id, or empty."""

    author: str
    text: str
    language: str
    tags: tuple[str, ...]
    group: str = ""


def company_day(company: Company, chance: Random) -> Iterator[Writing]:
    """Yield, for ever, what employees write: about a third in communities of their own."""
    while True:
        author = chance.choice(company.people)
        own = [group for group, members in company.groups.items() if author in members]
        group = chance.choice(own) if own and chance.random() < 0.35 else ""  # noqa: PLR2004 - a third
        text, language, tags = _sentence(sentences.COMPANY, company, chance)
        yield Writing(author, text, language, tags, group)


def public_day(company: Company, chance: Random) -> Iterator[Writing]:
    """Yield, for ever, what the world writes about the company."""
    handles = [
        f"{name}{chance.randint(2, 99)}" for name in ("kiebitz", "fjordcoder", "datenfee", "moin", "pixelpapa", "hafenkante")
    ]
    while True:
        text, language, tags = _sentence(sentences.PUBLIC, company, chance)
        yield Writing(chance.choice(handles), text, language, tags)


def _sentence(pool: sentences.Pool, company: Company, chance: Random) -> tuple[str, str, tuple[str, ...]]:
    language = chance.choice(("de", "en"))
    pattern, tags = chance.choice(pool[language])
    text = pattern.format(
        topic=chance.choice(sentences.TOPICS),
        customer=chance.choice(sentences.CUSTOMERS),
        day=chance.choice(sentences.DAYS if language == "de" else sentences.WEEKDAYS),
        number=chance.randint(3, 99),
        city=chance.choice(sentences.CITIES),
        name=chance.choice(company.people).capitalize(),
    )
    return text, language, tags
