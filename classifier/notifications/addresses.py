"""Which addresses webhooks may reach: none within the network of the installation, unless allowed.

A name is resolved once, every address that it has is looked at, and the connection goes to the
address that was looked at: a name that resolves otherwise a moment later changes nothing.
"""

import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Ways from IPv6 to IPv4, which could lead inside.
TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
SCHEMES: Final = {"https": 443, "http": 80}


class AddressRefused(Exception):
    """Says why no message is sent there."""


def checked_target(url: str) -> tuple[str, int, Address]:
    """Name, port, and an address to connect to. Raises AddressRefused, and OSError for no name."""
    host, port = host_and_port(url)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    for address in addresses:
        check_address(address, is_encrypted=url.lower().startswith("https:"))
    return host, port, addresses[0]


def check_url(url: str) -> None:
    """Before anything is sent: names are looked up later, and each time anew.

    Raises AddressRefused for what is no address of the web, or is an address within.
    """
    host, _ = host_and_port(url)
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return
    check_address(literal, is_encrypted=url.lower().startswith("https:"))


def host_and_port(url: str) -> tuple[str, int]:
    """Raises AddressRefused for what is no address of the web."""
    try:
        parts = urlsplit(url)
        port = parts.port or SCHEMES.get(parts.scheme, 0)
    except ValueError as error:
        raise AddressRefused("This is not an address.") from error
    if parts.scheme not in SCHEMES or not parts.hostname:
        raise AddressRefused("The address has to begin with https://.")
    if parts.username or parts.password:
        raise AddressRefused("An address with a password in it is not taken.")
    return parts.hostname, port


def check_address(address: Address, *, is_encrypted: bool) -> None:
    """Raises AddressRefused for what is not on the public internet, and not allowed by name."""
    mapped = getattr(address, "ipv4_mapped", None)
    address = mapped or address
    if any(address in network for network in settings.WEBHOOK_ALLOWED_NETWORKS):
        return
    is_tunnel = isinstance(address, ipaddress.IPv6Address) and (
        address in TRANSLATED or address.sixtofour or address.teredo
    )
    if not address.is_global or address.is_multicast or address.is_reserved or is_tunnel:
        raise AddressRefused(
            "This leads into a private network. An administrator may allow it by "
            "WEBHOOK_ALLOWED_NETWORKS."
        )
    if not is_encrypted:
        raise AddressRefused("Outside of the allowed networks, messages go by https:// only.")
