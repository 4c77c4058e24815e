"""The embedded profile's own token issuer: one EC P-256 key in a file, its public half in a JWKS beside it."""

import os
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
from joserfc.jwk import ECKey
from joserfc.jwt import encode

KEY_NAME, JWKS_NAME = "issuer-key.json", "issuer-jwks.json"
_OTHERS = 0o077


class IssuerKeyExposed(RuntimeError):
    """Others than the owner may read or change the signing key; whoever can, can be anybody."""


def key_file_of(data_dir: Path) -> Path:
    """Return where the embedded issuer of data_dir keeps its private key."""
    return data_dir / KEY_NAME


def jwks_file_of(data_dir: Path) -> Path:
    """Return where the embedded issuer of data_dir publishes its keys."""
    return data_dir / JWKS_NAME


class EmbeddedIssuer:
    """Issues ES256 tokens with the key in key_file, which ensure_key() makes. For one machine; production has an OIDC provider."""

    def __init__(self, key_file: Path) -> None:
        self.key_file = key_file
        self.jwks_file = key_file.with_name(JWKS_NAME)

    @classmethod
    def in_folder(cls, data_dir: Path) -> "EmbeddedIssuer":
        """Return the issuer of a data folder."""
        return cls(key_file_of(data_dir))

    def ensure_key(self) -> None:
        """Make key and JWKS where they are missing. Safe to repeat and to run from several processes at once: one key wins.

        Raises IssuerKeyExposed when the key is open to others.
        """
        self.key_file.parent.mkdir(parents=True, exist_ok=True)
        if not self.key_file.exists():
            self._create()
        _write_atomically(self.jwks_file, orjson.dumps(self.jwks()), 0o644)

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JWKS document."""
        key = self._key()
        return {"keys": [{**key.as_dict(private=False), "kid": key.kid, "use": "sig", "alg": "ES256"}]}

    def issue(
        self,
        subject: str,
        *,
        employee: bool = False,
        roles: Iterable[str] = (),
        ttl_s: int = 12 * 3600,
        issuer: str = "sluice-embedded",
        audience: str = "sluice",
        now_s: float | None = None,
    ) -> str:
        """Return a token for subject that is good for ttl_s seconds from now_s (default: the present)."""
        now = int(time.time() if now_s is None else now_s)
        claims = {"iss": issuer, "aud": audience, "sub": subject, "iat": now, "nbf": now, "exp": now + ttl_s}
        claims |= {"jti": uuid.uuid4().hex, "employee": employee, "roles": sorted(roles)}
        key = self._key()
        return encode({"alg": "ES256", "kid": key.kid}, claims, key, algorithms=["ES256"])

    def _key(self) -> ECKey:
        if self.key_file.stat().st_mode & _OTHERS:
            raise IssuerKeyExposed(f"{self.key_file} is open to others: chmod 600 it, or remove it to get a new key")
        return ECKey.import_key(orjson.loads(self.key_file.read_bytes()))

    def _create(self) -> None:
        key = ECKey.generate_key("P-256", private=True, auto_kid=True)
        draft = self.key_file.with_name(f".{KEY_NAME}.{uuid.uuid4().hex}")
        _write_new(draft, orjson.dumps(key.as_dict(private=True)), 0o600)
        try:
            # link() fails where rename() would replace the key that another process just made.
            os.link(draft, self.key_file)
        except FileExistsError:
            return
        finally:
            draft.unlink()


def _write_new(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _write_atomically(path: Path, content: bytes, mode: int) -> None:
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    _write_new(draft, content, mode)
    draft.replace(path)
