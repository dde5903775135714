"""The SFTP subsystem of a lab server: nothing outside its folder can be reached by name.

An appliance shows its folder as `/`. A server with a shell shows the paths that its shell sees, and those outside its folder
as absent: what another server holds is not there.
"""

from __future__ import annotations

import os
import posixpath
from typing import Any

import asyncssh

from cockpit.lab.machine import Machine
from cockpit.lab.traffic import Traffic


class Files(asyncssh.SFTPServer):
    def __init__(self, chan: asyncssh.SSHServerChannel[bytes], machine: Machine, traffic: Traffic) -> None:
        self._root, self._home = os.fsencode(machine.root), os.fsencode(machine.home)
        self._traffic = traffic
        super().__init__(chan, chroot=self._root if machine.server.sftp_only else None)

    def map_path(self, path: bytes) -> bytes:
        if self._chroot:
            return super().map_path(path)
        whole = self._whole(path)
        if whole != self._root and not whole.startswith(self._root + b"/"):
            raise asyncssh.SFTPNoSuchFile(f"{os.fsdecode(path)} is not on this server")
        return whole

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        if self._seen(path) == self._root:
            raise asyncssh.SFTPFailure("it is there")
        super().mkdir(path, attrs)

    def _whole(self, path: bytes) -> bytes:
        return posixpath.normpath(posixpath.join(self._home, path))

    def _seen(self, path: bytes) -> bytes:
        """The way down to the folder looks like the folder itself, and can only be looked at."""
        above = not self._chroot and self._root.startswith(self._whole(path).rstrip(b"/") + b"/")
        return self._root if above else self.map_path(path)

    def stat(self, path: bytes) -> os.stat_result:
        return os.stat(self._seen(path))

    def lstat(self, path: bytes) -> os.stat_result:
        return os.lstat(self._seen(path))

    def readlink(self, path: bytes) -> bytes:
        """As it was written: asyncssh's own would translate it."""
        return os.readlink(self.map_path(path))

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        os.symlink(oldpath, self.map_path(newpath))

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        data = super().read(file_obj, offset, size)
        assert isinstance(data, bytes)
        self._traffic.sent += len(data)
        return data

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        self._traffic.received += len(data)
        return super().write(file_obj, offset, data)
