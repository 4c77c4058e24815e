"""What people write in the demo: sentences with gaps, in German and English. Made up; nobody said them."""

# language -> (sentence, tags). Gaps: {topic}, {customer}, {day}, {number}, {city}, {name}.
Pool = dict[str, tuple[tuple[str, tuple[str, ...]], ...]]

COMPANY: Pool = {
    "de": (
        ("Release {number} ist durch. Danke an alle, die gestern Abend noch getestet haben!", ("release",)),
        ("Wer hat morgen Zeit, mit mir über {topic} zu sprechen? Kaffee geht auf mich.", ()),
        ("Der Kunde {customer} ist begeistert vom neuen Dashboard, vor allem von der Suche.", ("kunde",)),
        ("Heute in der Kantine: Linsencurry, Maultaschen und ein sehr guter Apfelkuchen.", ("kantine",)),
        ("Kleiner Hinweis: am {day} ist die Wartung, zwischen 6 und 7 Uhr geht kurz nichts.", ("release",)),
        ("Wir haben die Latenz in {city} von {number} ms auf ein Drittel gebracht, Details im Wiki.", ("kafka",)),
        ("Bitte denkt an die Datenschutz-Schulung, sie dauert keine {number} Minuten.", ("datenschutz",)),
        ("Willkommen im Team, {name}! Dein Platz ist am Fenster, die Pflanze gehört dazu.", ("hiring",)),
        ("Protokoll vom Jour fixe zu {topic} liegt in der Community, Fragen gern hier.", ()),
        ("Laufrunde am {day}: acht Kilometer, lockeres Tempo, Start am Haupteingang.", ()),
        ("Der Fehler bei {customer} ist gefunden: ein Zeitzonenproblem, wie immer im Herbst.", ("kunde",)),
        ("Wer die Folien zu {topic} braucht: sie sind jetzt auch auf Englisch da.", ()),
    ),
    "en": (
        ("Release {number} is out. Thanks to everyone who stayed late to test it!", ("release",)),
        ("We moved {topic} to the new cluster today, not a single record was lost.", ("kafka",)),
        ("{customer} signed for another two years. Well done, Vertrieb!", ("kunde",)),
        ("Reminder: the security review of {topic} is on {day}, please bring your questions.", ("security",)),
        ("I wrote down what we learnt about {topic} in {city}; comments are very welcome.", ()),
        ("Looking for two colleagues who like {topic}; the posting is online.", ("hiring",)),
        ("The on-call week was quiet: {number} alerts, all explained, one runbook improved.", ()),
        ("Does anybody know why the build in {city} takes {number} minutes longer than ours?", ()),
        ("Demo of the new feed on {day}, room Elbe. It moves while you look at it.", ("release",)),
        ("Our talk about {topic} was accepted. {name} and I are going to {city}!", ("kafka",)),
        ("Please stop sending screenshots of logs, paste the text. It is searchable then.", ()),
        ("First experiments with {topic}: promising, and honest about its limits.", ("ai",)),
    ),
}
PUBLIC: Pool = {
    "de": (
        ("Neu im Blog: wie wir {topic} bei {customer} eingeführt haben, mit allen Umwegen.", ("kafka",)),
        ("Wir sind auf der Messe in {city}, Halle {number}. Kommt vorbei!", ()),
        ("Die Suche von @nordlicht ist endlich schnell. Hat jemand {topic} schon probiert?", ("ai",)),
        ("Drei Wochen mit dem neuen Feed: ich vermisse die alte Mailflut kein bisschen.", ()),
        ("Die Fachpresse berichtet über {topic}, unser Kollege {name} kommt auch zu Wort.", ("security",)),
    ),
    "en": (
        ("New on the blog: what {number} million events a day taught us about {topic}.", ("kafka",)),
        ("Trying the Nordlicht app in {city}. The offline mode is what I was waiting for.", ()),
        ("Support answered within {number} minutes on a Sunday. Respect.", ()),
        ("Anyone at the {city} meetup about {topic} tonight?", ("ai",)),
        ("Changelog for {number} is up: faster search, fewer clicks, one bug less.", ("release",)),
    ),
}
TOPICS = (
    "Kafka",
    "Elasticsearch",
    "Barrierefreiheit",
    "Observability",
    "Single Sign-on",
    "Edge Caching",
    "OpenTelemetry",
    "Feature Flags",
)
CUSTOMERS = ("Nordwind Logistik", "Alsterbank", "Stadtwerke Lüneburg", "Hanse Medical", "Fjord Airlines")
DAYS = ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
CITIES = ("Hamburg", "Berlin", "Leipzig", "Wien", "Zürich", "Rotterdam", "Oslo")
