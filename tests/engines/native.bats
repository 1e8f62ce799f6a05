#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The engine's own keys and locks (--native), beside its own client, on the engine that COORD_TEST_KIND names.
bats_require_minimum_version 1.5.0
load engine_helpers

setup_file() {
  export kind=${COORD_TEST_KIND:-etcd} COORD_ENGINE_UNSAFE=1
  begin_servers
}
teardown_file() { servers stop "$engine_dir"; }

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  own_host
  unset COORD_ENGINE
  key=t$BATS_TEST_NUMBER limit=()
  [ "$kind" != zookeeper ] || limit=(--ttl 10)
}
teardown() {
  [ -z "${engine_frozen-}" ] || thaw
  end_jobs KILL
  stop_own_host
}
has_locks() { of_kind etcd zookeeper consul redlock; }
# Our ZooKeeper's ticks are short, and so are the longest sessions that it gives.
native() { dlock --native --engine "$url" "${limit[@]}" "$@"; }
keys() { dkv --native --engine "$url" "$@"; }
freeze() { engine_frozen=1; for i in 1 2 3; do servers freeze "$engine_dir" "$i"; done; }
thaw() { engine_frozen=; for i in 1 2 3; do servers thaw "$engine_dir" "$i"; done; }
# What the engine's own client says.
foreign_put() {
  case $kind in
  etcd) ctl put "$1" "$2" >/dev/null ;;
  zookeeper) ctl create "/$1" "$2" >/dev/null 2>&1 ;;
  consul) ctl kv put "$1" "$2" >/dev/null ;;
  redis) ctl set "$1" "$2" >/dev/null ;;
  esac
}
foreign_get() {
  case $kind in
  etcd) ctl get --print-value-only "$1" ;;
  zookeeper) ctl get "/$1" 2>/dev/null | tail -1 ;;
  consul) ctl kv get "$1" ;;
  redis) ctl get "$1" ;;
  esac
}
# A command under the engine's own lock: runs until the file `go` is there.
foreign_hold() { # NAME
  rm -f got go
  case $kind in
  etcd | consul)
    # etcdctl takes options of the command for its own.
    printf '#!/bin/sh\ntouch got\nwhile [ ! -e go ]; do sleep 0.05; done\n' >foreign
    chmod +x foreign
    ctl lock "$1" ./foreign </dev/null >foreign.txt 2>&1 3>&- &
    ;;
  zookeeper)
    # As Curator's InterProcessMutex: its node lives as long as this session does. Whoever comes first has it.
    { echo "create /$1 x"; echo "create -s -e /$1/_c_6fa2ba30-4c25-4d37-a2d9-cf1ff7e1c6ea-lock- x"
      while [ ! -e go ]; do sleep 0.05; done; } | ctl >foreign.txt 2>&1 3>&- &
    eventually grep -q "Created /$1/_c_6fa2" foreign.txt
    touch got
    ;;
  esac
  foreign=$!
}

@test "keys: what dkv puts the engine's client gets, and the other way" {
  of_kind etcd zookeeper consul redis
  run -1 keys get "$key"
  keys put "$key" one
  [ "$(foreign_get "$key")" = one ]
  foreign_put "$key-2" two
  [ "$(keys get "$key-2")" = two ]
  printf 'a\0b\n\377' | keys put "$key" -
  keys get "$key" | cmp - <(printf 'a\0b\n\377')
  run -0 keys --json get "$key-2"
  [ "$(jq -r '.key, .value, .bytes, .scope, .native' <<<"$output" | tr '\n' ' ')" = "$key-2 two 3 engine true " ]
  run -1 keys put --if-absent "$key" other
  keys put --if-absent "$key-3" three
  if [ "$kind" = zookeeper ]; then
    [ "$(keys list --json | jq -r .key | grep -c "^/$key")" = 3 ]
  else
    [ "$(keys list --json "$key" | jq -r .key | tr '\n' ' ')" = "$key $key-2 $key-3 " ]
  fi
  keys rm "$key"
  run -1 keys rm "$key"
  run -1 keys get "$key"
  # No log of ours was made there.
  [ "$(peers_running)" = 1 ]
  run -1 keys get coordutils/open
}

@test "keys: versions are the engine's, and one that is old changes nothing" {
  of_kind etcd zookeeper consul
  keys put "$key" one
  version=$(keys --json get "$key" | jq .version)
  keys put "$key" two --if-version "$version"
  run -1 keys put "$key" three --if-version "$version"
  [[ "$output" == *"the key has another version"* ]]
  run -1 keys rm "$key" --if-version "$version"
  [ "$(keys get "$key")" = two ]
  keys rm "$key" --if-version "$(keys --json get "$key" | jq .version)"
  run -1 keys put "$key" three --if-version "$version"
  [[ "$output" == *"there is no such key"* ]]
}

@test "keys: a watch tells of every value, and of the end" {
  of_kind etcd zookeeper consul
  dkv --native --engine "$url" watch "$key" >seen.txt &
  eventually grep -qx 0 seen.txt
  keys put "$key" one
  eventually grep -q ' one$' seen.txt
  keys put "$key" two
  eventually grep -q ' two$' seen.txt
  keys rm "$key"
  gone() { [ "$(tail -1 seen.txt)" = 0 ]; }
  eventually gone
}

@test "a user and a password file: right ones are let in, and what this user may not do is told" {
  of_kind zookeeper redis
  [ "$kind" != redis ] || ctl acl setuser lockers on '>pencil' '~mine*' '&*' +@all
  echo pencil >right
  echo crayon >wrong
  chmod 600 right wrong
  by() { COORD_ENGINE_USER=lockers COORD_ENGINE_PASSWORD_FILE=$PWD/$1 "${@:2}"; }
  run -0 by right keys put mine v
  [ "$(by right keys get mine)" = v ]
  [ "$kind" != zookeeper ] || by right native -n minelock true
  [ "$kind" != redis ] || run -69 by right keys put other v
  [ "$kind" != redis ] || [[ $output == *NOPERM* ]]
  stop_own_host
  run -69 by wrong keys get mine
  [[ $output == *"--engine-password-file"* ]]
  [ "$kind" != zookeeper ] || run -69 by wrong native -n minelock true
  [[ $output == *"--engine-password-file"* ]]
  stop_own_host
  [ "$kind" != zookeeper ] || run -69 keys get mine  # without a user
}

@test "what an engine has not is refused, and those are named that have it" {
  case $kind in
  postgres)
    run -64 keys get x
    [[ "$output" == *"use etcd://"* ]]
    run -64 native x true
    [[ "$output" == *"use etcd://"* ]]
    ;;
  redis)
    run -64 keys watch x
    [[ "$output" == *"use etcd://"* ]]
    run -64 keys put x y --if-version 3
    [[ "$output" == *"use etcd://"* ]]
    ;;
  *)
    for option in -s '--slots 2' '--join' '--rate 1/2' '--min-hold 1' '--lock-delay 1'; do
      # shellcheck disable=SC2086
      run -64 native $option x true
    done
    run -64 native a,b true
    run -64 keys --stale get x
    run -64 keys put x y --session -- true
    ;;
  esac
  run -64 dlock --native x true
  [[ "$output" == *"--engine URL"* ]]
}

@test "a lock: the command's status, its environment, and nobody waits for who has ended" {
  has_locks
  run -7 native "$key" sh -c 'exit 7'
  run -0 native "$key" sh -c 'echo "$DLOCK_SCOPE $DLOCK_NAME ${DLOCK_TOKEN-none}"'
  [ "$output" = "engine $key none" ]
  for _ in 1 2 3 4 5; do run -0 native -n "$key" true; done
  dlock --native --engine "$url" "${limit[@]}" "$key" sh -c 'touch got; while [ ! -e go ]; do sleep 0.05; done' &
  eventually test -e got
  run -1 native -n "$key" true
  run -1 native -w 0.5 "$key" true
  touch go
  wait $!
  run -0 native -n "$key" true
}

@test "a lock, a watch: an engine that cannot be reached is named to whoever waits" {
  of_kind etcd
  run -69 dlock --native --engine etcd://127.0.0.1:1 --verbose -w 2 x true
  [[ "$output" == *"x: waiting for the engine: 127.0.0.1:1: "* ]]
  [ "$(grep -c "waiting for the engine" <<<"$output")" = 1 ]
  dkv --native --engine etcd://127.0.0.1:1 watch x 2>watched.txt &
  eventually grep -q "x: waiting for the engine: 127.0.0.1:1: " watched.txt
}

@test "a lock: the engine's own client waits for dlock, and dlock for it" {
  of_kind etcd zookeeper consul
  dlock --native --engine "$url" "${limit[@]}" "$key" sh -c 'touch ours; while [ ! -e stop ]; do sleep 0.05; done' &
  ours=$!
  eventually test -e ours
  if [ "$kind" = zookeeper ]; then
    foreign_hold "$key"  # stands behind ours
    run -0 ctl ls "/$key"
    [ "$(grep -o -- '-lock-' <<<"$output" | wc -l)" = 2 ]
  else
    foreign_hold "$key"
    sleep 0.5
    [ ! -e got ]
  fi
  touch stop
  wait "$ours"
  eventually test -e got
  run -1 native -n "$key" true
  dlock --native --engine "$url" "${limit[@]}" "$key" touch second &
  sleep 0.5
  [ ! -e second ]
  touch go
  eventually test -e second
  wait "$foreign" || true
}

@test "a lock: as long as something of the command runs, whoever was killed" {
  has_locks
  dlock --native --engine "$url" "${limit[@]}" "$key" sh -c 'echo $$ >pid; exec sleep 60' &
  wrapper=$!
  eventually test -s pid
  kill -9 "$wrapper"
  run -1 native -n "$key" true
  kill -9 "$(cat pid)"
  run -0 native -w 10 "$key" true
}

@test "a lock: who removes it from the engine stops the command" {
  has_locks
  [ "$kind" != redlock ] || limit=(--ttl 4)
  dlock --native --engine "$url" "${limit[@]}" "$key" sh -c 'touch got; sleep 60' &
  ours=$!
  eventually test -e got
  case $kind in
  etcd) ctl del --prefix "$key/" ;;
  consul) ctl kv delete -recurse "$key/" ;;
  zookeeper) ctl deleteall "/$key" >/dev/null 2>&1 ;;
  redlock) for i in 1 2; do ctl $i del "$key"; done ;;
  esac
  status=0
  wait "$ours" || status=$?
  [ "$status" = 75 ]
}

@test "a lock: without its engine the command is stopped before the lease can end" {
  has_locks
  ttl=4
  dlock --native --engine "$url" --ttl $ttl --grace 1 "$key" sh -c 'touch got; while sleep 0.05; do date +%s%N >last; done' &
  ours=$!
  eventually test -e got
  sleep 1
  began=$(date +%s%N)
  freeze
  status=0
  wait "$ours" || status=$?
  [ "$status" = 75 ]
  [ $((($(cat last) - began) / 1000000)) -le $((ttl * 800)) ]
  thaw
  run -0 native -w 30 "$key" true
}

# endpoint N: of the server of this number.
endpoint() { tr , '\n' <<<"${url#*://}" | sed -n "$1p"; }

@test "a lock: a server that was cut off answers pings, and the command is stopped all the same" {
  of_kind zookeeper
  eventually servers leader "$engine_dir"
  leader=$(servers leader "$engine_dir")
  left=$((leader % 3 + 1)) other=$(((leader + 1) % 3 + 1)) ttl=10
  dlock --native --engine "zookeeper://$(endpoint "$left")" --ttl $ttl --grace 1 "$key" \
    sh -c 'touch got; while sleep 0.05; do date +%s%N >last; done' &
  ours=$!
  eventually test -e got
  engine_frozen=1 began=$(date +%s%N)
  servers freeze "$engine_dir" "$leader"
  servers freeze "$engine_dir" "$other"
  status=0
  wait "$ours" || status=$?
  [ "$status" = 75 ]
  [ $((($(cat last) - began) / 1000000)) -le $((ttl * 800)) ]
  thaw
  run -0 native -w 30 "$key" true
}

@test "a lock: the server that it stands with is frozen, and the hold stays through another one" {
  of_kind etcd zookeeper redlock # Consul ends the sessions of a server that the others hold dead
  ttl=12 # another leader may be needed
  [ "$kind" != zookeeper ] || ttl=10
  dlock --native --engine "$url" --ttl $ttl --grace 1 "$key" sh -c 'touch got; while [ ! -e go ]; do sleep 0.05; done' &
  ours=$!
  eventually test -e got
  engine_frozen=1
  servers freeze "$engine_dir" 1
  sleep $((ttl + 2))
  kill -0 "$ours"
  thaw
  touch go
  wait "$ours"
  run -0 native -w 30 "$key" true
}

@test "redlock: two servers are frozen: the command is stopped in time, and no key is left" {
  of_kind redlock
  dlock --native --engine "$url" --ttl 4 --grace 1 "$key" sh -c 'touch got; while sleep 0.05; do date +%s%N >last; done' &
  ours=$!
  eventually test -e got
  engine_frozen=1 began=$(date +%s%N)
  servers freeze "$engine_dir" 1
  servers freeze "$engine_dir" 2
  status=0
  wait "$ours" || status=$?
  [ "$status" = 75 ]
  [ $((($(cat last) - began) / 1000000)) -le 3200 ]
  thaw
  none_left() { for i in 1 2 3; do [ -z "$(ctl $i get "$key")" ] || return 1; done; }
  eventually none_left
}

@test "other users get nothing of it by the credentials of a host's gateway" {
  of_kind etcd
  [ "$(id -u)" = 0 ] || skip "root only"
  chmod 755 .
  mkdir -m 755 host
  coordd --engine "$url/g" --name g --state-dir host/s --socket "$PWD/host/sock" --admit '*' </dev/null >host.log 2>&1 3>&- &
  eventually test -S host/sock
  as_nobody() { HOME=/nonexistent setpriv --reuid=65534 --regid=65534 --clear-groups env PATH="$PATH" "$@"; }
  eventually dlock --socket "$PWD/host/sock" -n ours true
  dkv --native --socket "$PWD/host/sock" put "$key" one
  run -64 as_nobody dkv --native --socket "$PWD/host/sock" get "$key"
  [[ "$output" == *"only for root and the peer's own user"* ]]
  run -64 as_nobody dlock --native --socket "$PWD/host/sock" -n "$key" true
  [[ "$output" == *"only for root and the peer's own user"* ]]
  run -0 as_nobody dlock --socket "$PWD/host/sock" -n theirs true
  [ "$(dkv --native --socket "$PWD/host/sock" get "$key")" = one ]
}

@test "a lock: its coordd is killed, and the command ends within its time" {
  has_locks
  dlock --native --engine "$url" --ttl 4 --grace 1 "$key" sh -c 'touch got; sleep 60' &
  ours=$!
  eventually test -e got
  kill -9 "$(pgrep -f -- "--socket $XDG_RUNTIME_DIR/" | head -1)"
  began=$SECONDS
  status=0
  wait "$ours" || status=$?
  [ "$status" = 75 ]
  [ $((SECONDS - began)) -le 5 ]
}

@test "a lock: the leading server is killed, the hold stays and the next one gets in" {
  of_kind etcd zookeeper consul
  eventually servers leader "$engine_dir"
  dlock --native --engine "$url" "${limit[@]}" --grace 0.5 "$key" sh -c 'touch got; while [ ! -e go ]; do sleep 0.05; done' &
  ours=$!
  eventually test -e got
  leader=$(servers leader "$engine_dir")
  servers kill "$engine_dir" "$leader"
  run -0 native -w 60 "$key-other" true
  kill -0 "$ours"
  touch go
  wait "$ours"
  run -0 native -w 20 "$key" true
  servers again "$engine_dir" "$leader"
}

@test "redlock: what others have set on a majority keeps it shut, on a minority it does not" {
  of_kind redlock
  ctl 1 set "$key" theirs NX PX 60000
  run -0 native -n "$key" true
  [ "$(ctl 1 get "$key")" = theirs ]
  ctl 2 set "$key" theirs NX PX 60000
  run -1 native -n "$key" true
  run -1 native -w 1 "$key" true
  [ "$(ctl 2 get "$key")" = theirs ]
  [ -z "$(ctl 3 get "$key")" ]
  ctl 2 del "$key"
  run -0 native -w 5 "$key" sh -c 'exit 0'
  [ -z "$(ctl 2 get "$key")" ]
}

@test "redlock: a lock may have any name, and is told as held once it is" {
  of_kind redlock
  for i in 1 2; do ctl $i set locked theirs NX PX 2000; done
  run -0 native -w 15 locked echo in
  [[ "$output" == *in* ]]
}

@test "redlock: one server may be away, two may not" {
  of_kind redlock
  servers kill "$engine_dir" 1
  run -0 native -n "$key" true
  dlock --native --engine "$url" --ttl 4 --grace 1 "$key" sh -c 'touch got; sleep 60' &
  ours=$!
  eventually test -e got
  servers kill "$engine_dir" 2
  status=0
  wait "$ours" || status=$?
  [ "$status" = 75 ]
  run -69 native -n "$key-2" true
  servers again "$engine_dir" 1
  servers again "$engine_dir" 2
  eventually native -n "$key-2" true
}

@test "redlock: a replica is none of the servers" {
  of_kind redis
  run -69 native -n "$key" true
  [[ "$output" == *"replica"* ]]
}
