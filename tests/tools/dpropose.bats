#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# dpropose as a shell user runs it: cold, with nothing configured, and with a private peer.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  own_host
}

teardown() {
  end_jobs TERM
  stop_own_host
}

@test "cold: the first value is everybody's, whoever comes" {
  [ "$(dpropose plan one)" = one ]
  [ "$(dpropose plan two)" = one ]
  [ "$(dpropose --get plan)" = one ]
  dpropose plan three --report report
  [ "$(jq -c '[.outcome, .won, .value, .algorithm]' report)" = '["decided",false,"one","raft"]' ]
  dpropose mine v --report report
  [ "$(jq .won report)" = true ]
  [ "$(jq .delays report)" = 0 ] # no message had to go to another host
}

@test "cold: nothing is decided, status 1" {
  run -1 --separate-stderr dpropose --get plan
  [ "$output" = "" ]
  [[ $stderr == *"plan: nothing is decided"* ]]
  run -1 dpropose --forget plan
}

@test "a value from stdin is printed byte for byte, any other with a newline" {
  head -c 65536 /dev/urandom >value
  dpropose plan - <value >got
  cmp value got
  dpropose plan - </dev/null >got
  cmp value got
  dpropose --get plan - >got
  cmp value got
  printf '%s\n' 'two
lines' >wanted
  dpropose words 'two
lines' >got
  cmp wanted got
}

@test "what is wrong is a usage error" {
  head -c 65537 /dev/zero >value
  run -64 dpropose plan - <value
  run -64 dpropose plan
  run -64 dpropose
  run -64 dpropose '' v
  run -64 dpropose -- -x v
  run -64 dpropose plan v more
  run -64 dpropose plan v -n -w 1
  run -64 dpropose --get plan -w 1
  run -64 dpropose --get plan v
  run -64 dpropose --get --forget plan
  run -1 dpropose --get plan
}

@test "of many at once one wins, and all print its value" {
  for i in 1 2 3 4 5 6 7 8; do
    { dpropose plan "value $i" >"out.$i" && dpropose --json plan x >"json.$i"; } 3>&- &
    askers+=($!)
  done
  for asker in "${askers[@]}"; do wait "$asker"; done
  [ "$(sort -u out.*)" = "$(dpropose --get plan)" ]
  [ "$(sort -u out.* | wc -l)" -eq 1 ]
  [ "$(jq -r .value json.* | sort -u)" = "$(cat out.1)" ]
}

@test "a forgotten name is decided anew, and a proposal from before ends with 3" {
  dpropose --list
  python3 "$COORD_SOURCE/tests/tools/held_back.py" "$(find "$XDG_RUNTIME_DIR" -type s)" "$PWD/held" 3 "$PWD/go" 3>&- &
  eventually test -S held
  dpropose --socket "$PWD/held" plan late --report report 2>said 3>&- &
  late=$!
  eventually test -e go.held
  dpropose plan one
  old=$(dpropose --json --get plan | jq -r .generation)
  dpropose --forget plan
  run -1 dpropose --get plan
  [ "$(dpropose plan two)" = two ]
  touch go
  status=0
  wait "$late" || status=$?
  [ "$status" -eq 3 ]
  [[ $(cat said) == *"it was forgotten after this proposal was made"* ]]
  [ "$(jq -r .outcome report)" = forgotten ]
  [ "$(dpropose --get plan)" = two ]
  [ "$(dpropose --json --get plan | jq -r .generation)" -gt "$old" ]
}

@test "decisions are listed, by how they begin" {
  dpropose a/1 x
  dpropose a/2 xy
  dpropose b/1 x
  [ "$(dpropose --list a/ --json | jq -r .name | tr '\n' ' ')" = 'a/1 a/2 ' ]
  [ "$(dpropose --list --json | jq -s length)" -eq 3 ]
  run -0 dpropose --list a/
  [[ $output == NAME*BYTES*BY*USER* ]]
  [ "${#lines[@]}" -eq 3 ]
}

@test "what was decided is after the peer was killed with -9" {
  dpropose plan v
  stop_own_host
  [ "$(dpropose plan w)" = v ]
}
