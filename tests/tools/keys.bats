#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dpeers key: the keys of a group are changed on all hosts while they run.
bats_require_minimum_version 1.5.0
load peer_helpers
load member_helpers

setup() {
  cd "$BATS_TEST_TMPDIR" || return
  new_group "$BATS_TEST_TMPDIR/group" a b c
  read -r -a spare < <(free_ports 2)
  export COORD_SOCKET=$group/a.sock
  start_group "${calm[@]}"
  member m "${spare[0]}" a
  first=$(cut -d: -f1 "$group/key")
}

teardown() {
  end_jobs KILL
  stop_group
  stop_members
}

settled() { on "$1" dpeers --check; }
in_use() { dpeers key list --json | jq -r 'select(.in_use) | .key'; }
field() { dpeers key list --json | jq -r "select(.key == \"$1\") | .$2 | join(\",\")"; } # KEY FIELD
# A stranger who has only that file: whether anybody answers him.
lets_in() {
  mkdir -p "$PWD/stranger"
  ! timeout 3 coordd --name stranger --join "127.0.0.1:$(port_of b)" --listen "127.0.0.1:${spare[1]}" --key-file "$1" \
    --state-dir "$PWD/stranger" --socket "$PWD/stranger.sock" 2>&1 </dev/null | grep -q 'refused our key'
}

@test "all hosts send by a new key, and the old one opens nothing any more: a hold goes on, nobody is restarted" {
  hold m job --ttl 10
  run -0 dpeers key list
  [[ $output == *"$first"*"a, b, c, m"*"a, b, c, m"* ]]
  run -0 --separate-stderr dpeers key add
  new=$output
  [[ $new =~ ^k[0-9a-f]{8}$ ]]
  [ "$(in_use)" = "$first" ]
  [ "$(field "$new" has)" = a,b,c,m ]
  run -69 dpeers key remove "$first"
  [[ $output == *"a, b, c"*"send by this key"* ]]
  grep -q "keys: 2; it sends by $first, ordered by $(id -un)" "$group/b.log"
  run -0 on m dpeers key use "$new"
  [ "$(in_use)" = "$new" ]
  [ "$(field "$new" sends)" = a,b,c,m ]
  run -0 --separate-stderr dpeers key remove "$first" --json
  [ "$(jq -c '[.verb, .key, .done, .failed, .away]' <<<"$output")" = "[\"remove\",\"$first\",[\"a\",\"b\",\"c\",\"m\"],[],[]]" ]
  [ "$(field "$new" has)" = a,b,c,m ]
  for name in a b c m; do
    eventually settled $name
    [ "$(stat -c %a "$group/$name/keys")" = 600 ]
    [ "$(grep -c : "$group/$name/keys")" = 2 ] # one of them in the comment
  done
  run -1 dlock -n job -- true
  kill -0 "$command"
  release job
  wait "$holder"
  lets_in "$group/b/keys"
  ! lets_in "$group/key" # the key that it was begun with
  # Neither the log nor a snapshot or a backup has a key.
  secret=$(sed -n "s/^$new://p" "$group/a/keys")
  run -0 dpeers backup --state-dir "$group/a" "$PWD/backup"
  ! grep -rqF "$secret" "$PWD/backup" "$group"/*.log
  raw=$(base64 -d <<<"$secret" | od -An -tx1 | tr -d ' \n')
  for file in "$PWD/backup" "$group"/?/*; do
    [ ! -f "$file" ] || [ "$(basename "$file")" = keys ] || ! od -An -v -tx1 "$file" | tr -d ' \n' | grep -q "$raw"
  done
  # A start goes by the host's own file; that of the configuration only began it.
  signal_peer KILL b
  eventually peer_gone b
  start_peer b "${calm[@]}"
  eventually serves b
  on b dlock -w 10 job -- true
  run -0 coordd --check-config --name b --peers "$(cat "$group/peers")" --key-file "$group/key" --state-dir "$group/b" --socket "$PWD/s"
  [[ $output == *"1 in $group/b/keys"* ]]
}

@test "a host that is away is named (1), and given the key when it is said again, or by its file" {
  signal_peer STOP m
  signal_peer KILL c
  eventually peer_gone c
  run -1 --separate-stderr dpeers key add
  new=$output
  [[ $stderr == *"c, m have not answered"* ]]
  signal_peer CONT m
  start_peer c "${calm[@]}"
  for name in c m; do eventually serves $name; done
  lacks() { [ "$(field "$new" lacks)" = "$1" ]; }
  eventually lacks c # the other one has taken what waited for it
  run -69 dpeers key use "$new"
  [[ $output == *"c lacks this key: \`dpeers key add $new\` gives it to all"* ]]
  run -0 dpeers key add "$new"
  run -0 dpeers key use "$new"
  signal_peer KILL c
  eventually peer_gone c
  run -1 --separate-stderr dpeers key remove "$first"
  [[ $stderr == *"c has not answered: say it again when back; or copy the file \`keys\`"* ]]
  start_peer c "${calm[@]}" # it has the new key already
  eventually serves c
  run -0 dpeers key remove "$first"
  run -0 dpeers key list
  [[ $output != *"$first"* ]]
}

@test "a key of a file is taken, and what cannot be is said" {
  coordd --keygen | sed 's/^[^:]*/summer/' >summer
  chmod 600 summer
  run -0 --separate-stderr dpeers key add --from summer
  [ "$output" = summer ]
  run -64 dpeers key use
  run -64 dpeers key remove nobody
  [[ $output == *"no key here has the id nobody"* ]]
  run -64 dpeers key burn
  run -64 dpeers key list summer
  coordd --keygen | sed 's/^[^:]*/summer/' >winter
  chmod 600 winter
  run -1 dpeers key add --from winter
  [[ $output == *"b: it has another key under this id"* ]]
  COORD_SOCKET=$PWD/alone.sock
  coordd --name alone --state-dir "$PWD/alone" --socket "$PWD/alone.sock" </dev/null >alone.log 2>&1 3>&- &
  alone=$!
  is_there() { [ -S alone.sock ]; }
  eventually is_there
  run -64 dpeers key list
  [[ $output == *"no other peers"* ]]
  kill "$alone"
}
