#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# A command under guard as a shell and a terminal see it.

load traps

terminal() { python3 "$COORD_SOURCE/tests/tools/terminal.py" "$@"; }

setup() {
  cd "$BATS_TEST_TMPDIR"
}

@test "stdin, stdout, stderr and the status pass through" {
  [ "$(echo in | clidemo run cat)" = in ]
  [ "$(clidemo run sh -c 'echo err >&2' 2>&1 >/dev/null)" = err ]
  run clidemo run sh -c 'exit 7'
  [ "$status" -eq 7 ]
  run clidemo run no-such-command-anywhere
  [ "$status" -eq 127 ]
  [[ $output == "clidemo: no-such-command-anywhere: not found: "* ]]
  run clidemo run /etc/passwd
  [ "$status" -eq 126 ]
  run clidemo run sh -c 'kill -9 $$'
  [ "$status" -eq 137 ]
}

@test "Ctrl-C at a terminal reaches the command once, and the calling script ends as well" {
  cat >count.sh <<'EOS'
n=0
trap 'n=$((n+1)); echo "int $n"' INT
echo ready
for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done
echo "got $n"
EOS
  out=$(terminal bash --norc -c 'clidemo run sh count.sh; echo "after $?"' <<'EOS'
expect ready
asleep
key C
expect int 1
expect got 1
end
EOS
)
  [[ $out != *"int 2"* ]]
  out=$(terminal bash --norc -c 'clidemo run sh -c "echo ready; exec sleep 20"; echo "not reached"' <<'EOS'
expect ready
asleep
key C
end
EOS
)
  [[ $out == *"signal 2"* ]]
  [[ $out != *"not reached"* ]]
}

@test "Ctrl-Z gives the shell back, fg goes on, and a deadline that passed meanwhile is kept" {
  terminal bash --norc -i <<'EOS'
send PS1='> '; clidemo run sh -c 'echo rea''dy; sleep 1; echo do''ne'
expect ready
key Z
expect Stopped
send fg; echo "fg said $?"
expect done
expect fg said 0
send clidemo --stop-after 0.5 run sh -c 'echo rea''dy; sleep 60; echo bad''ly'
expect ready
key Z
expect Stopped
pause 1.7
send fg; echo "fg said $?"
expect fg said 75
send exit
end
EOS
}

@test "a hangup of the terminal ends the command" {
  terminal clidemo run sh -c 'trap "echo hup > hup; exit" HUP; echo ready; while :; do sleep 0.05; done' <<'EOS'
expect ready
hangup
EOS
  for _ in $(seq 100); do [ -s hup ] && break; sleep 0.05; done
  [ "$(cat hup)" = hup ]
}

@test "background work outlives its command where nothing was lost" {
  clidemo run sh -c '{ sleep 0.3; echo late > late; } >/dev/null 2>&1 &'
  [ ! -e late ]
  for _ in $(seq 100); do [ -s late ] && break; sleep 0.05; done
  [ "$(cat late)" = late ]
}

@test "what is stopped is the command, not the pipeline it is in" {
  run bash -c '{ clidemo --stop-after 0.1 run sleep 30; echo "status $?"; } | { sleep 0.5; cat; echo alive; }'
  [ "${lines[0]}" = "status 75" ]
  [ "${lines[1]}" = alive ]
}
