"""What `sluice up` prints when everything is ready: where to look, a token, and commands to paste."""

import shlex
from pathlib import Path

from services.cli.calls import out
from services.cli.connection import issuer_of, with_ports
from services.cli.processes import resident_bytes
from services.cli.stack import Stack
from services.cli.token_command import DAY_S
from services.runtime.settings import Settings

DEFAULT_DATA_DIR: Path = Settings.model_fields["data_dir"].default
MIB = 1 << 20


def welcome(stack: Stack, *, with_demo: bool) -> None:
    """Print it. The line that begins `Sluice is ready` is what scripts wait for."""
    ports = stack.ports
    settings = with_ports(stack.settings.model_copy(update={"data_dir": stack.data_dir}), ports)
    auth = settings.auth
    token = issuer_of(settings).issue("anna", employee=True, ttl_s=DAY_S, issuer=auth.issuer, audience=auth.audience)
    memory = sum(service.resident_bytes() for service in stack.services.values())
    memory += resident_bytes(stack.embedded.pid) if stack.embedded and stack.embedded.pid else 0
    kafka, elastic = stack.environment["SLUICE_KAFKA__BOOTSTRAP_SERVERS"], stack.environment["SLUICE_ELASTICSEARCH__URL"]
    lines = [
        f"Sluice is ready ({memory // MIB} MiB resident). Ctrl-C stops it.",
        "",
        (
            f"  gRPC      PublishService 127.0.0.1:{ports.ingest}  FeedService, RelationService 127.0.0.1:{ports.feeds}  "
            f"SearchService 127.0.0.1:{ports.search}"
        ),
        (
            f"  HTTP      inbox http://127.0.0.1:{ports.inbox}/inbox/<source>  "
            f"metrics and probes http://127.0.0.1:{ports.ingest_ops}/metrics ({ports.refine_ops}, {ports.feeds_ops}, {ports.search_ops})"
        ),
        f"  data      Kafka {kafka}  Elasticsearch {elastic}  logs {stack.data_dir}/logs",
        "",
        "  A token for anna, for a day:",
        f"export TOKEN={token}",
        "",
        "  To paste into another terminal (source .venv/bin/activate first):",
    ]
    if stack.data_dir != DEFAULT_DATA_DIR.resolve():
        # The other commands look for the stack where the settings say.
        lines.append(f"export SLUICE_DATA_DIR={shlex.quote(str(stack.data_dir))}")
    if with_demo:
        lines += [
            "sluice feed --as anna",
            'sluice search "release" --as ben',
            "sluice feed --as partner-nordwind   # an outsider",
        ]
    lines += [
        'sluice publish "Hello from the command line" --as anna && sluice feed --as anna --limit 1',
        "sluice topics tail sluice.activities.v1",
        (
            f'grpcurl -plaintext -H "authorization: Bearer $TOKEN" -d \'{{"page_size": 3}}\' 127.0.0.1:{ports.feeds} '
            "sluice.feed.v1.FeedService/GetFeed"
        ),
    ]
    for line in lines:
        out.print(line, markup=False)
