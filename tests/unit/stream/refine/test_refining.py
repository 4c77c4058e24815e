from dataclasses import replace

from services.contracts.activity import Attachment, Entity, Object, ReportedTotals
from services.contracts.cloud_events import RAW_DIGEST, RAW_OFFSET
from services.contracts.codec import activity_from_bytes, activity_from_proto, activity_to_proto
from services.stream.refine.folding import Folded
from services.stream.refine.partition_refiner import PartitionRefiner
from services.stream.refine.raw_record import read_raw
from services.stream.refine.refining import refine_all
from services.stream.refine.winners import Winners
from tests.unit.stream.refine.refine_steps import DAY, Log, Rec, Writer, activity, no_language, raw

LIVE = Folded(7, deleted=False, digest=b"d" * 8, audience=0, sort_time_ms=11, accepted_ms=22, offset=-1)


def refined(said, folded=LIVE):
    message = activity_to_proto(said)
    refine_all([message], [folded], no_language)
    return activity_from_proto(message)


def test_the_fold_decides_version_and_times():
    result = refined(activity())
    assert (result.version, result.sort_time_ms, result.accepted_ms) == (7, 11, 22)


def test_text_is_title_and_content():
    said = activity()
    assert refined(replace(said, object=Object(title="A  title", content="<p>Body</p>"))).text == "A title\nBody"
    assert refined(replace(said, object=Object(title="Same", content="<p>Same words</p>"))).text == "Same words"
    assert refined(replace(said, object=Object(title="Only"))).text == "Only"


def test_tags_of_title_and_content_join_the_sources():
    said = replace(activity(tags=("news",)), object=Object(title="On #Kafka", content="<p>and #Faust</p>"))
    assert refined(said).tags == ("news", "kafka", "faust")


def test_nothing_that_a_client_makes_a_link_of_can_run():
    evil = "javascript:alert(1)"
    who = Entity("person:eve", "Eve\n\x00", "eve", evil, evil)
    said = activity(actor=who, target=replace(who, name="group:x"), mentions=(who, who))
    result = refined(replace(said, object=Object(url=evil, attachments=(Attachment(evil), Attachment("https://e.example/p")))))
    assert result.actor == Entity("person:eve", "Eve", "eve")
    assert result.target == Entity("group:x", "Eve", "eve")
    assert result.mentions == (Entity("person:eve", "Eve", "eve"),)
    assert (result.object.url, result.object.attachments) == ("", (Attachment("https://e.example/p"),))


def test_a_delete_leaves_no_text():
    said = activity(content="<p>secret</p>", deleted=True)
    result = refined(said, LIVE._replace(deleted=True))
    assert result == replace(said.as_deleted(7), sort_time_ms=11, accepted_ms=22)


def test_a_refined_record_says_where_it_came_from():
    [emission] = PartitionRefiner(Winners(), no_language).take([raw(41, activity())]).emissions
    headers = dict(emission.headers)
    assert headers["ce_type"] == b"sluice.activity.v1.refined"
    assert headers["ce_subject"] == emission.key == activity().id.encode()
    assert (headers[RAW_OFFSET], len(headers[RAW_DIGEST])) == (b"41", 16)
    assert activity_from_bytes(emission.value).object.content == "<p>Hello</p>"


def digest(said):
    return read_raw(said.id.encode(), raw(0, said).value, 0).incoming.digest


def test_a_new_avatar_or_another_route_is_the_same_content():
    """Otherwise every poll that sees a renamed author would be a conflict."""
    said = activity(mentions=(Entity("person:b", "B"),))
    again = replace(
        said,
        version=9,
        accepted_ms=DAY + 9,
        actor=Entity("person:anna", "Anna B.", "anna", "https://e.example/a", "https://e.example/a.png"),
        mentions=(Entity("person:b", "Bea"),),
        source=replace(said.source, channel="channel:other"),
    )
    assert digest(said) == digest(again)


def test_what_a_source_counts_is_no_new_version_and_passed_on():
    """Likes at the source change all the time; what was reported with a version is told with it."""
    said = activity(reported=ReportedTotals(likes=5, observed_ms=DAY))
    assert digest(said) == digest(activity())
    assert refined(said).reported == ReportedTotals(likes=5, observed_ms=DAY)


def test_the_digests_of_the_log_stay_what_they_are():
    """Every refined record carries one. Were they computed otherwise, whatever a source says again would be a conflict."""
    who = Entity("person:b", "B", "b", "https://e.example/b", "https://e.example/b.png")
    said = activity(content="<p>Ünï</p>", mentions=(who,), target=who, tags=("x", "y"), updated_ms=DAY + 5, language="de")
    assert (digest(activity()).hex(), digest(said).hex()) == ("28d927721390d83e", "bad033957b384e93")


def test_other_words_readers_or_times_are_another_content():
    said = activity()
    others = [
        activity(content="<p>Bye</p>"),
        activity(actor=Entity("person:bea")),
        activity(published_ms=DAY + 1),
        replace(said, audience=replace(said.audience, groups=("group:x",))),
    ]
    assert len({digest(other) for other in [said, *others]}) == 5


def test_bad_records_are_refused_and_leave_the_state_as_it_was():
    good = activity()
    writer = Writer(Log())
    bad = [
        Rec(0, good.id.encode(), b"\xff\xff not protobuf"),
        Rec(1, good.id.encode(), None),
        Rec(2, None, raw(2, good).value),
        Rec(3, b"other", raw(3, good).value),
        raw(4, replace(good, id="zz")),
        raw(5, replace(good, version=-1)),
    ]
    for record in bad:
        writer.write(record)
    assert [reason for _, reason in writer.refused] == [
        "undecodable", "key-mismatch", "key-mismatch", "key-mismatch", "key-mismatch", "version-out-of-range",
    ]  # fmt: skip
    writer.write(raw(6, good))
    assert len(writer.log) == 1


def test_what_would_not_fit_a_record_is_refused():
    """The broker would refuse it for ever, and the partition would stand still."""
    who = tuple(Entity(f"person:{n}", "x" * 500, "y" * 500, "https://e.example/" + "z" * 4000) for n in range(400))
    writer = Writer(Log())
    writer.write(raw(0, activity(mentions=who)))
    assert writer.refused == [(0, "refined-too-large")]
    writer.write(raw(1, activity()))
    assert len(writer.log) == 1
