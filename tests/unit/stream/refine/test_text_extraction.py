import pytest

from services.stream.refine.sanitising import sanitise_html
from services.stream.refine.text_extraction import extract


def found(html):
    return extract(sanitise_html(html))


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two</p>", "One\nTwo"),
        ("<div>One</div><div>Two</div>", "One\nTwo"),
        ("One<br>Two<br/>Three", "One\nTwo\nThree"),
        ("<ul><li>One</li><li>Two</li></ul>", "One\nTwo"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("wo<b>r</b>d", "word"),
        ("<p>a\n   b&nbsp;&nbsp;c</p>", "a b c"),
        ("Fish &amp; chips &lt;3 &quot;x&quot; &#252;", 'Fish & chips <3 "x" ü'),
        ("<pre>one\ntwo</pre>", "one\ntwo"),
        ("plain\ntext  here", "plain\ntext here"),
        ("", ""),
        ("<p></p>", ""),
    ],
)
def test_text_has_lines_where_blocks_are(html, text):
    assert found(html).text == text


def test_a_shortened_link_is_whole_in_the_text():
    """Mastodon hides parts of a link's text with classes; searching must find all of it."""
    html = (
        '<a href="https://e.example/very/long"><span class="invisible">https://</span>'
        '<span class="ellipsis">e.example/very</span><span class="invisible">/long</span></a>'
    )
    assert found(html).text == "https://e.example/very/long"


def test_links_are_in_order_and_once():
    html = (
        '<a href="https://b.example/?x=1&amp;y=2">b</a> <a href="mailto:a@e.example">m</a> <a href="http://a.example">a</a>'
        ' <a href="https://b.example/?x=1&amp;y=2">again</a> and https://c.example/d, too'
    )
    assert found(html).links == ("https://b.example/?x=1&y=2", "http://a.example", "https://c.example/d")


def test_the_text_of_a_link_is_not_another_link():
    assert found('<a href="https://e.example/full">https://e.example/fu…</a>').links == ("https://e.example/full",)


def test_links_of_plain_text_are_found():
    assert found("see https://e.example/a. And (http://f.example)").links == ("https://e.example/a", "http://f.example")


def test_prose_has_neither_code_nor_urls():
    assert found("<p>Say <code>#include</code> at https://e.example/#x now</p>").prose.split() == ["Say", "at", "now"]
