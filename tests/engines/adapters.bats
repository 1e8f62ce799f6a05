#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Gateways to real servers of the engine that COORD_TEST_KIND names: what is alike on every engine. (Of etcd: engines.bats, which also has
# what does not depend on the engine.)
bats_require_minimum_version 1.5.0
load engine_helpers

setup_file() {
  export kind=${COORD_TEST_KIND:-zookeeper} COORD_ENGINE_UNSAFE=1
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
to_log() { begin_gateway "$1" --engine "${2-$url/$prefix}"; }  # NAME [URL]
gateway() {
  to_log "$@"
  eventually answers "$1"
}
endpoint() { # of server NUMBER
  . "$engine_dir/cluster"
  echo "127.0.0.1:${clients[$1 - 1]}"
}

@test "the verbs that a log is made of" {
  run -0 engine_verbs "$url/v"
  [ "${#lines[@]}" -ge 10 ]
}

@test "an append into a sealed epoch: the server's check is what keeps it out" {
  of_kind redis postgres
  run -1 engine_verbs "$url/w" without "${kind}_append_is_of_the_open_epoch"
  [[ $output == *"an epoch that was not open"* ]]
}

@test "nothing is set up: the first tool starts a gateway, and tokens grow" {
  export COORD_ENGINE=$url/$prefix
  run -0 dlock x printenv DLOCK_SCOPE
  [ "$output" = engine ]
  first=$(dlock x printenv DLOCK_TOKEN)
  [ "$(dlock x printenv DLOCK_TOKEN)" -gt "$first" ]
  [ "$(peers_running)" = 1 ]
  [ "$(dpeers --json | jq -r 'select(.role == "leader") | .name')" = "$kind" ]
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

@test "a lease that a change of the engine's leader would end is told of" {
  export COORD_ENGINE=$url/$prefix
  case $kind in
  zookeeper) short=2.2 enough=2.3 least=3 ;;
  consul) short=5.9 enough=6 least=6 ;;
  *) short='' enough=1 ;; # nobody takes over there
  esac
  if [ -n "$short" ]; then
    run -0 --separate-stderr dlock --ttl "$short" x true
    [[ $stderr == *"a change of the engine's leader ends this hold"*"a --ttl of $least s at least"* ]]
    run -0 --separate-stderr delect --ttl "$short" lead true
    [[ $stderr == *"a change of the engine's leader ends this hold"* ]]
    run -0 --separate-stderr dlock -q --ttl "$short" x true
    [ -z "$stderr" ]
  fi
  run -0 --separate-stderr dlock --ttl "$enough" x true
  [ -z "$stderr" ]
}

@test "many gateways at one log are told the same" {
  of_kind zookeeper consul
  run -0 engine_verbs "$url/many" many 100
  [[ $output == "100 gateways: "* ]]
}

@test "two gateways have one log: a lock, a queue, a value and a barrier across hosts" {
  gateway a
  gateway b
  hold a x --ttl 30
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
  kill -9 "$(pid_of a)"
  eventually peer_gone a
  to_log a
  eventually answers a
  [ "$(on a dkv get k)" = v ]
}

@test "the leading server is killed: the hold stays, and the next one gets in soon" {
  of_kind zookeeper consul
  gateway a
  gateway b
  hold a x --ttl 10  # not much longer than the servers are without a leader: it lives by renewals behind that
  leader=$(servers leader "$engine_dir")
  servers kill "$engine_dir" "$leader"
  run -0 on b dlock -w 20 y true
  kill -0 "$command"
  # Soon: after a while Consul takes a server that is gone for none that votes, also when it is back.
  servers again "$engine_dir" "$leader"
  run -1 on b dlock -w 12 x true  # longer than the lease
  kill -0 "$command"
  release x
  run -0 on b dlock -w 20 x true
}

@test "the leading server is stopped and goes on later: nobody has what is held" {
  of_kind zookeeper consul
  eventually servers leader "$engine_dir"
  gateway a
  gateway b
  hold a x --ttl 30
  run -0 on b dlock -w 20 warm true # it has read the log
  leader=$(servers leader "$engine_dir")
  servers freeze "$engine_dir" "$leader"
  run -0 on b dlock -w 20 y true
  run -1 on b dlock -n x true
  servers thaw "$engine_dir" "$leader"
  run -1 on b dlock -n x true
  kill -0 "$command"
  release x
}

# What others know is in the log alone: a gateway without memory waits until one at that server has left it, too.
@test "a gateway begins while the server that its URL names first is stopped" {
  of_kind zookeeper consul redis
  eventually servers leader "$engine_dir"
  stopped=$(servers leader "$engine_dir")
  [ "$kind" != redis ] || stopped=$((stopped % 3 + 1)) # nobody takes over there
  url=$kind://$(endpoint "$stopped"),$(endpoint $((stopped % 3 + 1))),$(endpoint $(((stopped + 1) % 3 + 1)))
  gateway a
  run -0 on a dlock x true
  servers freeze "$engine_dir" "$stopped"
  gateway b
  run -0 on b dlock -w 20 y true
  servers thaw "$engine_dir" "$stopped"
}

@test "a server that was cut off answers pings, and grants and keeps nothing" {
  of_kind zookeeper
  eventually servers leader "$engine_dir"
  leader=$(servers leader "$engine_dir")
  left=$((leader % 3 + 1)) other=$(((leader + 1) % 3 + 1))
  gateway b
  gateway a "zookeeper://$(endpoint "$left")/$prefix"
  on a dlock --ttl 2 x -- bash -c "$witness" 2>lost.txt &
  tool=$!
  eventually is_file held
  servers freeze "$engine_dir" "$leader"
  servers freeze "$engine_dir" "$other"
  cut=$(now_us)
  eventually gone "$(cat held)"
  wait "$tool" || status=$?
  cat lost.txt >&2
  echo "status $status"
  [ "$status" = 75 ]
  stopped_within 2 "$cut"
  run -69 on a dlock -n y true
  servers thaw "$engine_dir" "$leader"
  servers thaw "$engine_dir" "$other"
  eventually on a dlock -n x true
}

@test "no server is left: the command is stopped within its lease, tools say so, and all goes on when they are back" {
  gateway a
  on a dlock --ttl 2 x -- sh -c 'echo $$ >held; exec sleep 60' 2>lost.txt &
  tool=$!
  eventually is_file held
  n=$(. "$engine_dir/cluster" && echo "$n")
  for ((i = 1; i <= n; i++)); do servers kill "$engine_dir" "$i"; done
  eventually gone "$(cat held)"
  status=0
  wait "$tool" || status=$?
  [ "$status" -eq 75 ]
  run -69 on a dlock -n y true
  for ((i = 1; i <= n; i++)); do servers again "$engine_dir" "$i"; done
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

@test "what others keep under the prefix is passed over" {
  of_kind zookeeper redis consul
  gateway a
  run -0 on a dlock x true
  servers put "$engine_dir" "$prefix/foreign" nonsense
  case $kind in
  zookeeper)
    log=$(servers ctl "$engine_dir" get "/$prefix/log" 2>/dev/null | grep -oE '^[0-9a-f]{16}$')
    servers put "$engine_dir" "$prefix/$log/epoch/0000000000000001/foreign" nonsense
    servers put "$engine_dir" "$prefix/$log/state/zzz" nonsense
    ;;
  esac
  run -0 on a dlock x true
  gateway b
  run -0 on b dlock x true
}

@test "commits wait for a standby that is away: nothing is granted, what is held stays, and all goes on when it is back" {
  of_kind postgres
  gateway a
  gateway b
  hold a x --ttl 30
  servers ctl "$engine_dir" -c "alter system set synchronous_standby_names = 'nobody'" -c "select pg_reload_conf()"
  waits() { on b dlock -n y true 2>why.txt; [ $? -eq 69 ]; }
  eventually waits
  run -69 on a dlock -n y true
  kill -0 "$command"
  servers ctl "$engine_dir" -c "alter system reset synchronous_standby_names" -c "select pg_reload_conf()"
  eventually on b dlock -n y true
  run -1 on b dlock -n x true
  kill -0 "$command"
  release x
  run -0 on b dlock -w 20 x true
}

@test "an engine that has forgotten is refused with what to do" {
  gateway a
  run -0 on a dlock x true
  eventually test -s a/engine
  servers wipe "$engine_dir" "$prefix"
  signal_peer KILL a
  eventually peer_gone a
  to_log a
  refused() { on a dlock -n x true 2>why.txt; [ $? -eq 69 ] && grep -q "keys were removed" why.txt; }
  eventually refused
}

@test "a user and a password: who has them is let in, others are told" {
  of_kind zookeeper redis postgres
  case $kind in
  redis) servers ctl "$engine_dir" acl setuser lockers on '>pencil' '~*' '&*' +@all ;;
  postgres)
    servers ctl "$engine_dir" -c "create role lockers login superuser password 'pencil'"
    hba=$engine_dir/m1/data/pg_hba.conf
    printf '%s\n' 'host all lockers 127.0.0.1/32 scram-sha-256' "$(cat "$hba")" >"$BATS_TEST_TMPDIR/hba"
    cat "$BATS_TEST_TMPDIR/hba" >"$hba"
    servers ctl "$engine_dir" -c 'select pg_reload_conf()'
    ;;
  esac
  echo pencil >right
  echo crayon >wrong
  chmod 600 right wrong
  export COORD_ENGINE_USER=lockers COORD_ENGINE_PASSWORD_FILE=right
  gateway a
  run -0 on a dlock x true
  mkdir b
  COORD_ENGINE_PASSWORD_FILE=wrong to_log b
  refused() { grep -qE "password|WRONGPASS|does not let this host in" b.log; }
  eventually refused
  run -69 on b dlock -n x true
}

@test "an engine that takes no writes is told in its own words, holds stay, and it is used again" {
  of_kind zookeeper redis postgres
  case $kind in
  redis)
    gateway a
    shut() { servers ctl "$engine_dir" config set maxmemory 1; }
    open() { servers ctl "$engine_dir" config set maxmemory 0; }
    words='OOM command not allowed'
    ;;
  postgres)
    gateway b
    servers ctl "$engine_dir" -c 'create role plain login' -c 'grant select, insert, update, delete on coordutils_head, coordutils_log to plain'
    echo trusted >word
    chmod 600 word
    export COORD_ENGINE_USER=plain COORD_ENGINE_PASSWORD_FILE=$PWD/word
    gateway a
    shut() { servers ctl "$engine_dir" -c 'revoke insert on coordutils_log from plain'; }
    open() { servers ctl "$engine_dir" -c 'grant insert on coordutils_log to plain'; }
    words='permission denied'
    ;;
  zookeeper)
    gateway a
    log=$(servers ctl "$engine_dir" get "/$prefix/log" 2>/dev/null | grep -oE '^[0-9a-f]{16}$')
    shut() { servers ctl "$engine_dir" setAcl "/$prefix/$log/epoch/0000000000000001" world:anyone:ra; }
    open() { servers ctl "$engine_dir" setAcl "/$prefix/$log/epoch/0000000000000001" world:anyone:cdrwa; }
    words='may not write there'
    ;;
  esac
  hold a x --ttl 30
  shut >/dev/null 2>&1
  refused() { on a dlock -n y true 2>why.txt; [ $? -eq 69 ] && grep -q "$words" why.txt; }
  eventually refused
  run -0 on a dpeers
  open >/dev/null 2>&1
  eventually on a dlock -n y true
  kill -0 "$command"
  release x
}

backup() { # save or restore, while the servers go on
  case $kind,$1 in
  consul,*) servers ctl "$engine_dir" snapshot "$1" "$BATS_TEST_TMPDIR/backup" >/dev/null ;;
  postgres,save) servers ctl "$engine_dir" -c "create table saved_head as select * from coordutils_head where prefix = '$prefix/'" \
    -c "create table saved_log as select * from coordutils_log where prefix = '$prefix/'" ;;
  postgres,restore) servers ctl "$engine_dir" -c "begin; delete from coordutils_head where prefix = '$prefix/';
      delete from coordutils_log where prefix = '$prefix/'; insert into coordutils_head select * from saved_head;
      insert into coordutils_log select * from saved_log; commit" ;;
  esac
}

# Others' entries have the numbers of those that were lost, and no connection has broken.
@test "an engine that was restored while it went on is refused, also when others have written since" {
  of_kind consul postgres
  gateway a
  gateway b
  run -0 on b dlock y true
  signal_peer KILL b
  eventually peer_gone b
  backup save
  run -0 on a dlock x true
  backup restore
  gateway b
  for _ in 1 2 3 4 5; do run -0 on b dlock z true; done
  refused() { on a dlock -n x true 2>why.txt; [ $? -eq 69 ] && grep -q "older backup" why.txt; }
  eventually refused
  run -0 on b dlock z true
}
