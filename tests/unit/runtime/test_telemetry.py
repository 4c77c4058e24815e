import io
import json
import logging

import pytest
import structlog
from pydantic import BaseModel

from services.runtime.telemetry import configure_logging

SECRET = "the quick brown fox"


@pytest.fixture
def logged():
    """Return the log lines so far, decoded."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging("test", "debug", "json", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    root.handlers = handlers
    root.setLevel(level)


def test_an_event_is_one_line_with_service_level_and_time(logged):
    structlog.get_logger().info("accepted", count=3)
    (line,) = logged()
    assert line["event"] == "accepted"
    assert (line["service"], line["level"], line["count"]) == ("test", "info", 3)
    assert line["timestamp"].endswith("Z")


def test_fields_that_carry_content_are_dropped_at_any_depth_and_named(logged):
    structlog.get_logger().warning("rejected", text=SECRET, id="a1", detail={"title": SECRET, "n": 1}, items=[{"token": SECRET}])
    (line,) = logged()
    assert SECRET not in json.dumps(line)
    assert line["id"] == "a1"
    assert line["detail"] == {"n": 1}
    assert line["dropped"] == ["text", "title", "token"]


def test_exceptions_show_type_and_place_but_no_text_that_may_quote_content(logged):
    """int(), pydantic and Elasticsearch quote what they choked on."""
    try:
        int(SECRET)
    except ValueError as error:
        structlog.get_logger().exception("own")
        structlog.get_logger().error("given", exc_info=error)
        logging.getLogger("library").exception("foreign")
        structlog.get_logger().error("as a field", error=error)
    lines = logged()
    assert SECRET not in json.dumps(lines)
    assert [line["error"] for line in lines] == ["ValueError"] * 4
    assert all(__file__ in line["raised_at"][-1] for line in lines[:3])


def test_a_validation_error_behind_another_error_stays_silent(logged):
    class Model(BaseModel):
        number: int

    try:
        try:
            Model(number=SECRET)
        except ValueError as inner:
            raise OSError("the disk is full") from inner
    except OSError:
        structlog.get_logger().exception("failed")
    (line,) = logged()
    assert line["error"] == "OSError: the disk is full"
    assert "because of ValidationError" in line["raised_at"]
    assert SECRET not in json.dumps(line)


def test_talkative_libraries_are_quiet_even_at_debug(logged):
    """kafka-python logs keys and values at debug, httpx logs URLs at info."""
    logging.getLogger("kafka.producer.kafka").debug("Sending (value=%r)", SECRET)
    logging.getLogger("httpx").info("GET https://example.org/?token=%s", SECRET)
    logging.getLogger("kafka.net").warning("broker is away")
    assert [line["event"] for line in logged()] == ["broker is away"]


def test_console_lines_keep_the_same_rules():
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging("test", "info", "console", stream=stream)
    try:
        int(SECRET)
    except ValueError:
        structlog.get_logger().exception("failed", body=SECRET, count=1)
    finally:
        structlog.reset_defaults()
        root.handlers = handlers
        root.setLevel(level)
    assert "failed" in stream.getvalue()
    assert "count" in stream.getvalue()
    assert SECRET not in stream.getvalue()
