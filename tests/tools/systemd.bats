#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The package and its units under a real systemd: what the README says, as it is typed there, and what mends itself.
# labels: slow
bats_require_minimum_version 1.5.0
load systemd_helpers

setup_file() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  [ -z "${COORD_SANITIZE-}" ] || skip "a build with sanitizers is not for packages"
  command -v dpkg-shlibdeps >/dev/null || skip "no dpkg-dev"
  (cd "$COORD_BUILD" && cpack -G DEB -B "$BATS_FILE_TMPDIR/out") >"$BATS_FILE_TMPDIR/log" 2>&1 || { tail -n 20 "$BATS_FILE_TMPDIR/log"; return 1; }
}

setup() {
  systemd_setup
  cp "$BATS_FILE_TMPDIR"/out/*.deb "$place"
  cat >>"$place/prelude" <<'SH'
deb=$(basename "$place"/*.deb)
# block SECTION NUMBER: the lines of a block of code in that section of the README
block() {
  sed -n "/^## $1/,/^## [^$(printf %.1s "$1")]/p" "$COORD_SOURCE/README.md" | awk -v want="$2" '/^```/ { if (on = !on) n++; next } on && n == want'
}
# typed HOST LINE: at a terminal there, who says yes to what is asked; what `ssh` gets from another host comes through a pipe
typed() {
  local where=$1 line=$2 other='' rest
  echo "$where# $line"
  if [[ $line == ssh\ * ]]; then
    read -r _ other rest <<<"${line%% | *}"
    line=${line#* | }
    at "$other" sh -c "$rest" | at "$where" sh -c "cd /root && $line"
    return
  fi
  local answers=end
  [[ $line != *hand-over* ]] || answers=$'expect [y/N]\nsend y\nend'
  at "$where" python3 /place/terminal.py sh -c "cd /root && $line" <<<"$answers" | tee typed
  grep -qx 'status 0' typed
}
leads() { at "$1" dpeers --json 2>/dev/null | jq -es 'any(.role == "leader")' >/dev/null; }
journal() { at "$1" journalctl -q --no-pager -o cat SYSLOG_IDENTIFIER=coordd; }
says() { journal "$1" | grep -q -- "$2"; }
SH
  cp "$COORD_SOURCE/tests/tools/terminal.py" "$place"
}
teardown() { systemd_teardown; }

@test "three hosts as the README has it: a group, a replaced disk, and the loss of the majority" {
  on_systemd <<'SH'
boot alpha beta gamma
at alpha cp "/place/$deb" "/root/$deb"
mapfile -t first < <(block 'One host, and three' 1)
mapfile -t last < <(block 'One host, and three' 2)
is "${#first[@]} ${#last[@]}" '3 1'
for line in "${first[@]}"; do typed alpha "$line"; done
at alpha dpeers --socket /run/coordutils/coordd.sock >/dev/null # begun, and asks for the others
for name in beta gamma; do
  at $name dpkg -i "/place/$deb" >/dev/null 2>&1 # what apt has done on alpha
  for line in "${first[1]}" "${last[0]}"; do typed $name "$line"; done
done
eventually leads alpha
is "$(at beta dlock job -- sh -c 'echo $DLOCK_SCOPE')" cluster
at alpha sh -c 'getent passwd alice || adduser --quiet --disabled-password --gecos "" alice' >out
at alpha adduser alice coordutils >out
is "$(at alpha runuser -l alice -c 'dlock job -- sh -c "echo \$DLOCK_SCOPE"')" cluster
is "$(at alpha systemctl --failed --no-legend)" ''

# Its log, in fields.
grant=$(at beta journalctl -q --no-pager -o json COORD_EVENT=grant COORD_NAME=job | tail -n 1)
jq -e '.PRIORITY == "6" and .SYSLOG_IDENTIFIER == "coordd" and ._SYSTEMD_UNIT == "coordd.service" and (.COORD_TOKEN | tonumber > 0)' <<<"$grant"

# A damaged log: nobody starts it again by itself, and who asks is told. Then the README's way back.
at gamma systemctl stop coordd.socket coordd
at gamma sh -c 'printf XXXX | dd of=$(ls /var/lib/coordutils/segment-* | head -n 1) bs=1 seek=8 conv=notrunc status=none'
is "$(status_at gamma systemctl start coordd)" '1 *'
is "$(at gamma systemctl show -P ExecMainStatus coordd)" 65
is "$(at gamma systemctl show -P ActiveState coordd)" failed
is "$(status_at gamma dlock -n job true)" '69 *the peer cannot start, and only a person can mend that: *damaged*'
mapfile -t disk < <(block 'When a disk is replaced' 1)
is "${#disk[@]}" 3
for line in "${disk[@]}"; do typed gamma "$line"; done
eventually says gamma 'it has caught up with the group: the file that asked for --rejoin is removed'
at gamma dlock -w 10 job true
is "$(at gamma stat -c '%U %a' /var/lib/coordutils)" 'coordutils 700'

# Two disks of three are gone.
before=$(at alpha dlock job -- sh -c 'echo $DLOCK_TOKEN')
for name in alpha beta; do at $name systemctl stop coordd.socket coordd; at $name rm -r /var/lib/coordutils; done
mapfile -t found < <(block 'When the majority is lost for good' 1)
for line in "${found[@]}"; do typed gamma "$line"; done
others=$(grep -o '`ssh gamma cat[^`]*`' "$COORD_SOURCE/README.md" | tr -d '`')
for name in alpha beta; do typed $name "$others"; done
for name in alpha beta gamma; do at $name systemctl start coordd; done
eventually leads beta
after=$(at alpha dlock -w 10 job -- sh -c 'echo $DLOCK_TOKEN')
[ "$after" -gt "$before" ]
SH
}

@test "what mends itself is back by itself, and its cause is one line; HUP reads a key again" {
  on_systemd <<'SH'
boot alpha beta gamma
for name in alpha beta gamma; do at $name dpkg -i "/place/$deb" >/dev/null; done
at alpha systemctl stop coordd-host.socket
at alpha coordd --setup --peers alpha=192.0.2.1,beta=192.0.2.2 >out
at alpha systemctl start coordd
at beta systemctl stop coordd-host.socket
at alpha cat /etc/coordutils/join | at beta coordd --join-file - >out
# The key is root's, and the port somebody else's, for more starts than systemd allows by itself.
at beta chown root /etc/coordutils/key
is "$(status_at beta systemctl start coordd)" '1 *'
restarts() { [ "$(at beta systemctl show -P NRestarts coordd)" -ge "$1" ]; }
eventually restarts 2
shows() { [[ "$(at beta systemctl show -P StatusText coordd)" == $1 ]]; } # none while it is being started
eventually shows '/etc/coordutils/key: cannot open it: Permission denied: *'
is "$(journal beta | grep -c '/etc/coordutils/key: cannot open it: Permission denied')" 1
at beta python3 -c 'import socket; s = socket.create_server(("192.0.2.2", 7411)); open("/place/taken", "w"); open("/place/free").read()' &
mkfifo "$place/free"
eventually test -e "$place/taken"
at beta chown coordutils /etc/coordutils/key
eventually says beta '192.0.2.2:7411: cannot listen there: Address already in use'
echo >"$place/free"
eventually leads beta
is "$(at beta systemctl show -P ActiveState coordd.socket)" active
eventually shows 'beta: term *: leader *'
# Killed, again and again: systemd's limit is 5 starts in 10 s.
for i in 1 2 3 4 5 6; do at beta systemctl restart coordd; done
at beta systemctl kill -s KILL coordd
eventually leads beta
# The address comes when the peer is there.
at beta systemctl stop coordd.socket coordd
nsenter -t "${host[beta]}" -n ip addr del 192.0.2.2/24 dev eth0
at beta systemctl start coordd
eventually says beta '192.0.2.2 is no address of this host now'
nsenter -t "${host[beta]}" -n ip addr add 192.0.2.2/24 dev eth0
eventually leads beta
# One more host, without a vote, in one line of the README.
typed gamma "$(block 'One host, and three' 3)"
eventually at gamma dlock -w 5 job true
is "$(at gamma dlock job -- sh -c 'echo $DLOCK_SCOPE')" cluster
is "$(at gamma systemctl --failed --no-legend)" ''
# Another key on all, without a stop.
pid=$(at beta systemctl show -P MainPID coordd)
at beta coordd --keygen >"$place/new"
for name in alpha beta gamma; do at $name sh -c 'cat /place/new /etc/coordutils/key >/root/key && cat /root/key >/etc/coordutils/key'; at $name systemctl reload coordd; done
eventually says beta 'reload: keys and log level read again'
for name in beta gamma; do at $name dlock -w 10 job true; done
is "$(at beta systemctl show -P MainPID coordd)" "$pid"
SH
}

@test "a host's peer that has handed over tells whoever comes, and its socket stays; removed and purged it leaves nothing" {
  on_systemd <<'SH'
boot alpha
at alpha dpkg -i "/place/$deb" >/dev/null
is "$(at alpha dlock job -- sh -c 'echo $DLOCK_SCOPE')" host
at alpha dpeers hand-over --yes
over() { [[ "$(status_at alpha dlock -n job true)" == '69 '*'this peer has handed over to a group'* ]]; }
eventually over
for i in $(seq 25); do at alpha dlock -n job true 2>>refused && exit 1; done # systemd gives a socket up after 20 starts in 2 s
is "$(at alpha systemctl show -P ActiveState coordd-host.socket)" active
is "$(journal alpha | grep -c 'this peer has handed over')" 1
at alpha dpeers hand-over --abort
is "$(at alpha dlock -w 10 job -- sh -c 'echo $DLOCK_SCOPE')" host
at alpha dpkg -P coordutils >/dev/null 2>&1
is "$(at alpha sh -c 'ls -d /etc/coordutils /run/coord* /var/lib/coordutils* /etc/systemd/system/*.wants/coordd* 2>/dev/null')" ''
is "$(at alpha systemctl list-units --no-legend 'coordd*')" ''

# Without the package, under a prefix: the README's lines.
DESTDIR=$place/tree cmake --install "$COORD_BUILD" --prefix /usr/local >installed
at alpha cp -a /place/tree/. /
mapfile -t lines < <(block 'Installing' 2)
is "${#lines[@]}" 3
for line in "${lines[@]}"; do typed alpha "$line"; done
is "$(at alpha dlock job -- sh -c 'echo $DLOCK_SCOPE')" host
is "$(at alpha systemctl show -P ExecStart coordd-host.service)" '*path=/usr/local/bin/coordd *'
is "$(at alpha sh -c 'ps -o user= -p $(systemctl show -P MainPID coordd-host.service)')" 'coordutils*'
SH
}
