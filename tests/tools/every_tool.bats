#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What holds for each installed tool, whatever it does.
# labels: release

load traps

setup() {
  read -r -a tools <<<"${COORD_TOOLS-}"
}

@test "every tool: --help fits 24 lines of 80 columns and ends with EXAMPLES" {
  for tool in "${tools[@]}"; do
    echo "tool: $tool"
    help=$("$tool" --help)
    [ "$(wc -l <<<"$help")" -le 24 ]
    [ "$(wc -L <<<"$help")" -le 80 ]
    sed -n '/^EXAMPLES$/,$p' <<<"$help" | tail -n +2 | grep -q "^  .*$tool"
    [ "$(sed -n '/^EXAMPLES$/,$p' <<<"$help" | tail -n +2 | grep -c '^[^ ]')" -eq 0 ]
  done
}

@test "every tool: the help of every verb fits a screen" {
  for tool in "${tools[@]}"; do
    for verb in $("$tool" --dump-options | jq -r 'select(.record == "command") | .verb | select(. != "")'); do
      echo "tool: $tool $verb"
      help=$("$tool" "$verb" --help)
      [ "$(wc -l <<<"$help")" -le 24 ]
      [ "$(wc -L <<<"$help")" -le 80 ]
    done
  done
}

@test "every tool: --version, and 64 for an unknown option in one line that names it" {
  for tool in "${tools[@]}"; do
    echo "tool: $tool"
    [[ "$("$tool" --version)" == "$tool (coordutils) "* ]]
    run "$tool" --no-such-option-anywhere
    [ "$status" -eq 64 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "$tool: --no-such-option-anywhere: unknown option: "* ]]
  done
}

@test "every tool: a long option with its last letter left out is answered with one that there is" {
  for tool in "${tools[@]}"; do
    names=$("$tool" --dump-options | jq -r 'select(.record == "option" and .verb == "") | .names[] | select(startswith("--"))')
    for name in $names; do
      [ "${#name}" -ge 6 ] && ! grep -qx -- "${name%?}" <<<"$names" || continue
      echo "tool: $tool option: $name"
      run "$tool" "${name%?}"
      [ "$status" -eq 64 ]
      [[ $output =~ ^"$tool: ${name%?}: unknown option: did you mean "(--[a-z-]+)"?"$ ]]
      grep -qx -- "${BASH_REMATCH[1]}" <<<"$names"$'\n--help\n--version'
    done
  done
}

@test "every tool: durations have units, and --help says so once where there are any" {
  for tool in "${tools[@]}"; do
    echo "tool: $tool"
    takes=$("$tool" --dump-options | jq -s 'any(.[]; .record == "option" and .verb == "" and (.value | endswith("SECONDS")))')
    [ "$("$tool" --help | grep -c 'or with a unit: 250ms, 10s, 5m, 1h, 2d')" -eq "$([ "$takes" = true ] && echo 1 || echo 0)" ]
  done
}

@test "every tool: --help to a full device is 74" {
  for tool in "${tools[@]}"; do
    echo "tool: $tool"
    [ "$("$tool" --help >/dev/full 2>/dev/null; echo $?)" -eq 74 ]
  done
}

@test "every tool: each option of the table is in its man page" {
  for tool in "${tools[@]}"; do
    page=$(cat "$COORD_BUILD"/man/man[18]/"$tool".[18] | sed 's/\\//g')
    for name in $("$tool" --dump-options | jq -r 'select(.record == "option") | .names[]' | sort -u); do
      echo "tool: $tool option: $name"
      case $name in -h | -V | --help | --version) continue ;; esac
      grep -qF -- "$name" <<<"$page"
    done
  done
}
