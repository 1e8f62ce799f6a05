#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# Stored snapshots as a shell user looks at them: files of a bank of three processes.
bats_require_minimum_version 1.5.0
load peer_helpers

setup() {
  cd "$BATS_TEST_TMPDIR"
  export LC_ALL=C
  bank >bank.jsonl
}

teardown() {
  [ -z "${XDG_RUNTIME_DIR-}" ] || [[ $XDG_RUNTIME_DIR != "$BATS_TEST_TMPDIR"/* ]] || stop_own_host
}

# P1 has sent 2 and 3 to P2, which are on their way.
bank() {
  cat <<'END'
{"schema":1,"type":"snapshot","id":"bank-7-1","group":"bank","complete":true,"missing":[],"why":[],"at":"2026-11-29T03:27:15Z","view":7,"members":[{"id":"P1","life":41,"host":"a"},{"id":"P2","life":42,"host":"b"},{"id":"P3","life":43,"host":"b"}],"lines":4}
{"schema":1,"type":"process","id":"P1","host":"a","state":"balance=40","clock":{"P1":3},"external":false,"sent":{"P2":3},"received":{}}
{"schema":1,"type":"process","id":"P2","host":"b","state":"{\"balance\":25}","clock":{"P1":1,"P2":2},"external":false,"sent":{"P3":1},"received":{"P1":1}}
{"schema":1,"type":"process","id":"P3","host":"b","state":"balance=30","clock":{"P1":1,"P2":2,"P3":1},"external":false,"sent":{},"received":{"P2":1}}
{"schema":1,"type":"channel","from":"P1","to":"P2","messages":[{"number":2,"body":"balance=2","clock":{"P1":2}},{"number":3,"body":"balance=3.5","clock":{"P1":3}}],"full":false}
END
}
incomplete() {
  bank | sed '/"id":"P3","host"/d; s/"lines":4/"lines":3/; s/"complete":true,"missing":\[\],"why":\[\]/"complete":false,"missing":["P3"],"why":["died"]/'
}

@test "show: each state, and what is on its way" {
  [ "$(dsnapshot show bank.jsonl)" = 'snapshot bank-7-1 of bank, view 7, 2026-11-29T03:27:15.000Z: complete
PROCESS  HOST  RECEIVED  SENT  STATE
P1       a            0     3  balance=40
P2       b            1     1  {"balance":25}
P3       b            1     0  balance=30

CHANNEL  ON ITS WAY  FIRST
P1 > P2           2  balance=2' ]
  dsnapshot show --json bank.jsonl | dsnapshot show --json - | cmp - <(dsnapshot show --json bank.jsonl)
  dsnapshot show --json bank.jsonl | jq -e -s '.[0].complete and .[4].messages[1].body == "balance=3.5"'
}

@test "show --sum: states and messages together, a line for each field" {
  [ "$(dsnapshot show --sum balance bank.jsonl)" = 100.5 ]
  [ "$(dsnapshot show --sum balance,none bank.jsonl)" = $'100.5\n0' ]
  dsnapshot show --json --sum balance bank.jsonl | jq -e '.sum == 100.5 and .states == 3 and .messages == 2'
  sed -i 's/balance=30/balance=3e1/' bank.jsonl
  run dsnapshot show --sum balance bank.jsonl
  [ "$status" -eq 65 ]
  [[ $output == 'dsnapshot: bank.jsonl: P3: balance is 3e1, which is no decimal number'* ]]
}

@test "an incomplete snapshot is 1, named, and check refuses it" {
  incomplete >part.jsonl
  run dsnapshot show part.jsonl
  [ "$status" -eq 1 ]
  [[ $output == *': INCOMPLETE: P3: died'* ]]
  for form in '--json' '--sum balance'; do
    run --separate-stderr dsnapshot show $form part.jsonl
    [ "$status" -eq 1 ]
    [ "$stderr" = 'dsnapshot: bank-7-1: is incomplete: P3: died' ]
  done
  run --separate-stderr dsnapshot draw part.jsonl
  [ "$status" -eq 1 ]
  [[ $output == *'no record: died'* ]]
  run dsnapshot check part.jsonl
  [ "$status" -eq 3 ]
  [ "$output" = 'bank-7-1: incomplete: P3: died' ]
}

@test "check: 0 consistent, 3 inconsistent with the rule and who breaks it, 65 unreadable with the line" {
  [ "$(dsnapshot check bank.jsonl)" = 'consistent: 3 processes, 2 messages on the way' ]
  dsnapshot check --json bank.jsonl | jq -e '.type == "result" and .consistent and .exact and .findings == 0'
  sed 's/"received":{"P2":1}/"received":{"P2":2}/; s/"P2":2,"P3":1/"P2":3,"P3":2/' bank.jsonl >late.jsonl
  run dsnapshot check late.jsonl
  [ "$status" -eq 3 ]
  [ "$output" = 'bank-7-1: from the future: P3: it knows event 3 of P2, which had had 2 at its cut
bank-7-1: never sent: P2 > P3: P3 has received 2 and P2 had sent 1' ]
  run dsnapshot check -q late.jsonl
  [ "$status" -eq 3 ]
  [ -z "$output" ]
  [ "$(dsnapshot check --json late.jsonl | jq -r '.rule // .consistent' | paste -sd,)" = 'from the future,never sent,false' ]
  sed 's/"number":3/"number":"3"/' bank.jsonl >bad.jsonl
  run dsnapshot check bad.jsonl
  [ "$status" -eq 65 ]
  [ "$output" = 'dsnapshot: bad.jsonl:5: there is no number' ]
}

@test "check: a state that was asked beside the process is never called exact" {
  sed -i '/"id":"P2","host"/s/"external":false/"external":true/' bank.jsonl
  run dsnapshot check bank.jsonl
  [ "$status" -eq 0 ]
  [[ $output == *$'\n''not exact: the state of P2 is external: '* ]]
  dsnapshot check --json bank.jsonl | jq -e '.consistent and (.exact | not)'
  [[ $(dsnapshot show bank.jsonl) == *'{"balance":25} (external)'* ]]
}

@test "draw: text by the locale, and a picture for a page" {
  [ "$(dsnapshot draw bank.jsonl)" = "P1    P2    P3
*     |     |       P1=2        to P2: balance=2
*     |     |       P1=3        to P2: balance=3.5
*     |     |       P1=3        balance=40
|     *     |       P2=2        {\"balance\":25}
|     |     *       P3=1        balance=30
==================  cut bank-7-1
+---->*     |       P2 <- P1=2  balance=2 (on its way)
+---->*     |       P2 <- P1=3  balance=3.5 (on its way)" ]
  [[ $(LC_ALL=C.UTF-8 dsnapshot draw bank.jsonl) == *╌╌╌*├────▶●* ]]
  [ "$(LC_ALL=C.UTF-8 dsnapshot draw --ascii bank.jsonl)" = "$(dsnapshot draw bank.jsonl)" ]
  dsnapshot draw --svg bank.svg bank.jsonl
  [ "$(dsnapshot draw --svg - bank.jsonl)" = "$(cat bank.svg)" ]
  python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' bank.svg
  grep -q 'class="cut"' bank.svg
}

@test "diff: what moved between two" {
  dsnapshot diff bank.jsonl bank.jsonl
  sed 's/balance=40/balance=36/; /"id":"P1","host"/{s/"clock":{"P1":3}/"clock":{"P1":4}/; s/"P2":3/"P2":4/}
    s/,"full"/&/; s/\],"full"/,{"number":4,"body":"balance=4","clock":{"P1":4}}],"full"/' bank.jsonl >later.jsonl
  dsnapshot check -q later.jsonl
  run dsnapshot diff bank.jsonl later.jsonl
  [ "$status" -eq 1 ]
  [ "$output" = 'P1: balance=40 -> balance=36, 1 event
P1 > P2: 1 sent, 0 received; on the way 2 -> 3' ]
  dsnapshot diff --json bank.jsonl later.jsonl | jq -e -s '.[0].after == "balance=36" and .[1].sent == 1'
  run dsnapshot diff bank.jsonl <(sed 's/"group":"bank"/"group":"shop"/' bank.jsonl)
  [ "$status" -eq 64 ]
}

@test "what is no snapshot is refused with its line, whatever it is" {
  printf '{"schema":2}\n' >x
  run dsnapshot show x
  [ "$status" -eq 65 ]
  [ "$output" = 'dsnapshot: x:1: it is not of schema 1, or is no snapshot' ]
  head -c 300 /dev/urandom >x
  run dsnapshot show x
  [ "$status" -eq 65 ]
  run dsnapshot show - </dev/null
  [ "$status" -eq 65 ]
  [ "$output" = 'dsnapshot: standard input:1: the file is empty' ]
  head -n 3 bank.jsonl >x
  run dsnapshot check x
  [ "$status" -eq 65 ]
  [ "$output" = 'dsnapshot: x:4: the file ends before its last line: it was cut off' ]
  run dsnapshot show .
  [ "$status" -eq 65 ]
  # No end: refused at the bound.
  run dsnapshot show /dev/zero
  [ "$status" -eq 65 ]
  [[ $output == *'is larger than a snapshot may be'* ]]
}

@test "kept snapshots: listed by group, shown by id; whole after the peer was killed" {
  own_host
  keep_snapshot <bank.jsonl
  sed 's/bank-7-1/bank-7-2/; s/T03:27:15Z/T03:27:16Z/' bank.jsonl | keep_snapshot
  sed 's/bank-7-1/shop-1/; s/"group":"bank"/"group":"shop"/' bank.jsonl | keep_snapshot
  [ "$(dsnapshot list --json | jq -r .id | paste -sd,)" = bank-7-1,shop-1,bank-7-2 ]
  [ "$(dsnapshot list bank | awk '{print $1}' | paste -sd,)" = ID,bank-7-1,bank-7-2 ]
  stop_own_host # by KILL
  rm bank.jsonl
  [ "$(dsnapshot show --sum balance bank-7-2)" = 100.5 ]
  dsnapshot check -q bank-7-1
  dsnapshot diff bank-7-1 bank-7-2
  run dsnapshot show none
  [ "$status" -eq 65 ]
  [ "$output" = 'dsnapshot: none: there is no such file, and no snapshot of that id is kept here: see dsnapshot list' ]
  run keep_snapshot <<<'{"schema":1}'
  [ "$status" -eq 69 ]
}

@test "a terminal is safe from what processes say" {
  sed -i 's/balance=30/\\u001b[2J\\u202e/' bank.jsonl
  ! { dsnapshot show bank.jsonl; dsnapshot show --json bank.jsonl; dsnapshot draw bank.jsonl; dsnapshot draw --svg - bank.jsonl; } | grep -q $'[\x1b]'
}
