#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the bash, zsh and fish completion of one tool from its option table.

usage: generate.py TOOL BASH_FILE ZSH_FILE FISH_FILE

TOOL --dump-options prints JSON lines: "command" (the tool, then each of its verbs), and the "option"s and "operand"s of each.
"""
import json
import shlex
import subprocess
import sys


class Table:
    """What one tool takes: verbs by name ("" is the tool itself), with their options and operands."""

    def __init__(self, lines):
        self.tool, self.verbs = "", {}
        for record in map(json.loads, lines):
            self.tool = record["tool"]
            if record["record"] == "command":
                self.verbs[record["verb"]] = {**record, "options": [], "operands": []}
            else:
                self.verbs[record["verb"]][record["record"] + "s"].append(record)

    def named_verbs(self):
        return {name: verb for name, verb in self.verbs.items() if name}

    def options_of(self, verb):
        """A verb's own options and the tool's that go with verbs and that it does not redefine."""
        own = self.verbs[verb]["options"]
        taken = {name for option in own for name in option["names"]}
        shared = [o for o in self.verbs[""]["options"]
                  if verb and not o.get("without_verb") and not taken & set(o["names"])]
        return own + shared


# --- bash -------------------------------------------------------------------------------------------------------------

def bash_candidates(entry):
    """The shell words that fill COMPREPLY for a value or an operand."""
    if entry.get("choices"):
        return 'mapfile -t COMPREPLY < <(compgen -W %s -- "$cur")' % shlex.quote(" ".join(entry["choices"]))
    return {
        "file": 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")',
        "directory": 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur")',
        "host": 'mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")',
        "command": 'mapfile -t COMPREPLY < <(compgen -c -- "$cur")',
        "from_command": "_%s_from %s" % ("coordutils", shlex.quote(entry["candidates"])),
    }.get(entry["completes"], "COMPREPLY=()")


def bash_verb(table, verb):
    options = table.options_of(verb)
    valued = [o for o in options if o["value"] and not o.get("optional")]
    out = ["      case $prev in"]
    for option in valued:
        out.append("        %s) %s; return ;;" % ("|".join(option["names"]), bash_candidates(option)))
    out += ["      esac", "      if [[ $cur == -* ]]; then"]
    words = " ".join(name for o in options for name in o["names"])
    out += ["        mapfile -t COMPREPLY < <(compgen -W %s -- \"$cur\"); return" % shlex.quote(words), "      fi"]
    if not verb and table.named_verbs():
        out.append('      mapfile -t COMPREPLY < <(compgen -W %s -- "$cur")' % shlex.quote(" ".join(table.named_verbs())))
        return out
    operands = table.verbs[verb]["operands"]
    takes_command = table.verbs[verb]["takes_command"]
    for place, operand in enumerate(operands):
        last = place == len(operands) - 1 and operand["repeat"] and not takes_command
        test = "(( seen >= %d ))" if last else "(( seen == %d ))"
        out.append("      if %s; then %s; return; fi" % (test % place, bash_candidates(operand)))
    return out


def bash(table):
    function = "_" + table.tool
    everything = {name for verb in table.verbs for o in table.options_of(verb)
                  if o["value"] and not o.get("optional") for name in o["names"]}
    out = [
        "# bash completion for %s, generated from its option table" % table.tool,
        "_coordutils_from() {  # candidates are the lines that a command prints",
        "  local line",
        "  COMPREPLY=()",
        "  while IFS= read -r line; do",
        '    [[ $line == "$cur"* ]] && COMPREPLY+=("$(printf %q "$line")")',
        '  done < <(timeout 1 sh -c "$1" 2>/dev/null)',
        "}",
        function + "() {",
        "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb='' i word seen=0",
        "  for ((i = 1; i < COMP_CWORD; i++)); do",
        "    word=${COMP_WORDS[i]}",
        "    case $word in",
    ]
    if everything:
        out.append("      %s) ((i++)) ;;" % "|".join(sorted(everything)))
    out.append("      -?*) ;;")
    if table.named_verbs():
        out.append('      %s) if [[ -z $verb && $seen == 0 ]]; then verb=$word; else ((seen++)); fi ;;'
                   % "|".join(map(shlex.quote, table.named_verbs())))
    out += ["      *) ((seen++))"]
    if table.verbs[""]["takes_command"]:
        count = len(table.verbs[""]["operands"])
        out += ["        if (( seen == %d )); then" % (count + 1),
                "          if declare -F _command_offset >/dev/null; then _command_offset $i; return; fi",
                '          compopt -o default; COMPREPLY=(); return',
                "        fi"]
    out += ["        ;;", "    esac", "  done"]
    if table.verbs[""]["takes_command"]:
        out += ["  if (( seen == %d )) && [[ $cur != -* ]]; then" % len(table.verbs[""]["operands"]),
                '    mapfile -t COMPREPLY < <(compgen -c -- "$cur"); return', "  fi"]
    out.append("  case $verb in")
    for verb in table.verbs:
        out += ["    %s)" % (shlex.quote(verb))] + bash_verb(table, verb) + ["      ;;"]
    out += ["  esac", "}", "complete -F %s %s" % (function, table.tool), ""]
    return "\n".join(out)


# --- zsh --------------------------------------------------------------------------------------------------------------

def zsh_text(text):
    return "".join("\\" + c if c in "[]:\\" else c for c in text).replace("'", "'\\''")


def zsh_action(entry):
    if entry.get("choices"):
        return "(" + " ".join(entry["choices"]) + ")"
    # In a shell of its own: all that its commands complain of goes, and none of them holds up whoever types.
    command = ("timeout 1 sh -c " + shlex.quote(entry["candidates"])).replace("'", "'\\''").replace(":", "\\:")
    return {
        "file": "_files",
        "directory": "_files -/",
        "host": "_hosts",
        "command": "_command_names -e",
        "from_command": "{compadd -- ${(f)\"$(%s 2>/dev/null)\"}}" % command,
    }.get(entry["completes"], " ")


def zsh_arguments(table, verb):
    out = []
    for option in table.options_of(verb):
        excluded = option["names"] if not option["repeat"] else []
        group = "(%s)" % " ".join(option["excludes"] + excluded) if option["excludes"] + excluded else ""
        for name in option["names"]:
            optional = option.get("optional")  # --name or --name=VALUE
            colon = "::" if optional else ":"
            value = "%s%s:%s" % (colon, zsh_text(option["value"]), zsh_action(option)) if option["value"] else ""
            sign = ("=-" if optional else "=" if name.startswith("--") else "+") if value else ""
            star = "*" if option["repeat"] else ""
            out.append("'%s%s%s%s[%s]%s'" % (group, star, name, sign, zsh_text(option["help"]), value))
    if not verb and table.named_verbs():
        return out + ["'1:command:->verbs'", "'*::arguments:->arguments'"]
    takes_command = table.verbs[verb]["takes_command"]
    for place, operand in enumerate(table.verbs[verb]["operands"], 1):
        where = "*" if operand["repeat"] and not takes_command else str(place)
        out.append("'%s:%s:%s'" % (where, zsh_text(operand["value"]), zsh_action(operand)))
    if takes_command:
        out.append("'*::command:_normal'")
    return out


def zsh(table):
    flags = "-s -S -A '-*'" if table.verbs[""]["takes_command"] else "-s -S"
    out = ["#compdef " + table.tool, "# generated from its option table", "local curcontext=$curcontext state line ret=1",
           "typeset -A opt_args"]

    def arguments(verb, indent):
        listed = (" \\\n  " + indent).join(zsh_arguments(table, verb))
        return "%s_arguments -C %s \\\n%s  %s && ret=0" % (indent, flags, indent, listed)

    out.append(arguments("", ""))
    if table.named_verbs():
        out += ["case $state in", "verbs)", "  local -a verbs=("]
        out += ["    '%s:%s'" % (zsh_text(n), zsh_text(v["summary"])) for n, v in table.named_verbs().items()]
        out += ["  )", "  _describe command verbs && ret=0 ;;", "arguments)", "  case $line[1] in"]
        for name in table.named_verbs():
            out += ["  %s)" % shlex.quote(name), arguments(name, "    "), "    ;;"]
        out += ["  esac ;;", "esac"]
    return "\n".join(out + ["return ret", ""])


# --- fish -------------------------------------------------------------------------------------------------------------

def fish_quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_values(entry):
    if entry.get("choices"):
        return "-x -a " + fish_quote(" ".join(entry["choices"]))
    return {
        "file": "-r -F",
        "directory": "-x -a " + fish_quote("(__fish_complete_directories)"),
        "host": "-x -a " + fish_quote("(__fish_print_hostnames)"),
        "command": "-x -a " + fish_quote("(__fish_complete_command)"),
        "from_command": "-x -a " + fish_quote("(timeout 1 sh -c %s 2>/dev/null)" % fish_quote(entry["candidates"])),
    }.get(entry["completes"], "-x")


def fish_place(table):
    """Functions that tell an operand's place from a command's: for tools that run a command after their operands."""
    tool = table.tool
    valued = [name for o in table.options_of("") if o["value"] and not o.get("optional") for name in o["names"]]
    skipped = ["            case %s" % " ".join(valued), "                set skip 1"] if valued else []
    return [
        "function __%s_words # the operands and the command before the cursor, one a line" % tool,
        "    set -l words (commandline -opc)",
        "    set -l skip 0",
        "    set -l found 0",
        "    for word in $words[2..]",
        "        if test $found -eq 1",
        "            printf '%s\\n' $word",
        "            continue",
        "        end",
        "        if test $skip -eq 1",
        "            set skip 0",
        "            continue",
        "        end",
        "        switch $word",
        *skipped,
        "            case '-?*'",
        "            case '*'",
        "                set found 1",
        "                printf '%s\\n' $word",
        "        end",
        "    end",
        "end",
        "function __%s_operand # is an operand to come?" % tool,
        "    test (count (__%s_words)) -lt %d" % (tool, len(table.verbs[""]["operands"])),
        "end",
        "function __%s_command # what may come in the command" % tool,
        "    set -l words (__%s_words)[%d..]" % (tool, len(table.verbs[""]["operands"]) + 1),
        "    test (count $words) -gt 0; and test $words[1] = --; and set -e words[1]",
        "    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))",
        "end",
    ]


def fish(table):
    tool, verbs = table.tool, list(table.named_verbs())
    out = ["# fish completion for %s, generated from its option table" % tool, "complete -c %s -f" % tool]
    after_operands = not verbs and table.verbs[""]["takes_command"]
    if after_operands:
        out += fish_place(table)
    for name, verb in table.verbs.items():
        condition = ""
        if name:
            out.append("complete -c %s -n __fish_use_subcommand -a %s -d %s" % (tool, fish_quote(name), fish_quote(verb["summary"])))
            condition = " -n " + fish_quote("__fish_seen_subcommand_from " + name)
        for option in verb["options"]:
            names = " ".join(("-l " + n[2:]) if n.startswith("--") else ("-s " + n[1:]) for n in option["names"])
            value = " " + fish_values(option) if option["value"] and not option.get("optional") else ""
            out.append("complete -c %s%s %s%s -d %s" % (tool, condition, names, value, fish_quote(option["help"])))
        for operand in verb["operands"]:
            if after_operands:
                out.append("complete -c %s -n __%s_operand %s" % (tool, tool, fish_values(operand)))
            elif name or not verbs:
                out.append("complete -c %s%s %s" % (tool, condition, fish_values(operand)))
        if after_operands:
            out.append("complete -c %s -n 'not __%s_operand' -x -a %s" % (tool, tool, fish_quote("(__%s_command)" % tool)))
        elif verb["takes_command"]:
            out.append("complete -c %s%s -x -a %s" % (tool, condition, fish_quote("(__fish_complete_subcommand)")))
    return "\n".join(out + [""])


def main():
    tool, *files = sys.argv[1:]
    table = Table(subprocess.run([tool, "--dump-options"], check=True, capture_output=True, text=True).stdout.splitlines())
    for path, text in zip(files, (bash(table), zsh(table), fish(table)), strict=True):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


main()
