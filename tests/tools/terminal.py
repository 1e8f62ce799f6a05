#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plays a user at a terminal: runs COMMAND in a pseudo-terminal and follows a script of lines from stdin.

usage: terminal.py COMMAND [ARG...] <SCRIPT

Lines of the script:  send TEXT    types TEXT and Enter          key C       types Control-C (a letter)
                      type TEXT    types TEXT                    size R C    makes the terminal R rows and C columns
                      expect TEXT  waits until TEXT was shown    pause S     waits S seconds
                      asleep       waits until COMMAND itself sleeps, as a shell does that waits for what it started: one that is
                                   still on its way there dies of a Ctrl-C
                      touch FILE   makes FILE, for who waits for what was expected before
                      hangup       closes the terminal           end         waits for COMMAND and prints "status N" or "signal N"
Everything that the terminal showed goes to stdout. Status 1 if something expected did not come within 20 seconds.
"""
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time


def sleeps(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(")")[2].split()[0] in "SZ"


def main():
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(sys.argv[1], sys.argv[1:])
    shown = b""
    seen = 0  # what expect has passed

    def listen(seconds, until=None):
        nonlocal shown, seen
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if until is not None and (at := shown.find(until, seen)) >= 0:
                seen = at + len(until)
                return True
            if select.select([master], [], [], 0.05)[0]:
                try:
                    data = os.read(master, 4096)
                except OSError:  # closed by its last user, who may be about to end
                    time.sleep(0.05)
                    return until is None
                if not data:
                    return until is None
                shown += data
        return until is None

    failed = None
    for line in sys.stdin:
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "send":
            seen = len(shown)
            os.write(master, rest.encode() + b"\r")
        elif verb == "type":
            os.write(master, rest.encode())
        elif verb == "key":
            os.write(master, bytes([ord(rest.upper()) & 0x1F]))
        elif verb == "size":
            fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", *map(int, rest.split()), 0, 0))
        elif verb == "touch":
            with open(rest, "w", encoding="utf-8") as file:
                file.write("x")
        elif verb == "pause":
            listen(float(rest))
        elif verb == "hangup":
            os.close(master)
            break
        elif verb == "asleep":
            end = time.monotonic() + 20
            while not sleeps(pid) and time.monotonic() < end:
                listen(0.01)
        elif verb == "expect" and not listen(20, rest.encode()):
            failed = rest
            break
        elif verb == "end":
            status = None
            for _ in range(400):
                done, status = os.waitpid(pid, os.WNOHANG)
                listen(0.05)  # also what it showed last
                if done:
                    break
            else:
                failed = "end"
                break
            shown += (b"status %d\n" % os.WEXITSTATUS(status) if os.WIFEXITED(status) else b"signal %d\n" % os.WTERMSIG(status))
    sys.stdout.write(shown.decode(errors="replace").replace("\r", ""))
    if failed is not None:
        print(f"\nnever came: {failed}")
        sys.exit(1)


main()
