#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# dpeers hand-over: a peer that is alone makes way for a group.
# labels: release
bats_require_minimum_version 1.5.0
load host_helpers

setup() {
  host_setup
  cat >>"$place/prelude" <<'SH'
# group NAME...: key and peers' list of a group that begins when start_member has been called for each; the first is this host's,
# by /etc.
group() {
  local ports i=0 name
  read -r -a ports < <(python3 -IS "$COORD_SOURCE/tests/tools/free_ports.py" $# $$)
  coordd --keygen >"$place/key"
  chmod 600 "$place/key"
  list=
  for name in "$@"; do list+="${list:+,}$name=127.0.0.1:${ports[i++]}"; done
}
start_member() { # NAME [OPTION...]
  mkdir -p "/run/$1"
  coordd --name "$1" --peers "$list" --key-file "$place/key" --state-dir "/run/$1" --socket "/run/$1/sock" "${@:2}" \
    </dev/null >>"$place/group.log" 2>&1 &
}
configure() { # NAME: this host's, for all tools
  mkdir -p /run/group
  printf 'name = "%s"\npeers = ["%s"]\nkey_file = "%s"\nstate_dir = "/run/group"\nsocket = "/run/coordutils/coordd.sock"\nadmit = "*"\n' \
    "$1" "$list" "$place/key" >/etc/coordutils/coordd.toml.new
  mv /etc/coordutils/coordd.toml.new /etc/coordutils/coordd.toml
}
start_configured() { coordd </dev/null >>"$place/group.log" 2>&1 & }
held() { dlock --list --json "$1" | jq -e '.holders | length > 0' >/dev/null; }
SH
}
teardown() {
  cat "$place/group.log" 2>/dev/null || true
  host_teardown
}

@test "while somebody holds: nothing new is granted, -n is told that it moves; then it goes on as before, with 1" {
  on_host <<'SH'
has_host
serve_host
as mail dlock job -- sh -c 'while [ ! -e go ]; do sleep 0.02; done' &
holder=$!
eventually held job
dpeers hand-over --yes --within 3 >moved 2>&1 &
moving=$!
closed() { is "$(status as backup dlock -n free true)" '69 *moving: this peer hands over to a group*' 2>/dev/null; }
eventually closed
is "$(status as backup delect -n free true)" '69 *moving*'
as backup dlock free -- touch waited &
waiter=$!
sleep 0.5 # nothing to wait for: it must not be granted
[ ! -e waited ]
s=0; wait $moving || s=$?
is "$s $(cat moved)" '1 *not handed over, it goes on as before: held:*job (mail, pid *)*'
eventually test -e waited
is "$(status as backup dlock -n other true)" '0 '
touch go
wait $holder $waiter
SH
}

@test "a tool that dies in between leaves it closed, also when it is started again; --abort opens it" {
  on_host <<'SH'
has_host
serve_host
as mail dlock job -- sh -c 'while [ ! -e go ]; do sleep 0.02; done' &
holder=$!
eventually held job
dpeers hand-over --yes >moved 2>&1 &
moving=$!
eventually grep -q 'closed: waiting for 1 to end; dpeers hand-over --abort opens it again' moved
kill -KILL $moving
kill -KILL $host
wait $host $moving || true
coordd --host </dev/null >>"$place/host.log" 2>&1 &
eventually dlock --list
is "$(status dlock -n free true)" '69 *moving*'
is "$(status as mail dpeers hand-over --scope host --abort)" '69 *only root and the peer*'
dpeers hand-over --abort
is "$(status dlock -n free true)" '0 '
touch go
wait $holder
SH
}

@test "what does not go along is listed before anybody is asked; without a terminal --yes is needed" {
  on_host <<'SH'
has_host
serve_host
delect --slot today job -- true
dlock --rate 1/3600 mails -- true
chordctl put k value
s=0; dpeers hand-over </dev/null >asked 2>&1 || s=$?
is "$s $(cat asked)" '64 A group does not take over:*values of chordctl*in ring main: 1 key, 5 bytes*rate of mails: 1 in 3600 s*slots done of job: 1*give --yes'
is "$(status dlock -n free true)" '0 '
is "$(status dpeers --abort)" '64 *is for*hand-over*'
group one two
start_member one
start_member two
eventually dlock --socket /run/one/sock --list
is "$(status dpeers hand-over --yes --socket /run/one/sock)" '69 *this peer is one of a group already*'
SH
}

@test "cold: a user's own peer, for root and for an ordinary user; it says why it does not begin again" {
  on_host <<'SH'
for user in mail root; do
  as $user dpeers hand-over --yes >said
  is "$(cat said)" "handed over: the group's tokens begin above *, as $place/home-$user/*/handed-over says"
  is "$(status as $user dlock -w 5 job true)" '69 *this peer has handed over to a group: configure the group, or dpeers hand-over --abort*'
  as $user dpeers hand-over --abort
  is "$(status as $user dlock -n job true)" '0 '
done
SH
}

@test "a group of /etc does not start beside a host's peer that has not handed over, whether that runs or not" {
  on_host <<'SH'
has_host
serve_host
dlock job true
group one two
configure one
is "$(status coordd)" "69 coordd: /var/lib/coordutils-host: this host's peer has not handed over to the group: *dpeers hand-over*"
kill -KILL $host
wait $host || true
is "$(status coordd)" '69 coordd: /var/lib/coordutils-host: *'
SH
}

@test "the group's tokens are above the host's and those of other hosts, whose clocks were ahead" {
  on_host <<'SH'
ahead=$((($(date +%s) + 86400 * 365) << 20))
group one two three
for name in two three; do echo "group $((ahead + ${#name}))" >"$place/of-$name"; done
has_host
serve_host
dpeers hand-over --yes
configure one
start_configured
for name in two three; do start_member $name --handed-over "$place/of-$name"; done
first() { dlock job -- sh -c 'echo $DLOCK_TOKEN >token'; }
eventually first
[ "$(cat token)" -gt "$((ahead + 5))" ]
is "$(status coordd --name x --peers "$list,x=127.0.0.1:1" --key-file "$place/key" --state-dir /run/x --socket /run/x.sock --handed-over missing)" '69 *missing*'
SH
}

@test "a thousand starts across the switch from the host's peer to a group: never two holders, never a smaller token" {
  on_host <<'SH'
cat >work <<'W'
mkdir busy || touch two
echo "$DLOCK_SCOPE $DLOCK_TOKEN" >>tokens
rmdir busy
W
touch tokens errors
chmod 666 tokens errors
group one two three
for name in two three; do start_member $name; done
has_host
serve_host
# Between the end of the one and the configuration of the other no peer answers: 69, and the start is tried again.
export each=250
[ -z "$COORD_SANITIZE" ] || each=25 # a start is ten times slower then
starts() {
  for i in $(seq $each); do
    until dlock -w 60 job sh work 2>>errors; do
      [ $? = 69 ] || { touch failed; return; }
      sleep 0.02
    done
  done
}
export -f starts
workers=
for user in mail mail backup root; do as $user bash -c starts & workers="$workers $!"; done
enough() { [ "$(wc -l <tokens)" -ge $each ]; }
eventually enough
dpeers hand-over --yes
configure one
start_configured
wait $workers
[ ! -e two ]
[ ! -e failed ] || { cat errors; exit 1; }
is "$(wc -l <tokens)" $((4 * each))
cut -d' ' -f2 tokens | sort -nuc
is "$(cut -d' ' -f1 tokens | uniq | tr '\n' ' ')" 'host cluster '
SH
}
