#!/usr/bin/env bats
# Completions are generated from the option table; here the three shells load and use them.

setup() {
  IFS=';' read -r -a tools <<<"${COORD_TOOLS-}"
  demo=$BATS_TEST_TMPDIR
  python3 "$COORD_SOURCE/completions/generate.py" "$(command -v clidemo)" "$demo/clidemo.bash" "$demo/_clidemo" "$demo/clidemo.fish"
}

# What bash offers for the words given, the last being completed.
bash_offers() {
  bash --norc -c '
    source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
    compopt() { :; }
    _clidemo; printf "%s\n" "${COMPREPLY[@]}"' bash "$demo/clidemo.bash" "$@"
}

@test "bash: options, values, live candidates, commands" {
  bash_offers clidemo --l | grep -qx -- --lines
  [ "$(bash_offers clidemo live-t)" = live-two ]
  [ "$(bash_offers clidemo -n 3 live-o)" = live-one ]
  bash_offers clidemo argv ec | grep -qx echo
  cd "$demo" && touch unusual-file
  [ "$(bash_offers clidemo --value unus)" = unusual-file ]
}

@test "zsh and fish accept and use the generated files" {
  command -v zsh >/dev/null && zsh -n "$demo/_clidemo"
  command -v fish >/dev/null && fish --no-config -c "source $demo/clidemo.fish; complete -C 'clidemo --li'" | grep -q -- --lines
  fish --no-config -c "source $demo/clidemo.fish; complete -C 'clidemo live-t'" | grep -q live-two
}

@test "every tool's completions load in its shell" {
  for tool in "${tools[@]}"; do
    echo "tool: $tool"
    bash -n "$COORD_BUILD/completions/bash/$tool"
    zsh -n "$COORD_BUILD/completions/zsh/_$tool"
    fish --no-config -n "$COORD_BUILD/completions/fish/$tool.fish"
  done
}
