#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What an etcd may refuse a gateway: its certificate, its user, its token, any write. One server a test, as each is set up another way.
# labels: release
bats_require_minimum_version 1.5.0
load engine_helpers

setup_file() {
  export kind=etcd
  engine_servers fetch
  export etcd=$told
}
setup() {
  cd "$BATS_TEST_TMPDIR" || return
  group=$BATS_TEST_TMPDIR names=(a)
  own_host
  unset COORD_ENGINE
  read -r client peer < <(free_ports 2)
  scheme=http
}
teardown() {
  end_jobs KILL
  stop_group
  [ ! -e server.pid ] || kill -9 "$(cat server.pid)" 2>/dev/null || true
  stop_own_host
}
# server OPTION...: one etcd, whose clients use $scheme.
server() {
  "$etcd/etcd" --name m --data-dir data --listen-client-urls "$scheme://127.0.0.1:$client" \
    --advertise-client-urls "$scheme://127.0.0.1:$client" --listen-peer-urls "http://127.0.0.1:$peer" \
    --initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "m=http://127.0.0.1:$peer" \
    --logger zap --log-level error "$@" </dev/null >>etcd.log 2>&1 3>&- &
  echo $! >server.pid
  disown
  eventually ctl "${as[@]}" get ready
}
as=()
ctl() { ETCDCTL_API=3 "$etcd/etcdctl" --endpoints "$scheme://127.0.0.1:$client" --command-timeout 2s "$@" >/dev/null 2>ctl.txt; }
gateway() {
  begin_gateway a "$@"
  eventually test -S a.sock
}
serves() { on a dlock -n x true 2>why.txt; }
says() { on a dlock -n x true 2>why.txt; [ $? -eq 69 ] && grep -q -- "$1" why.txt; }
# The engine's own keys and locks, by a peer that gets its credentials of the environment.
by_native() { # URL
  dkv --native --engine "$1" put k v
  [ "$(dkv --native --engine "$1" get k)" = v ]
  dlock --native --engine "$1" -n l true
}

@test "etcds://: the certificate of the server is checked, and one of the host's own is shown" {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=ca 2>/dev/null
  for name in server host; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj /CN=$name 2>/dev/null
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out $name.pem \
      -extfile <(echo 'subjectAltName=IP:127.0.0.1'; echo 'extendedKeyUsage=serverAuth,clientAuth') 2>/dev/null
  done
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout other.key -out other.pem -subj /CN=other 2>/dev/null
  scheme=https as=(--cacert ca.pem --cert host.pem --key host.key)
  server --cert-file server.pem --key-file server.key --client-cert-auth --trusted-ca-file ca.pem
  gateway --engine "etcds://127.0.0.1:$client/t" --engine-ca ca.pem --engine-cert host.pem --engine-key host.key
  eventually serves
  export COORD_ENGINE_CA=$PWD/ca.pem COORD_ENGINE_CERT=$PWD/host.pem COORD_ENGINE_KEY=$PWD/host.key
  by_native "etcds://127.0.0.1:$client"
  stop_own_host
  run -69 env COORD_ENGINE_CA="$PWD/other.pem" dkv --native --engine "etcds://127.0.0.1:$client" get k
  [[ "$output" == *certificate* ]]
  unset COORD_ENGINE_CA COORD_ENGINE_CERT COORD_ENGINE_KEY
  on a dlock --ttl 3 kept -- bash -c "$witness" 2>/dev/null 3>&- &
  eventually is_file writes
  signal_peer KILL a
  cut=$(now_us)
  eventually peer_gone a
  gateway --engine "etcds://127.0.0.1:$client/t" --engine-ca other.pem --engine-cert host.pem --engine-key host.key
  eventually says "TLS"
  eventually gone "$(cat held)"
  stopped_within 3 "$cut"
  signal_peer KILL a
  eventually peer_gone a
  gateway --engine "etcd://127.0.0.1:$client/t"
  eventually says "127.0.0.1:$client"
}

@test "a user and a password file: wrong is told, and a token that the server has forgotten is asked for anew" {
  server
  as=(--user root:secret)
  ctl user add root:secret
  ctl user grant-role root root
  ctl auth enable
  echo secret >password
  echo wrong >guess
  chmod 600 password guess
  gateway --engine "etcd://127.0.0.1:$client/t" --engine-user root --engine-password-file guess
  eventually says "authentication failed"
  signal_peer KILL a
  eventually peer_gone a
  chmod 644 password
  run -69 --separate-stderr coordd --name a --state-dir a --socket a.sock --engine "etcd://127.0.0.1:$client/t" --engine-user root --engine-password-file password
  [[ $stderr == *"chmod 600"* ]]
  chmod 600 password
  gateway --engine "etcd://127.0.0.1:$client/t" --engine-user root --engine-password-file password
  eventually serves
  grep -q "without TLS" a.log
  ! grep -q secret a.log
  export COORD_ENGINE_USER=root
  run -69 env COORD_ENGINE_PASSWORD_FILE="$PWD/guess" dkv --native --engine "etcd://127.0.0.1:$client" get k
  [[ "$output" == *"--engine-password-file"* ]]
  stop_own_host
  export COORD_ENGINE_PASSWORD_FILE=$PWD/password
  by_native "etcd://127.0.0.1:$client"
  dlock --native --engine "etcd://127.0.0.1:$client" --ttl 8 held sh -c 'touch got; while [ ! -e go ]; do sleep 0.05; done' &
  held=$!
  eventually test -e got
  kill -9 "$(cat server.pid)"
  eventually gone "$(cat server.pid)"
  server
  eventually serves
  sleep 8  # its token was forgotten: the hold is renewed by another one
  kill -0 "$held"
  touch go
  wait "$held"
}

@test "a user of some keys only watches them: nothing is said of others" {
  server
  as=(--user root:secret)
  ctl user add root:secret
  ctl user grant-role root root
  ctl user add some:pencil
  ctl role add some
  ctl role grant-permission some readwrite --prefix app/
  ctl user grant-role some some
  ctl auth enable
  echo pencil >password
  chmod 600 password
  export COORD_ENGINE_USER=some COORD_ENGINE_PASSWORD_FILE=$PWD/password
  dkv --native --engine "etcd://127.0.0.1:$client" watch app/x >seen.txt 2>said.txt 3>&- &
  eventually test -s seen.txt
  sleep 12  # longer than it is quiet before it asks whether the server is there
  dkv --native --engine "etcd://127.0.0.1:$client" put app/x v
  eventually grep -qw v seen.txt
  [ ! -s said.txt ]
  run -69 dkv --native --engine "etcd://127.0.0.1:$client" put other v
}

@test "an etcd without space is told, and used again when it has some" {
  server --quota-backend-bytes 4000000
  gateway --engine "etcd://127.0.0.1:$client/t"
  eventually serves
  hold a held --ttl 30
  on a dlock --ttl 2 short -- bash -c "$witness" 2>/dev/null 3>&- &
  eventually is_file writes
  head -c 700000 /dev/zero | tr '\0' x >value
  fill() { ! ETCDCTL_API=3 "$etcd/etcdctl" --endpoints "127.0.0.1:$client" put filler <value >/dev/null 2>&1; }
  eventually fill
  full=$(now_us)
  eventually says "database space exceeded"
  eventually gone "$(cat held)"
  stopped_within 2 "$full"
  run -0 on a dpeers
  revision=$(ETCDCTL_API=3 "$etcd/etcdctl" --endpoints "127.0.0.1:$client" get filler -w json | jq .header.revision)
  ctl compact "$revision"
  ctl defrag
  ctl alarm disarm
  eventually serves
  kill -0 "$command"
  run -0 on a dlock -w 20 short true
}
