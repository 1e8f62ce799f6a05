# SPDX-License-Identifier: MIT
"""free_ports.py COUNT OWNER: prints COUNT TCP ports of 127.0.0.1 that are nobody's as long as process OWNER lives.

A port that is merely free now is no test's own: its peer is killed and started again, and meanwhile another test file that runs beside
it may choose the same one. So each is claimed by a file that names its owner; claims of owners that are gone are void. The range lies
below the kernel's own choices, so that no other program's connection takes a port before its peer listens on it.
"""

import fcntl
import os
import random
import socket
import sys
import tempfile

FIRST, LAST = 20000, 31999


def identity(pid):
    """PID and start time: they do not repeat. Nothing if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return f"{pid} {stat.read().rpartition(')')[2].split()[19]}"
    except OSError:
        return None


def claim(path, owner):
    """True if the port was nobody's and is the owner's now. The caller has the lock of all claims."""
    try:
        with open(path) as claimed:
            holder = claimed.read()
        if holder and identity(holder.split()[0]) == holder:
            return False
    except FileNotFoundError:
        pass
    with open(path, "w") as claimed:
        claimed.write(owner)
    return True


def is_free(port):
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def main():
    count, owner = int(sys.argv[1]), identity(sys.argv[2])
    if owner is None:
        sys.exit(f"free_ports: no process {sys.argv[2]}")
    directory = os.path.join(tempfile.gettempdir(), f"coordutils-test-ports.{os.getuid()}")
    os.makedirs(directory, mode=0o700, exist_ok=True)
    ports = []
    with open(os.path.join(directory, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        while len(ports) < count:
            port = random.randint(FIRST, LAST)
            if is_free(port) and claim(os.path.join(directory, str(port)), owner):
                ports.append(port)
    print(*ports)


main()
