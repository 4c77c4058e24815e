"""Feeds written for these tests."""

RSS = """<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
     xmlns:media="http://search.yahoo.com/mrss/" xmlns:sy="http://purl.org/rss/1.0/modules/syndication/">
<channel>
  <title>Werkstatt &amp; Labor</title><link>https://werkstatt.example/</link><description>Synthetic</description>
  <language>de-DE</language><ttl>30</ttl><managingEditor>chef@werkstatt.example (Chefin)</managingEditor>
  <image><url>https://werkstatt.example/logo.png</url><title>Logo</title><link>https://werkstatt.example/</link></image>
  <item>
    <guid isPermaLink="false">w-1</guid><title>Erste &lt;em&gt;Fräse&lt;/em&gt;</title>
    <link>https://werkstatt.example/1</link><description>Kurz gesagt</description>
    <content:encoded>&lt;p&gt;Die Fräse läuft. &lt;a href="/mehr"&gt;Mehr&lt;/a&gt;&lt;/p&gt;</content:encoded>
    <dc:creator>Gerda  Groß</dc:creator><category>Metall</category><category>CNC</category>
    <pubDate>Mon, 02 Mar 2026 08:00:00 +0100</pubDate>
    <enclosure url="https://werkstatt.example/1.mp3" length="1" type="audio/mpeg"/>
    <media:content url="https://werkstatt.example/1.jpg" type="image/jpeg"/>
  </item>
  <item>
    <title>Ohne Kennung</title><description>AT&amp;amp;T und &amp;lt;b&amp;gt;</description>
    <author>jens@werkstatt.example</author>
  </item>
  <item><link>https://werkstatt.example/3</link><pubDate>gestern</pubDate></item>
  <item></item>
</channel></rss>"""

ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://lab.example/blog/" xml:lang="en">
  <title>Lab notes</title><id>tag:lab.example,2026:feed</id><updated>2026-03-02T10:00:00Z</updated>
  <link rel="alternate" href="/blog/"/><author><name>Mara Lind</name><email>mara@lab.example</email></author>
  <entry>
    <id>tag:lab.example,2026:1</id><title type="html">Rust &amp;amp; water</title>
    <link href="posts/1"/><link rel="enclosure" href="posts/1.pdf" type="application/pdf" title="Paper"/>
    <published>2026-03-01T09:00:00Z</published><updated>2026-03-02T10:00:00.5Z</updated>
    <summary>Short</summary><content type="html">&lt;p&gt;Long &lt;img src="p.png"&gt;&lt;/p&gt;</content>
    <category term="https://lab.example/t/1" label="Corrosion"/><category term="water"/>
  </entry>
  <entry xml:lang="fr">
    <id>tag:lab.example,2026:2</id><title>Deux</title><updated>2026-03-01T00:00:00Z</updated>
    <author><name>Luc</name></author><content type="text">a &lt; b
c</content>
  </entry>
</feed>"""

RDF = """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
  <channel rdf:about="https://old.example/rdf"><title>Old</title><link>https://old.example/</link><description>-</description></channel>
  <item rdf:about="https://old.example/a"><title>A</title><link>https://old.example/a</link><dc:date>2026-01-05T00:00:00Z</dc:date></item>
</rdf:RDF>"""

JSON = """{
  "version": "https://jsonfeed.org/version/1.1", "title": "Journal", "home_page_url": "https://j.example/",
  "feed_url": "https://j.example/feed.json", "language": "en", "authors": [{"name": "Noor", "url": "https://j.example/noor"}],
  "items": [
    {"id": "https://j.example/1", "url": "/1", "title": "One", "content_html": "<p>Hello</p>", "tags": ["a", "b"],
     "date_published": "2026-02-01T12:00:00+01:00", "date_modified": "2026-02-02T12:00:00+01:00", "image": "/1.png",
     "attachments": [{"url": "https://j.example/1.mp3", "mime_type": "audio/mpeg", "title": "Reading"}]},
    {"id": 2, "content_text": "1 < 2", "authors": [{"name": "kim@j.example"}], "language": "de"},
    {}
  ]
}"""
