"""How often a feed wants to be read, and how often it is."""

_PERIODS_S = {"hourly": 3600.0, "daily": 86_400.0, "weekly": 604_800.0, "monthly": 2_592_000.0, "yearly": 31_536_000.0}


def refresh_s(ttl: str, period: str, frequency: str) -> float:
    """Return the seconds between two readings that a feed asks for, 0 where it asks for nothing that can be understood.

    ttl: minutes (RSS 2.0). period and frequency: of the syndication module, `daily` and `2` mean twice a day.
    """
    minutes = _count(ttl)
    if minutes:
        return minutes * 60.0
    per_period = _count(frequency) or 1
    return _PERIODS_S.get(period.strip().lower(), 0.0) / per_period


def pause_s(interval_s: float, asked_s: float, longest_s: float, chance: float) -> float:
    """Return the seconds until the next poll: what the feed asks for, not below interval_s, not above longest_s (or interval_s).

    chance: in [0, 1), lengthens it by up to a tenth, so that feeds of one host aren't all read at once.
    """
    return min(max(interval_s, asked_s), max(interval_s, longest_s)) * (1 + chance / 10)


def _count(text: str) -> int:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0  # noqa: PLR2004 - beyond any period
