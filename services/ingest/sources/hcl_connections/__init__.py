"""HCL Connections (formerly IBM Connections): its activity stream, polled, and the Atom documents of its applications.

See docs/sources/hcl-connections.md.
"""

from services.ingest.sources.hcl_connections.connector import CONNECTOR

__all__ = ["CONNECTOR"]
