import pytest

from services.contracts.activity import Audience, Scope
from services.ingest.settings import SourcesInvalid, load_sources

BLOG = """
[[sources]]
id = "blog"
kind = "rss"
url = "https://Blog.example:8443/feed.xml"
audience = "public"
"""


def load(tmp_path, text, environ=None):
    path = tmp_path / "sources.toml"
    path.write_text(text)
    return load_sources(path, environ or {})


def test_a_source_needs_little(tmp_path):
    (blog,) = load(tmp_path, BLOG)
    assert (blog.id, blog.kind, blog.instance, blog.audience, blog.interval_s, blog.secret, blog.company_ids) == (
        "blog", "rss", "blog.example", Audience(Scope.PUBLIC), 60.0, "", False,
    )  # fmt: skip


def test_a_source_that_only_receives_is_its_own_instance(tmp_path):
    (inbox,) = load(tmp_path, '[[sources]]\nid="in"\nkind="activitystreams"\naudience={groups=["group:platform"]}\n')
    assert (inbox.instance, inbox.audience) == ("in", Audience(Scope.GROUP, groups=("group:platform",)))


def test_secrets_come_from_files_beside_it_or_the_environment(tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    text = BLOG + 'secret_file = "token"\n' + BLOG.replace('"blog"', '"other"') + 'secret_env = "OTHER_TOKEN"\n'
    assert [source.secret for source in load(tmp_path, text, {"OTHER_TOKEN": "from-env"})] == ["from-file", "from-env"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (BLOG.replace('audience = "public"', ""), "audience is missing"),
        (BLOG.replace('"public"', '"everybody"'), "audience is"),
        (BLOG.replace('"public"', "{groups = []}"), "audience is"),
        (BLOG.replace('"public"', '{groups = ["platform"]}'), "audience is"),
        (BLOG.replace('"public"', '{groups = ["group:a"], more = 1}'), "audience is"),
        (BLOG.replace('"rss"', '"gopher"'), "unknown kind"),
        (BLOG.replace("https://", "file://"), "url is http"),
        (BLOG.replace("https://", "https://me:hunter2@"), "no credentials"),
        (BLOG + BLOG, "two sources have the id 'blog'"),
        (BLOG + "intervall_s = 3\n", "unknown key 'intervall_s'"),
        (BLOG + "interval_s = 0\n", "interval_s is at least"),
        (BLOG + "interval_s = nan\n", "interval_s is at least"),
        (BLOG + 'company_ids = "yes"\n', "company_ids has the wrong type"),
        (BLOG + 'secret = "hunter2"\n', "doesn't belong in this file"),
        (BLOG + 'secret_env = "UNSET"\n', "the secret it names is empty"),
        (BLOG + 'secret_file = "missing"\n', "secret_file can't be read"),
        (BLOG.replace('"blog"', '"a/b"'), "no /"),
        ("sources = 3\n", "[[sources]] tables"),
        ("sources = [3]\n", "source 1 is not a table"),
        ("more = 3\n", "[[sources]] tables"),
        ("[[sources", "is not TOML"),
    ],
)
def test_a_mistake_is_named_without_showing_a_secret(tmp_path, text, named):
    """A typo stops the service at its start: a channel that silently doesn't run, or runs open, would be found too late."""
    with pytest.raises(SourcesInvalid) as refused:
        load(tmp_path, text)
    assert named in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourcesInvalid, match="can't be read"):
        load_sources(tmp_path / "none.toml", {})
