#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# dpropose --algorithm pbft over four real peers, each with a key of its own.
bats_require_minimum_version 1.5.0
load peer_helpers

setup_file() {
  new_group "$BATS_FILE_TMPDIR/g" a b c d
  start_group "${calm[@]}"
  export group
}

setup() {
  use_group "$BATS_FILE_TMPDIR/g"
  export COORD_SOCKET=$group/a.sock
  cd "$BATS_TEST_TMPDIR"
}

teardown_file() {
  use_group "$BATS_FILE_TMPDIR/g"
  stop_group
}

end_peer() {
  signal_peer KILL "$1"
  eventually peer_gone "$1"
}
gets() { [ "$(on "$1" dpropose --get "$2" 2>/dev/null)" = "$3" ]; }
pinned() { [ "$(grep -c ed25519: "$group/$1/peer-keys")" = 3 ]; }
# The primary of view 0, which is the same for all names of the same sites.
primary() {
  dpropose --algorithm pbft "$1" x --trace 2>&1 >/dev/null | sed -n 's/.* \([a-d]\) -> .*pre-prepare.*/\1/p; s/.* <- \([a-d]\) .*pre-prepare.*/\1/p' | head -n 1
}
signing() { on "$1" dpeers doctor --json | jq -r 'select(.check == "signing" and .object == "'"$2"'") | .what'; }

@test "pbft: keys are made at the first start, and pinned when peers meet" {
  for peer in a b c d; do
    eventually pinned "$peer"
    [ "$(stat -c %a "$group/$peer/signing-key")" = 600 ]
  done
  [ "$(signing a b)" = "$(signing b 'this host')" ]
  [[ $(signing a b) == ed25519:* ]]
  [ "$(signing a b)" != "$(signing a c)" ]
  [ "$(grep '^b ' "$group/c/peer-keys")" = "b $(signing b 'this host')" ]
}

@test "pbft: four peers decide one value, whoever proposes and asks, and the trace tells the phases" {
  run -0 --separate-stderr on b dpropose --algorithm pbft plan one --json --trace --report report
  [ "$(jq -c '[.value, .algorithm, .won, .decided_by]' <<<"$output")" = '["one","pbft",true,null]' ]
  [ "$(jq -c '[.outcome, .messages.prepare >= 3, .messages.commit >= 2, .delays >= 3]' report)" = '["decided",true,true,true]' ]
  [[ $stderr == *prepare*"(2f+1: b, "*commit*"(2f+1: b, "* ]]
  for phase in pre-prepare prepare commit "decided, after"; do [[ $stderr == *"$phase"* ]]; done
  [ "$(on c dpropose --algorithm pbft plan two)" = one ]
  gets d plan one
  for peer in a b c d; do
    on $peer dpropose --algorithm pbft race "from $peer" >"out.$peer" 3>&- &
    askers+=($!)
  done
  for asker in "${askers[@]}"; do wait "$asker"; done
  [ "$(sort -u out.* | wc -l)" -eq 1 ]
  run -1 on a dpropose --get other
}

@test "pbft: byte for byte, 64 KiB, forgotten and begun anew" {
  head -c 65536 /dev/urandom >value
  on a dpropose --algorithm pbft blob - <value >out
  cmp value out
  on d dpropose --get blob - >out.d
  cmp value out.d
  on c dpropose --forget blob
  run -1 on a dpropose --get blob
  [ "$(on b dpropose --algorithm pbft blob small)" = small ]
  run -64 on b dpropose --algorithm paxos blob other
}

@test "pbft: other than 3f+1 sites are refused, and so is a host that is none of them" {
  run -64 --separate-stderr on a dpropose --algorithm pbft few v --among a,b,c
  [[ $stderr == *"4, 7, 10"* ]]
  run -64 --separate-stderr on a dpropose --algorithm pbft few v --among a,b,c,x
  [[ $stderr == *"x is no voter"* ]]
  run -64 on a dpropose few v --among a,b,c,d
  run -64 --separate-stderr on a dpropose --algorithm paxos few v --among b,c,d
  [[ $stderr == *"a is none of them"* ]]
  [ -z "$(on a dpropose --list few --json)" ]
  [ "$(on a dpropose --algorithm pbft four v --among a,b,c,d)" = v ]
  [ "$(on b dpropose --algorithm paxos three v --among a,b,c)" = v ]
  run -64 on d dpropose --algorithm paxos three v
}

@test "pbft: the primary is killed, the next view decides, and it learns that when it is back" {
  local first others
  first=$(primary before)
  [ -n "$first" ]
  mapfile -t others < <(others_than "$first")
  end_peer "$first"
  run -0 --separate-stderr on "${others[0]}" dpropose --algorithm pbft plan2 v -w 20 --trace
  [ "$output" = v ]
  [[ $stderr == *"in view 1"* ]]
  gets "${others[1]}" plan2 v
  gets "${others[2]}" before x
  start_peer "$first" "${calm[@]}"
  eventually gets "$first" before x
  eventually gets "$first" plan2 v
}

@test "pbft: all are killed and started again, and what was decided stays" {
  on b dpropose --algorithm pbft lasting v
  for peer in a b c d; do end_peer $peer; done
  for peer in a b c d; do start_peer $peer "${calm[@]}"; done
  eventually gets c lasting v
  [ "$(on a dpropose --algorithm pbft lasting w)" = v ]
  [ "$(on d dpropose --algorithm pbft after w)" = w ]
}

@test "pbft: a host whose key is another is named and not believed, until its line is changed by hand" {
  end_peer d
  mv "$group/d/signing-key" old-key
  start_peer d "${calm[@]}"
  named() { [[ $(signing a d) == *"are not accepted"* ]]; }
  eventually named
  end_peer c
  run -76 on a dpropose --algorithm pbft alone v -w 1
  start_peer c "${calm[@]}"
  [ "$(on a dpropose --algorithm pbft alone v -w 20)" = v ]
  end_peer d
  mv old-key "$group/d/signing-key"
  start_peer d "${calm[@]}"
  eventually gets d alone v
}

shows_own() { [ -n "$(signing "$1" 'this host')" ]; }
names_another() { [[ $(signing "$1" d) == *"are not accepted"* ]]; }

@test "pbft: another key is pinned by hand, on each host by itself, and counts at once" {
  end_peer c
  [ "$(on a dpropose --algorithm pbft before-that v -w 20)" = v ]
  end_peer d
  mv "$group/d/signing-key" old-key
  for peer in c d; do start_peer $peer "${calm[@]}"; done
  eventually shows_own d
  eventually shows_own c
  for peer in a b c; do
    [ $peer = c ] || eventually names_another $peer
    run -0 on $peer dpeers key pin d "$(signing d 'this host')"
    [[ $output == "d signs by ed25519:"*", in place of ed25519:"* ]]
    [ "$(signing $peer d)" = "$(signing d 'this host')" ]
  done
  # c was away, and does not believe what d has signed by its old key.
  eventually gets c before-that v
  end_peer c
  [ "$(on a dpropose --algorithm pbft by-hand v -w 20)" = v ]
  start_peer c "${calm[@]}"
  eventually gets c by-hand v
  end_peer d
  mv old-key "$group/d/signing-key"
  start_peer d "${calm[@]}"
  eventually shows_own d
  signing d 'this host' >key
  for peer in a b c; do on $peer dpeers key pin d --from key --json | jq -e '.verb == "pin" and .host == "d" and .before != null'; done
  eventually gets d by-hand v
}

@test "pbft: in a group that lives nothing is pinned by itself: a host without pins names what it is shown, and waits" {
  end_peer a
  rm "$group/a/peer-keys"
  start_peer a "${calm[@]}"
  shows() { [[ $(signing a b) == "not pinned"*"dpeers key pin b ed25519:"* ]]; }
  eventually shows
  [ ! -e "$group/a/peer-keys" ]
  run -69 --separate-stderr on a dpropose --algorithm pbft unpinned v -w 2
  [[ $stderr == *"signing key is not pinned here"* ]]
  [ -z "$(on b dpropose --list unpinned --json)" ]
  key=$(signing b 'this host')
  run -64 on a dpeers key pin b
  run -64 on a dpeers key pin b none
  run -64 on a timeout 20 dpeers key pin b --from /dev/zero
  run -64 on a dpeers key pin a "$key"
  run -64 on a dpeers key pin nobody "$key"
  run -64 on a dpeers key list b "$key"
  run -64 on a dpeers key pin b --from "$group/key"
  for peer in b c d; do on a dpeers key pin $peer "$(signing $peer 'this host')"; done
  pinned a
  [ "$(on a dpropose --algorithm pbft unpinned v -w 20)" = v ]
  end_peer a
  start_peer a "${calm[@]}"
  eventually gets a unpinned v
  pinned a
}

@test "pbft: nothing is proposed with a site that was not heard yet, nor on a host that cannot sign" {
  end_peer d
  end_peer a
  start_peer a "${calm[@]}"
  ready() { [ "$(on a dpropose ready v 2>/dev/null)" = v ]; }
  eventually ready
  run -69 --separate-stderr on a dpropose --algorithm pbft early v -w 2
  [[ $stderr == *"d: its peer was not heard yet"* ]]
  [ -z "$(on a dpropose --list early --json)" ]
  mv "$group/d/signing-key" key
  echo none >"$group/d/signing-key"
  start_peer d "${calm[@]}"
  eventually gets d ready v
  run -69 --separate-stderr on d dpropose --algorithm pbft early v -w 2
  [[ $stderr == *"signing key cannot be read"* ]]
  [ -z "$(on a dpropose --list early --json)" ]
  end_peer d
  mv key "$group/d/signing-key"
  start_peer d "${calm[@]}"
  [ "$(on a dpropose --algorithm pbft early v -w 20)" = v ]
}

@test "pbft: three voters are too few" {
  new_group "$BATS_TEST_TMPDIR/small" a b c
  start_group "${calm[@]}"
  run --separate-stderr on a dpropose --algorithm pbft plan v
  stop_group
  [ "$status" -eq 64 ]
  [[ $stderr == *"4, 7, 10"* ]]
}

@test "pbft: a founder whose disk was lost pins nobody by itself" {
  new_group "$BATS_TEST_TMPDIR/lost" a b c d
  start_group "${calm[@]}"
  for peer in a b c d; do eventually pinned $peer; done
  end_peer a
  rm -r "$group/a"
  mkdir "$group/a"
  start_peer a "${calm[@]}"
  mute() { grep -q "state that is lost now" "$group/a.log"; }
  eventually mute
  shows() { [[ $(signing a b) == "not pinned"* ]]; }
  eventually shows
  sleep 1
  [ ! -e "$group/a/peer-keys" ]
  stop_group
}
