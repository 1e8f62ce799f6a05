# SPDX-License-Identifier: MIT
"""man_examples.py PAGE.scd: the commands in a page's EXAMPLES, one a line and those of several lines as one, NUL after each."""

import re
import sys


def main():
    with open(sys.argv[1]) as page:
        text = page.read()
    text = text[text.index("\n# EXAMPLES\n") : text.index("\n# SEE ALSO\n")]
    for found in re.finditer(r"^```\n(.*?)^```\n|^\t([^\n]*)\n", text, re.S | re.M):
        block, line = found.groups()
        command = re.sub(r"\\(.)", r"\1", block if block is not None else line)  # as scdoc takes it away
        command = re.sub(r"^\S+ \S+ \* \* \* (?=dlock)", "", command)  # of a crontab: what it runs
        print(command, end="\0")


main()
