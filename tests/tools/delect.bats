#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# delect as a shell user runs it, over three peers.
bats_require_minimum_version 1.5.0
load shared_group

leader_of() { on "$1" delect --who --json "$2" | jq -r .leader.peer; }
leads_on() { [ "$(leader_of a "$2")" = "$1" ]; }  # PEER NAME
stand() { [ "$(on "$1" delect --who --json "$2" | jq '.candidates | length')" -ge "$3" ]; }  # PEER NAME COUNT
nobody_leads() { ! on a delect --who "$1" >/dev/null; }

# campaign PEER NAME [OPTION...]: a candidate whose command writes its pid to lead.PEER.NAME and waits for go.PEER.NAME.
campaign() {
  local peer=$1 name=$2 mark=$1.$2
  shift 2
  rm -f "lead.$mark" "go.$mark" "status.$mark"
  mkfifo "go.$mark"
  {
    set +e
    COORD_SOCKET=$group/$peer.sock delect "$@" "$name" -- sh -c 'echo $$ >"$1"; read line <"$2"' sh "lead.$mark" "go.$mark" &
    delect=$!
    trap 'kill $delect' TERM
    wait $delect
    echo $? >"status.$mark"
  } 3>&- &
}
go() { echo >"go.$1.$2"; }

@test "the command's own status, its environment, and status 1 for who does not lead" {
  run -0 delect own true
  run -7 delect own -- sh -c 'exit 7'
  run -143 delect own -- sh -c 'kill $$'
  run -127 delect own no-such-command-anywhere
  run -64 delect 'own'
  run -64 delect -- -x true
  run -64 delect --grace 5 --ttl 10 own true
  run -0 --separate-stderr delect --value web1:80 own printenv DELECT_NAME DELECT_VALUE DELECT_SCOPE DELECT_TERM
  [ "${lines[0]} ${lines[1]} ${lines[2]}" = "own web1:80 cluster" ]
  [ "${lines[3]}" -gt $((1600000000 * 1048576)) ]
  first=${lines[3]}
  [ "$(on b delect own printenv DELECT_TERM)" -gt "$first" ]
  [ "$(delect own -c 'echo $DELECT_VALUE')" != "" ]
  campaign b own
  eventually is_file lead.b.own
  run -1 delect -n own true
  run -1 delect -w 0.2 own true
  run -9 delect -n -E 9 own true
  [ -z "$output" ]
  go b own
  eventually nobody_leads own
}

@test "--who, --list, --is-leader and their JSON" {
  run -1 delect --who shown
  run -1 delect --is-leader shown
  campaign b shown --value 'web:1' --priority 3
  eventually is_file lead.b.shown
  campaign c shown --priority 1
  eventually stand a shown 1
  campaign a shown --priority 2
  eventually stand a shown 2
  run -0 delect --who shown
  [[ ${lines[0]} == "NAME "*VALUE* ]]
  [[ ${lines[1]} == "shown "*leads*web:1* ]]
  [[ ${lines[2]} == "shown "*"stands 1"* ]]
  run -0 delect --who --json shown
  jq -e '.schema == 1 and .name == "shown" and .event == "current" and .leader.peer == "b" and .leader.value == "web:1"
         and (.leader.pid > 0) and (.leader.since | length) > 20 and (.term | tonumber) > 0
         and [.candidates[].priority] == [2, 1] and .candidates[0].host == .leader.host' <<<"$output"
  run -0 on b delect --is-leader shown
  run -1 on a delect --is-leader -q shown
  [ -z "$output" ]
  delect --list --json | jq -e 'select(.name == "shown") | .leader.peer == "b"'
  delect --list --stale | grep -q '^shown '
  # The lock of that name is another thing.
  run -0 dlock -n shown true
  # The highest priority leads next.
  go b shown
  eventually is_file lead.a.shown
  go a shown
  eventually is_file lead.c.shown
  go c shown
  eventually nobody_leads shown
}

@test "--resign stops this host's leader, --evict any, and its command is gone before the next one begins" {
  campaign b moved
  eventually is_file lead.b.moved
  campaign c moved
  eventually stand a moved 1
  run -1 on c delect --resign moved
  [[ $output == "delect: moved: led on another host"* ]]
  run -64 delect --evict moved </dev/null
  [[ $output == *"add --yes" ]]
  run -0 on b delect --resign moved
  eventually is_file status.b.moved
  [ "$(cat status.b.moved)" = 75 ]
  gone "$(cat lead.b.moved)"
  eventually is_file lead.c.moved
  run -0 delect --evict --yes moved
  gone "$(cat lead.c.moved)"
  eventually is_file status.c.moved
  [ "$(cat status.c.moved)" = 75 ]
  run -1 delect --evict --yes moved
  [[ $output == "delect: moved: nobody leads" ]]
}

@test "--evict asks at a terminal; --standby shows there who leads meanwhile" {
  campaign b asked
  eventually is_file lead.b.asked
  run -0 python3 "$COORD_SOURCE/tests/tools/terminal.py" bash --norc -c 'delect --evict asked; echo "said $?"' <<'EOS'
expect delect: asked is led by
expect stop its command? [y/N]
send n
expect said 1
end
EOS
  leads_on b asked
  run -0 python3 "$COORD_SOURCE/tests/tools/terminal.py" bash --norc -c \
    'delect --standby asked -- echo LEADS & read line; delect --evict asked; wait $!; echo "said $?"' <<'EOS'
expect asked: standing by for
expect led by
send go
expect [y/N]
send y
expect LEADS
expect said 0
end
EOS
  eventually is_file status.b.asked
  [ "$(cat status.b.asked)" = 75 ]
}

@test "a leader that ignores TERM is killed after the grace; one whose delect sleeps is stopped by the peer" {
  COORD_SOCKET=$group/b.sock delect --ttl 3 --grace 0.3 deaf -- sh -c 'trap "" TERM; echo $$ >deaf; while :; do sleep 0.1; done' 3>&- &
  eventually is_file deaf
  run -0 delect --evict --yes deaf
  gone "$(cat deaf)"
  COORD_SOCKET=$group/b.sock delect --ttl 5 --grace 0.2 deaf -- sh -c 'echo $$ >still; exec sleep 100' 3>&- &
  sleeper=$!
  eventually is_file still
  stop_process "$sleeper"
  run -0 timeout 20 delect --evict --yes deaf
  kill -CONT "$sleeper"  # it has to reap what the peer has killed
  eventually gone "$(cat still)"
  wait "$sleeper" && status=0 || status=$?
  [ "$status" = 75 ]
}

@test "--preempt takes over from a lower priority, in order" {
  campaign b taken --priority 1
  eventually is_file lead.b.taken
  campaign c taken --priority 1 --preempt
  eventually stand a taken 1
  leads_on b taken
  campaign a taken --priority 2 --preempt
  eventually is_file lead.a.taken
  gone "$(cat lead.b.taken)"
  eventually is_file status.b.taken
  [ "$(cat status.b.taken)" = 75 ]
  go a taken
  eventually is_file lead.c.taken
  go c taken
  eventually nobody_leads taken
}

@test "--watch tells the current leader and every change, as text and JSON" {
  campaign b seen --value one
  eventually is_file lead.b.seen
  delect --watch --json seen >watched 3>&- &
  delect --watch seen >text 3>&- &
  eventually is_file watched
  eventually is_file text
  campaign c seen --value two
  eventually stand a seen 1
  go b seen
  eventually is_file lead.c.seen
  go c seen
  eventually grep -q '"event":"loss"' watched
  eventually grep -q '^loss seen nobody' text
  [ "$(jq -r '.leader.value // "-"' watched | uniq | paste -sd' ')" = "one two -" ] ||
    [ "$(jq -r '.leader.value // "-"' watched | uniq | paste -sd' ')" = "one - two -" ]
  [ "$(head -n 1 watched | jq -r .event)" = current ]
  grep -q '^current seen .*(one) term' text
  grep -q '^gain seen .*(two) term' text
}

@test "--slot: completed once, silently; others wait for it or leave at once; DELECT_ATTEMPT" {
  run -0 delect --slot monday nightly -- sh -c 'echo "$DELECT_SLOT $DELECT_ATTEMPT"'
  [ "$output" = "monday 1" ]
  for peer in a b c; do
    run -0 on $peer delect --slot monday nightly -- echo again
    [ -z "$output" ]
  done
  campaign b nightly --slot tuesday
  eventually is_file lead.b.nightly
  run -0 delect -n --slot tuesday nightly echo again
  [ -z "$output" ]
  run -1 delect -n --slot friday nightly echo no
  delect --slot tuesday nightly echo again >waited 3>&- &
  waiter=$!
  eventually stand a nightly 1
  go b nightly
  wait "$waiter"
  [ ! -s waited ]
  run -0 delect --last nightly
  [[ $output == *" slot tuesday" ]]
  run -0 delect --last --max-age 600 nightly
  run -0 delect --last --json nightly
  jq -e '.slot == "tuesday" and .age_s < 600 and .host' <<<"$output"
  run -1 delect --last --max-age 0 nightly
  run -1 delect --last never
  run -0 delect plain true
  run -0 delect --last -q plain
  [ -z "$output" ]
}

@test "a slot whose command fails passes its status on and may be begun again, so often" {
  run -5 delect --slot k tries -- sh -c 'exit 5'
  run -5 on b delect --slot k tries -- sh -c 'echo "$DELECT_ATTEMPT"; exit 5'
  [ "$output" = 2 ]
  run -5 on c delect --slot k tries -- sh -c 'echo "$DELECT_ATTEMPT"; exit 5'
  [ "$output" = 3 ]
  run -3 delect --slot k tries echo never
  [[ $output == "delect: tries: begun as often as"* ]]
  run -0 delect --slot k --attempts 4 tries -- sh -c 'echo "$DELECT_ATTEMPT"'
  [ "$output" = 4 ]
  run -64 delect --attempts 4 tries true
}

@test "what never started is no attempt, and keeps nothing taken" {
  printf '#!/no/such/interpreter\n' >lost
  printf '\177ELF of no machine\n' >data
  cp /bin/true busy
  exec 9>>busy
  chmod +x lost busy
  for command in no-such-command-anywhere ./lost ./data ./busy "$PWD"; do
    expected=126
    [[ $command = no-* || $command = ./lost ]] && expected=127
    run -$expected delect --slot k --attempts 1 unstarted "$command"
    [[ "${#lines[@]} $output" == "1 delect: "*": "*": "* ]]
    run -$expected delect --slot auto:1d --attempts 1 --report r unstarted.daily "$command"
    jq -e ".outcome == \"ran\" and .exit_status == $expected" r
    run -$expected delect --min-hold 3600 unstarted.hold "$command"
    run -$expected dlock --min-hold 3600 unstarted.lock "$command"
    run -$expected dlock --rate 1/3600 --report r unstarted.rate "$command"
    jq -e ".outcome == \"ran\" and .exit_status == $expected" r
  done
  exec 9>&-
  run -0 delect --slot k --attempts 1 unstarted -- sh -c 'echo "$DELECT_ATTEMPT"'
  [ "$output" = 1 ]
  run -0 delect --slot auto:1d --attempts 1 unstarted.daily -- sh -c 'echo "$DELECT_ATTEMPT"'
  [ "$output" = 1 ]
  run -0 delect -w 1 unstarted.hold true
  run -0 dlock -w 1 unstarted.lock true
  run -0 dlock -w 1 --rate 1/3600 unstarted.rate true
  # A command that did begin counts, whatever it says.
  run -127 delect --slot said --attempts 1 unstarted -- sh -c 'exit 127'
  run -3 delect --slot said --attempts 1 unstarted true
}

@test "a slot is taken over when its runner is killed, and never with --attempts 1" {
  for attempts in 3 1; do
    rm -f lead.b.over took
    campaign b over --slot "k$attempts" --attempts $attempts --ttl 2
    eventually is_file lead.b.over
    delect --slot "k$attempts" --attempts $attempts --ttl 2 over -- sh -c 'echo "$DELECT_ATTEMPT" >took' 3>&- &
    waiter=$!
    eventually stand a over 1
    runner=$(on a delect --who --json over | jq .leader.pid)
    kill -9 "$runner" "$(cat lead.b.over)"
    wait "$waiter" && status=0 || status=$?
    if [ $attempts = 3 ]; then
      [ $status = 0 ]
      [ "$(cat took)" = 2 ]
    else
      [ $status = 3 ]
      [ ! -e took ]
    fi
  done
}

@test "--slot auto: once a period, by whichever clock" {
  run -0 delect --slot auto:31d monthly -- sh -c 'echo "$DELECT_SLOT"'
  [[ $output == *T00:00:00Z ]]
  run -0 on b delect --slot auto:31d monthly echo again
  [ -z "$output" ]
  for wrong in auto: auto:0h auto:1w auto:32d auto:-1h auto:x ''; do
    run -64 delect --slot "$wrong" monthly true
  done
}

@test "--help says that auto:1d is a day of UTC, and how another zone's is had" {
  run -0 delect --help
  [[ $output == *"--slot auto:1d "*"day of UTC; auto:1d@Europe/Berlin"* ]]
}

@test "--slot auto:1d@ZONE: the day there, by its date; the command's TZ is its own" {
  [ -e /usr/share/zoneinfo/Europe/Berlin ] || skip "no tzdata"
  run -0 delect --slot auto:1d@Pacific/Kiritimati east -- sh -c 'echo "$DELECT_SLOT ${TZ-none}"'
  [ "$output" = "$(TZ=Pacific/Kiritimati date +%F) none" ]
  run -0 env TZ=Asia/Tokyo "$(command -v delect)" --slot auto:1d@Pacific/Pago_Pago west -- sh -c 'echo "$DELECT_SLOT ${TZ-none}"'
  [ "$output" = "$(TZ=Pacific/Pago_Pago date +%F) Asia/Tokyo" ]
  run -0 on b delect --slot auto:1d@Pacific/Pago_Pago west echo again
  [ -z "$output" ]
  for wrong in auto:1h@Europe/Berlin auto:1d@ auto:1d@Europe/Berln auto:1d@../zoneinfo/UTC auto:1d@/etc/localtime 'auto:1d@:UTC' auto:1d@Europe; do
    run -64 delect --slot "$wrong" west true
    [ "${#lines[@]}" -eq 1 ]
  done
}

@test "--enroll: this host stands across commands, and cron's question is answered" {
  run -0 on a delect --enroll reports --priority 2
  run -0 on b delect --enroll reports --value b:80
  eventually leads_on a reports
  eventually stand a reports 1
  run -0 on a delect --is-leader -q reports
  run -1 on b delect --is-leader -q reports
  delect --who reports | grep -q 'leads .*enrolled'
  # Across a restart of coordd as well: the term goes on.
  term=$(delect --who --json reports | jq -r .term)
  signal_peer KILL a
  eventually peer_gone a
  start_peer a "${calm[@]}"
  eventually sees_leader a
  eventually on a delect --is-leader reports
  [ "$(on b delect --who --json reports | jq -r .term)" = "$term" ]
  run -0 on a delect --withdraw reports
  eventually on b delect --is-leader reports
  [ "$(on c delect --who --json reports | jq -r .leader.value)" = b:80 ]
  run -1 on a delect --withdraw reports
  [[ $output == "delect: reports: this host is not enrolled for it: "* ]]
  # Alone it leads again after it was told to resign, in a later term.
  term=$(on b delect --who --json reports | jq -r .term)
  run -0 on b delect --resign reports
  eventually on b delect --is-leader reports
  [ "$(on b delect --who --json reports | jq -r .term)" -gt "$term" ]
  run -0 on b delect --withdraw reports
  eventually nobody_leads reports
}

@test "hooks run around the command, and the lead file is there exactly meanwhile" {
  run -0 delect --on-gain 'echo "gain $DELECT_NAME" >>log; test -e lead' --on-loss 'echo loss >>log; test ! -e lead' \
    --lead-file lead hooked -- sh -c 'echo run >>log; test -e lead && cat lead >content'
  [ -z "$output" ]
  [ "$(paste -sd' ' log)" = "gain hooked run loss" ]
  [ ! -e lead ]
  [[ $(cat content) == *" "[0-9]* ]]
  run -0 delect --on-gain false hooked true
  [ "$output" = "delect: hooked: --on-gain false ended with status 1, which changes nothing: have it end with 0, or put it into the command" ]
  # One that a killed leader has left behind goes; a living leader's stays.
  echo stale >lead
  run -0 delect --lead-file lead hooked -- grep -q ' ' lead
  [ ! -e lead ]
  campaign b filed --lead-file "$PWD/lead"
  eventually is_file lead
  run -1 delect -n --lead-file "$PWD/lead" filed true
  is_file lead
  run -0 delect --evict --yes filed
  eventually is_file status.b.filed
  [ ! -e lead ]
  # Killed with -9, but its command still leads: the lock says so.
  delect --lead-file lead filed -- sh -c 'echo $$ >lead.pid; exec sleep 100' 3>&- &
  eventually is_file lead.pid
  kill -KILL $!
  run -1 flock -n lead true
  kill "$(cat lead.pid)"
  eventually flock -n lead true
  mkdir dir
  run -64 delect --lead-file dir filed true
}

@test "--report tells what became of it" {
  delect --report r reported -- sh -c 'exit 3' || [ $? = 3 ]
  jq -e '.name == "reported" and .outcome == "ran" and .exit_status == 3 and (.token | tonumber) > 0 and .hold_s >= 0' r
  campaign b reported
  eventually is_file lead.b.reported
  run -1 delect -n --report r reported true
  jq -e '.outcome == "not_acquired" and .exit_status == null' r
  go b reported
  # 126 and 127 as the status; a refused command line does not leave an earlier report in place.
  run -127 delect --report r reported /nonexistent
  jq -e '.outcome == "ran" and .exit_status == 127' r
  run -64 delect --report r --attempts 3 reported true
  jq -e '.outcome == "usage"' r
  run -64 delect --report r --grace 9 reported true
  jq -e '.outcome == "usage" and .name == "reported"' r
}

@test "--min-hold keeps others out after a short command" {
  run -0 delect --min-hold 1 brief true
  run -1 delect -n brief true
  run -0 on b delect -w 15 brief true
}

@test "a leader whose peer is stopped ends its command before another host leads; majority lost is 69" {
  campaign b cut --ttl 2
  eventually is_file lead.b.cut
  first=$(cat lead.b.cut)
  # Says whether the first one was still there when it began.
  delect --ttl 2 cut -- sh -c "kill -0 $first 2>/dev/null && echo overlap >after || echo alone >after" 3>&- &
  eventually stand a cut 1
  signal_peer STOP b
  eventually is_file after
  [ "$(cat after)" = alone ]
  eventually is_file status.b.cut
  [ "$(cat status.b.cut)" = 75 ]
  signal_peer STOP c
  run -69 delect --is-leader cut
  run -69 timeout 30 delect -n cut true
  [ "$output" = "delect: cut: no quorum: a majority of the peers cannot be reached: see dpeers" ]
  for order in --enroll --withdraw --resign '--evict --yes'; do
    run -69 timeout 30 delect $order cut
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == "delect: "*": no quorum: "* ]]
  done
  signal_peer CONT b
  signal_peer CONT c
  eventually group_has_leader
  run -0 delect -w 20 cut true
}

# The lines of the README's crontab, as cron gives them to sh: \\% is %.
cron_line() { sed -n '/^## One crontab/,/^## The programs/p' "$BATS_TEST_DIRNAME/../../README.md" | grep "$1" | sed -E 's/^([^ ]+ +){5}//; s/\\%/%/g'; }

@test "the README's crontab, on three hosts" {
  mkdir bin
  for job in report-hourly backup-all drain-queue; do printf '#!/bin/sh\necho "$0" "$DELECT_SLOT" >>%s/ran\n' "$PWD" >bin/$job; done
  chmod +x bin/*
  PATH=$PWD/bin:$PATH
  for line in hourly nightly; do
    for peer in a b c; do run -0 on $peer sh -c "$(cron_line " $line ")"; [ -z "$output" ]; done
  done
  [ "$(grep -c report-hourly ran)" -le 2 ]  # two if the hour turned meanwhile
  [ "$(grep -c backup-all ran)" -le 2 ]
  [ "$(grep -c . ran)" -ge 2 ]
  for peer in a b c; do run -0 on $peer delect --enroll queue; done
  eventually stand a queue 2
  for peer in a b c; do on $peer sh -c "$(cron_line drain-queue)" || true; done
  [ "$(grep -c drain-queue ran)" = 1 ]
  run -0 sh -c "$(cron_line max-age)"
  [ -z "$output" ]
  run -0 sh -c "$(cron_line max-age | sed 's/90000/0/')"
  [ "$output" = "no backup since yesterday" ]
  for peer in a b c; do run -0 on $peer delect --withdraw queue; done
}
