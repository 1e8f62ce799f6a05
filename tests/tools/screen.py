#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a terminal of ROWS rows and COLUMNS columns shows after what it was sent on stdin: the screen, its trailing space left out.

usage: screen.py ROWS COLUMNS [frames]    frames: how often the screen was begun again from its corner, instead

Knows what the programs send: newline, return, ESC[H, ESC[2J, ESC[J, ESC[K, colours and the cursor's hiding. A line that is longer
than the terminal is wide goes on in the next row, as on a real one.
"""
import re
import sys

rows, columns = int(sys.argv[1]), int(sys.argv[2])
sent = sys.stdin.read()
if sys.argv[3:] == ["frames"]:
    print(sent.count("\033[H"))
    sys.exit()
screen = [[" "] * columns for _ in range(rows)]
row = column = 0


def newline():
    global row, column
    column = 0
    row += 1
    if row == rows:
        screen.pop(0)
        screen.append([" "] * columns)
        row -= 1


for code, character in re.findall(r"\033\[([0-9;?]*[A-Za-z])|(.)", sent, re.S):
    if code == "H":
        row = column = 0
    elif code == "2J":
        screen = [[" "] * columns for _ in range(rows)]
    elif code in ("K", "J"):
        screen[row][column:] = [" "] * (columns - column)
        if code == "J":
            for below in range(row + 1, rows):
                screen[below] = [" "] * columns
    elif character == "\n":
        newline()
    elif character == "\r":
        column = 0
    elif character:
        if column == columns:
            newline()
        screen[row][column] = character
        column += 1
print("\n".join("".join(line).rstrip() for line in screen).rstrip("\n"))
