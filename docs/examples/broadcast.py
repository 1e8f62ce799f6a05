#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A broadcast node in maelstrom form: tells all others what is new to it, and remembers all it has heard."""
import json
import sys

me, others, heard = None, [], []


def say(dest, body):
    print(json.dumps({"src": me, "dest": dest, "body": body}), flush=True)


for line in sys.stdin:
    message = json.loads(line)
    src, body = message["src"], message["body"]
    if body["type"] == "init":
        me, others = body["node_id"], [n for n in body["node_ids"] if n != body["node_id"]]
        say(src, {"type": "init_ok", "in_reply_to": body["msg_id"]})
    elif body["type"] == "broadcast":
        if body["message"] not in heard:
            heard.append(body["message"])
            for other in others:
                if other != src:
                    say(other, {"type": "broadcast", "message": body["message"]})
    elif body["type"] == "snapshot":
        state = {"state": "idle", "heard": len(heard)}
        say("!", {"type": "snapshot_ok", "in_reply_to": body["msg_id"], "state": state})
