#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is standard input OpenMetrics text 1.0? Says what is wrong, with its line, and ends with 1; prints FAMILY TYPE lines if all is right.

Checked: the grammar of every line, one TYPE, UNIT and HELP a family and before its samples, families that stand together, names that
fit the type and the unit, no sample twice, counters and histograms that are numbers as they must be, and # EOF at the end.
"""
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\\\|\\"|\\n)*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([^ ]+)(?: [0-9.e+-]+)?\Z")
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z")
SUFFIXES = {"counter": ["_total", "_created"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum", "_created"]}


def fail(number, why):
    print(f"line {number}: {why}")
    sys.exit(1)


def labels_of(text):
    return dict(re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"', text or ""))


def check_histogram(number, family, samples):
    groups = {}
    for name, labels, value in samples:
        key = tuple(sorted((k, v) for k, v in labels.items() if k != "le"))
        group = groups.setdefault(key, {"buckets": []})
        if name == family + "_bucket":
            if "le" not in labels:
                fail(number, f"{family}: a bucket without le")
            group["buckets"].append((float(labels["le"]), value))
        else:
            group[name[len(family):]] = value
    for key, group in groups.items():
        buckets = group["buckets"]
        if not buckets or buckets[-1][0] != float("inf"):
            fail(number, f"{family}{key}: no bucket for +Inf at the end")
        if [b for b, _ in buckets] != sorted({b for b, _ in buckets}):
            fail(number, f"{family}{key}: bounds do not ascend")
        if [v for _, v in buckets] != sorted(v for _, v in buckets):
            fail(number, f"{family}{key}: counts fall")
        if group.get("_count") != buckets[-1][1] or "_sum" not in group:
            fail(number, f"{family}{key}: count and sum do not fit")


def main():
    text = sys.stdin.buffer.read().decode("utf-8", "strict")
    if not text.endswith("# EOF\n"):
        fail(text.count("\n"), "the last line is not # EOF")
    families, seen, current, samples = {}, set(), None, []

    def finish(number):
        if current and families[current]["TYPE"] == "histogram":
            check_histogram(number, current, samples)

    lines = text[: -len("# EOF\n")].splitlines()
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            match = re.match(rf"# (TYPE|UNIT|HELP) ({NAME}) (.+)\Z", line)
            if not match:
                fail(number, "a comment that is none of TYPE, UNIT, HELP")
            what, family, value = match.groups()
            if family != current:
                finish(number)
                if family in families:
                    fail(number, f"{family}: its samples do not stand together")
                current, samples = family, []
                families[family] = {}
            if samples or what in families[family]:
                fail(number, f"{family}: {what} twice, or after its samples")
            families[family][what] = value
            if what == "TYPE" and value not in SUFFIXES:
                fail(number, f"{family}: {value} is no type that is used here")
            if what == "UNIT" and not family.endswith("_" + value):
                fail(number, f"{family}: its name does not end with its unit")
            continue
        match = SAMPLE.match(line)
        if not match:
            fail(number, "no sample")
        name, label_text, value = match.groups()
        if not NUMBER.match(value):
            fail(number, f"{value} is no number")
        if current is None or "TYPE" not in families[current] or "HELP" not in families[current]:
            fail(number, "a sample without TYPE and HELP")
        kind = families[current]["TYPE"]
        if name not in [current + suffix for suffix in SUFFIXES[kind]]:
            fail(number, f"{name} is no sample of the {kind} {current}")
        labels = labels_of(label_text)
        key = (name, tuple(sorted(labels.items())))
        if key in seen:
            fail(number, "a sample twice")
        seen.add(key)
        if kind in ("counter", "histogram") and float(value) < 0:
            fail(number, "below 0")
        if kind == "histogram" and not name.endswith("_sum") and float(value) != int(float(value)):
            fail(number, "a count with a fraction")
        samples.append((name, labels, float(value)))
    finish(len(lines))
    for family, of in families.items():
        print(family, of["TYPE"])


main()
