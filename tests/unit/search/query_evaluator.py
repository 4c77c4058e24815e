"""What a query means, for the part of the query language that search uses without words: written apart from the query builders."""


def holds(query, document) -> bool:
    """Return whether a document matches. Raises on anything that it doesn't know, so that no test passes by ignorance."""
    ((kind, body),) = query.items()
    return _KINDS[kind](body, document)


def values(document, name):
    value = document.get(name)
    return [] if value is None else value if isinstance(value, list) else [value]


def _term(body, document):
    ((name, wanted),) = body.items()
    return wanted in values(document, name)


def _terms(body, document):
    ((name, wanted),) = body.items()
    return not set(wanted).isdisjoint(values(document, name))


def _range(body, document):
    ((name, bounds),) = body.items()
    compare = {"gte": lambda value, bound: value >= bound, "lt": lambda value, bound: value < bound}
    return any(all(compare[how](value, bound) for how, bound in bounds.items()) for value in values(document, name))


def _bool(body, document):
    assert set(body) <= {"filter", "must_not", "should", "minimum_should_match"}
    if not all(holds(query, document) for query in body.get("filter", [])):
        return False
    if any(holds(query, document) for query in body.get("must_not", [])):
        return False
    # The embedded engine takes an empty list of alternatives for no condition: such a query must never be built.
    assert "should" not in body or body["should"]
    return sum(holds(query, document) for query in body.get("should", [])) >= body.get("minimum_should_match", 0)


_KINDS = {"term": _term, "terms": _terms, "range": _range, "bool": _bool}
