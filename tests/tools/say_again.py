"""say_again.py SOCKET COUNT TOOL [ARG...]: many sessions at a peer, from one.

Runs the tool once between two sockets and remembers what it said; then says the same COUNT times more, each time on a connection of its
own that is closed after the answer. Prints how many were answered as the first one was, and what the first other answer had to say.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading


def connect(path):
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(path)
    return peer


def record(path, command):
    """What the tool said, and how many bytes it was answered."""
    own = os.path.join(tempfile.mkdtemp(), "s")
    server = socket.socket(socket.AF_UNIX)
    server.bind(own)
    server.listen()
    tool = subprocess.Popen(command, env=dict(os.environ, COORD_SOCKET=own), stdout=subprocess.DEVNULL)
    near, far = server.accept()[0], connect(path)
    said, answered = b"", 0

    def pass_back():
        nonlocal answered
        while data := far.recv(65536):
            answered += len(data)
            near.sendall(data)

    threading.Thread(target=pass_back, daemon=True).start()
    while data := near.recv(65536):
        said += data
        far.sendall(data)
    far.shutdown(socket.SHUT_RDWR)
    if tool.wait() != 0:
        sys.exit("say_again: the tool failed")
    return said, answered


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    said, size = record(path, sys.argv[3:])
    for done in range(count):
        with connect(path) as peer:
            peer.sendall(said)
            answer = b""
            while len(answer) < size and (data := peer.recv(65536)):
                answer += data
                if words := re.search(rb"[a-z ,]{20,}.*", answer):
                    print(done, words.group().decode(errors="replace"))
                    return
            if len(answer) != size:
                sys.exit(f"say_again: {done} were answered, the next one was not: {answer}")
    print(count, "all")


main()
