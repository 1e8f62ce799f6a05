#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# What tools say where no majority answers: only what helps, and at a terminal also what they wait for.
bats_require_minimum_version 1.5.0
load shared_group

# All have joined the ring; then only a is left.
setup_file() {
  new_group "$BATS_FILE_TMPDIR/g" a b c
  start_group "${calm[@]}"
  for name in a b c; do on "$name" chordctl join -w 60; done
  on a chordctl put k v
  signal_peer KILL b
  signal_peer KILL c
  eventually sees_none a
}

teardown_file() {
  use_group "$BATS_FILE_TMPDIR/g"
  signal_peer KILL a
  eventually peer_gone a
}

none='no quorum: a majority of the peers cannot be reached'

@test "--stale is advised by those commands that have it, and by no others" {
  for command in 'dlock --list' 'dlock --history q' 'delect --who q' 'dbarrier --list' 'dkv get k' 'dpropose --get p'; do
    run -69 $command
    [[ $output == *"$none: --stale shows local knowledge"* ]]
  done
  for command in 'dlock --check q --token 4' 'dlock --break q --yes' 'delect --is-leader q' 'delect --resign q' 'chordctl ring' \
    'chordctl lookup k' 'dpropose -n p v' 'dpropose -w 1 p v'; do
    run -69 $command
    echo "$command: $output"
    [[ $output == *"$none"*'see dpeers' ]]
    [[ $output != *stale* ]]
  done
  timeout 20 dkv watch k 2>said 3>&- &
  watcher=$!
  eventually is_file said
  kill "$watcher"
  grep -q "$none: see dpeers: waiting for it" said
}

@test "dpropose: the time of -w is kept, and the local peer is not blamed" {
  began=$(now_us)
  run -69 dpropose -w 0.3 p v
  waited=$(($(now_us) - began))
  [ "$output" = "dpropose: p: $none: see dpeers" ]
  [ -n "${COORD_SANITIZE-}" ] || [ "$waited" -lt 2500000 ]
}

@test "at a terminal that is waited for is said once, elsewhere not" {
  for command in 'delect z true' 'dbarrier -n 1 z' 'dlock z true'; do
    timeout 40 python3 "$COORD_SOURCE/tests/tools/terminal.py" $command >shown <<'SCRIPT'
expect no answer from b, c
key C
end
SCRIPT
    grep -q 'waiting for a majority of the peers' shown
    [ "$(grep -c waiting shown)" -eq 1 ]
  done
  for command in 'chordctl get k' 'chordctl put k w' 'dpeers wait -n 3'; do
    timeout 40 python3 "$COORD_SOURCE/tests/tools/terminal.py" $command >shown <<'SCRIPT'
expect waiting for
key C
end
SCRIPT
  done
  run -69 dbarrier -n 1 -w 0.1 z
  [ "$output" = "dbarrier: z: $none: see dpeers" ]
  run -69 delect -w 0.1 z true
  [ "$output" = "delect: z: $none: see dpeers" ]
}
