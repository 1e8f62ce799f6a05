#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An echo node in maelstrom form: dsnapshot run --format maelstrom echo --id n1 -- python3 -u echo.py"""
import json
import sys

me, answered = None, 0


def say(dest, body):
    print(json.dumps({"src": me, "dest": dest, "body": body}), flush=True)


for line in sys.stdin:
    message = json.loads(line)
    body = message["body"]
    if body["type"] == "init":
        me = body["node_id"]
        say(message["src"], {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif body["type"] == "echo":
        answered += 1
        say(message["src"], {"type": "echo_ok", "in_reply_to": body.get("msg_id"), "echo": body["echo"]})
    elif body["type"] == "snapshot":
        say("!", {"type": "snapshot_ok", "in_reply_to": body["msg_id"], "state": "idle answered=%d" % answered})
