#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Hosts that come to a group that is there, and have no vote: every tool works on them as on the others.
bats_require_minimum_version 1.5.0
load peer_helpers
load member_helpers

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  new_group "$BATS_TEST_TMPDIR/group" a b c
  read -r -a spare < <(free_ports 4)
}

teardown() {
  end_jobs KILL
  stop_group
  stop_members
}

@test "a host joins by one address, and what it holds is excluded on a voter, and the reverse" {
  start_group "${calm[@]}"
  member m "${spare[0]}" b
  hold m job
  run on a dlock -n job -- true
  [ "$status" -eq 1 ]
  [[ "$(on a dlock --list --json job | jq -r '.holders[0].peer')" = m ]]
  release job
  wait "$holder"
  on a dlock -n job -- true
  hold c other
  run on m dlock -n other -- true
  [ "$status" -eq 1 ]
  release other
  wait "$holder"
  on m dlock -n other -- true
}

@test "what a host has handed over counts: tokens of the group it joins are above, and a missing word is refused" {
  start_group "${calm[@]}"
  high=$((($(date +%s) + 86400) << 20))
  echo "group $high" >floor
  start_member m "${spare[0]}" a -- --handed-over "$PWD/floor"
  eventually serves m
  [ "$(on m dlock job -- sh -c 'echo "$DLOCK_TOKEN"')" -gt "$high" ]
  [ "$(on c dlock job -- sh -c 'echo "$DLOCK_TOKEN"')" -gt "$high" ]
  run -69 coordd --name n --join "127.0.0.1:$(port_of a)" --listen "127.0.0.1:${spare[1]}" --key-file "$group/key" \
    --state-dir "$PWD/n" --socket "$PWD/n.sock" --handed-over "$PWD/missing"
}

@test "a copy of a host that is cut off says nothing about what that one holds" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  on m dlock --ttl 20 job -- sleep 100 3>&- &
  is_held() { [ "$(on c dlock --list --json job | jq '.holders | length')" = 1 ]; }
  eventually is_held
  token=$(on c dlock --list --json job | jq '.holders[0].token')
  signal_peer STOP m # it holds on, and answers nobody
  cp -r "$group/m" "$PWD/copy"
  coordd --name m --join "127.0.0.1:$(port_of b)" --listen "127.0.0.1:${spare[1]}" --key-file "$group/key" \
    --state-dir "$PWD/copy" --socket "$PWD/copy.sock" </dev/null >>copy.log 2>&1 3>&- &
  copy_serves() { COORD_SOCKET=$PWD/copy.sock dlock --list >/dev/null 2>&1; }
  eventually copy_serves
  [ "$(on c dlock --list --json job | jq '.holders[0].token')" = "$token" ]
  run -1 on c dlock -n job true
}

@test "a second host joins by the address of one that has no vote itself" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  mkdir -p "$group/n"
  coordd --name n --join "127.0.0.1:${spare[0]}" --listen "127.0.0.1:${spare[1]}" --key-file "$group/key" --state-dir "$group/n" \
    --socket "$group/n.sock" </dev/null >>"$group/n.log" 2>&1 3>&- &
  echo $! >"$group/n.pid"
  members+=(n)
  eventually serves n
  hold n job
  run on m dlock -n job -- true
  [ "$status" -eq 1 ]
}

@test "elections, barriers and keys on a host without a vote" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  on m dkv put color green
  [ "$(on b dkv get color)" = green ]
  on b dkv put color red
  [ "$(on m dkv get color)" = red ]
  on m dbarrier -n 2 meet &
  on c dbarrier -n 2 meet
  wait $!
  [ "$(on m delect job -- sh -c 'echo led')" = led ]
}

@test "the voter that it uses is killed, and a hold goes on" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a b c
  hold m job --ttl 5
  for name in a b c; do
    signal_peer KILL $name
    eventually peer_gone $name
    on m dlock -w 10 "free-$name" -- true
    start_peer $name "${calm[@]}"
    eventually serves $name
    run on $name dlock -n job -- true
    [ "$status" -eq 1 ]
  done
  kill -0 "$command"
  release job
  wait "$holder"
}

@test "its coordd is killed and started again, and a hold goes on" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  hold m job --ttl 10
  signal_peer KILL m
  eventually peer_gone m
  run on a dlock -n job -- true
  [ "$status" -eq 1 ]
  member m "${spare[0]}" a
  release job
  wait "$holder"
  on a dlock -w 10 job -- true
}

@test "a host that was of the group serves again though the address of --join is gone" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  signal_peer TERM m
  eventually peer_gone m
  signal_peer KILL a
  eventually peer_gone a
  member m "${spare[0]}" a
  on m dlock -w 10 job -- true
}

@test "a host waits for a group that is not there yet, and never founds one" {
  start_member m "${spare[0]}" a b c
  eventually grep -q 'waits for the group' "$group/m.log"
  run on m dlock -n job -- true
  [ "$status" -ne 0 ]
  [ ! -e "$group/m/member" ]
  start_group "${calm[@]}"
  eventually serves m
  on m dlock -n job -- true
}

@test "a name that lives is refused, with both addresses" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  for directory in other clone; do
    mkdir -p "$group/$directory"
    [ $directory = other ] || cp "$group/m/member" "$group/$directory"
    run timeout 20 coordd --name m --join "127.0.0.1:$(port_of b)" --listen "127.0.0.1:${spare[1]}" --key-file "$group/key" \
      --state-dir "$group/$directory" --socket "$group/o.sock"
    echo "$output"
    [ "$status" -eq 64 ]
    [[ "$output" == *"127.0.0.1:${spare[0]}"*"127.0.0.1:${spare[1]}"* ]]
  done
  run timeout 20 coordd --name a --join "127.0.0.1:$(port_of b)" --listen "127.0.0.1:${spare[1]}" --key-file "$group/key" \
    --state-dir "$group/other" --socket "$group/o.sock"
  echo "$output"
  [ "$status" -eq 64 ]
  on m dlock -n job -- true
}

@test "of two hosts that come under one name at once, one is of the group" {
  start_group "${calm[@]}"
  for i in 0 1; do
    mkdir -p "$group/m$i"
    coordd --name m --join "127.0.0.1:$(port_of a),127.0.0.1:$(port_of b)" --listen "127.0.0.1:${spare[$i]}" --key-file "$group/key" \
      --state-dir "$group/m$i" --socket "$group/m$i.sock" </dev/null >"$group/m$i.log" 2>&1 3>&- &
    echo $! >"$group/m$i.pid"
    members+=("m$i")
  done
  one_has_ended() {
    ended=
    for i in 0 1; do kill -0 "$(pid_of m$i)" 2>/dev/null || ended=$i; done
    [ -n "$ended" ]
  }
  eventually one_has_ended
  # It is told so when it asks, or when it had been let in and did not listen yet.
  status=0
  wait "$(pid_of "m$ended")" || status=$?
  [ "$status" -eq 64 ]
  grep -Eq "is of the group and lives|another host, at 127.0.0.1:.*, has come to the group under this name" "$group/m$ended.log"
  eventually serves "m$((1 - ended))"
  on "m$((1 - ended))" dlock -n job -- true
  [ "$(on a dpeers --json | jq -r 'select(.name == "m") | .address')" = "127.0.0.1:${spare[$((1 - ended))]}" ]
}

@test "a host whose name was taken while it was away takes it back if the other one is gone, and ends if it lives" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  hold m job --ttl 60
  signal_peer STOP m
  start_other() {
    mkdir -p "$group/$1"
    coordd --name m --join "127.0.0.1:$(port_of a)" --listen "127.0.0.1:$2" --key-file "$group/key" --state-dir "$group/$1" \
      --socket "$group/$1.sock" </dev/null >>"$group/$1.log" 2>&1 3>&- &
    echo $! >"$group/$1.pid"
    members+=("$1")
  }
  start_other o "${spare[1]}"
  eventually serves o
  signal_peer KILL o
  wait "$(pid_of o)" || true
  signal_peer CONT m
  is_m() { [ "$(on a dpeers --json | jq -r 'select(.name == "m") | .address')" = "127.0.0.1:$1" ]; }
  eventually is_m "${spare[0]}"
  eventually serves m
  kill -0 "$command"
  release job
  wait "$holder"
  signal_peer STOP m
  start_other p "${spare[2]}"
  eventually serves p
  signal_peer CONT m
  eventually peer_gone m
  grep -q "is of the group and lives" "$group/m.log"
  on p dlock -n job -- true
}

@test "nobody answers at its start: it goes on soon, asks on, and comes back though it was forgotten" {
  start_group "${calm[@]}" --forget-after 2s
  member m "${spare[0]}" a
  signal_peer TERM m
  eventually peer_gone m
  forgotten() { ! on a dpeers --json | jq -se 'any(.name == "m")' >/dev/null; }
  eventually forgotten
  for name in a b c; do signal_peer STOP $name; done
  start_member m "${spare[0]}" a b c
  eventually grep -q 'uses the addresses that it knew' "$group/m.log"
  for name in a b c; do signal_peer CONT $name; done
  eventually grep -q 'the group has answered' "$group/m.log"
  eventually serves m
  on m dlock -n job -- true
}

@test "a host whose disk was lost comes back under its name" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  on m dlock -n job -- true
  signal_peer KILL m
  eventually peer_gone m
  rm -rf "$group/m"
  member m "${spare[0]}" a
  on m dlock -n job -- true
}

@test "its name is another host's by the time that somebody answers: it ends with 64, and says both addresses" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  for name in a b c; do signal_peer STOP $name; done
  cp -r "$group/m" "$PWD/copy"
  # Nobody answers at its start, so it serves by what it knew, and hears later.
  coordd --name m --join "127.0.0.1:$(port_of b)" --listen "127.0.0.1:${spare[1]}" --key-file "$group/key" \
    --state-dir "$PWD/copy" --socket "$PWD/copy.sock" </dev/null >copy.log 2>&1 3>&- &
  eventually grep -q 'uses the addresses that it knew' copy.log
  for name in a b c; do signal_peer CONT $name; done
  status=0
  wait $! || status=$?
  cat copy.log
  [ "$status" -eq 64 ]
  grep -q "127.0.0.1:${spare[0]}.*127.0.0.1:${spare[1]}" copy.log
  on m dlock -n job -- true
}

@test "another key is refused" {
  start_group "${calm[@]}"
  coordd --keygen >other-key
  chmod 600 other-key
  mkdir -p "$group/m"
  run timeout 20 coordd --name m --join "127.0.0.1:$(port_of b)" --listen "127.0.0.1:${spare[0]}" --key-file other-key \
    --state-dir "$group/m" --socket "$group/m.sock"
  echo "$output"
  [ "$status" -eq 69 ]
  [[ "$output" == *key* ]]
  [ ! -e "$group/m/member" ]
}

@test "another group under the same key is refused, and both are named" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  local first
  first=$(sed -n 's/^group //p' "$group/m/member")
  signal_peer TERM m
  eventually peer_gone m
  stop_group
  rm -rf "$group"/{a,b,c}
  mkdir "$group"/{a,b,c}
  start_group "${calm[@]}"
  run timeout 20 coordd --name m --join "127.0.0.1:$(port_of b)" --listen "127.0.0.1:${spare[0]}" --key-file "$group/key" \
    --state-dir "$group/m" --socket "$group/m.sock"
  echo "$output"
  [ "$status" -eq 69 ]
  [[ "$output" == *"it is of group "*"this host is of group $first"* ]]
}

@test "dpeers shows hosts without a vote, on every host" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  member_seen() { [ "$(on "$1" dpeers --json | jq -r 'select(.name == "m") | "\(.role) \(.state) \(.voter)"')" = "member alive false" ]; }
  for name in a b c m; do eventually member_seen $name; done
  [ "$(on m dpeers --json | jq -r 'select(.role == "leader") | .name')" = "$(leader_seen_by a)" ]
  [ "$(on m dpeers | wc -l)" -ge 5 ]
}

@test "hosts without a vote are watched as the others are: killed, stopped, back" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  member n "${spare[1]}" b
  state_of() { on "$1" dpeers --json | jq -r "select(.name == \"$2\") | .state"; }
  all_see() { # NAME STATE
    local name
    for name in a b c m n; do
      [ "$name" = "$1" ] || [ "$(state_of "$name" "$1")" = "$2" ] || return 1
    done
  }
  eventually all_see m alive
  eventually all_see n alive
  hold n job
  signal_peer KILL m
  eventually all_see m dead
  grep -q 'member m: dead' "$group/a.log"
  member m "${spare[0]}" c
  eventually all_see m alive
  signal_peer TERM m
  sees_left() { [ "$(state_of "$1" m)" = left ]; }
  for name in a b c n; do eventually sees_left $name; done
  [ "$(state_of a n)" = alive ]
  [ "$(on n dpeers --json | jq -r 'select(.name == "a") | .phi != null')" = true ]
  release job
  wait "$holder"
}

@test "a host that nobody hears of is forgotten, not while it holds something, and comes back by a start" {
  start_group "${calm[@]}" --forget-after 2
  member m "${spare[0]}" a -- --forget-after 60
  listed() { on "$1" dpeers --json | jq -r .name | grep -qx m; }
  unlisted() { ! listed "$1"; }
  eventually listed a
  hold m job --ttl 30
  signal_peer KILL m
  eventually peer_gone m
  sees_dead() { [ "$(on a dpeers --json | jq -r 'select(.name == "m") | .state')" = dead ]; }
  eventually sees_dead
  sleep 3 # longer than --forget-after
  listed a
  run on a dlock -n job -- true
  [ "$status" -eq 1 ]
  member m "${spare[0]}" a -- --forget-after 60
  release job
  wait "$holder"
  signal_peer KILL m
  eventually peer_gone m
  for name in a b c; do eventually unlisted $name; done
  member m "${spare[0]}" a -- --forget-after 60
  for name in a b c; do eventually listed $name; done
  on m dlock -n job -- true
  # Stopped for as long, as a host that is suspended, it comes back by itself.
  signal_peer STOP m
  for name in a b c; do eventually unlisted $name; done
  signal_peer CONT m
  for name in a b c; do eventually listed $name; done
  on m dlock -w 20 job -- true
}

@test "by a configuration file, and dpeers doctor and --check find nothing wrong there" {
  start_group "${calm[@]}"
  mkdir -m 700 "$group/m"
  printf '%s\n' 'name = "m"' "join = [\"127.0.0.1:$(port_of a)\", \"127.0.0.1:$(port_of b)\"]" "listen = \"127.0.0.1:${spare[0]}\"" \
    "key_file = \"$group/key\"" "state_dir = \"$group/m\"" "socket = \"$group/m.sock\"" >m.toml
  chmod 600 m.toml
  coordd --config m.toml </dev/null >>"$group/m.log" 2>&1 3>&- &
  echo $! >"$group/m.pid"
  members+=(m)
  eventually serves m
  settled() { on m dpeers --check; }
  eventually settled
  sleep 11 # datagrams of a link that is younger say nothing
  for name in a m; do
    run on $name dpeers --json doctor --config m.toml
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$(jq -r 'select(.status == "fail" or .status == "warn") | select(.check == "peer" or .check == "datagrams" or .check == "member" or .check == "configuration" or .check == "address")' <<<"$output")" ]
    settled
  done
}

@test "processes of a group on hosts with and without a vote: a snapshot has all, and what is on its way" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  member n "${spare[1]}" b
  examples=$COORD_SOURCE/docs/examples
  COORD_SOCKET=$group/a.sock dsnapshot run bank --id P1 -n 3 -- "$examples/teller.sh" 100 P2 P3 </dev/null 2>err.1 3>&- &
  COORD_SOCKET=$group/m.sock dsnapshot run bank --id P2 -n 3 -- "$examples/teller.sh" 100 P3 P1 </dev/null 2>err.2 3>&- &
  COORD_SOCKET=$group/n.sock dsnapshot run bank --id P3 -n 3 -- "$examples/teller.sh" 100 P1 P2 </dev/null 2>err.3 3>&- &
  counts() { [ "$(on "$1" dsnapshot ps bank --json | wc -l)" -eq 3 ]; }
  for name in a c m n; do eventually counts $name; done
  on m dsnapshot take bank -o one
  on m dsnapshot check one
  on c dsnapshot take bank -o two
  on c dsnapshot check two
  on n dsnapshot wait -w 60 bank
  on a dsnapshot stop bank
  wait
}

@test "what only hosts that vote can do says so on another one" {
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  for tool in "dsnapshot -o x"; do
    run on m timeout 20 $tool
    echo "$tool: $status $output"
    [ "$status" -eq 69 ]
    [[ "$output" == *"this host does not vote: ask on one of a, b, c"* ]]
  done
  run -64 on m timeout 20 dpropose --algorithm paxos plan v
  [[ "$output" == *"this host is no site: propose on one of a, "* ]]
}

@test "what cannot be is said at once" {
  run coordd --name m --join nowhere --key-file "$group/key" --state-dir "$group/a" --socket s
  [ "$status" -eq 64 ]
  run coordd --name m --join 127.0.0.1:1 --state-dir "$group/a" --socket s
  [ "$status" -eq 64 ]
  run coordd --name m --join 127.0.0.1:1 --peers m=127.0.0.1:2 --key-file "$group/key" --state-dir "$group/a" --socket s
  [ "$status" -eq 64 ]
  run coordd --check-config --name m --join 127.0.0.1:1 --key-file "$group/key" --state-dir "$group/a" --socket s
  [ "$status" -eq 0 ]
  [[ "$output" == *"without a vote"*"joins     127.0.0.1:1"* ]]
}
