from ipaddress import ip_address

import pytest

from services.runtime.address_guard import AddressPolicy, is_public

CLOSED = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "168.63.129.16", "100.100.100.200", "0.0.0.0",  # noqa: S104 - nothing binds here
    "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.0.192", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1",
    "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::7f00:1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::",
    "2001:0:1:2:3:4:5:6",
]  # fmt: skip


@pytest.mark.parametrize("address", CLOSED)
def test_nothing_but_the_internet_is_public(address):
    """Private, local and metadata addresses stay closed, however they are wrapped into IPv6."""
    assert not is_public(ip_address(address))
    assert not AddressPolicy().admits("feeds.example", ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"])
def test_the_internet_is_open(address):
    assert is_public(ip_address(address))
    assert AddressPolicy().admits("feeds.example", ip_address(address))


def test_an_allowed_network_opens_its_addresses_for_every_host():
    policy = AddressPolicy.allowing(networks=["10.0.0.0/8", "::1/128"])
    assert policy.admits("any.example", ip_address("10.9.9.9"))
    assert policy.admits("any.example", ip_address("::ffff:10.9.9.9"))
    assert policy.admits("any.example", ip_address("::1"))
    assert not policy.admits("any.example", ip_address("192.168.0.1"))


def test_an_allowed_host_may_be_private_but_never_a_metadata_server():
    """Whoever controls the DNS of an allowed host must not get at the machine's credentials."""
    policy = AddressPolicy.allowing(hosts=["Connections.Example."])
    assert policy.admits("connections.example", ip_address("10.9.9.9"))
    assert policy.admits("connections.example", ip_address("93.184.215.14"))
    assert not policy.admits("connections.example", ip_address("169.254.169.254"))
    assert not policy.admits("connections.example", ip_address("168.63.129.16"))
    assert not policy.admits("other.example", ip_address("10.9.9.9"))
