#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# labels: release
# coordd --setup and --join-file: from nothing to a group, and the ways between its hosts before any peer runs.
bats_require_minimum_version 1.5.0
load setup_helpers

setup() { hosts_setup; }
teardown() { hosts_teardown; }

@test "three hosts by three commands each: a group, with owners and modes, and its key was nowhere to be seen" {
  on_hosts <<'SH'
at alpha sh -c 'umask 077; exec coordd --setup --peers "$1"' sh $peers >alpha.out 2>&1
is "$(at alpha stat -c %a /etc/coordutils)" 755
grep -q 'set up: alpha, one of 3' alpha.out
grep -q '7411' alpha.out
at alpha cat /etc/coordutils/join | at beta coordd --join-file - >beta.out 2>&1
grep -q 'alpha at 10.7.0.1:7411: both directions, TCP and UDP' beta.out
grep -q 'gamma at 10.7.0.3:7411: nobody listens there yet' beta.out
at alpha cat /etc/coordutils/join | at gamma coordd --join-file - >gamma.out 2>&1
grep -q 'alpha at 10.7.0.1:7411: both directions, TCP and UDP' gamma.out
secret=$(at alpha cat /etc/coordutils/key | cut -d: -f2)
! grep -F "$secret" ./*.out
for name in alpha beta gamma; do
  is "$(at $name stat -c '%U %a' /etc/coordutils/key)" 'coordutils 600'
  is "$(at $name stat -c '%U %a' /etc/coordutils/coordd.toml)" 'root 644'
  is "$(at $name stat -c '%U %a' /var/lib/coordutils)" 'coordutils 700'
  at $name grep -qx 'admit = "coordutils"' /etc/coordutils/coordd.toml
done
is "$(at alpha stat -c '%U %a' /etc/coordutils/join)" 'root 600'
at beta test ! -e /etc/coordutils/join
for name in alpha beta gamma; do as_service $name; done
eventually leads gamma
at beta dlock job -- sh -c 'echo $DLOCK_SCOPE' >scope
is "$(cat scope)" cluster
SH
}

@test "one more host without a vote, by the same file: its configuration, and it serves" {
  on_hosts <<'SH'
at alpha sh -c 'umask 077; exec coordd --setup --peers "$1"' sh alpha=10.7.0.1,beta=10.7.0.2 >alpha.out 2>&1
at alpha cat /etc/coordutils/join | at beta coordd --join-file - >beta.out 2>&1
for name in alpha beta; do as_service $name; done
eventually leads beta
status=0
at alpha cat /etc/coordutils/join | at gamma coordd --join-file - --without-vote --name beta >wrong 2>&1 || status=$?
cat wrong; is $status 64
at alpha cat /etc/coordutils/join | at gamma coordd --join-file - --without-vote --name gamma >gamma.out 2>&1 || { cat gamma.out; false; }
cat gamma.out
grep -q 'set up: gamma, without a vote' gamma.out
grep -q '10.7.0.1:7411: alpha answers' gamma.out
is "$(at gamma stat -c '%U %a' /etc/coordutils/coordd.toml)" 'root 644'
at gamma grep -qx 'join = \["10.7.0.1:7411", "10.7.0.2:7411"\]' /etc/coordutils/coordd.toml
as_service gamma
serves() { at gamma dlock --list; }
eventually serves
is "$(at gamma dlock job -- sh -c 'echo $DLOCK_SCOPE')" cluster
is "$(at alpha dpeers --json | jq -r 'select(.name == "gamma") | .address')" 10.7.0.3:7411
at alpha cat /etc/coordutils/join | at gamma coordd --join-file - --without-vote --name gamma >again.out 2>&1
grep -q 'set up already, nothing is changed' again.out
SH
}

@test "once more nothing is changed, and it says so; what has the wrong owner or mode is mended" {
  on_hosts <<'SH'
at alpha coordd --setup --peers $peers >out
sums() { at alpha sh -c 'cd /etc/coordutils && stat -c "%n %i %U %a %y" * && cat *' | sha256sum; }
before=$(sums)
is "$(status_at alpha coordd --setup)" '0 set up already, nothing is changed: alpha, one of 3*'
is "$(status_at alpha coordd --setup --name alpha --peers $peers)" '0 set up already, nothing is changed: alpha, one of 3*'
is "$(sums)" "$before"
is "$(status_at alpha coordd --setup --name beta)" '69 coordd: /etc/coordutils/coordd.toml: this host is set up otherwise, as alpha: *'
is "$(status_at alpha coordd --setup --peers alpha=10.7.0.1,beta=10.7.0.9)" '69 *set up otherwise*'
is "$(sums)" "$before"
at alpha cat /etc/coordutils/join >join
at beta coordd --join-file - <join >out
is "$(status_at beta coordd --join-file - <join)" '0 set up already, nothing is changed: beta, one of 3*'
at beta chown root /etc/coordutils/key # as after a copy by hand
at beta chmod 644 /etc/coordutils/key
is "$(status_at beta coordd --join-file - <join)" '0 /etc/coordutils/key: owner and mode*'
is "$(at beta stat -c '%U %a' /etc/coordutils/key)" 'coordutils 600'
SH
}

@test "root checks a configuration, and founds anew, as the unit would: what is the service user's is read" {
  on_hosts <<'SH'
at alpha coordd --setup --peers $peers >out
for name in beta gamma; do at alpha cat /etc/coordutils/join | at $name coordd --join-file - >out; done
for name in alpha beta gamma; do # as a host's peer leaves it that has handed over
  at $name install -d -o coordutils -m 700 /var/lib/coordutils-host
  at $name sh -c 'cd /var/lib/coordutils-host && echo >lock && echo "group 1234567" >handed-over && chown coordutils lock handed-over'
  is "$(status_at $name coordd --check-config)" "0 /etc/coordutils/coordd.toml: right*peer*$name*"
done
at beta chown root /etc/coordutils/key # the unit could not read it
is "$(status_at beta coordd --check-config)" '69 coordd: /etc/coordutils/key: cannot open it: Permission denied: give it, *to the user that runs coordd'
is "$(at beta dpeers doctor --json | jq -r 'select(.status == "fail" and .check == "key").remedy')" 'give it, *to the user that runs coordd'
at beta chown coordutils /etc/coordutils/key
for name in alpha beta gamma; do as_service $name; done
for name in alpha beta gamma; do eventually leads $name; done
at beta dlock job true
for name in alpha beta gamma; do
  pid=$(at $name head -n 1 /var/lib/coordutils/lock)
  kill -9 $pid
  eventually sh -c "! kill -0 $pid 2>/dev/null"
  at $name mv /var/lib/coordutils /var/lib/coordutils.former
done
is "$(status_at gamma coordd --found-from /var/lib/coordutils.former)" '0 /var/lib/coordutils: group *its tokens are above*ssh gamma cat*'
is "$(at gamma stat -c '%U %a' /var/lib/coordutils/founding)" 'coordutils 600'
for name in alpha beta; do
  at gamma cat /var/lib/coordutils/founding | at $name coordd --found-from - >out
done
for name in alpha beta gamma; do as_service $name; done
for name in alpha beta gamma; do eventually leads $name; done
at alpha dlock job true
at alpha dpeers backup /run/kept # root's file
is "$(status_at alpha setpriv --reuid nobody --regid nogroup --clear-groups dpeers backup /tmp/kept)" \
  '69 dpeers: /var/lib/coordutils: *Permission denied: back up as root, or as the user that runs coordd'
at beta rm -r /var/lib/coordutils.former
at beta sh -c 'kill -9 $(head -n 1 /var/lib/coordutils/lock); mv /var/lib/coordutils /var/lib/coordutils.former'
at alpha cat /run/kept >kept
founds() { at beta coordd --found-from "$place/kept" >out; }
eventually founds # tokens begin at a second of the clock, and this one may not have passed
is "$(at beta stat -c '%U %a' /var/lib/coordutils /var/lib/coordutils/founding)" $'coordutils 700\ncoordutils 600'
SH
}

@test "a way that is open in one direction only is named, with the port to open, and is 3" {
  on_hosts <<'SH'
at beta iptables -L -n >/dev/null 2>&1 || exit 99
at alpha coordd --setup --peers $peers >out
at alpha cat /etc/coordutils/join >join
at beta iptables -A INPUT -p tcp --dport 7411 -j DROP
is "$(status_at beta coordd --join-file - <join)" '3 *alpha at 10.7.0.1:7411: we reach it, it does not reach us: open TCP 7411 on this host*'
at beta iptables -F INPUT
at alpha iptables -A INPUT -p tcp --dport 7411 -j DROP
is "$(status_at beta coordd --join-file - <join)" '3 *alpha at 10.7.0.1:7411: it reaches us, we do not reach it (no answer in time): open TCP 7411 on alpha*'
at alpha iptables -F INPUT
at alpha iptables -A INPUT -p udp --dport 7411 -j DROP
is "$(status_at beta coordd --join-file - <join)" '0 *alpha at 10.7.0.1:7411: both directions by TCP, none by UDP: open UDP 7411 on both hosts*'
SH
}

@test "the listener answers no stranger and another key nothing, and gives its port to the peer" {
  on_hosts <<'SH'
at alpha coordd --setup --peers $peers >out
is "$(at alpha ps -o user= -C coordd | sort -u)" 'coordutils*'
at beta python3 - <<'PY' >heard
import socket
s = socket.create_connection(("10.7.0.1", 7411))
s.sendall(b"GET / HTTP/1.0\r\n\r\n")
s.settimeout(20)
data = b""
try:
    while part := s.recv(4096):
        data += part
except ConnectionResetError:
    pass
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.sendto(b"x" * 64, ("10.7.0.1", 7411))
u.settimeout(0.5)
try:
    print("datagram", u.recv(2048))
except TimeoutError:
    pass
print("stranger", len(data) <= 7)  # an alert of TLS at most
PY
is "$(cat heard)" 'stranger True'
at alpha cat /etc/coordutils/join | sed "s,\(key = \[\"k[^:]*:\).*,\1$(coordd --keygen | cut -d: -f2)\"]," >forged
is "$(status_at beta coordd --join-file - <forged)" '3 *alpha at 10.7.0.1:7411: it refused our key*'
as_service alpha
serves() { at alpha dpeers >/dev/null 2>&1; }
eventually serves
at alpha test ! -e /var/lib/coordutils/setup-listener
is "$(status_at alpha coordd --setup)" '0 set up already, nothing is changed*'
SH
}

@test "at a terminal it asks for what is not given, elsewhere it says what is missing" {
  on_hosts <<'SH'
is "$(status_at alpha coordd --setup </dev/null)" '64 coordd: --name: missing: *'
is "$(status_at alpha coordd --setup --name alpha </dev/null)" '64 coordd: --address: missing: *'
is "$(status_at alpha coordd --setup --name alpha --address 10.7.0.1 </dev/null)" '64 coordd: --peers: missing: *'
is "$(status_at alpha coordd --setup --peers alpha=10.7.0.1)" '64 *there is no other peer*'
is "$(status_at alpha coordd --setup --peers alpha=10.7.0.1,beta)" "64 coordd: --peers: 'beta' has no address: *"
at alpha test ! -e /etc/coordutils
at alpha python3 "$COORD_SOURCE/tests/tools/terminal.py" coordd --setup >shown <<'IN'
expect The name of this peer [alpha]:
send 
expect Its address [10.7.0.1:7411]:
send 
expect an empty line ends the list.
expect peer:
send beta
expect has no address
send beta=10.7.0.2
expect peer:
send gamma=10.7.0.3:7411
expect peer:
send 
expect set up: alpha, one of 3
end
IN
cat shown
tail -n 1 shown | grep -q 'status 0'
at alpha grep -qx 'peers = \["alpha=10.7.0.1:7411", "beta=10.7.0.2:7411", "gamma=10.7.0.3:7411"\]' /etc/coordutils/coordd.toml
SH
}

@test "an address that cannot be used is refused before anything is written, and the corrected call works" {
  on_hosts <<'SH'
others=beta=10.7.0.2,gamma=10.7.0.3
is "$(status_at alpha coordd --setup --name alpha --address 'no such host' --peers $others)" '64 *the host name has a blank or a control character*'
is "$(status_at alpha coordd --setup --name alpha --address no-such-host.invalid --peers $others)" '69 *no-such-host.invalid*'
mkfifo free
at alpha python3 -c 'import socket, sys
with socket.create_server(("10.7.0.1", 7411)) as _: open(sys.argv[1], "w").close(); open(sys.argv[2]).read()' "$place/taken" "$place/free" &
eventually test -e "$place/taken"
is "$(status_at alpha coordd --setup --peers $peers)" '69 *10.7.0.1:7411*'
echo >free
at alpha test ! -e /etc/coordutils
eventually at alpha coordd --setup --peers $peers >out
grep -q 'set up: alpha, one of 3' out
SH
}

@test "who a host is: its name, its address, or --name; a name that is not listed is 64" {
  on_hosts <<'SH'
at alpha coordd --setup --peers $peers >out
at alpha cat /etc/coordutils/join >join
at beta hostname elsewhere
at beta coordd --join-file - <join >out
grep -q 'set up: beta, one of 3' out
at gamma hostname elsewhere
at gamma ip addr del 10.7.0.3/24 dev eth0
is "$(status_at gamma coordd --join-file - <join)" '64 coordd: --name: missing, and neither *: give one of alpha, beta, gamma'
is "$(status_at gamma coordd --name delta --join-file - <join)" '64 coordd: --name: delta is not among the peers*'
at gamma test ! -e /etc/coordutils
SH
}

@test "join files that are none, that others may read, or of another group: refused in one line, without a part of them" {
  on_hosts <<'SH'
at alpha coordd --setup --peers $peers >out
at alpha cat /etc/coordutils/join >"$place/join"
chmod 644 join
is "$(status_at beta coordd --join-file "$place/join")" '69 coordd: *join: others may read or write it: *'
chmod 600 join
ln -s join link
is "$(status_at beta coordd --join-file "$place/link")" '69 *it is a symbolic link*'
is "$(status_at beta coordd --join-file "$place/nothing")" '69 *'
secret=$(sed -n 's/^key.*:\(.*\)".*/\1/p' join)
[ "${#secret}" -gt 30 ]
for script in 's/^key = \[/key = [[/' 's/^key/keys/' 's/^peers.*//' 's/^key.*//' "s,$secret,x$secret," 's/]$//'; do
  sed "$script" join >broken
  said=$(status_at beta coordd --join-file - <broken)
  is "$said" '69 coordd: *'
  ! grep -F "$secret" <<<"$said"
  [ "$(wc -l <<<"$said")" = 1 ]
done
head -c 100000 /dev/zero >broken
is "$(status_at beta coordd --join-file - <broken)" '69 *too large for a join file*'
at beta test ! -e /etc/coordutils
at beta coordd --join-file "$place/join" >out
at gamma coordd --setup --name alpha --address 10.7.0.1 --peers $peers >out 2>&1
at gamma cat /etc/coordutils/join | sed "s/gamma/delta/" >other
is "$(status_at beta coordd --join-file - <other)" '69 *set up otherwise*'
at gamma cat /etc/coordutils/join >other
is "$(status_at beta coordd --join-file - <other)" '69 coordd: /etc/coordutils/key: it is the key of another group, or an older one: *'
SH
}

@test "beside a host's peer that holds for all users and has not handed over nothing is written" {
  on_hosts <<'SH'
at alpha sh -c 'mkdir /var/lib/coordutils-host && touch /var/lib/coordutils-host/lock'
is "$(status_at alpha coordd --setup --peers $peers)" '69 *has not handed over to the group: dpeers hand-over, then this'
at alpha test ! -e /etc/coordutils/key
SH
}

@test "an ordinary user: the same in the user's own directories" {
  on_hosts <<'SH'
for name in alpha beta gamma; do
  at $name install -d -o mail -m 700 /run/home
done
as_mail() { local where=$1; shift; at "$where" env HOME=/run/home setpriv --reuid mail --regid mail --clear-groups "$@"; }
as_mail alpha coordd --setup --peers $peers >out
is "$(as_mail alpha stat -c '%U %a' /run/home/.config/coordutils/key)" 'mail 600'
as_mail alpha cat /run/home/.config/coordutils/join >join
as_mail beta coordd --join-file - <join >out
grep -q 'alpha at 10.7.0.1:7411: both directions' out
as_mail gamma coordd --join-file - <join >out
at alpha test ! -e /etc/coordutils
for name in alpha beta gamma; do as_mail $name coordd </dev/null >>mail.log 2>&1 & done
serves() { as_mail alpha dpeers --json | jq -es 'any(.role == "leader")' >/dev/null; }
eventually serves
as_mail beta dlock job -- sh -c 'echo $DLOCK_SCOPE' >scope
is "$(cat scope)" cluster
SH
}
