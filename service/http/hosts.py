"""Who a request says it is for, and from whose page it comes: against DNS rebinding and forged posts of browsers.

A page of another site can let a browser send requests to this machine. It cannot choose their ``Host`` and ``Origin``:
the first names the page's own site where its name was pointed here, the second the page that asks.
"""

import ipaddress
import re
from collections.abc import Iterable

from xbopt.core.errors import UsageError
from xbopt.service.http.problems import ProblemError

_AUTHORITY = re.compile(r"(\[[0-9a-f:.%]+\]|[^\[\]:/@\s]+)(?::([0-9]{0,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_MOST_KNOWN = 1000


class HostRule:
    """Checks the headers ``Host`` and ``Origin``.

    Args:
        allowed: Names and addresses that ``Host`` may hold; None where any will do. Ports do not count.

    Raises:
        UsageError: One of them is no host.
    """

    def __init__(self, allowed: Iterable[str] | None) -> None:
        self._allowed = None if allowed is None else frozenset(map(_plain, allowed))
        self._known: set[bytes] = set()

    def check(self, hosts: list[bytes], origins: list[bytes], *, posted: bool, version: str) -> None:
        """Refuse a request for another host, and a post from another page.

        Args:
            hosts: All values of ``Host``.
            origins: All values of ``Origin``.
            posted: Whether the request may change something.
            version: HTTP version; before 1.1 a request need not say for whom it is.

        Raises:
            ProblemError: 400, 403 or 421.
        """
        if len(hosts) != 1:
            if hosts or version not in {"0.9", "1.0"}:
                raise ProblemError(400, f"One header Host is wanted; there are {len(hosts)}.")
            if posted and origins:
                raise ProblemError(403, "A page of another site may not post here.")
            return
        host = hosts[0]
        if host not in self._known:
            if not self._fits(host):
                raise ProblemError(421, "This service does not answer for that Host; name it with --allowed-host.")
            if len(self._known) < _MOST_KNOWN:
                self._known.add(host)
        if posted and origins and (len(origins) != 1 or not _same_site(origins[0], host)):
            raise ProblemError(403, "A page of another site may not post here.")

    def _fits(self, host: bytes) -> bool:
        parts = _AUTHORITY.fullmatch(host.decode("latin-1").lower())
        if parts is None:
            return False
        return self._allowed is None or _name(parts[1]) in self._allowed


def allowed_hosts(listens: str, more: Iterable[str], *, open_to_all: bool) -> set[str] | None:
    """Names that requests may be for.

    Without tokens the service relies on being reached from its own machine alone, so only names of the machine itself
    will do. With tokens a forged request has none, and any name will do unless some are given.

    Args:
        listens: The address that the service listens on.
        more: Names that were given.
        open_to_all: Whether no token is asked for.
    """
    names = set(more)
    if not (open_to_all or names):
        return None
    return names | {"localhost", "127.0.0.1", "[::1]", f"[{listens}]" if ":" in listens else listens}


def _plain(host: str) -> str:
    parts = _AUTHORITY.fullmatch(host.lower())
    if parts is None:
        raise UsageError(f"--allowed-host {host!r} is no host; name one such as shop.example or [2001:db8::1].")
    return _name(parts[1])


def _name(host: str) -> str:
    """A host in one spelling: no dot at the end, an IPv6 address in its shortest form."""
    if not host.startswith("["):
        return host.removesuffix(".")
    try:
        return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
    except ValueError:
        return host


def _same_site(origin: bytes, host: bytes) -> bool:
    """Whether a page's origin is the host that was asked; ``null`` is nobody's."""
    scheme, mark, authority = origin.decode("latin-1").lower().partition("://")
    page, asked = _AUTHORITY.fullmatch(authority), _AUTHORITY.fullmatch(host.decode("latin-1").lower())
    if not mark or scheme not in _DEFAULT_PORTS or page is None or asked is None:
        return False
    usual = _DEFAULT_PORTS[scheme]
    return (_name(page[1]), page[2] or usual) == (_name(asked[1]), asked[2] or usual)
