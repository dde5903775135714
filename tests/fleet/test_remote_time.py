"""What the time of a short command counts from."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cockpit.fleet.local import LocalRemote


async def test_the_time_that_a_person_takes_for_a_password_is_not_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    remote = LocalRemote()
    given, open_process = asyncio.Event(), remote.link.open_process

    async def after_the_password(*args: Any, **how: Any) -> Any:
        await given.wait()
        return await open_process(*args, **how)

    monkeypatch.setattr(remote.link, "open_process", after_the_password)
    asyncio.get_running_loop().call_later(1.2, given.set)
    assert (await remote.run("true", timeout=1.0)).exit == 0
    with pytest.raises(TimeoutError):
        await remote.run("sleep 30", timeout=0.3)
