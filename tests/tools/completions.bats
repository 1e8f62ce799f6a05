#!/usr/bin/env bats
# Completions are generated from the option table; here the three shells load and use them.

setup() {
  read -r -a tools <<<"${COORD_TOOLS-}"
  demo=$BATS_TEST_TMPDIR
  python3 "$COORD_SOURCE/completions/generate.py" "$(command -v clidemo)" "$demo/clidemo.bash" "$demo/_clidemo" "$demo/clidemo.fish"
}

# A tool of verbs, as far as generate.py sees it.
verb_tool() {
  cat >"$demo/vtool" <<'EOS'
#!/bin/sh
cat <<'EOT'
{"record":"command","tool":"vtool","verb":"","summary":"verbs","takes_command":false}
{"record":"option","tool":"vtool","verb":"","names":["--json"],"value":"","help":"JSON","repeat":false,"mode":false,"choices":[],"excludes":[],"completes":"nothing","candidates":""}
{"record":"command","tool":"vtool","verb":"merge","summary":"one from many","takes_command":false}
{"record":"option","tool":"vtool","verb":"merge","names":["--by"],"value":"ORDER","help":"it's [the] order: yours","repeat":false,"mode":false,"choices":["wall","hlc"],"excludes":["--deep"],"completes":"nothing","candidates":""}
{"record":"option","tool":"vtool","verb":"merge","names":["--deep"],"value":"","help":"deep","repeat":false,"mode":false,"choices":[],"excludes":[],"completes":"nothing","candidates":""}
{"record":"operand","tool":"vtool","verb":"merge","value":"LOG","help":"logs","repeat":true,"completes":"file","candidates":""}
{"record":"command","tool":"vtool","verb":"draw","summary":"a picture","takes_command":false}
EOT
EOS
  chmod +x "$demo/vtool"
  python3 "$COORD_SOURCE/completions/generate.py" "$demo/vtool" "$demo/vtool.bash" "$demo/_vtool" "$demo/vtool.fish"
}

# What bash offers for the words given, the last being completed.
bash_offers() {
  bash --norc -c '
    source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
    compopt() { :; }
    "_$1"; printf "%s\n" "${COMPREPLY[@]}"' bash "$demo/$1.bash" "$@"
}

# What zsh offers, asked through a terminal of its own: no other way runs its completion system.
zsh_offers() {  # DIRECTORY OF THE FUNCTION, LINE
  python3 "$COORD_SOURCE/tests/tools/terminal.py" zsh -f -i <<EOS
send PS1='> '; fpath=($1 \$fpath); autoload -U compinit; compinit -D -u; bindkey '^X' list-choices; echo rea''dy
expect ready
type $2
key X
pause 1
key U
send exit
end
EOS
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

@test "a tool of verbs: its verbs, then each verb's own options, values and operands" {
  verb_tool
  [ "$(bash_offers vtool dr)" = draw ]
  [ "$(bash_offers vtool merge --by w)" = wall ]
  [ "$(bash_offers vtool merge --j)" = --json ]
  [ -z "$(bash_offers vtool draw --de)" ]
  cd "$demo" && touch one.log
  [ "$(bash_offers vtool merge --deep one)" = one.log ]
  fish --no-config -c "source $demo/vtool.fish; complete -C 'vtool dr'" | grep -q "draw.a picture"
  fish --no-config -c "source $demo/vtool.fish; complete -C 'vtool merge --by h'" | grep -q hlc
  zsh -n "$demo/_vtool"
  zsh_offers "$demo" 'vtool ' | grep -q 'one from many'
  zsh_offers "$demo" 'vtool merge --by ' | grep -q 'hlc'
  zsh_offers "$demo" 'vtool merge --' | grep -q "it's \[the\] order: yours"
}

@test "zsh uses the generated file: options, operand" {
  zsh_offers "$demo" 'clidemo --' | grep -q -- '--lines'
  zsh_offers "$demo" 'clidemo li' | grep -q 'live-one'
}

@test "every tool's completions load in its shell" {
  for tool in "${tools[@]}"; do
    echo "tool: $tool"
    bash -n "$COORD_BUILD/completions/bash/$tool"
    zsh -n "$COORD_BUILD/completions/zsh/_$tool"
    fish --no-config -n "$COORD_BUILD/completions/fish/$tool.fish"
  done
}
