#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Gateways to three real etcd servers: what users see of them, and what happens when servers and gateways die.
# labels: release
bats_require_minimum_version 1.5.0
load engine_helpers

setup_file() {
  export kind=etcd
  begin_servers
}
teardown_file() { servers stop "$engine_dir"; }

# Each test has a log of its own, and gateways a and b as if they were two hosts.
setup() {
  cd "$BATS_TEST_TMPDIR" || return
  group=$BATS_TEST_TMPDIR names=(a b)
  prefix=t$BATS_TEST_NUMBER
  own_host
  unset COORD_ENGINE
}
teardown() {
  end_jobs KILL
  stop_group
  stop_own_host
}
gateway() {
  local name=$1
  shift
  begin_gateway "$name" --engine "$url/$prefix" "$@"
  eventually answers "$name"
}
etcdctl() { ctl "$@"; }

@test "nothing is set up: the first tool starts a gateway, and all on this host use it" {
  export COORD_ENGINE=$url/$prefix
  run -0 dlock x printenv DLOCK_SCOPE
  [ "$output" = engine ]
  [ "$(peers_running)" = 1 ]
  first=$(dlock x printenv DLOCK_TOKEN)
  [ "$(dlock x printenv DLOCK_TOKEN)" -gt "$first" ]
  [ "$(dlock --list --json 2>/dev/null | wc -l)" = 0 ]
  hold_here x
  run -0 dlock --list --json x
  [ "$(jq -r .scope <<<"$output")" = engine ]
  [ "$(jq -r '.holders[0].ttl_s' <<<"$output")" = 30 ]
  run -1 dlock -n x true
  release x
  [ "$(peers_running)" = 1 ]
  [ "$(dpeers --json | jq -r 'select(.role == "leader") | .name')" = etcd ]
  [ "$(dpeers --json | jq -r 'select(.local) | .role')" = member ]
}

@test "doctor tells of the engine: its version and its database" {
  gateway a
  told() { on a dpeers doctor >doctor.txt || true; grep -q "engine .*: etcd 3" doctor.txt; }
  eventually told
  tr '\n' ' ' <doctor.txt | grep -q "its database has"
  on a dlock --ttl 2 x true 2>short.txt
  grep -q "a change of the engine's leader ends this hold" short.txt
  on a dlock x true 2>usual.txt
  [ ! -s usual.txt ]
}

@test "dpeers and its doctor tell who leads the engine, and of servers that are away" {
  url=${url/:\/\//:\/\/127.0.0.1:1,} gateway a
  told() {
    on a dpeers --json | jq -se 'any(.[]; (.engine_leader // "") != "" and any(.endpoints[]; .state == "connected")
      and any(.endpoints[]; .address == "127.0.0.1:1" and .state == "failed" and .trouble != ""))'
  }
  eventually told
  on a dpeers >peers.txt
  grep -q " leads$" peers.txt
  grep -q " 127.0.0.1:1 failed .* ago: " peers.txt
  on a dpeers doctor >doctor.txt || true
  grep -q "its leader: " doctor.txt
  grep -q "127.0.0.1:1" doctor.txt
}

@test "many gateways at one log are told the same" {
  run -0 engine_verbs "$url/many" many 300
  [[ $output == "300 gateways: "* ]]
}

@test "two gateways have one log: a lock, a queue, a value and a barrier across hosts" {
  gateway a
  gateway b
  hold a x
  run -1 on b dlock -n x true
  on b dlock x touch second &
  eventually waits_for b x
  [ ! -e second ]
  release x
  eventually test -e second
  on a dkv put k v
  [ "$(on b dkv get k)" = v ]
  on a dbarrier -n 2 meet &
  run -0 on b dbarrier -n 2 -w 20 meet
}

@test "what cannot be is refused: 64, and which engines there are" {
  run -64 --separate-stderr dlock --engine paxos://h x true
  [[ $stderr == *"known are etcd:// etcds://"* ]]
  run -64 --separate-stderr dlock --engine '' x true
  [[ $stderr == "dlock: --engine: is empty"* ]]
  run -64 --separate-stderr dlock --engine etcd://root:secret@h x true
  [[ $stderr != *secret* && $stderr == *password-file* ]]
  run -64 --separate-stderr coordd --engine etcd://h --peers a=h:1 --name a --state-dir s --socket s.sock
  [[ $stderr == *--peers* ]]
  run -64 --separate-stderr dlock --engine etcd://h --socket s.sock x true
  printf 'engine = "etcd://h"\npeers = "a=h:1"\nname = "a"\nstate_dir = "s"\nsocket = "s.sock"\n' >both.toml
  run -64 --separate-stderr coordd --check-config --config both.toml
  [[ $stderr == *engine* ]]
  run -64 --separate-stderr dlock --engine redis://h x true
  [[ $stderr == *"a fail-over of Redis loses"*--unsafe* ]]
  run -64 --separate-stderr coordd --engine redis://h --name a --state-dir s --socket s.sock
  [[ $stderr == *--unsafe* ]]
  export COORD_ENGINE=redis://h
  run -64 dlock x true
}

@test "a scope is asked for: an engine's is no private one, but does for a cluster's" {
  export COORD_ENGINE=$url/$prefix
  run -0 dlock --scope engine x true
  run -0 dlock --scope cluster x true
  run -69 dlock --scope private x true
  unset COORD_ENGINE
  run -69 --separate-stderr dlock --scope engine x true
  [[ $stderr == *"--engine URL"* ]]
}

@test "an engine that is not there: 69, with the endpoint and why" {
  run -69 --separate-stderr dlock --engine etcd://127.0.0.1:1 -n x true
  [[ $stderr == *"127.0.0.1:1"* ]]
}

@test "no level is guessed of a log that was not read: 69" {
  begin_gateway a --engine etcd://127.0.0.1:1
  eventually test -S a.sock
  run -69 on a dpeers level
  [[ $output == "dpeers: level: "* ]]
  run -69 on a dpeers level --json
  run -69 on a dpeers level --raise
}

@test "the engine's leader is killed: the hold stays, and the next one gets in soon" {
  gateway a
  gateway b
  hold a x --ttl 6  # not much longer than the servers are without a leader: it lives by renewals behind that
  leader=$(servers leader "$engine_dir")
  servers kill "$engine_dir" "$leader"
  run -0 on b dlock -w 20 y true
  kill -0 "$command"
  run -1 on b dlock -w 8 x true  # longer than the lease
  kill -0 "$command"
  release x
  run -0 on b dlock -w 20 x true
  servers again "$engine_dir" "$leader"
}

@test "a majority is gone: the command is stopped within its lease, and tools say so" {
  gateway a
  on a dlock --ttl 2 x -- sh -c 'echo $$ >held; exec sleep 60' 2>lost.txt &
  tool=$!
  eventually is_file held
  servers kill "$engine_dir" 1
  servers kill "$engine_dir" 2
  eventually gone "$(cat held)"
  status=0
  wait "$tool" || status=$?
  [ "$status" -eq 75 ]
  run -69 on a dlock -n y true
  servers again "$engine_dir" 1
  servers again "$engine_dir" 2
  eventually on a dlock -n y true
}

@test "a gateway that is stopped beyond the lease has lost its lock to nobody before that" {
  gateway a
  gateway b
  on a dlock --ttl 2 x -- sh -c 'while :; do date +%s.%N; sleep 0.01; done' >a.txt 2>/dev/null &
  eventually is_file a.txt
  signal_peer STOP a
  on b dlock -w 20 x -- sh -c 'date +%s.%N' >b.txt
  signal_peer CONT a
  [ "$(printf '%s\n%s\n' "$(tail -1 a.txt)" "$(cat b.txt)" | sort -n | tail -1)" = "$(cat b.txt)" ]
}

@test "a host is gone with its gateway: the next one has the lock within the lease and 1.5 s" {
  gateway a
  gateway b
  hold a x --ttl 2
  begin=$(now_us)
  kill -9 "$holder" "$command" "$(pid_of a)"
  run -0 on b dlock -w 20 --ttl 2 x true
  [ $(($(now_us) - begin)) -lt 4500000 ] || [ -n "${COORD_SANITIZE-}" ]
}

@test "foreign keys under the prefix are passed over" {
  gateway a
  etcdctl put "$prefix/log/0000000000000001/foreign" nonsense
  etcdctl put "$prefix/log/other" nonsense
  run -0 on a dlock x true
  gateway b
  run -0 on b dlock x true
  grep -q "passed over" b.log
}

@test "an engine that has forgotten is refused with what to do" {
  gateway a
  run -0 on a dlock x true
  eventually test -s a/engine
  etcdctl del --prefix "$prefix/" >/dev/null
  signal_peer KILL a
  eventually peer_gone a
  coordd --engine "$url/$prefix" --name a --state-dir a --socket a.sock </dev/null >>a.log 2>&1 3>&- &
  echo $! >a.pid
  disown
  refused() { on a dlock -n x true 2>why.txt; [ $? -eq 69 ] && grep -q "older backup" why.txt; }
  eventually refused
}

@test "a gateway that has not seen the log serves nobody until one that has confirms it, or an operator" {
  gateway a
  gateway b
  signal_peer KILL a
  signal_peer KILL b
  eventually peer_gone a
  eventually peer_gone b
  rm -r b
  mkdir b
  coordd --engine "$url/$prefix" --name b2 --state-dir b --socket b.sock </dev/null >>b.log 2>&1 3>&- &
  echo $! >b.pid
  disown
  waits() { on b dlock -n x true 2>why.txt; [ $? -eq 69 ] && grep -q -- "--first" why.txt; }
  eventually waits
  gateway a
  eventually on b dlock -n x true
  signal_peer KILL a
  eventually peer_gone a
  export COORD_ENGINE=$url/$prefix
  signal_peer KILL b
  eventually peer_gone b
  run -69 --separate-stderr dlock -n x true
  [[ $stderr == *--first* ]]
  stop_own_host
  run -0 coordd --engine "$url/$prefix" --first
  run -0 dlock -n x true
}

@test "--first said by root for a gateway of another user leaves that user what it must read" {
  [ "$(id -u)" = 0 ] || skip "only root can give files away"
  mkdir -m 700 unit
  chown 65534:65534 unit
  gateway a
  run -0 coordd --engine "$url/$prefix" --state-dir "$PWD/unit" --socket "$PWD/unit.sock" --first
  [ -s unit/engine ]
  [ -z "$(find unit ! -uid 65534)" ]
  setpriv --reuid=65534 --regid=65534 --clear-groups cat unit/engine >/dev/null
}

@test "what was granted last is remembered by a gateway that is killed" {
  gateway a
  servers save "$engine_dir" "$BATS_TEST_TMPDIR/backup"
  hold a x
  signal_peer KILL a
  kill -9 "$holder"
  servers restore "$engine_dir" "$BATS_TEST_TMPDIR/backup"
  coordd --engine "$url/$prefix" --name a --state-dir a --socket a.sock </dev/null >>a.log 2>&1 3>&- &
  echo $! >a.pid
  disown
  forgotten() { on a dlock -n y true 2>why.txt; [ $? -eq 69 ] && grep -q "older backup" why.txt; }
  eventually forgotten
  coordd --engine "$url/$prefix" --name new --state-dir fresh --socket fresh.sock </dev/null >>fresh.log 2>&1 3>&- &
  echo $! >fresh.pid
  names+=(fresh)
  disown
  asks() { COORD_SOCKET=fresh.sock dlock -n x true 2>why.txt; [ $? -eq 69 ] && grep -q -- "--first" why.txt; }
  mkdir -p fresh
  eventually asks
}

@test "what is spoken between peers is refused: 64, and who has it" {
  gateway a
  run -64 --separate-stderr on a chordctl get k
  [[ $stderr == *"coordd --setup"* ]]
  run -64 --separate-stderr on a dlock --algorithm ricart-agrawala x true
  run -64 --separate-stderr on a dsnapshot take
  run -64 --separate-stderr on a dcast send topic hello
}

@test "a value is agreed on across gateways, and other algorithms want peers" {
  gateway a
  gateway b
  [ "$(on a dpropose colour red)" = red ]
  [ "$(on b dpropose colour blue)" = red ]
  [ "$(on b dpropose --get colour)" = red ]
  for algorithm in paxos pbft; do
    run -64 --separate-stderr on a dpropose --algorithm "$algorithm" other red
    [[ $stderr == *"coordd --setup"* ]]
  done
  run -64 on a delect --algorithm bully lead true
  run -64 on a dlock --algorithm maekawa x true
}

@test "a configuration beats COORD_ENGINE, and --engine beats a configuration" {
  export COORD_ENGINE=$url/$prefix
  printf 'name = "c"
state_dir = "%s/c"
socket = "%s/c.sock"
' "$PWD" "$PWD" >c.toml
  mkdir c
  [ "$(dlock --config c.toml x printenv DLOCK_SCOPE)" = private ]
  COORD_SOCKET=$PWD/c.sock pkill -KILL -f -- "--config $PWD/c.toml" || true
  [ "$(COORD_CONFIG=$PWD/c.toml dlock --engine "$url/$prefix" x printenv DLOCK_SCOPE)" = engine ]
  run -64 --separate-stderr coordd --engine-user u --name a --state-dir s --socket s.sock --peers a=h:1
  [[ $stderr == *--engine* ]]
  printf 'name = "c"
state_dir = "s"
socket = "s.sock"
engine_user = "u"
' >d.toml
  unset COORD_ENGINE
  run -64 coordd --check-config --config d.toml
}

@test "an engine that was restored from a backup is refused, and --new-epoch begins with nothing granted" {
  gateway a
  run -0 on a dlock x true
  servers save "$engine_dir" "$BATS_TEST_TMPDIR/backup"
  last=$(on a dlock x printenv DLOCK_TOKEN)
  servers restore "$engine_dir" "$BATS_TEST_TMPDIR/backup"
  forgotten() { on a dlock -n x true 2>why.txt; [ $? -eq 69 ] && grep -q "older backup" why.txt; }
  eventually forgotten
  coordd --engine "$url/$prefix" --new-epoch 2>new.txt 3>&- &
  operator=$!
  eventually grep -q "the gateways are asked" new.txt
  run -69 on a dlock -n x true
  grep -q -- --new-epoch <<<"$output"
  kill -9 "$operator"
}

@test "the verbs that a log is made of" {
  run -0 engine_verbs "$url/v"
  [ ${#lines[@]} -ge 10 ]
}
