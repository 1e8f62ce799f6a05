#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Completions are generated from the option table; here the three shells load and use them.
# labels: release

bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  read -r -a tools <<<"${COORD_TOOLS-}"
  demo=$BATS_TEST_TMPDIR
  python3 "$COORD_SOURCE/completions/generate.py" "$(command -v clidemo)" "$demo/clidemo.bash" "$demo/_clidemo" "$demo/clidemo.fish"
}

teardown() {
  end_jobs TERM # not -9: the commands go with their wrappers
  [ -z "${XDG_RUNTIME_DIR-}" ] || [[ $XDG_RUNTIME_DIR != "$BATS_TEST_TMPDIR"/* ]] || stop_own_host
}

# generate TOOL...: the completions of real tools.
generate() {
  for tool in "$@"; do
    python3 "$COORD_SOURCE/completions/generate.py" "$(command -v "$tool")" "$demo/$tool.bash" "$demo/_$tool" "$demo/$tool.fish"
  done
}

# What a person at bash gets who types LINE and the tabulator, with the completions of TOOL.
bash_completes() {  # TOOL, LINE
  python3 "$COORD_SOURCE/tests/tools/terminal.py" bash --norc -i <<EOS
send PS1='> '; source $demo/$1.bash; echo rea''dy
expect ready
type $2
key I
pause 0.5
type  =here
expect =here
key U
send exit
end
EOS
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

# zsh offers it, asked through a terminal of its own: no other way runs its completion system.
zsh_offers() {  # DIRECTORY OF THE FUNCTION, LINE, WHAT IS OFFERED
  python3 "$COORD_SOURCE/tests/tools/terminal.py" zsh -f -i <<EOS
send PS1='> '; fpath=($1 \$fpath); autoload -U compinit; compinit -D -u; bindkey '^X' list-choices; echo rea''dy
expect ready
type $2
key X
expect $3
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
  zsh_offers "$demo" 'vtool ' 'one from many'
  zsh_offers "$demo" 'vtool merge --by ' 'hlc'
  zsh_offers "$demo" 'vtool merge --' "it's [the] order: yours"
}

@test "dpeers: its verbs; after backup files and no verb" {
  generate dpeers
  cd "$demo" && touch kept-today
  [ "$(bash_offers dpeers b)" = backup ]
  [ "$(bash_offers dpeers backup kept)" = kept-today ]
  [ -z "$(bash_offers dpeers backup doc)" ]
  [ "$(bash_offers dpeers wait --sta)" = --state ]
  fish --no-config -c "source $demo/dpeers.fish; complete -C 'dpeers backup kept'" | grep -qx kept-today
  ! fish --no-config -c "source $demo/dpeers.fish; complete -C 'dpeers backup doc'" | grep doctor
  zsh_offers "$demo" 'dpeers backup ' kept-today
  zsh_offers "$demo" 'dpeers hand-over --' 'time to wait for holders'
}

@test "zsh uses the generated file: options, operand" {
  zsh_offers "$demo" 'clidemo --' '--lines'
  zsh_offers "$demo" 'clidemo li' 'live-one'
}

@test "dlock, delect, dbarrier: names that are in use now, at a real bash, zsh and fish" {
  own_host
  cd "$demo"
  generate dlock delect dbarrier
  hold_here backup
  mkfifo lead
  delect reports -- sh -c 'echo x >leads; read line <lead' 3>&- &
  dbarrier --count 2 meeting 3>&- 2>/dev/null &
  eventually is_file leads
  met() { dbarrier --list --json | grep -q meeting; }
  eventually met
  bash_completes dlock 'dlock --history ba' | grep -q 'history backup  *=here'
  bash_completes dlock 'dlock ba' | grep -q 'dlock backup  *=here'
  bash_completes delect 'delect --who re' | grep -q 'who reports  *=here'
  bash_completes dbarrier 'dbarrier --status me' | grep -q 'status meeting  *=here'
  bash_completes dlock 'dlock --sco' | grep -q 'dlock --scope  *=here'
  bash_completes dlock 'dlock job mkfif' | grep -q 'job mkfifo  *=here' # a command, not a name
  zsh_offers "$demo" 'dlock --history ' backup
  zsh_offers "$demo" 'dlock ' backup
  zsh_offers "$demo" 'delect --who ' reports
  zsh_offers "$demo" 'dbarrier --status ' meeting
  fish --no-config -c "source $demo/dlock.fish; complete -C 'dlock ba'" | grep -q backup
  fish --no-config -c "source $demo/delect.fish; complete -C 'delect --who re'" | grep -q reports
  jobs -p | xargs kill
  wait
  stop_own_host # nothing runs: nothing is offered, said or started, and nothing hangs
  bash_completes dlock 'dlock ba' | tr -d '\a' | grep -q 'dlock ba =here'
  no_peer
}

@test "fish: names at NAME and no commands; after it commands, and then what those take" {
  command -v fish >/dev/null || skip "no fish here"
  generate dlock
  # A dlock that only knows two names: what is asked of it is what is offered.
  mkdir -p "$demo/bin"
  printf '#!/bin/sh\necho "complaint" >&2\nprintf "{\\"schema\\":1,\\"name\\":\\"%%s\\"}\\n" backup base64-of-mine\n' >"$demo/bin/dlock"
  chmod +x "$demo/bin/dlock"
  fish_offers() { PATH=$demo/bin:$PATH fish --no-config -c "source $demo/dlock.fish; complete -C '$1'" 2>&1 | cut -f1; }
  [ "$(fish_offers 'dlock ba' | sort | paste -sd' ')" = "backup base64-of-mine" ] # neither basename nor base64
  [ "$(fish_offers 'dlock -w 5 --ttl 3 ba' | sort | paste -sd' ')" = "backup base64-of-mine" ]
  fish_offers 'dlock backup basena' | grep -qx basename
  fish_offers 'dlock -n backup -- basena' | grep -qx basename
  ! fish_offers 'dlock backup ba' | grep -q base64-of-mine
  cd "$demo" && touch only-this-file
  fish_offers 'dlock -w 5 backup cat only-th' | grep -qx only-this-file
  fish_offers 'dlock --li' | grep -qx -- --list
}

@test "zsh: what a tool complains of while it is asked for names is not shown" {
  command -v zsh >/dev/null || skip "no zsh here"
  generate dlock
  mkdir -p "$demo/bin"
  printf '#!/bin/sh\necho "complaint" >&2\nprintf "{\\"schema\\":1,\\"name\\":\\"%%s\\"}\\n" backup\n' >"$demo/bin/dlock"
  chmod +x "$demo/bin/dlock"
  PATH=$demo/bin:$PATH zsh_offers "$demo" 'dlock ' backup >"$demo/shown"
  ! grep -q complaint "$demo/shown"
}

@test "every tool's completions load in its shell" {
  for tool in "${tools[@]}"; do
    echo "tool: $tool"
    bash -n "$COORD_BUILD/completions/bash/$tool"
    zsh -n "$COORD_BUILD/completions/zsh/_$tool"
    fish --no-config -n "$COORD_BUILD/completions/fish/$tool.fish"
  done
}
