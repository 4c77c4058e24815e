"""What a Mastodon instance says, written for these tests."""

from copy import deepcopy


def account(name="anna", **fields):
    return {
        "id": f"9{len(name)}",
        "username": name.partition("@")[0],
        "acct": name,
        "display_name": name.capitalize(),
        "url": f"https://social.example/@{name}",
        "uri": f"https://social.example/users/{name}",
        "avatar": "https://social.example/a.png",
        "created_at": "2020-01-01T00:00:00.000Z",
        "note": "<p>Synthetic</p>",
        **fields,
    }


def status(native="112000000000000001", **fields):
    return deepcopy(
        {
            "id": native,
            "uri": f"https://social.example/users/anna/statuses/{native}",
            "url": f"https://social.example/@anna/{native}",
            "created_at": "2026-03-02T08:00:00.000Z",
            "edited_at": None,
            "content": "<p>Guten Morgen</p>",
            "spoiler_text": "",
            "visibility": "public",
            "language": "de",
            "in_reply_to_id": None,
            "reblog": None,
            "account": account(),
            "media_attachments": [],
            "mentions": [],
            "tags": [],
            "poll": None,
            "card": None,
        }
        | fields
    )


def notification(kind, native="31", **fields):
    return {"id": native, "type": kind, "created_at": "2026-03-02T09:00:00.000Z", "account": account("ben@far.example"), **fields}


POLL = {
    "id": "7",
    "expires_at": "2026-03-03T08:00:00.000Z",
    "expired": False,
    "multiple": False,
    "votes_count": 3,
    "voted": False,
    "options": [{"title": "Tee & Kaffee", "votes_count": 1}, {"title": "Wasser", "votes_count": 2}],
}
RELATIONSHIP = {"id": "55", "following": True, "followed_by": False, "requested": False, "blocking": False}
GROUPS = {
    "accounts": [account("ben@far.example", id="1"), account("cleo", id="2")],
    "partial_accounts": [{"id": "3", "acct": "dan", "url": "https://social.example/@dan", "avatar": ""}],
    "statuses": [status()],
    "notification_groups": [
        {
            "group_key": "favourite-1",
            "type": "favourite",
            "sample_account_ids": ["1", "3"],
            "status_id": "112000000000000001",
            "latest_page_notification_at": "2026-03-02T10:00:00.000Z",
        },
        {
            "group_key": "follow-1",
            "type": "follow",
            "sample_account_ids": ["2"],
            "latest_page_notification_at": "2026-03-02T11:00:00.000Z",
        },
    ],
}
EDITS = [
    {
        "content": "<p>Erst</p>",
        "spoiler_text": "",
        "created_at": "2026-03-02T08:00:00.000Z",
        "account": account(),
        "media_attachments": [],
    },
    {
        "content": "<p>Dann</p>",
        "spoiler_text": "",
        "created_at": "2026-03-02T08:05:00.000Z",
        "account": account(),
        "media_attachments": [],
    },
]
ANNOUNCEMENT = {
    "id": "4",
    "content": "<p>Wartung</p>",
    "published_at": "2026-03-02T07:00:00.000Z",
    "updated_at": "2026-03-02T07:30:00.000Z",
    "all_day": False,
    "starts_at": None,
    "ends_at": None,
    "reactions": [],
}
