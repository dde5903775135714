"""Frames over two file descriptors, and the signs of life that tell a slow other end from a lost one.

Runs on the servers (Python 3.6). A frame is a letter, a length and that many bytes. Each end writes a beat when it has
been silent for a while, whatever its main thread does; each end gives the other up when it has heard nothing for PATIENCE.
Knows no meaning of a frame.
"""

import ctypes
import errno
import fcntl
import os
import select
import struct
import sys
import termios
import threading
import time
from collections import deque

from cockpit.fleet.image.faults import Broken

BEAT = 5.0  # seconds
PATIENCE = 30.0  # seconds without a byte: the other end or the network is gone
HEAD = struct.Struct(">cI")
BEAT_FRAME = HEAD.pack(b".", 0)
LARGEST = 1 << 26  # of one frame
PIPE = 1 << 20
F_SETPIPE_SZ = 1031  # fcntl.F_SETPIPE_SZ is 3.10's
LENDS = 2  # frames that are lent at once: whoever lends needs one piece of memory more than that
LENT = 1 << 16  # bytes from which on it costs less to lend them than to copy them
ANEW = 1.0  # seconds of waiting for a byte until it is looked whether the stream was closed meanwhile, which wakes nobody
TURN, LONG = 0.001, 0.05  # seconds between two looks at what has been taken, at first and where that takes its time


class _Memory(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("length", ctypes.c_size_t)]


_libc = ctypes.CDLL(None, use_errno=True)


def widen(fd: int) -> None:
    """Fewer turns for the same bytes, where fd is a pipe and the system allows it."""
    try:
        fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE)
    except OSError:
        pass  # a socket, or beyond the user's share of pipe pages


class Wire:
    """One end of one stream."""

    def __init__(self, into: int, out: int) -> None:
        """into: the descriptor that is read; out: the one that is written."""
        self.into, self.out = into, out
        self.moved = 0  # bytes of payload written and read
        self.taken = 0  # chunks that another thread reads, from which no byte may be taken
        self._rest = b""
        self._sent = 0  # bytes put into `out`
        self._lends = hasattr(_libc, "vmsplice")
        self._lent = deque()  # type: deque[int]
        self._heard = self._wrote = time.monotonic()
        self._writing, self._reading = threading.Lock(), threading.Lock()
        self._closed = threading.Event()
        for fd in (into, out):
            os.set_blocking(fd, False)
            widen(fd)
        beats = threading.Thread(target=self._beat)
        beats.daemon = True
        beats.start()

    def close(self) -> None:
        self._closed.set()
        with self._writing, self._reading:  # what another opens may get the same number: nobody must read or write that
            for fd in {self.into, self.out} - {-1}:
                os.close(fd)
            self.into = self.out = -1

    def send(self, letter: bytes, *parts: "bytes | memoryview") -> None:
        """Raises Broken."""
        length = sum(len(part) for part in parts)
        with self._writing:
            self._write(HEAD.pack(letter, length))
            for part in parts:
                self._write(part)
        self.moved += length

    def lend(self, letter: bytes, head: bytes, *parts: memoryview) -> None:
        """As `send`, without a copy where `out` is a pipe: the parts must stay as they are until LENDS more have been lent.
        Raises Broken."""
        length, until = len(head) + sum(len(part) for part in parts), 0
        with self._writing:
            self._write(HEAD.pack(letter, length) + head)
            for part in parts:
                if len(part) < LENT or not self._give(part):
                    self._write(part)
                else:
                    until = self._sent
        self.moved += length
        self._lent.append(until)
        if len(self._lent) > LENDS:
            self._until_taken(self._lent.popleft())

    def _give(self, part: memoryview) -> bool:
        """The pipe holds the memory itself (vmsplice(2)). False: nothing of it went, and nothing ever will."""
        at, length, where = 0, len(part), ctypes.addressof(ctypes.c_char.from_buffer(part))
        while self._lends and at < length:
            memory = _Memory(where + at, length - at)
            count = _libc.vmsplice(self.out, ctypes.byref(memory), ctypes.c_size_t(1), 2)  # SPLICE_F_NONBLOCK
            if count > 0:
                at, self._sent, self._wrote = at + count, self._sent + count, time.monotonic()
            elif ctypes.get_errno() in (errno.EAGAIN, errno.EINTR):
                self._until_writable()
            elif at or ctypes.get_errno() == errno.EPIPE:
                raise Broken("the stream broke: %s" % os.strerror(ctypes.get_errno()))
            else:
                self._lends = False  # a socket
        return at == length

    def _until_taken(self, position: int) -> None:
        """Until whoever reads the pipe has all that was put into it before that."""
        began, pause = time.monotonic(), TURN
        while position and position > self._sent - self._untaken():
            if self._turn(0, began, pause):
                raise Broken("the stream broke: nobody reads it")
            pause = min(2 * pause, LONG)

    def _untaken(self) -> int:
        return int.from_bytes(fcntl.ioctl(self.out, termios.FIONREAD, bytes(4)), sys.byteorder)

    def head(self) -> "tuple[bytes, int]":
        """The next frame's letter and length; its payload must be taken next. Raises Broken."""
        while True:
            letter, length = HEAD.unpack(self.take(HEAD.size))
            if length > LARGEST:
                raise Broken("what came over the stream is no frame")
            if letter != b".":
                return letter, length

    def receive(self) -> "tuple[bytes, bytes]":
        letter, length = self.head()
        return letter, self.take(length)

    def take(self, length: int) -> bytes:
        buffer = bytearray(length)
        self.fill(memoryview(buffer))
        return bytes(buffer)

    def fill(self, view: memoryview) -> None:
        """Exactly as many bytes as `view` holds. Raises Broken."""
        at = min(len(self._rest), len(view))
        view[:at] = self._rest[:at]
        self._rest = self._rest[at:]
        while at < len(view):
            at += self._read(view[at:])
        self.moved += len(view)

    def _read(self, view: memoryview) -> int:
        while True:
            count = self._come(view)
            if count is None:
                self._until_readable()
            elif count:
                self._heard = time.monotonic()
                return count
            else:
                raise Broken("the stream ended")

    def _come(self, view: memoryview) -> "int | None":
        """Bytes that are there already; None: none are."""
        with self._reading:
            if self.into < 0:
                raise Broken("the stream was closed")
            try:
                return os.readv(self.into, [view])
            except BlockingIOError:
                return None
            except OSError as error:
                raise Broken("the stream broke: %s" % error.strerror) from None

    def _until_readable(self) -> None:
        """Or for a while: whoever reads tries again."""
        left, poll = self._heard + PATIENCE - time.monotonic(), select.poll()
        if left <= 0:
            raise Broken("nothing came for %d s" % PATIENCE)
        try:
            poll.register(self.into, select.POLLIN)
        except ValueError:
            raise Broken("the stream was closed") from None
        poll.poll(min(left, ANEW) * 1000)

    def _write(self, part: "bytes | memoryview") -> None:
        view = memoryview(part)
        while view:
            try:
                count = os.write(self.out, view)
                view, self._sent, self._wrote = view[count:], self._sent + count, time.monotonic()
            except BlockingIOError:
                self._until_writable()
            except OSError as error:
                raise Broken("the stream broke: %s" % error.strerror) from None

    def _until_writable(self) -> None:
        began = time.monotonic()
        while not self._turn(select.POLLOUT, began, BEAT):
            pass

    def _turn(self, wanted: int, began: float, pause: float) -> bool:
        """Whether that can be done to `out` by then, or it is broken. The other end may be long at its disk: as long as its beats
        come it is waited for. They are kept for the reader."""
        poll, listens = select.poll(), len(self._rest) < 1 << 16 and not self.taken
        for fd in {self.out, self.into} if listens else {self.out}:
            poll.register(fd, wanted * (fd == self.out) | select.POLLIN * (fd == self.into))
        events = dict(poll.poll(pause * 1000))
        if events.get(self.out, 0) & ~select.POLLIN:
            return True
        if listens and self.into in events:
            more = os.read(self.into, 4096)
            if not more:
                raise Broken("the stream ended")
            self._rest += more
            self._heard = time.monotonic()
        if time.monotonic() - max(self._heard, began) > PATIENCE:
            raise Broken("nothing was taken for %d s" % PATIENCE)
        return False

    def _beat(self) -> None:
        while not self._closed.wait(BEAT):
            if time.monotonic() - self._wrote < BEAT or not self._writing.acquire(False):
                continue  # a frame is being written: the other end hears that
            try:
                if self.out >= 0:
                    self._sent += os.write(self.out, BEAT_FRAME)  # whole or not at all: fewer bytes than PIPE_BUF
            except OSError:
                pass  # full or broken: the main thread will see
            finally:
                self._writing.release()
