"""`host:port`: what is no port is never asked for, since a system takes 65616 for 80."""

from __future__ import annotations

import pytest

from cockpit.plan.ports import host_port


@pytest.mark.parametrize("text, found", [
    ("db01:5432", ("db01", 5432)), ("10.0.4.11:65535", ("10.0.4.11", 65535)), ("[fe80::1]:22", ("fe80::1", 22)),
    ("db01:0", None), ("db01:65536", None), ("db01:65616", None), ("db01:-1", None), ("db01:", None), (":80", None),
    ("db01", None), ("fe80::1:22", None), ("a b:22", None),
])  # fmt: skip
def test_what_is_an_address_and_what_is_none(text: str, found: tuple[str, int] | None) -> None:
    assert host_port(text) == found
