"""The sources file of the demo: five channels of four kinds, all on the loopback interface."""

from pathlib import Path

CONNECTIONS_USER = "sluice"
# The demo's own, for servers that listen on the loopback interface only.
CONNECTIONS_PASSWORD = "demo-only"  # noqa: S105 - see above
WEBHOOK_SECRET = "whsec_c2x1aWNlLWRlbW8tc2VjcmV0LTAwMQ=="  # noqa: S105 - see above

SOURCES = """\
# Written by `sluice up` for the demo; name a file of your own with SLUICE_SOURCES_FILE.
[[sources]]
id = "company-blog"
kind = "rss"
url = "http://127.0.0.1:{port}/blog/feed.xml"
instance = "blog.nordlicht.example"
audience = "public"
interval_s = {interval_s}

[[sources]]
id = "industry-news"
kind = "rss"
url = "http://127.0.0.1:{port}/news/feed.xml"
instance = "news.example"
audience = "public"
interval_s = {interval_s}

[[sources]]
id = "mastodon-public"
kind = "mastodon"
url = "http://127.0.0.1:{port}/social"
instance = "social.example"
audience = "public"

[[sources]]
id = "connections"
kind = "hcl-connections"
url = "http://127.0.0.1:{port}/connections"
instance = "connections.nordlicht.example"
audience = "internal"
company_ids = true
interval_s = {interval_s}
secret_file = "connections.secret"

[[sources]]
id = "app-events"
kind = "activitystreams"
instance = "apps.nordlicht.example"
audience = "internal"
company_ids = true
secret_file = "app-events.secret"
"""


def write_sources(folder: Path, demo_port: int, *, interval_s: float = 5.0) -> Path:
    """Write the sources file and its secrets under folder; return its path. Writing it again changes nothing but the port."""
    for name, secret in {
        "connections.secret": f"{CONNECTIONS_USER}:{CONNECTIONS_PASSWORD}",
        "app-events.secret": WEBHOOK_SECRET,
    }.items():
        path = folder / name
        path.touch(mode=0o600)
        path.write_text(secret, encoding="utf-8")
    sources = folder / "sources.toml"
    sources.write_text(SOURCES.format(port=demo_port, interval_s=interval_s), encoding="utf-8")
    return sources
