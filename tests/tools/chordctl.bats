#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# chordctl as a shell user runs it: cold, on one host, with nothing configured.
bats_require_minimum_version 1.5.0

load peer_helpers

setup() {
  own_host
  cd "$BATS_TEST_TMPDIR"
}

teardown() { stop_own_host; }

# versions KEY: one a line.
versions() { chordctl get --all "$1" | cut -f 1; }

# kill_peer: this host's, without a word.
kill_peer() { pkill -9 -f -- "--socket $XDG_RUNTIME_DIR"; }

@test "the first put and get work, and a missing key is 1" {
  chordctl put a 1
  run -0 chordctl get a
  [ "$output" = 1 ]
  for verb in get rm 'get --all' 'get --json'; do
    run -1 --separate-stderr chordctl $verb b
    [ -z "$output" ]
    [ "$stderr" = "chordctl: b: there is no such key" ]
  done
  chordctl rm a
  run -1 chordctl get a
  run -1 chordctl get -w 0 a
  run -1 chordctl get -w 0.001 a
  [ "$(chordctl keys | wc -l)" = 0 ]
  chordctl put a 1
  run -0 chordctl status
  [ "${lines[1]}" = "1 key, 1 byte, 0 keys with siblings" ]
  for listing in keys status ring fingers 'lookup a' 'lookup --trace a' 'get --all a'; do
    read -r verb rest <<<"$listing"
    now=$(date +%s)
    # shellcheck disable=SC2086  # rest is several words
    seen=$(chordctl "$verb" --json $rest | jq -r .as_of | head -n 1)
    echo "$listing: $seen"
    [ "$(date -d "$seen" +%s)" -ge "$now" ]
  done
  run -0 --separate-stderr chordctl ring --check
  [ -z "$stderr" ]
  run -0 script -qec 'chordctl ring --check' /dev/null
  [[ $output == *'chordctl: main: nothing is wrong'* ]]
}

@test "a value is any bytes, to 8 MiB; one more is 65 and changes nothing" {
  head -c 8388608 /dev/urandom >big
  chordctl put big - <big
  chordctl get big | cmp - big
  printf 'a\0b\n\377' >odd
  chordctl put odd <odd
  chordctl get odd | cmp - odd
  chordctl put empty ''
  run -0 chordctl get empty
  [ -z "$output" ]
  run -65 --separate-stderr chordctl put big - < <(cat big; echo)
  [ "$stderr" = "chordctl: standard input: is larger than 8 MiB: store it in pieces" ]
  chordctl get big | cmp - big
}

@test "keys: commas are ordinary, -- before a dash, 1 to 1024 bytes, listed by prefix in the order of bytes" {
  long=$(printf 'k%.0s' $(seq 1024))
  chordctl put 'a,b' 1
  chordctl put -- -dash 2
  chordctl put "$long" 3
  chordctl put $'new\nline' 4
  [ "$(chordctl get a,b)$(chordctl get -- -dash)$(chordctl get "$long")" = 123 ]
  run -64 chordctl put "${long}k" 1
  run -64 chordctl put '' 1
  [ "$(chordctl keys | head -2)" = $'-dash\na,b' ]
  [ "$(chordctl keys new)" = 'new\nline' ]
  chordctl keys -0 new | cmp - <(printf 'new\nline\0')
  [ "$(chordctl keys --local | wc -l)" = 4 ]
  chordctl keys --json a | jq -e '.key == "a,b" and .versions == 1 and .bytes == 1'
  seq 2500 | jq -c '{key: "many/\(.)", value: "v"}' | chordctl put --batch # several pages
  [ "$(chordctl keys many/ | sort -u | wc -l)" = 2500 ]
  [ "$(chordctl keys many/ | LC_ALL=C sort -c; echo $?)" = 0 ]
}

@test "what put has acknowledged survives kill -9 of the peer" {
  chordctl put first 1
  for round in 1 2 3; do
    for i in $(seq 20); do
      chordctl put "k$i" "$round" && echo "k$i $round" >>acknowledged
    done
    kill_peer
  done
  while read -r key value; do latest[${key#k}]=$value; done <acknowledged
  for i in $(seq 20); do [ "$(chordctl get "k$i")" = "${latest[i]}" ]; done
  [ "$(chordctl get first)" = 1 ]
  # No version is given twice, over all lives of the peer.
  for i in $(seq 20); do versions "k$i"; done | sort | uniq -d | wc -l | grep -qx 0
}

@test "siblings: what was not replaced stays; get is 3 and names them; --resolve ends it" {
  chordctl put stock 10
  read_by_both=$(versions stock)
  chordctl put --resolve "$read_by_both" stock 9
  run -0 --separate-stderr chordctl put --resolve "$read_by_both" stock 8
  [[ $stderr == "chordctl: stock: siblings: "* ]]
  run -3 --separate-stderr chordctl get stock
  [ -z "$output" ]
  [ "$stderr" = "chordctl: stock: siblings: $(versions stock | paste -sd ' ')" ]
  mapfile -t both < <(versions stock)
  [ "${#both[@]}" = 2 ]
  [ "$(for v in "${both[@]}"; do chordctl get --version "$v" stock; echo; done | sort | paste -sd ' ')" = "8 9" ]
  chordctl get --all --json stock | jq -se 'length == 2 and all(.size == 1 and .key == "stock")'
  chordctl status --json | jq -e '.siblings == 1'
  run -1 chordctl get --version "$read_by_both" stock
  chordctl put --resolve "${both[0]},${both[1]}" stock 7
  [ "$(chordctl get stock)" = 7 ]
  chordctl put --resolve "${both[0]}" stock 6 # gone long ago: a sibling again
  run -3 chordctl get stock
  chordctl put stock 5 # without a context: in place of all
  [ "$(chordctl get stock)" = 5 ]
}

@test "a value wins over an rm that it was not replaced by" {
  chordctl put k 1
  old=$(versions k)
  chordctl put --resolve "$old" k 2
  chordctl rm --resolve "$old" k
  [ "$(chordctl get k)" = 2 ]
  chordctl rm k
  run -1 chordctl get k
}

@test "a session in a ring of one: what was written is read, and a file that is none is refused" {
  chordctl put --level causal --session s k v
  [ "$(chordctl get --level causal --session s k)" = v ]
  for i in $(seq 70); do chordctl put --level causal --session s "k$i" v; done
  [ "$(jq 'select(has("by") | not)' -c s | wc -l)" -le 65 ]
  [ "$(stat -c %a s)" = 600 ]
  echo no session >t
  run -65 chordctl get --level causal --session t k
  [[ $output == *"t:1: is no line of a session"* ]]
  # Where the session cannot be kept nothing is stored, and what is not used is not left behind.
  mkdir u.new
  run -69 chordctl put --level causal --session u unkept v
  run -1 chordctl get unkept
  run -1 chordctl rm --level causal --session s unkept
  [ ! -e s.new ]
}

@test "rings have nothing in common; COORD_RING names one" {
  chordctl put k main
  chordctl --ring other put k other
  [ "$(COORD_RING=other chordctl get k)" = other ]
  [ "$(chordctl get k --ring main)" = main ]
  run -64 chordctl --ring '' get k
  # Each verb takes it, by option or by environment.
  export COORD_RING=other
  chordctl watch --json >told 3>&- &
  watch=$!
  tells() { chordctl put begun "$RANDOM" && sleep 0.02 && [ -s told ]; }
  eventually tells
  [ "$(chordctl keys | paste -sd,)" = begun,k ]
  [ "$(chordctl dump k | jq -r .value_b64 | base64 -d)" = other ]
  echo '{"key":"loaded","value":"1"}' | chordctl load
  echo '{"key":"batch","value":"1"}' | chordctl put --batch
  chordctl rm loaded
  [[ $(chordctl status | head -n 1) == "ring other:"* ]]
  [[ $(chordctl ring | head -n 1) == "ring other:"* ]]
  chordctl lookup k
  chordctl fingers
  chordctl join -w 30
  [ "$(chordctl ring --json | jq -r .ring | sort -u)" = other ]
  run -1 chordctl get k # set aside until it leaves
  chordctl lookup --trace k
  chordctl ring --check
  chordctl leave # without data nobody has to say so
  [ "$(chordctl get k)" = other ]
  eventually grep -q '"key":"batch"' told
  kill "$watch"
  [ "$(chordctl --ring main keys)" = k ]
}

@test "dump and load carry all over, siblings and odd bytes too" {
  printf 'a\0b\377' | chordctl put odd
  chordctl put $'\377\001' 'odd key'
  chordctl put s 1
  old=$(versions s)
  chordctl put --resolve "$old" s 2
  chordctl put --resolve "$old" s 3
  chordctl dump >all
  [ "$(wc -l <all)" = 4 ]
  chordctl --ring copy load <all
  chordctl --ring copy get odd | cmp - <(printf 'a\0b\377')
  [ "$(chordctl --ring copy get $'\377\001')" = 'odd key' ]
  run -3 chordctl --ring copy get s
  # The same but for versions and times.
  same='{key_b64, value_b64}'
  diff <(jq -c "$same" all | sort) <(chordctl --ring copy dump | jq -c "$same" | sort)
  [ "$(chordctl dump s | wc -l)" = 2 ]
}

@test "load: a line that is wrong is 65 and is named" {
  run -65 --separate-stderr chordctl load <<<'{"key":"a","value":"1"}
{"key":"b"}'
  [[ $stderr == "chordctl: standard input:2: it lacks a key or a value"* ]]
  for line in x '[]' '{"key":"","value":"1"}' '{"key":"a","value":1}' '{"key":"a","value_b64":"_"}' '{"key":"a\u0000","value":""}'; do
    run -65 chordctl load <<<"$line"
  done
}

@test "watch tells each change once at least, and the last one always" {
  chordctl put w/before 1
  chordctl watch w/ >seen 3>&- &
  watch=$!
  eventually watches
  chordctl put w/a 1
  eventually grep -q $'\tput\tw/a\t' seen
  chordctl put other 1
  chordctl put --resolve '1@0000000000000000' w/a 2
  eventually grep -q $'\tsibling\tw/a\t' seen
  chordctl rm w/a
  eventually grep -q $'\trm\tw/a\t' seen
  run ! grep -q 'w/before\|other' seen
  run ! grep -Evq $'^[0-9TZ:.-]+\t(put|rm|sibling)\t[^\t]+\t[0-9]+@[0-9a-f]{16}$' seen
  for i in $(seq 50); do chordctl put w/fast "$i"; done
  last=$(versions w/fast)
  eventually grep -q "$last" seen
  kill "$watch"
}

# watches: the watch has begun, since it tells a change that is made now.
watches() {
  chordctl put w/begun "$RANDOM"
  sleep 0.02
  [ -s seen ]
}

@test "a batch of many values is stored, in one go" {
  seq 3000 | jq -c '{key: "k\(.)", value: ("x" * 1024)}' | chordctl put --batch
  [ "$(chordctl get k3000 | wc -c)" = 1024 ]
  chordctl status --json | jq -e '.keys == 3000 and .bytes == 3072000'
}

@test "a full disk is 3, and gets go on" {
  [ "$(id -u)" = 0 ] || skip "needs root to mount"
  mkdir -p small
  unshare -m true || skip "needs a mount namespace"
  run -0 unshare -m bash -euc '
    mount -t tmpfs -o size=20m,mode=0700 tmpfs small
    coordd --name x --state-dir small --socket "$PWD/s.sock" >log 2>&1 3>&- & peer=$!
    trap "kill $peer" EXIT
    for i in $(seq 200); do chordctl --socket "$PWD/s.sock" put k kept 2>>tries && break; sleep 0.05; done
    head -c 4000000 /dev/zero >value
    for i in $(seq 10); do
      chordctl --socket "$PWD/s.sock" put "big$i" - <value 2>>errors || { echo "put: $?"; break; }
    done
    [ "$(chordctl --socket "$PWD/s.sock" get k)" = kept ]
    ! chordctl --socket "$PWD/s.sock" get "big$i" 2>>errors'
  [ "$output" = "put: 3" ]
  grep -q "not stored: .*there is no room" errors
}

@test "the key of another user is hidden; root sees all" {
  [ "$(id -u)" = 0 ] || skip "needs another user"
  chordctl put @nobody/secret 1
  chordctl put @nobody 2 # no slash: a key as any other
  [ "$(chordctl get @nobody/secret)" = 1 ]
  open=$(mktemp -d) # where others come in
  chmod 755 "$open"
  coordd --name x --state-dir "$BATS_TEST_TMPDIR/shared" --socket "$open/sock" --admit '*' >log 2>&1 3>&- &
  peer=$!
  root() { chordctl --socket "$open/sock" "$@"; }
  as() { setpriv --reuid "$1" --clear-groups chordctl --socket "$open/sock" "${@:2}"; }
  eventually root put @daemon/secret 1
  as nobody put @nobody/own 2
  [ "$(as nobody get @nobody/own)" = 2 ]
  [ "$(root get @nobody/own)" = 2 ]
  run -1 as nobody get @daemon/secret
  run -1 as nobody get --all --json @daemon/secret
  run -1 as nobody lookup @daemon/secret
  run -1 as nobody lookup --trace @daemon/secret
  as nobody lookup @nobody/own
  root lookup @daemon/secret
  setpriv --reuid nobody --clear-groups chordctl --socket "$open/sock" watch >"$BATS_TEST_TMPDIR/told" 3>&- &
  watch=$!
  told() { as nobody put @nobody/own "$RANDOM" && sleep 0.02 && [ -s "$BATS_TEST_TMPDIR/told" ]; }
  eventually told
  root put @daemon/secret 2
  root put behind 1
  eventually grep -q $'\tput\tbehind\t' "$BATS_TEST_TMPDIR/told"
  run ! grep -q secret "$BATS_TEST_TMPDIR/told"
  kill "$watch"
  run -3 as nobody put @daemon/secret 3
  run -3 as nobody rm @daemon/secret
  [ "$(as nobody keys @)" = @nobody/own ]
  [ "$(as nobody dump @ | wc -l)" = 1 ]
  [ "$(root keys | wc -l)" = 3 ]
  kill "$peer"
  wait "$peer" || true
  rm -r "$open"
}

@test "a file that is another program's is refused and left as it is" {
  chordctl put a 1
  kill_peer
  db=$(find "$HOME" -name ring.db)
  rm -f "$db"*
  head -c 8192 /dev/urandom >"$db"
  cp "$db" copy
  run -69 --separate-stderr chordctl get a
  [[ $stderr == *ring.db* ]]
  cmp "$db" copy
  dlock still-works true
}

@test "the examples of chordctl(1) do what they say" {
  mapfile -d '' -t examples < <(python3 "$COORD_SOURCE/tests/tools/man_examples.py" "$COORD_SOURCE/man/chordctl.1.scd")
  [ "${#examples[@]}" -ge 3 ]
  for example in "${examples[@]}"; do
    echo "example: $example"
    run -0 bash -euc "$example"
  done
  [ "$(chordctl get n/1000)" = new ]
  diff <(chordctl --ring restored keys) <(chordctl keys | grep -v '^n/')
}

@test "where no host has joined, this one is the owner, a lookup's only step, and all of its own fingers" {
  chordctl put k v
  [ "$(chordctl lookup k | cut -f 1)" = owner ]
  [ "$(chordctl lookup --trace --json k | jq -r '[.hop, .via, .answered] | @csv')" = '0,"start",true' ]
  [ "$(chordctl lookup --trace k | wc -l)" -eq 3 ]
  [ "$(chordctl fingers --json | jq -s 'map(.last - .first + 1) | add')" = $((8 * 160)) ]
  [ "$(chordctl fingers --json | jq -r .finger.host | sort -u | wc -l)" -eq 1 ]
  [ "$(chordctl get --json k | jq -r .value)" = v ]
}
