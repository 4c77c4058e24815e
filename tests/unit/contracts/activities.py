"""Hypothesis strategies for activities: every field that a record may carry."""

from hypothesis import strategies as st

from services.contracts.activity import Activity, Attachment, Audience, Entity, Object, ReportedTotals, Scope, Source, Verb

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
ids = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
people = ids.map("person:{}".format)
groups = ids.map("group:{}".format)
activity_ids = st.from_regex(r"[0-9a-f]{32}", fullmatch=True)
times = st.integers(0, 4_102_444_800_000)
entities = st.builds(Entity, name=people, display_name=words, handle=words, url=words, avatar_url=words)
audiences = st.builds(
    Audience,
    scope=st.sampled_from(Scope),
    groups=st.lists(groups, max_size=3).map(tuple),
    recipients=st.lists(people, max_size=3).map(tuple),
)
objects = st.builds(
    Object,
    id=words,
    type=st.sampled_from(["note", "article", "comment"]),
    title=words,
    content=words,
    url=words,
    attachments=st.lists(st.builds(Attachment, url=words, media_type=words, title=words), max_size=2).map(tuple),
    activity_id=st.one_of(st.just(""), activity_ids),
)
sources = st.builds(
    Source,
    kind=st.sampled_from(["rss", "mastodon"]),
    instance=ids,
    native_id=ids,
    channel=st.one_of(st.just(""), ids.map("channel:{}".format)),
)
activities = st.builds(
    Activity,
    source=sources,
    id=activity_ids,
    version=st.integers(0, 2**62),
    verb=st.sampled_from(Verb),
    actor=st.one_of(st.none(), entities),
    object=objects,
    target=st.one_of(st.none(), st.builds(Entity, name=groups)),
    audience=audiences,
    published_ms=times,
    updated_ms=times,
    accepted_ms=times,
    tags=st.lists(ids, max_size=4).map(tuple),
    mentions=st.lists(entities, max_size=2).map(tuple),
    in_reply_to=st.one_of(st.just(""), activity_ids),
    rollup_id=words,
    language=st.sampled_from(["", "de", "en"]),
    sort_time_ms=times,
    text=words,
    links=st.lists(words, max_size=2).map(tuple),
    reported=st.none() | st.builds(ReportedTotals, *[st.integers(0, 2**62)] * 4, observed_ms=times),
    cluster_id=st.one_of(st.just(""), st.from_regex(r"[0-9a-f]{16}", fullmatch=True)),
)
