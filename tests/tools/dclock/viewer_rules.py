#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads FILE as ShiViz and TSViz do and prints the number of events; ends with 1 where they would refuse.

Line 1 is the regular expression, line 2 the delimiter of runs. All groups but the named ones count as non-capturing, the
rest of the file is trimmed and matched globally in multi-line mode. Each clock is JSON with integers; each host's own
entry is present and runs 1, 2, 3, ...; every host that a clock names has events.
"""
import json
import re
import sys

head, delimiter, text = open(sys.argv[1], encoding="utf-8").read().split("\n", 2)
if delimiter.strip():
    sys.exit("a delimiter was not expected")
if re.search(r"\((?!\?<\w+>)", head):
    sys.exit("a group without a name: the viewers' rewriting of the expression does not survive one")
pattern = re.compile(re.sub(r"\(\?<(\w+)>", r"(?P<\1>", head), re.MULTILINE)
for group in ("host", "clock", "event"):
    if group not in pattern.groupindex:
        sys.exit(f"no group {group}")
text = text.strip()
events = list(pattern.finditer(text))
if len(events) != text.count("\n") + 1:
    sys.exit(f"{len(events)} events in {text.count(chr(10)) + 1} lines")
owns, named = {}, set()
for event in events:
    clock, host = json.loads(event["clock"]), event["host"]
    if any(not isinstance(count, int) or not 0 < count < 2**53 for count in clock.values()):
        sys.exit(f"not integers: {event['clock']}")
    owns.setdefault(host, []).append(clock[host])
    named.update(clock)
    if "timestamp" in pattern.groupindex and not 10**18 < int(event["timestamp"]) < 10**19:
        sys.exit(f"not nanoseconds since 1970: {event['timestamp']}")
for host, numbers in owns.items():
    if sorted(numbers) != list(range(1, len(numbers) + 1)):
        sys.exit(f"{host} does not run 1, 2, 3, ...")
if named - set(owns):
    sys.exit(f"no events of {named - set(owns)}")
print(len(events))
