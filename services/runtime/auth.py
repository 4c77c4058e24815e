"""Verifying who calls: JWTs of one issuer, for one audience, signed with pinned algorithms."""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jws import extract_compact
from joserfc.jwt import JWTClaimsRegistry, decode

from services.runtime.settings import AuthSettings
from services.runtime.signing_keys import SigningKeys, from_file, from_url
from services.runtime.token_issuer import jwks_file_of

_MAX_TOKEN = 8192
_REMEMBERED = 4096
# Subjects become names in keys and logs: no white space, no control characters.
_SUBJECT = re.compile(r"[^\s\x00-\x1f\x7f]{1,200}")

_caller: ContextVar[Any] = ContextVar("caller")


class TokenInvalid(Exception):
    """The call has no token that is good. reason: TOKEN_MISSING, TOKEN_EXPIRED or TOKEN_INVALID. The text tells no more."""

    status = "UNAUTHENTICATED"

    def __init__(self, message: str, reason: str = "TOKEN_INVALID") -> None:
        super().__init__(message)
        self.reason = reason


def caller() -> Any:
    """Return the principal of the RPC under way. Raises LookupError outside of one: nothing is answered to nobody."""
    return _caller.get()


def set_caller(principal: Any) -> None:
    """Remember the principal for the RPC (task) under way."""
    _caller.set(principal)


class TokenVerifier:
    """Verifies tokens as auth says. data_dir: where the embedded issuer keeps its keys, used when auth names no others.

    A token that was good is remembered until it expires or the keys are read again: verifying a signature costs more than many calls.
    """

    def __init__(
        self,
        auth: AuthSettings,
        data_dir: Path = Path(".sluice"),
        *,
        keys: SigningKeys | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._auth = auth
        self._now = now
        self._keys = keys or SigningKeys(
            from_url(auth.jwks_url) if auth.jwks_url else from_file(auth.jwks_file or jwks_file_of(data_dir)),
        )
        self._claims = JWTClaimsRegistry(
            now=lambda: int(now()),
            leeway=auth.leeway_s,
            iss={"essential": True, "value": auth.issuer},
            aud={"essential": True, "value": auth.audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        self._good: OrderedDict[bytes, tuple[int, dict[str, Any]]] = OrderedDict()

    async def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token. Raises TokenInvalid, and KeysUnavailable while the issuer's keys are unknown."""
        if not token:
            raise TokenInvalid("a bearer token is required", "TOKEN_MISSING")
        if len(token) > _MAX_TOKEN:
            raise TokenInvalid("the token is too long")
        self._keys.renew()
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        generation, claims = self._good.get(digest, (-1, {}))
        try:
            if generation != self._keys.generation:
                claims = await self._decode(token)
            self._claims.validate(claims)
        except ExpiredTokenError:
            raise TokenInvalid("the token has expired", "TOKEN_EXPIRED") from None
        except (JoseError, ValueError):
            # The causes quote the token or its claims.
            raise TokenInvalid("the token is not valid here") from None
        if not _SUBJECT.fullmatch(claims["sub"]):
            raise TokenInvalid("the token's subject can't be used as a name")
        self._remember(digest, claims)
        return claims

    async def _decode(self, token: str) -> dict[str, Any]:
        kid = extract_compact(token.encode()).headers().get("kid")
        key = await self._keys.key(kid) if isinstance(kid, str) else None
        if key is None:
            raise TokenInvalid("the token is signed with an unknown key")
        return decode(token, key, algorithms=list(self._auth.algorithms)).claims

    def _remember(self, digest: bytes, claims: dict[str, Any]) -> None:
        self._good[digest] = (self._keys.generation, claims)
        self._good.move_to_end(digest)
        if len(self._good) > _REMEMBERED:
            self._good.popitem(last=False)
