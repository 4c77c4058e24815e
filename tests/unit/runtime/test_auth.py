import asyncio
import base64
import json
import threading

import orjson
import pytest
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jwt import encode

from services.runtime.auth import TokenInvalid, TokenVerifier, caller
from services.runtime.settings import AuthSettings
from services.runtime.signing_keys import KeysUnavailable, SigningKeys, keys_of
from services.runtime.token_issuer import EmbeddedIssuer, IssuerKeyExposed

NOW = 1_700_000_000


class Clock:
    """Time that the test moves."""

    def __init__(self, now=NOW):
        self.now = now

    def __call__(self):
        """Return the time."""
        return self.now


class Jwks:
    """A JWKS document that changes, and how often it was read."""

    def __init__(self, *keys):
        self.keys = list(keys)
        self.reads = 0
        self.broken = False

    async def __call__(self):
        """Return the document."""
        self.reads += 1
        if self.broken:
            raise OSError("away")
        return orjson.dumps({"keys": [key.as_dict(private=False) for key in self.keys]})


@pytest.fixture
def issuer(tmp_path):
    issuer = EmbeddedIssuer.in_folder(tmp_path)
    issuer.ensure_key()
    return issuer


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def verifier(issuer, tmp_path, clock):
    return TokenVerifier(AuthSettings(), tmp_path, now=clock)


def changed(token, part, **claims):
    """Return the token with its header (0) or payload (1) changed and the old signature."""
    parts = token.split(".")
    decoded = json.loads(base64.urlsafe_b64decode(parts[part] + "=="))
    parts[part] = base64.urlsafe_b64encode(json.dumps(decoded | claims).encode()).rstrip(b"=").decode()
    return ".".join(parts)


async def until(condition, seconds=5.0):
    """Let the loop work until condition holds; fail after the deadline."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing but the condition tells
            await asyncio.sleep(0)


async def refusal(verifier, token):
    """Return the reason of the refusal."""
    with pytest.raises(TokenInvalid) as caught:
        await verifier.verify(token)
    assert token == "" or token not in str(caught.value)
    assert caught.value.status == "UNAUTHENTICATED"
    return caught.value.reason


async def test_a_token_of_the_embedded_issuer_is_good(issuer, verifier):
    claims = await verifier.verify(issuer.issue("anna", employee=True, roles=["publisher"], now_s=NOW))
    assert (claims["sub"], claims["employee"], claims["roles"]) == ("anna", True, ["publisher"])


async def test_an_expired_token_says_so_also_when_it_was_good_before(issuer, verifier, clock):
    token = issuer.issue("anna", ttl_s=60, now_s=NOW)
    await verifier.verify(token)
    clock.now = NOW + 60 + 9
    await verifier.verify(token)  # within the leeway
    clock.now = NOW + 60 + 11
    assert await refusal(verifier, token) == "TOKEN_EXPIRED"


@pytest.mark.parametrize(
    "options",
    [{"issuer": "other"}, {"audience": "other"}, {"now_s": NOW + 60}],
    ids=["issuer", "audience", "not yet"],
)
async def test_a_token_for_others_or_from_the_future_is_refused(issuer, verifier, options):
    assert await refusal(verifier, issuer.issue("anna", **({"now_s": NOW} | options))) == "TOKEN_INVALID"


async def test_no_token_is_missing(verifier):
    assert await refusal(verifier, "") == "TOKEN_MISSING"


@pytest.mark.parametrize("token", ["x", "a.b.c", "..", "é.é.é", "x" * 10_000, "eyJhbGciOiJub25lIn0.e30."])
async def test_garbage_is_refused(verifier, token):
    assert await refusal(verifier, token) == "TOKEN_INVALID"


async def test_a_changed_payload_is_refused(issuer, verifier):
    assert await refusal(verifier, changed(issuer.issue("anna", now_s=NOW), 1, employee=True)) == "TOKEN_INVALID"


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256", "ES384"])
async def test_the_token_can_not_choose_another_algorithm(issuer, verifier, algorithm):
    assert await refusal(verifier, changed(issuer.issue("anna", now_s=NOW), 0, alg=algorithm)) == "TOKEN_INVALID"


async def test_the_public_key_is_no_shared_secret(issuer, verifier):
    """The classic confusion: HS256 with the published key as its secret."""
    public = issuer.jwks()["keys"][0]
    claims = {"iss": "sluice-embedded", "aud": "sluice", "sub": "anna", "exp": NOW + 60}
    secret = OctKey.import_key(json.dumps(public).encode())
    forged = encode({"alg": "HS256", "kid": public["kid"]}, claims, secret, algorithms=["HS256"])
    assert await refusal(verifier, forged) == "TOKEN_INVALID"


@pytest.mark.parametrize("missing", ["sub", "exp", "iss", "aud"])
async def test_every_claim_that_decides_must_be_there(clock, missing):
    key = ECKey.generate_key("P-256", auto_kid=True)
    claims = {"iss": "sluice-embedded", "aud": "sluice", "sub": "anna", "exp": NOW + 60}
    verifier = TokenVerifier(AuthSettings(), keys=SigningKeys(Jwks(key)), now=clock)
    await verifier.verify(encode({"alg": "ES256", "kid": key.kid}, claims, key))
    del claims[missing]
    assert await refusal(verifier, encode({"alg": "ES256", "kid": key.kid}, claims, key)) == "TOKEN_INVALID"


@pytest.mark.parametrize("subject", ["", "an na", "anna\tfollows", "x" * 201, "a\n"])
async def test_a_subject_that_would_break_names_is_refused(issuer, verifier, subject):
    assert await refusal(verifier, issuer.issue(subject, now_s=NOW)) == "TOKEN_INVALID"


async def test_a_new_key_is_found_but_unknown_ones_do_not_hammer_the_issuer(clock):
    """Anybody can invent key ids; at most one read an interval."""
    old, new, unknown = (ECKey.generate_key("P-256", auto_kid=True) for _ in range(3))
    jwks, ticks = Jwks(old), Clock()
    verifier = TokenVerifier(AuthSettings(), keys=SigningKeys(jwks, min_interval_s=5, now=ticks), now=clock)
    claims = {"iss": "sluice-embedded", "aud": "sluice", "sub": "anna", "exp": NOW + 60}

    def token(key):
        return encode({"alg": "ES256", "kid": key.kid}, claims, key)

    await verifier.verify(token(old))
    jwks.keys.append(new)
    for _ in range(20):
        await refusal(verifier, token(unknown))
    assert jwks.reads == 1
    ticks.now += 6
    await verifier.verify(token(new))
    assert jwks.reads == 2


async def test_a_withdrawn_key_stops_working_and_an_unreachable_issuer_does_not_lock_out(clock):
    key, other = (ECKey.generate_key("P-256", auto_kid=True) for _ in range(2))
    jwks, ticks = Jwks(key), Clock()
    verifier = TokenVerifier(AuthSettings(), keys=SigningKeys(jwks, max_age_s=300, now=ticks), now=clock)
    claims = {"iss": "sluice-embedded", "aud": "sluice", "sub": "anna", "exp": NOW + 60}
    token = encode({"alg": "ES256", "kid": key.kid}, claims, key)
    await verifier.verify(token)
    jwks.broken = True
    ticks.now += 301
    await verifier.verify(token)
    await until(lambda: jwks.reads == 2)
    await verifier.verify(token)
    jwks.broken, jwks.keys = False, [other]
    ticks.now += 301
    await verifier.verify(token)  # the last one: calls don't wait for the issuer
    await until(lambda: jwks.reads == 3)
    assert await refusal(verifier, token) == "TOKEN_INVALID"


async def test_without_any_keys_the_answer_is_unavailable_not_unauthenticated(tmp_path, issuer, clock):
    """The caller's token may be good: trying again makes sense."""
    verifier = TokenVerifier(AuthSettings(), tmp_path / "nothing", now=clock)
    with pytest.raises(KeysUnavailable):
        await verifier.verify(issuer.issue("anna", now_s=NOW))


async def test_other_issuers_may_sign_with_rsa(clock):
    key = RSAKey.generate_key(2048, auto_kid=True)
    claims = {"iss": "https://id.example", "aud": ["sluice", "other"], "sub": "anna", "exp": NOW + 60}
    verifier = TokenVerifier(AuthSettings(issuer="https://id.example"), keys=SigningKeys(Jwks(key)), now=clock)
    token = encode({"alg": "RS256", "kid": key.kid}, claims, key)
    assert (await verifier.verify(token))["sub"] == "anna"


def test_unusable_keys_of_a_jwks_are_left_out():
    good = ECKey.generate_key("P-256", auto_kid=True).as_dict(private=False)
    others = [{"kty": "oct", "k": "eA", "kid": "s"}, {"kty": "new", "kid": "n"}, {**good, "use": "enc"}, {"kty": "EC"}, 7]
    assert list(keys_of(orjson.dumps({"keys": [good, *others]}))) == [good["kid"]]


def test_the_key_is_private_and_made_once(tmp_path):
    issuer = EmbeddedIssuer.in_folder(tmp_path)
    issuer.ensure_key()
    first = issuer.jwks()
    assert issuer.key_file.stat().st_mode & 0o777 == 0o600
    assert "d" not in json.loads(issuer.jwks_file.read_bytes())["keys"][0]
    issuer.ensure_key()
    assert issuer.jwks() == first


def test_processes_that_start_at_once_agree_on_one_key(tmp_path):
    issuers = [EmbeddedIssuer.in_folder(tmp_path) for _ in range(8)]
    threads = [threading.Thread(target=issuer.ensure_key) for issuer in issuers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({issuer.jwks()["keys"][0]["kid"] for issuer in issuers}) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"issuer-key.json", "issuer-jwks.json"}


def test_a_key_that_others_can_read_is_not_used(tmp_path):
    issuer = EmbeddedIssuer.in_folder(tmp_path)
    issuer.ensure_key()
    issuer.key_file.chmod(0o644)
    with pytest.raises(IssuerKeyExposed, match="chmod 600"):
        issuer.issue("anna")


def test_outside_an_rpc_there_is_no_caller():
    with pytest.raises(LookupError):
        caller()
