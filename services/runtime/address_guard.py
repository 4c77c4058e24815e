"""Where this process may connect to. Checked when connecting, after DNS: a name that changes its address can't get around it."""

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpcore

from services.runtime.fetch_errors import AddressRefused, ConnectionFailed, FetchTimeout

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Azure's and Oracle's metadata servers; the standard library of Python 3.11 takes both addresses for public ones.
_METADATA = frozenset({ip_address("168.63.129.16"), ip_address("192.0.0.192")})
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_COMPATIBLE = IPv6Network("::/96")
_MOST_TRIED = 4


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for (mapped, compatible, NAT64, 6to4), else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and (address in _NAT64 or (address in _COMPATIBLE and int(address) > 1)):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def is_public(address: Address) -> bool:
    """Return whether an address is somebody's on the internet: nothing private, local, reserved, multicast or of a cloud's metadata."""
    address = unwrapped(address)
    if isinstance(address, IPv6Address) and (address.is_site_local or address in _LOCAL_NAT64):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and address not in _METADATA


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """The internet, and what is allowed by name or network. An allowed host may have any address but a link-local or metadata one."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()

    @classmethod
    def allowing(cls, hosts: Iterable[str] = (), networks: Iterable[str | Network] = ()) -> "AddressPolicy":
        """Return the policy for such as `connections.example` and `10.0.0.0/8`. Raises ValueError for what is no network."""
        return cls(frozenset(map(_plain, hosts)), tuple(ip_network(str(network)) for network in networks))

    def admits(self, host: str, address: Address) -> bool:
        """Return whether address, to which host resolved, may be connected to."""
        address = unwrapped(address)
        if any(address in network for network in self.networks):
            return True
        if _plain(host) in self.hosts:
            return not (address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA)
        return is_public(address)


def _plain(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves itself and connects to the checked address, so that no second look-up can give another one."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the admitted addresses that answers. Raises AddressRefused, ConnectionFailed, FetchTimeout."""
        try:
            async with asyncio.timeout(timeout):
                failure: Exception | None = None
                for address in await self._admitted(host, port):
                    try:
                        return await self._inner.connect_tcp(str(address), port, None, local_address, socket_options)
                    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                        failure = error
                raise ConnectionFailed(f"no connection to {host}:{port}") from failure
        except TimeoutError:
            raise FetchTimeout(f"connecting to {host}:{port} took longer than {timeout} s") from None

    async def _admitted(self, host: str, port: int) -> list[Address]:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ConnectionFailed(f"{host} has no address: {type(error).__name__}") from None
        addresses = list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))
        admitted = [address for address in addresses if self._policy.admits(host, address)]
        if not admitted:
            raise AddressRefused(
                f"{host} is at an address that isn't allowed; see fetch.allowed_hosts and fetch.allowed_networks"
            )
        return admitted[:_MOST_TRIED]

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no URL of a source is a local socket."""
        del path, timeout, socket_options
        raise AddressRefused("local sockets are not fetched from")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)
