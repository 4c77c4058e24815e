"""The Elasticsearch client that every service uses."""

from typing import Any

import orjson
from elastic_transport import AiohttpHttpNode, ConnectionTimeout, HttpHeaders, TransportError
from elastic_transport._node import NodeApiResponse
from elasticsearch import ApiError, AsyncElasticsearch, OrjsonSerializer
from elasticsearch.serializer import NdjsonSerializer

from services.runtime.settings import ElasticsearchSettings

_REQUEST_TIMEOUT_S = 10.0
_MAX_RETRIES = 3
_CLIENTS_DIALECT, _OUR_DIALECT = "compatible-with=9", "compatible-with=8"


class OrjsonNdjsonSerializer(NdjsonSerializer):
    """Bulk bodies through orjson."""

    def json_dumps(self, data: Any) -> bytes:
        """Return data as one line of JSON."""
        return orjson.dumps(data, default=self.default)

    def json_loads(self, data: bytes) -> Any:
        """Return what one line says."""
        return orjson.loads(data)


class CommonDialectNode(AiohttpHttpNode):
    """Asks for the REST API of Elasticsearch 8, which servers of versions 8 and 9 both speak.

    The 9.x client asks for version 9, and a server of version 8 refuses that with media_type_header_exception.
    """

    async def perform_request(  # type: ignore[override] # the base of the async nodes is declared blocking
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Any = _REQUEST_TIMEOUT_S,
    ) -> NodeApiResponse:
        """Perform the request in the common dialect."""
        if headers is not None:
            headers = HttpHeaders({name: value.replace(_CLIENTS_DIALECT, _OUR_DIALECT) for name, value in headers.items()})
        return await super().perform_request(method, target, body, headers, request_timeout)


def build_client(settings: ElasticsearchSettings) -> AsyncElasticsearch:
    """Return a client; it connects at the first call. Close it with `await client.close()`.

    Calls are tried again on another node, or the same, after timeouts and 502 to 504: all of ours may be repeated (documents carry
    external versions). 429 comes through, so that the indexer slows down. Raises OSError when ca_certs can't be read.
    """
    return AsyncElasticsearch(
        settings.urls,
        node_class=CommonDialectNode,
        serializers={"application/json": OrjsonSerializer(), "application/x-ndjson": OrjsonNdjsonSerializer()},
        request_timeout=_REQUEST_TIMEOUT_S,
        max_retries=_MAX_RETRIES,
        retry_on_timeout=True,
        retry_on_status=(502, 503, 504),
        connections_per_node=20,
        **_credentials(settings),
    )


def is_away(error: BaseException) -> bool:
    """Return whether a call failed because the cluster is away or overloaded, so that trying again makes sense."""
    if isinstance(error, ApiError):
        return error.meta.status in (408, 429, 502, 503, 504)
    return isinstance(error, TransportError)


def reason_of(error: BaseException) -> str:
    """Return why a call failed, safe to log: the status and the server's name of the problem, never its text, which quotes documents."""
    if isinstance(error, ApiError):
        problem = error.body.get("error") if isinstance(error.body, dict) else None
        kind = problem.get("type") if isinstance(problem, dict) else None
        return f"{error.meta.status} {kind}" if isinstance(kind, str) else str(error.meta.status)
    return "timeout" if isinstance(error, ConnectionTimeout) else type(error).__name__


def _credentials(settings: ElasticsearchSettings) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if settings.api_key:
        arguments["api_key"] = settings.api_key.get_secret_value()
    if settings.username and settings.password:
        arguments["basic_auth"] = (settings.username, settings.password.get_secret_value())
    if settings.ca_certs:
        arguments["ca_certs"] = settings.ca_certs
    return arguments
