"""What happens around every RPC: a request id, the caller, the rules of the proto, the status, metrics and a log line."""

import hashlib
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog
from google.protobuf.message import DecodeError
from google.rpc import code_pb2
from grpc_status import rpc_status

from services.runtime.auth import set_caller
from services.runtime.grpc_auth import Authenticate, is_open, principal_of_call
from services.runtime.grpc_errors import FieldViolation, InvalidMessage, is_known, status_of
from services.runtime.grpc_validation import validate
from services.runtime.metrics import GRPC_HANDLED, GRPC_SECONDS, GRPC_STARTED

REQUEST_ID = "x-request-id"
_REQUEST_ID_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}")
_UNDECODABLE = object()
_OURS = frozenset({"INTERNAL", "UNKNOWN", "DATA_LOSS"})
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}

Context = Any  # grpc.aio.ServicerContext, generic in types that a wrapper of all methods doesn't know
Handler = Any


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps every method but health and reflection, whatever streams.

    The caller is known before the first message is looked at; each message is checked as it arrives. Servicers take the messages
    of a client stream from the iterator they are given: `context.read()` would go round the check.
    """

    def __init__(self, authenticate: Authenticate) -> None:
        self._authenticate = authenticate

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Handler]], details: Any) -> Handler:
        """Return the method's handler, wrapped."""
        handler = await continuation(details)
        if handler is None or is_open(details.method):
            return handler
        return self._wrapped(handler, details.method)

    def _wrapped(self, handler: Handler, method: str) -> Handler:
        codec = {
            "request_deserializer": _tolerant(handler.request_deserializer),
            "response_serializer": _either(handler.response_serializer),
        }
        if handler.request_streaming and handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(self._streaming(handler.stream_stream, method, checked_stream), **codec)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(handler.unary_stream, method, checked), **codec)
        if handler.request_streaming:
            return grpc.stream_unary_rpc_method_handler(self._unary(handler.stream_unary, method, checked_stream), **codec)
        return grpc.unary_unary_rpc_method_handler(self._unary(handler.unary_unary, method, checked), **codec)

    def _unary(self, behaviour: Callable[..., Any], method: str, check: Callable[[Any], Any]) -> Callable[..., Any]:
        async def answer(request: Any, context: Context) -> Any:
            async with self._around(method, context):
                return await behaviour(check(request), context)

        return answer

    def _streaming(self, behaviour: Callable[..., Any], method: str, check: Callable[[Any], Any]) -> Callable[..., Any]:
        async def answer(request: Any, context: Context) -> AsyncIterator[Any]:
            async with self._around(method, context):
                answers = behaviour(check(request), context)
                if not hasattr(answers, "__aiter__"):
                    await answers  # it writes to the context itself
                    return
                async for message in answers:
                    yield message

        return answer

    @asynccontextmanager
    async def _around(self, method: str, context: Context) -> AsyncIterator[None]:
        request_id = _request_id(context)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        context.set_trailing_metadata(((REQUEST_ID, request_id),))
        GRPC_STARTED.labels(method).inc()
        started, code = time.perf_counter(), "CANCELLED"
        try:
            principal = await principal_of_call(context.invocation_metadata() or (), self._authenticate)
            set_caller(principal)
            structlog.contextvars.bind_contextvars(caller=_pseudonym(principal))
            yield
            code = _code_of(context)
        except grpc.aio.AbortError:
            code = _code_of(context)
            raise
        except Exception as error:  # noqa: BLE001 - the one place where every error becomes a status
            status = status_of(error)
            code = code_pb2.Code.Name(status.code)
            if not is_known(error):
                structlog.get_logger().error("rpc failed", method=method, exc_info=error)
            rich = rpc_status.to_status(status)
            await context.abort(rich.code, rich.details, ((REQUEST_ID, request_id), *rich.trailing_metadata))
        finally:
            _report(method, code, time.perf_counter() - started)


def checked(request: Any) -> Any:
    """Return request if it keeps the rules of its proto. Raises InvalidMessage."""
    if request is _UNDECODABLE:
        raise InvalidMessage([FieldViolation("", "the bytes are not the message that this method takes")])
    validate(request)
    return request


def _tolerant(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """Return a deserializer that gives what can't be read on to be refused by us: gRPC would answer UNKNOWN, before asking who calls."""
    if deserialize is None:
        return None

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _UNDECODABLE

    return read


def _either(serialize: Callable[[Any], bytes] | None) -> Callable[[Any], bytes] | None:
    """Return a serializer that lets bytes through: a servicer may answer with a message that is serialised already."""
    if serialize is None:
        return None
    return lambda answer: answer if type(answer) is bytes else serialize(answer)


async def checked_stream(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """Yield requests, each checked as it arrives. Raises InvalidMessage at the first that breaks the rules."""
    async for request in requests:
        yield checked(request)


def _request_id(context: Context) -> str:
    """Return the caller's request id if it is one that can't disturb logs, else a new one."""
    given = next((value for name, value in context.invocation_metadata() or () if name == REQUEST_ID), "")
    return given if isinstance(given, str) and _REQUEST_ID_FORM.fullmatch(given) else uuid.uuid4().hex


def _code_of(context: Context) -> str:
    code = context.code()
    number = code if isinstance(code, int) else (code.value[0] if code is not None else 0)
    return _CODES.get(number, "UNKNOWN")


def _pseudonym(principal: Any) -> str:
    """Return what tells callers apart in logs without naming them."""
    subject = getattr(principal, "subject", None)
    return hashlib.sha256(str(subject).encode()).hexdigest()[:12] if subject is not None else ""


def _report(method: str, code: str, seconds: float) -> None:
    GRPC_HANDLED.labels(method, code).inc()
    GRPC_SECONDS.labels(method).observe(seconds)
    log = structlog.get_logger()
    level = log.error if code in _OURS else log.debug if code == "OK" else log.info
    level("rpc", method=method, code=code, ms=round(seconds * 1000, 2))
