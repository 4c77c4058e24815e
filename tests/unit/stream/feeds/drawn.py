"""What the walk draws: few names, few times and few words, so that things meet."""

from hypothesis import strategies as st

from services.contracts.activity import Audience, Scope
from services.contracts.feed_filter import NO_FILTER, FeedFilter
from tests.unit.stream.feeds.activity_log import PUBLIC
from tests.unit.stream.feeds.people import ACCOUNTS, GROUPS, USERS

TAGS = ["x", "y", "art"]
CHANNELS = ["channel:n", "channel:m"]
FOLLOWABLE = [*USERS, *ACCOUNTS, *GROUPS, "tag:x", "tag:y", "channel:n"]

users = st.sampled_from(USERS)
accounts = st.sampled_from(ACCOUNTS)
people = st.sampled_from([*USERS, *ACCOUNTS])
#: Mostly those who have accounts, since little is shown by what others do.
actors = st.sampled_from([*USERS, *USERS, *ACCOUNTS])
groups = st.sampled_from(GROUPS)
followable = st.sampled_from([*USERS, *USERS, *FOLLOWABLE])
tags = st.sampled_from([(), (), ("x",), ("y",), ("x", "y"), ("art",)])
words = st.sampled_from(["art", "red car", "party"])
phrases = st.sampled_from(["", "", "Art!", "party", "artist", "a red car", "red carpet", "RED  Car."])
audiences = st.sampled_from(
    [
        *[PUBLIC] * 6,
        *[Audience(Scope.INTERNAL)] * 2,
        Audience(),
        *(Audience(Scope.GROUP, groups=(group,)) for group in GROUPS),
        *(Audience(Scope.DIRECT, recipients=(name,)) for name in (*USERS, *ACCOUNTS)),
    ]
)
kinds = st.sampled_from(["sluice", "rss"])
languages = st.sampled_from(["", "de", "en"])
#: Whose feed: mostly home.
outboxes = st.sampled_from([*[""] * 8, *USERS, *ACCOUNTS, *GROUPS, "tag:x", "channel:n", "person:*", "group:*", "tag:*"])
#: Few different times: ties are common, and so is what arrives late.
times = st.integers(0, 12)
#: Counted from the latest; mostly the last few, so that several things happen to one activity.
places_in_log = st.one_of(st.integers(0, 3), st.integers(0, 3), st.integers(0, 100))
seldom = st.sampled_from([False, False, False, False, True])
sizes = st.sampled_from([1, 2, 4, 8, 8])


def _some(values):
    return st.sampled_from([(), (), values[:1], values[1:], values])


filters = st.one_of(
    st.just(NO_FILTER),
    st.just(NO_FILTER),
    st.just(FeedFilter(unread_only=True)),
    st.just(FeedFilter(tags=("x",))),
    st.builds(
        FeedFilter,
        source_kinds=_some(("sluice", "rss")),
        channels=_some(tuple(CHANNELS)),
        tags=_some(("x", "y")),
        actors=_some((*USERS, *ACCOUNTS)),
        scopes=_some((Scope.PUBLIC, Scope.GROUP)),
        languages=_some(("de", "en")),
        unread_only=st.booleans(),
    ),
)
