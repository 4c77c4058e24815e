"""The `[sources.options]` of a Mastodon instance, and the addresses that follow from them."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from services.ingest.source import SourceConfig

PAGE = 40
_BASE = {"public": ("public", "public"), "local": ("public", "public/local"), "user": ("home", "user")}


class OptionInvalid(ValueError):
    """An option is unknown or has a value that can't be used; the text names it and shows no value."""

    reason = "option-invalid"


@dataclass(frozen=True, slots=True)
class MastodonOptions:
    """stream: public, local, user, hashtag (with tag) or list (with list). Others: see docs/sources/mastodon.md."""

    stream: str = "public"
    tag: str = ""
    list: str = ""
    account: str = ""
    domain: str = ""
    followers_only: str = "author"
    notifications: bool = False
    streaming_url: str = ""
    backfill: int = 400
    remember: int = 200
    overlap_s: int = 300

    @classmethod
    def of(cls, config: SourceConfig) -> "MastodonOptions":
        """Read the options of a source. Raises OptionInvalid."""
        given = dict(config.options)
        for name, value in given.items():
            if name not in cls.__slots__:
                raise OptionInvalid(f"unknown option {name!r}")
            expected = type(getattr(cls(), name))
            if type(value) is not expected or (expected is int and value < 0):
                raise OptionInvalid(f"{name} is a {expected.__name__}, not below 0")
        options = cls(**given)
        if options.stream not in (*_BASE, "hashtag", "list"):
            raise OptionInvalid("stream is public, local, user, hashtag or list")
        if (options.stream == "hashtag") != bool(options.tag) or (options.stream == "list") != bool(options.list):
            raise OptionInvalid("tag belongs to the stream hashtag, list to the stream list")
        if options.notifications and options.stream != "user":
            raise OptionInvalid("notifications belong to the stream user")
        if options.followers_only not in ("author", "audience"):
            raise OptionInvalid("followers_only is author or audience")
        return options

    def timeline(self, **bounds: str) -> str:
        """Return the path of one page of the timeline. bounds: min_id or max_id."""
        path, query = f"timelines/{_BASE.get(self.stream, ('', ''))[0]}", {"limit": str(PAGE), **bounds}
        if self.stream == "local":
            query["local"] = "true"
        if self.stream == "hashtag":
            path = f"timelines/tag/{quote(self.tag, safe='')}"
        if self.stream == "list":
            path = f"timelines/list/{quote(self.list, safe='')}"
        return f"/api/v1/{path}?{urlencode(query)}"

    def streaming(self) -> str:
        """Return the path of the event stream."""
        if self.stream in ("hashtag", "list"):
            name, value = ("tag", self.tag) if self.stream == "hashtag" else ("list", self.list)
            return f"/api/v1/streaming/{self.stream}?{urlencode({name: value})}"
        return f"/api/v1/streaming/{_BASE[self.stream][1]}"
