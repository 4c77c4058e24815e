"""From nothing to a stack that serves: keys, servers, topics, index, services."""

from services.cli.apply import apply_index, apply_topics
from services.cli.connection import issuer_of, with_ports
from services.cli.stack import Stack
from services.cli.token_command import SERVICE_LIFE_S
from services.runtime.settings import Settings


def bring_up(stack: Stack) -> Settings:
    """Start a stack; return the settings of its clients. Repeatable on the same data.

    Call it from a thread that lives as long as the stack, outside of any event loop. Raises ProcessFailed and EmbeddedServerError; stopping
    what has started is the caller's.
    """
    settings = with_ports(stack.settings.model_copy(update={"data_dir": stack.data_dir}), stack.ports)
    issuer, auth = issuer_of(settings), settings.auth
    issuer.ensure_key()
    token = issuer.issue("sluice-services", roles=["service"], ttl_s=SERVICE_LIFE_S, issuer=auth.issuer, audience=auth.audience)
    file = stack.data_dir / "service.jwt"
    file.touch(mode=0o600)
    file.write_text(token, encoding="utf-8")
    stack.start_servers()
    apply_topics(settings)
    apply_index(settings)
    stack.start_services()
    return settings
