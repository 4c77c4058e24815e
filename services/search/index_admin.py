"""Making the index what the registry says, and saying where it isn't."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import AsyncElasticsearch, BadRequestError, NotFoundError

from services.contracts.indices import Index


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What `apply_index` found and did. differences: paths where the server's index is not the registry's; nobody changed them."""

    index: str
    created: bool = False
    aliases_added: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """What to do about the differences; empty when there are none."""
        if not self.differences:
            return ""
        return (
            f"{self.index} differs from the registry in {', '.join(self.differences)}. What is indexed can't change its mapping: raise "
            "the version in services/contracts/indices.py, apply, let an indexer fill the new index from the topic, then move the alias."
        )


async def apply_index(client: AsyncElasticsearch, index: Index) -> IndexReport:
    """Create the index and its aliases where they are missing. Repeatable; changes nothing that is there.

    The readers' alias is only added where it points nowhere: moving it to a new version is a decision. Raises the client's errors.
    """
    created = await _create(client, index)
    added = [] if created else await _add_aliases(client, index)
    report = await describe_index(client, index)
    return IndexReport(index.name, created=created, aliases_added=tuple(added), differences=report.differences)


async def describe_index(client: AsyncElasticsearch, index: Index) -> IndexReport:
    """Compare the server's index with the registry. Raises NotFoundError when there is none."""
    there = (await client.indices.get(index=index.name))[index.name]
    wanted = {"mappings": index.mappings, "settings": index.settings}
    actual = {"mappings": there["mappings"], "settings": there["settings"]["index"]}
    return IndexReport(index.name, differences=tuple(differences(wanted, actual)))


def differences(wanted: Mapping[str, Any], actual: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths where actual isn't as wanted. What only the server has is its own business, except fields of a mapping."""
    for name, value in wanted.items():
        at, there = f"{path}{name}", actual.get(name)
        if isinstance(value, Mapping):
            yield from differences(value, there if isinstance(there, Mapping) else {}, f"{at}.")
        elif _as_text(value) != _as_text(there):
            yield at
    if path.endswith("properties."):
        yield from (f"{path}{name}" for name in actual if name not in wanted)


def _as_text(value: Any) -> Any:
    """Return settings as the server returns them: numbers and booleans as text."""
    if isinstance(value, list):
        return [_as_text(item) for item in value]
    return str(value).lower() if isinstance(value, bool | int) else value


async def _create(client: AsyncElasticsearch, index: Index) -> bool:
    aliases: dict[str, Any] = {index.write_alias: {}}
    if not await client.indices.exists_alias(name=index.alias):
        aliases[index.alias] = {}
    try:
        await client.indices.create(index=index.name, mappings=index.mappings, settings=index.settings, aliases=aliases)
    except BadRequestError as error:
        if error.error != "resource_already_exists_exception":
            raise
        return False
    return True


async def _add_aliases(client: AsyncElasticsearch, index: Index) -> list[str]:
    added = []
    for alias in (index.alias, index.write_alias):
        try:
            await client.indices.get_alias(name=alias)
        except NotFoundError:
            await client.indices.put_alias(index=index.name, name=alias)
            added.append(alias)
    return added
