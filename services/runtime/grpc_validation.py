"""The rules written in the protos, enforced."""

from typing import Any

import protovalidate
from google.protobuf.message import Message

from services.runtime.grpc_errors import FieldViolation, InvalidMessage


def validate(message: Message, *, within: str = "") -> None:
    """Check message against the rules of its proto. Raises InvalidMessage with every violation.

    within: path of the message in what the caller sent, e.g. `items[3]`, put before the fields at fault.
    """
    violations = protovalidate.collect_violations(message)
    if not violations:
        return
    raise InvalidMessage([FieldViolation(_path(v.proto.field, within), v.proto.message or v.proto.rule_id) for v in violations])


def _path(field: Any, within: str) -> str:
    parts = [within] if within else []
    for element in field.elements if field is not None else ():
        subscript = f"[{element.subscript.value}]" if element.subscript is not None else ""
        parts.append(f"{element.field_name}{subscript}")
    return ".".join(parts)
