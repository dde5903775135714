"""Real servers for tests: OpenSSH (and dropbear), each in namespaces of its own. Knows nothing of cockpit.

    host = Host("fs01", shell="csh", sudo="password")   # or through the `hosts` fixture, which also cleans up
    host.start()
    host.address, host.port, host.user, host.client_key, host.host_key, host.known_hosts
    host.path("/srv/x").write_bytes(b"…")               # the same file, seen from outside
    host.run("ls /srv").stdout                          # inside, as root, without SSH

A host has its own /, so that a path of one is absent on the others; only /usr (read-only) is the machine's.
"""

from tests.hosts.factory import Hosts, known_hosts, section
from tests.hosts.host import Host
from tests.hosts.tools import require

__all__ = ["Host", "Hosts", "known_hosts", "require", "section"]
