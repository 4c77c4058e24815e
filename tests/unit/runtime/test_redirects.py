import httpx
import pytest

from services.runtime.fetch_errors import UrlRefused
from services.runtime.redirects import Hop, retry_after_s

HEADERS = {"Authorization": "Bearer synthetic", "X-Key": "synthetic", "If-None-Match": '"1"', "Accept": "text/xml"}


def test_credentials_stay_with_their_origin():
    """Another scheme, host or port is another origin."""
    hop = Hop.first("https://feeds.example/a", HEADERS)
    assert hop.next(302, "/b", inside=False).headers == HEADERS
    for elsewhere in ("http://feeds.example/a", "https://feeds.example:444/a", "//other.example/a"):
        assert set(hop.next(302, elsewhere, inside=False).headers) == {"If-None-Match", "Accept"}


def test_credentials_do_not_come_back_after_a_detour():
    hop = Hop.first("https://feeds.example/a", HEADERS).next(302, "https://other.example/", inside=False)
    assert "Authorization" not in hop.next(302, "https://feeds.example/a", inside=False).headers


def test_the_default_port_is_the_same_origin():
    assert Hop.first("https://feeds.example/a", HEADERS).next(301, "https://feeds.example:443/b", inside=False).headers == HEADERS


def test_only_an_unbroken_chain_of_permanent_redirects_moves():
    hop = Hop.first("https://feeds.example/a", {})
    assert not hop.moved
    assert hop.next(301, "/b", inside=False).next(308, "/c", inside=False).moved
    assert not hop.next(301, "/b", inside=False).next(302, "/c", inside=False).moved
    assert not hop.next(302, "/b", inside=False).next(301, "/c", inside=False).moved


def test_another_host_is_foreign_unless_we_are_inside():
    """Once outside, no later redirect gets back to what is only allowed in the intranet."""
    hop = Hop.first("http://intranet.example/", {})
    assert not hop.next(302, "https://intranet.example/", inside=False).foreign
    assert not hop.next(302, "http://wiki.intranet.example/", inside=True).foreign
    outside = hop.next(302, "http://other.example/", inside=False)
    assert outside.foreign
    assert outside.next(302, "http://intranet.example/", inside=True).foreign


@pytest.mark.parametrize(
    "url", ["ftp://a.example/", "file:///etc/hosts", "gopher://a.example", "http://", "not a url", "", "http://u:p@a.example/"]
)
def test_what_is_no_plain_web_address_is_refused(url):
    with pytest.raises(UrlRefused):
        Hop.first(url, {})


def test_a_redirect_to_credentials_or_files_is_refused():
    hop = Hop.first("https://feeds.example/a", {})
    for location in ("http://user:word@feeds.example/", "file:///etc/hosts", "javascript:1", "http://[::1"):
        with pytest.raises(UrlRefused):
            hop.next(302, location, inside=False)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("99999999999", 86_399.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_less_than_a_day(value, seconds):
    assert retry_after_s(httpx.Headers({"Retry-After": value}), 100.0) == seconds
