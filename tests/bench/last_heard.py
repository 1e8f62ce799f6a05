#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""usage: last_heard.py RUNS READY SAY -- LISTEN...

Starts each LISTEN (a shell command), waits until each has printed a line that contains READY ('': for three seconds), then runs SAY RUNS times
with a new word for {}, and prints after how many milliseconds the last listener, and half of them, had printed that word.
"""
import os
import selectors
import signal
import subprocess
import sys
import time


def main():
    runs, ready, say = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    listeners = [subprocess.Popen(command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, start_new_session=True) for command in sys.argv[5:]]
    try:
        selector = selectors.DefaultSelector()
        texts = {}
        for listener in listeners:
            os.set_blocking(listener.stdout.fileno(), False)
            selector.register(listener.stdout, selectors.EVENT_READ)
            texts[listener.stdout] = b""

        def until_all(word, seconds):
            begun, heard = time.monotonic(), {}
            while len(heard) < len(listeners) and time.monotonic() - begun < seconds:
                for key, _ in selector.select(0.1):
                    texts[key.fileobj] += key.fileobj.read() or b""
                now = time.monotonic()
                for out, text in texts.items():
                    if word.encode() in text:
                        heard.setdefault(out, (now - begun) * 1000)
            return sorted(heard.values())

        if ready == "":
            time.sleep(3)
        elif len(until_all(ready, 60)) < len(listeners):
            sys.exit("last_heard.py: not all are ready")
        for run in range(1, runs + 1):
            for out in texts:
                texts[out] = b""
            word = "word%d-%d" % (os.getpid(), run)
            saying = subprocess.Popen(say.replace("{}", word), shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            heard = until_all(word, 60)
            saying.wait()
            last = "%.1f ms" % heard[-1] if len(heard) == len(listeners) else "never"
            print("run %d: %d of %d heard it, half after %.1f ms, the last after %s" %
                  (run, len(heard), len(listeners), heard[len(heard) // 2] if heard else -1, last))
            time.sleep(1)
    finally:
        for listener in listeners:
            os.killpg(listener.pid, signal.SIGKILL)


main()
