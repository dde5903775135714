"""The connection under an ssh between two servers, made for it and passed to it (ssh_config(5), ProxyUseFdpass).

Runs on the servers (Python 3.4), as `dialer.py ADDRESS PORT SECONDS`. OpenSSH lets small packets wait for the acknowledgment of
the one before until a session runs, which the other side's kernel delays by 40 ms: twice in each login. So this end sends at
once, and for as long as a login takes it acknowledges at once. Says of a failure what ssh says. Knows nothing of what is sent.
"""

import os
import socket
import struct
import sys
import time

LOGIN, TURN = 0.5, 0.002  # seconds: the kernel forgets that it is to acknowledge at once after each answer


def connected(address: str, port: str, patience: str) -> "socket.socket":
    try:
        made = socket.create_connection((address, int(port)), float(patience))
    except OSError as problem:
        why = "Connection timed out" if isinstance(problem, socket.timeout) else problem.strerror
        sys.stderr.write("ssh: connect to host %s port %s: %s\n" % (address, port, why))
        sys.exit(1)
    made.settimeout(None)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return made


def hand_over(made: "socket.socket") -> None:
    with socket.socket(fileno=os.dup(1)) as ssh:
        ssh.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", made.fileno()))])


def acknowledge(made: "socket.socket") -> None:
    """In a process of its own, which holds nothing else that anybody waits for to be closed. For so long the connection of an ssh
    that was killed stands, too."""
    if not hasattr(socket, "TCP_QUICKACK") or os.fork():
        return
    os.closerange(0, made.fileno())
    os.closerange(made.fileno() + 1, 1024)
    ends = time.monotonic() + LOGIN
    while time.monotonic() < ends:
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        time.sleep(TURN)
    os._exit(0)


if __name__ == "__main__":
    connection = connected(*sys.argv[1:])
    hand_over(connection)
    acknowledge(connection)
