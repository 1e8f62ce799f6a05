# SPDX-License-Identifier: MIT
"""held_back.py SOCKET LISTEN COUNT GO: between one tool and its peer.

Passes on what both say, but from its COUNTth message on the tool is heard only once the file GO is there: by then others may have done what they like.
"""

import os
import select
import socket
import sys
import time


def main():
    path, listen, count, go = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    server = socket.socket(socket.AF_UNIX)
    server.bind(listen)
    server.listen(1)
    tool, _ = server.accept()
    peer = socket.socket(socket.AF_UNIX)
    peer.connect(path)
    said = 0
    while True:
        ready, _, _ = select.select([tool, peer], [], [])
        for end in ready:
            data = end.recv(1 << 20)
            if not data:
                return
            if end is tool:
                said += 1
                if said == count:
                    open(go + ".held", "w").close()
                    while not os.path.exists(go):
                        time.sleep(0.01)
            (peer if end is tool else tool).sendall(data)


main()
