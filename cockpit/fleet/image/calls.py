"""The ssh to the other end of a stream. A job's first one is begun before the rest of its program is even read: its login takes
several times as long as that. Runs on the servers (Python 3.6). Knows nothing of what is said over them.
"""

# What signal and socket add to these are names, and making them takes longer than all else before the first ssh. For the same
# reason `end` alone imports threading.
import _signal  # type: ignore[import-not-found]
import _socket
import os

SO_SNDBUFFORCE = 32  # asm-generic/socket.h
HOLDS = 1 << 20  # bytes that have come and are not yet read

_begun = []  # type: list[Call]


class Call:
    """pid: of a process of ours; into, out: the descriptors to read what it brings from, and to write to."""

    def __init__(self, shell: str) -> None:
        self.into, brings = _incoming()
        asked, self.out = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _become(shell, asked, brings)
        os.close(asked)
        os.close(brings)

    def end(self, patience: float) -> None:
        """Wait for it: so many seconds, then it is killed."""
        import threading

        late = threading.Timer(patience, _kill, (self.pid,))
        late.start()
        try:
            os.waitpid(self.pid, 0)  # with a time of its own it would look for the end now and then, and often come late
        except ChildProcessError:  # whoever began us ignores SIGCHLD: then nothing is left of it
            pass
        late.cancel()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, _signal.SIGKILL)
    except ProcessLookupError:  # it ended in this moment
        pass


def _become(shell: str, asked: int, brings: int) -> None:
    try:
        for number in (_signal.SIGPIPE, _signal.SIGXFSZ):  # which every Python ignores, and so would all that it begins
            _signal.signal(number, _signal.SIG_DFL)
        os.dup2(asked, 0)
        os.dup2(brings, 1)
        os.execv("/bin/sh", ["sh", shell, "cockpit", "x"])
    finally:
        os._exit(127)


def early(spec: "dict[str, object]") -> None:
    """What was loaded first is told what the program is to do."""
    if spec["shell"] is not None:
        _begun.append(Call(str(spec["shell"])))


def call(shell: str) -> Call:
    return _begun.pop() if _begun else Call(shell)


def _incoming() -> "tuple[int, int]":
    """Two ends, to read from and to write to: of a socket where it may hold as much as a pipe (root's may). A pipe's pages are
    made and thrown away one by one, and its two processes wait for each other meanwhile."""
    ours, its = _socket.socketpair()
    try:
        its.setsockopt(_socket.SOL_SOCKET, SO_SNDBUFFORCE, HOLDS)
    except OSError:
        pass
    if its.getsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF) >= HOLDS:
        return ours.detach(), its.detach()
    ours.close()
    its.close()
    return os.pipe()
