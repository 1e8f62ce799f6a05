#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# One peer for all users of a host: who is sent to it, who is not, and the way to it from private peers.
# labels: release
bats_require_minimum_version 1.5.0
load host_helpers

setup() { host_setup; }
teardown() { host_teardown; }

@test "root's file and no peer: 69 with words, and nobody gets a peer of his own" {
  on_host <<'SH'
has_host
for user in root mail; do
  is "$(status as $user dlock -n job touch ran)" \
    '69 dlock: /run/coordutils/host.sock: *: systemctl start coordd-host.socket, or have root remove /etc/coordutils/host'
done
[ ! -e ran ]
[ ! -e "$place/home-mail/.local" ]
! pgrep coordd
SH
}

@test "without the file every user has a peer of his own, and the listing says so" {
  on_host <<'SH'
as mail dlock job -- sh -c 'echo $DLOCK_SCOPE >scope; as=1; sleep 60' &
eventually test -s scope
is "$(cat scope)" private
as mail dlock --list --json job | jq -e '.scope == "private"'
is "$(as mail dlock --list job | head -1)" '*SCOPE *COMMAND *TOKEN'
as backup dlock -n job true
is "$(status as mail dlock -n job true)" '1 *'
SH
}

@test "cold: two users and root take turns at one name, whoever comes first; every listing names the scope" {
  on_host <<'SH'
has_host
serve_host
as mail dlock job -- sh -c 'echo $DLOCK_SCOPE >scope; sleep 60' &
eventually test -s scope
is "$(cat scope)" host
for user in backup root; do is "$(status as $user dlock -n job true)" '1 *'; done
as backup dlock --list --json job | jq -e '.scope == "host" and .holders[0].user == "mail"'
is "$(as backup dlock --list job | tail -1)" '* host *sleep 60 *'
as backup dpeers --json | jq -e '.scope == "host"'
as backup delect --who --json job | jq -e '.scope == "host"'
as mail dlock --history --json job | jq -e '.scope == "host"'
as backup dlock --report report other true
jq -e '.scope == "host"' report
as backup dlock --scope host other true
is "$(status as backup dlock --scope private other true)" "69 *this host's peer is that of all its users: ask for --scope host*"
is "$(status as backup dlock --scope cluster other true)" "69 *this host's peer is alone, it has no others*"
is "$(status dpeers --socket /run/coordutils/host.sock level --raise)" '0 *level 2*'
! find "$place"/home-* -name 'private-*' | grep .
SH
}

@test "what is one user's name or session stays his at the host's peer" {
  on_host <<'SH'
has_host
serve_host
as mail dlock '@/job' true
is "$(status as backup dlock '@mail/job' true)" '64 *belongs to user mail*'
as mail dlock held -- sh -c 'touch holds; sleep 60' &
eventually test -e holds
is "$(status as backup dlock --break --yes held)" "1 *only its holder's user and root may break it*"
is "$(status as backup dlock -n held true)" '1 *'
SH
}

@test "root narrows it to a group, and says no more in the file than it may" {
  on_host <<'SH'
echo 'admit = "games"' >/etc/coordutils/host
serve_host
chmod 666 /run/coordutils/host.sock # as the unit makes it
is "$(status as mail dlock job true)" '69 *this user is not in the group that may use this peer*'
HOME=$place setpriv --reuid mail --regid mail --groups "$(getent group games | cut -d: -f3)" dlock job true
kill $host; wait $host || true
echo 'socket = "/tmp/x"' >/etc/coordutils/host
is "$(status coordd --host)" '69 coordd: /etc/coordutils/host:1: socket cannot be set here*'
SH
}

@test "a file that is not root's alone to write is an error, never passed over" {
  on_host <<'SH'
has_host
chmod 666 /etc/coordutils/host
is "$(status as mail dlock job true)" '69 dlock: /etc/coordutils/host: others may write to it: chmod go-w *'
chmod 644 /etc/coordutils/host
chown mail /etc/coordutils/host
is "$(status as mail dlock job true)" "69 dlock: /etc/coordutils/host: it is not root's: *"
rm /etc/coordutils/host
ln -s /dev/null /etc/coordutils/host
is "$(status dlock job true)" '69 dlock: /etc/coordutils/host: it is no regular file*'
! pgrep coordd
SH
}

@test "a group that is configured goes before the host's peer" {
  on_host <<'SH'
has_host
serve_host
cp "$COORD_SOURCE/scripts/systemd/coordd.toml.example" /etc/coordutils/coordd.toml
is "$(status as mail dlock job true)" '69 dlock: /run/coordutils/coordd.sock: *: start its service: systemctl start coordd'
SH
}

@test "a user's private peer is asked as long as somebody holds or waits there; then all go to the host's" {
  on_host <<'SH'
as mail dlock job -- sh -c 'echo $DLOCK_TOKEN >held; while [ ! -e go ]; do sleep 0.02; done' &
eventually test -s held
has_host
serve_host
is "$(status as mail dlock -n job true)" '1 *'
as mail dlock --list --json job | jq -e '.scope == "private"'
as backup dlock job -- sh -c 'echo $DLOCK_SCOPE >others'
is "$(cat others)" host
as mail dlock job -- sh -c 'echo $DLOCK_SCOPE >waited' &
waits() { [ "$(as mail dlock --list --json job | jq '.waiters | length')" = 1 ]; }
eventually waits
touch go
wait %1 && wait %3
is "$(cat waited)" private
eventually private_ended mail
as mail dlock job -- sh -c 'echo $DLOCK_SCOPE $DLOCK_TOKEN >after'
read -r scope token <after
is "$scope" host
[ "$token" -gt "$(cat held)" ]
gone() { ! pgrep -u mail coordd; }
eventually gone
SH
}

@test "one that was killed is asked first: its holder may live" {
  on_host <<'SH'
as mail dlock job -- sh -c 'touch held; while [ ! -e go ]; do sleep 0.02; done' &
eventually test -e held
has_host
serve_host
pkill -KILL -u mail coordd
is "$(status as mail dlock -n job true)" '1 *'
touch go
wait %1
as mail dlock job -- sh -c 'echo $DLOCK_SCOPE >after'
is "$(cat after)" host
SH
}

@test "--no-autostart does not go past a private peer that has not handed over" {
  on_host <<'SH'
as mail dlock job true
pkill -KILL -u mail coordd
has_host
serve_host
is "$(status as mail dlock --no-autostart job true)" '69 *'
is "$(status as mail dlock job -- sh -c 'echo $DLOCK_SCOPE')" '0 host'
is "$(status as mail dlock --no-autostart job true)" '0 '
SH
}

@test "when the host has no such peer any more, users have their own again, with larger tokens" {
  on_host <<'SH'
as mail dlock job true
has_host
serve_host
as mail dlock job -- sh -c 'echo $DLOCK_TOKEN >host'
rm /etc/coordutils/host
kill $host; wait $host || true
as mail dlock job -- sh -c 'echo $DLOCK_SCOPE $DLOCK_TOKEN >private'
read -r scope token <private
is "$scope" private
[ "$token" -gt "$(cat host)" ]
has_host
serve_host
as mail dlock job -- sh -c 'echo $DLOCK_SCOPE $DLOCK_TOKEN >again'
read -r scope again <again
is "$scope" host
[ "$again" -gt "$token" ]
SH
}

@test "a private peer by a clock that is ahead: the host's tokens begin above it, but for a guest's far ones" {
  on_host <<'SH'
as mail dlock job true
has_host
serve_host
eventually private_ended mail
ahead=$((($(date +%s) + 3600) << 20))
echo "host $ahead" >"$(private_dir mail)/handed-over"
as mail dlock job -- sh -c 'echo $DLOCK_TOKEN >token'
[ "$(cat token)" -gt "$ahead" ]
echo "host $((($(date +%s) + 30 * 86400) << 20))" >"$(private_dir mail)/handed-over"
is "$(status as mail dlock job true)" "69 *far ahead of this host's clock*"
echo "nonsense" >"$(private_dir mail)/handed-over"
is "$(status as mail dlock job true)" '69 *handed-over: no peer has written it*'
SH
}

@test "a thousand starts across the switch: never two holders, never a smaller token, no start fails" {
  on_host <<'SH'
cat >work <<'W'
mkdir busy || touch two
echo "$DLOCK_SCOPE $DLOCK_TOKEN" >>tokens
rmdir busy
W
touch tokens
chmod 666 tokens
export each=500
[ -z "$COORD_SANITIZE" ] || each=50 # a start is ten times slower then
starts() {
  for i in $(seq $each); do
    dlock -w 60 job sh work || echo "status $?" >>failed
    sleep 0.005 # work of one's own: a name that is always wanted never leaves the private peer
  done
}
export -f starts
workers=
for i in 1 2; do as mail bash -c starts & workers="$workers $!"; done
enough() { [ "$(wc -l <tokens)" -ge "$1" ]; }
eventually enough $((each * 3 / 5))
serve_host # there first, as the package does it
has_host
wait $workers
[ ! -e two ]
[ ! -e failed ] || { cat failed; exit 1; }
is "$(wc -l <tokens)" $((2 * each))
cut -d' ' -f1 tokens | uniq -c
cut -d' ' -f2 tokens | sort -nuc
is "$(cut -d' ' -f1 tokens | uniq | tr '\n' ' ')" 'private host '
SH
}

@test "the package sends tools to the host's peer where its unit is enabled and systemd runs, and no more once it is removed" {
  on_host <<'SH'
for stub in getent deb-systemd-helper deb-systemd-invoke systemctl; do printf '#!/bin/sh\nexit 0\n' >"$place/bin/$stub"; done
printf '#!/bin/sh\n[ "$2 $3" != "was-enabled coordd-host.socket" ] || [ -e %s/enabled ]\n' "$place" >"$place/bin/deb-systemd-helper"
chmod 755 "$place/bin"/*
mount -t tmpfs none /usr/share
mkdir /usr/share/coordutils
cp "$COORD_SOURCE/scripts/systemd/host" /usr/share/coordutils/
script() { sh "$COORD_SOURCE/packaging/$1" "${@:2}"; }
touch "$place/enabled"
script postinst configure ''
[ ! -e /etc/coordutils/host ] # no systemd
mkdir -p /run/systemd/system
rm "$place/enabled"
script postinst configure ''
[ ! -e /etc/coordutils/host ] # not enabled
touch "$place/enabled"
script postinst configure ''
is "$(stat -c '%u %a' /etc/coordutils/host)" '0 644'
serve_host
is "$(as mail dlock job -- sh -c 'echo $DLOCK_SCOPE')" host
script prerm upgrade
[ -e /etc/coordutils/host ]
script prerm remove
[ ! -e /etc/coordutils/host ]
script postinst configure ''
echo 'admit = "games"' >/etc/coordutils/host
script postinst configure 0.2.0
is "$(cat /etc/coordutils/host)" 'admit = "games"'
script prerm remove
[ ! -e /etc/coordutils/host ]
script postinst configure ''
is "$(cat /etc/coordutils/host)" 'admit = "games"'
[ ! -e /etc/coordutils/host.removed ]
SH
}
