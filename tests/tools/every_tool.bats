#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What holds for each installed tool, whatever it does.

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
