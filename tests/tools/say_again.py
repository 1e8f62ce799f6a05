# SPDX-License-Identifier: MIT
"""say_again.py SOCKET COUNT TOOL [ARG...]: many sessions at a peer, from one.

Runs the tool once between two sockets and remembers what it said, with the descriptors it passed; then says the same COUNT times more, each time on a connection of its
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


def send(peer, data, descriptors):
    """With the descriptors of processes that the requests name."""
    sent = socket.send_fds(peer, [data], descriptors) if descriptors else 0  # with the first byte
    peer.sendall(data[sent:])


def record(path, command):
    """What the tool said: the bytes, what it passed with them, and how many bytes it had been answered before; and how many in all."""
    own = os.path.join(tempfile.mkdtemp(), "s")
    server = socket.socket(socket.AF_UNIX)
    server.bind(own)
    server.listen()
    tool = subprocess.Popen(command, env=dict(os.environ, COORD_SOCKET=own), stdout=subprocess.DEVNULL)
    near, far = server.accept()[0], connect(path)
    said, answered = [], 0

    def pass_back():
        nonlocal answered
        while data := far.recv(65536):
            answered += len(data)
            near.sendall(data)

    threading.Thread(target=pass_back, daemon=True).start()
    while True:
        data, descriptors, _, _ = socket.recv_fds(near, 65536, 4)
        if not data:
            break
        said.append((data, descriptors, answered))
        send(far, data, descriptors)
    far.shutdown(socket.SHUT_RDWR)
    if tool.wait() != 0:
        sys.exit("say_again: the tool failed")
    return said, answered


def hear(peer, answer, size):
    """More of the answer, up to so many bytes; words in it, of which the first one had none."""
    while len(answer) < size and (data := peer.recv(65536)):
        answer += data
        if words := re.search(rb"[a-z ,]{20,}.*", answer):
            return words.group().decode(errors="replace")
    return ""


def main():
    path, count = sys.argv[1], int(sys.argv[2])
    said, size = record(path, sys.argv[3:])
    for done in range(count):
        with connect(path) as peer:
            answer = bytearray()
            for data, passed, heard_before in [*said, (b"", [], size)]:
                if words := hear(peer, answer, heard_before):
                    print(done, words)
                    return
                send(peer, data, passed)
            if len(answer) != size:
                sys.exit(f"say_again: {done} were answered, the next one was not: {bytes(answer)}")
    print(count, "all")


main()
