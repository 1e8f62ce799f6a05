#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# TLS and tokens of the engine that COORD_TEST_KIND names: one server a test, as each is set up another way. (Of etcd: security.bats.)
# labels: release
bats_require_minimum_version 1.5.0
load engine_helpers

setup_file() {
  export kind=${COORD_TEST_KIND:-redis} COORD_ENGINE_UNSAFE=1
  engine_servers fetch
  export bin=$told
}
setup() {
  cd "$BATS_TEST_TMPDIR" || return
  chmod 755 .
  group=$BATS_TEST_TMPDIR names=(a)
  own_host
  unset COORD_ENGINE
  read -r client peer other < <(free_ports 3)
  libraries=$COORD_BUILD/engines/usr/lib/$(uname -m)-linux-gnu
  as_server=()
  [ "$(id -u)" != 0 ] || [ "$kind" != postgres ] || as_server=(setpriv --reuid=65534 --regid=65534 --clear-groups)
}
teardown() {
  end_jobs KILL
  stop_group
  [ ! -e server.pid ] || kill -9 "$(cat server.pid)" $(pgrep -P "$(cat server.pid)") 2>/dev/null || true
  stop_own_host
}
run_server() {
  LD_LIBRARY_PATH=$libraries "${as_server[@]}" "$@" </dev/null >>server.log 2>&1 3>&- &
  echo $! >server.pid
  disown
  eventually listens
}
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$client") 2>/dev/null; }
gateway() {
  begin_gateway a "$@"
  eventually test -S a.sock
}
end_gateway() {
  signal_peer KILL a
  eventually peer_gone a
}
serves() { on a dlock -n x true 2>why.txt; }
says() { on a dlock -n x true 2>why.txt; [ $? -eq 69 ] && grep -qE -- "$1" why.txt; }

certificates() { # CN of the host's own
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=ca 2>/dev/null
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout other.key -out other.pem -subj /CN=other 2>/dev/null
  for name in server host; do
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.csr -subj "/CN=$([ $name = host ] && echo "$1" || echo server)" 2>/dev/null
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out $name.pem \
      -extfile <(echo 'subjectAltName=IP:127.0.0.1'; echo 'extendedKeyUsage=serverAuth,clientAuth') 2>/dev/null
  done
}
# The engine's own keys and locks, by a peer that gets its certificates of the environment.
by_native() { # URL
  dkv --native --engine "$1" put k v
  [ "$(dkv --native --engine "$1" get k)" = v ]
  dlock --native --engine "$1" --ttl 10 -n l true
}
by_native_with_tls() {
  export COORD_ENGINE_CA=$PWD/ca.pem COORD_ENGINE_CERT=$PWD/host.pem COORD_ENGINE_KEY=$PWD/host.key
  by_native "$1"
  stop_own_host
  run -69 env COORD_ENGINE_CA="$PWD/other.pem" dkv --native --engine "$1" get k
  [[ "$output" == *certificate* ]]
  unset COORD_ENGINE_CA COORD_ENGINE_CERT COORD_ENGINE_KEY
}
# The server of this kind, which wants TLS and a certificate of its clients.
tls_server() {
  case $kind in
  redis)
    run_server "$bin/redis-server" --port 0 --tls-port "$client" --bind 127.0.0.1 --dir "$PWD" --save '' --tls-cert-file server.pem \
      --tls-key-file server.key --tls-ca-cert-file ca.pem --tls-auth-clients yes
    ;;
  consul)
    consul_config '"ports": {"http": -1, "https": '"$client"', "server": '"$peer"', "serf_lan": '"$other"', "serf_wan": -1, "dns": -1, "grpc": -1},
      "cert_file": "server.pem", "key_file": "server.key", "ca_file": "ca.pem", "verify_incoming": true' >consul.json
    run_server "$bin/consul" agent -config-file consul.json
    ;;
  postgres)
    mkdir pg
    cp server.pem server.key ca.pem pg
    chmod 600 pg/server.key
    [ "${#as_server[@]}" = 0 ] || chown -R 65534:65534 pg
    LD_LIBRARY_PATH=$libraries "${as_server[@]}" "$bin/initdb" -D "$PWD/pg/data" -U coordutils -A trust --no-sync -E UTF8 --locale=C >initdb.log 2>&1
    echo 'hostssl all all 127.0.0.1/32 cert' >pg/data/pg_hba.conf
    run_server "$bin/postgres" -D "$PWD/pg/data" -p "$client" -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=16MB \
      -c ssl=on -c ssl_cert_file="$PWD/pg/server.pem" -c ssl_key_file="$PWD/pg/server.key" -c ssl_ca_file="$PWD/pg/ca.pem"
    ;;
  zookeeper)
    openssl pkcs8 -topk8 -nocrypt -in server.key -out server.pk8
    cat server.pem server.pk8 >both.pem
    printf '%s\n' tickTime=500 "dataDir=$PWD/zk" "secureClientPort=$client" secureClientPortAddress=127.0.0.1 admin.enableServer=false \
      serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory "ssl.keyStore.location=$PWD/both.pem" \
      "ssl.trustStore.location=$PWD/ca.pem" ssl.clientAuth=need >zoo.cfg
    run_server java -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
      -cp "$(printf '%s:' "$bin"/{zookeeper,zookeeper-jute,netty-all,slf4j-api,slf4j-nop,metrics-core,snappy-java,commons-cli}.jar "$bin"/netty*.jar)" \
      org.apache.zookeeper.server.quorum.QuorumPeerMain "$PWD/zoo.cfg"
    ;;
  esac
}
consul_config() {
  echo '{"server": true, "bootstrap_expect": 1, "node_name": "m", "data_dir": "'"$PWD"'/data", "bind_addr": "127.0.0.1",
    "client_addr": "127.0.0.1", "log_level": "err", "disable_update_check": true, "performance": {"raft_multiplier": 1}, '"$1"'}'
}

@test "with TLS: the server's certificate is checked, one of the host's own is shown, and what is wrong is told" {
  certificates coordutils
  tls_server
  case $kind in
  redis) scheme=rediss ;;
  consul) scheme=consuls ;;
  postgres) scheme=postgress ;;
  zookeeper) scheme=zookeepers ;;
  esac
  url=$scheme://127.0.0.1:$client/t
  [ "$kind" != postgres ] || url=$scheme://127.0.0.1:$client/postgres/t
  gateway --engine "$url" --engine-ca ca.pem --engine-cert host.pem --engine-key host.key
  eventually serves
  [ "$kind" = postgres ] || by_native_with_tls "${url%/t}"
  end_gateway
  gateway --engine "$url" --engine-ca other.pem --engine-cert host.pem --engine-key host.key
  eventually says "TLS: .*certificate"
  end_gateway
  gateway --engine "$url" --engine-ca ca.pem
  eventually says "127.0.0.1:$client: "
}

@test "Consul's token: without one nobody is let in, with one that may only read it is said, and the right one serves" {
  of_kind consul
  root=11111111-2222-3333-4444-555555555555
  consul_config '"ports": {"http": '"$client"', "server": '"$peer"', "serf_lan": '"$other"', "serf_wan": -1, "dns": -1, "grpc": -1},
    "acl": {"enabled": true, "default_policy": "deny", "tokens": {"master": "'$root'"}}' >consul.json
  run_server "$bin/consul" agent -config-file consul.json
  api() { # PATH BODY
    python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], sys.argv[3].encode(), {"X-Consul-Token": sys.argv[2]}, method="PUT"), timeout=5).read().decode())' \
      "http://127.0.0.1:$client$1" $root "$2" 2>/dev/null
  }
  rules() { api /v1/acl/policy '{"Name": "'"$1"'", "Rules": "key_prefix \"t/\" { policy = \"'"$1"'\" } session_prefix \"\" { policy = \"'"$1"'\" }"}' && api /v1/acl/token '{"Policies": [{"Name": "'"$1"'"}]}'; }
  eventually rules write >made
  grep -o '"SecretID":"[^"]*"' made | cut -d'"' -f4 >writer
  rules read | grep -o '"SecretID":"[^"]*"' | cut -d'"' -f4 >reader
  echo 99999999-2222-3333-4444-555555555555 >unknown
  chmod 600 writer reader unknown
  run -64 --separate-stderr coordd --name a --state-dir a --socket a.sock --engine "consul://127.0.0.1:$client/t" --engine-user x --engine-password-file writer
  [[ $stderr == *"tokens and no users"* ]]
  gateway --engine "consul://127.0.0.1:$client/t" --engine-password-file unknown
  eventually says "ACL not found.*--engine-password-file"
  end_gateway
  gateway --engine "consul://127.0.0.1:$client/t"
  eventually says "Permission denied.*--engine-password-file"
  end_gateway
  gateway --engine "consul://127.0.0.1:$client/t" --engine-password-file writer
  eventually serves
  grep -q "the token goes to consul://.* without TLS" a.log
  ! grep -qf writer a.log
  end_gateway
  own() { COORD_ENGINE_PASSWORD_FILE=$PWD/$1 "${@:2}"; }
  own writer dkv --native --engine "consul://127.0.0.1:$client" put t/k v
  own writer dlock --native --engine "consul://127.0.0.1:$client" -n t/l true
  stop_own_host
  [ "$(own reader dkv --native --engine "consul://127.0.0.1:$client" get t/k)" = v ]
  run -69 own reader dkv --native --engine "consul://127.0.0.1:$client" put t/k w
  [[ "$output" == *"--engine-password-file"* ]]
  stop_own_host
  run -69 own unknown dkv --native --engine "consul://127.0.0.1:$client" get t/k
  [[ "$output" == *"--engine-password-file"* ]]
  gateway --engine "consul://127.0.0.1:$client/t" --engine-password-file reader
  eventually says "Permission denied.*--engine-password-file"
  run -0 on a dpeers
}
