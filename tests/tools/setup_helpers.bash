# SPDX-License-Identifier: MIT
# Three hosts, alpha, beta and gamma, each with a network, an /etc, a /run, a /var/lib and a name of its own, on one bridge. They
# vanish with the process that made them. The script in on_hosts runs beside them: `at HOST COMMAND...` is a command on one.
# shellcheck shell=bash disable=SC2154

. "${BASH_SOURCE[0]%/*}/traps.bash"

hosts_setup() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  command -v unshare >/dev/null && command -v nsenter >/dev/null && command -v ip >/dev/null || skip "no namespaces here"
  place=$(mktemp -d /tmp/coordutils-setup.XXXXXX)
  mkdir "$place/bin"
  local tool
  for tool in coordd dlock dpeers; do cp "$(command -v "$tool")" "$place/bin"; done
  chmod 755 "$place" "$place/bin"
  cat >"$place/host" <<'SH'
# NAME NUMBER: becomes that host, and stays
set -e
hostname "$1"
ip link set lo up
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work
mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work overlay /etc || exit 99
mount -t tmpfs -o mode=755 none /run
mount -t tmpfs -o mode=755 none /var/lib
rm -rf /etc/coordutils
getent group coordutils >/dev/null || echo 'coordutils:x:64123:' >>/etc/group
getent passwd coordutils >/dev/null || echo 'coordutils:x:64123:64123::/var/lib/coordutils:/usr/sbin/nologin' >>/etc/passwd
install -d -o coordutils /run/coordutils
touch "$place/up.$1"
exec sleep 600
SH
  cat >"$place/prelude" <<'SH'
set -e
unset COORD_SOCKET COORD_CONFIG COORD_SCOPE COORD_AUTOSTART XDG_STATE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR DLOCK_SESSION
export PATH=$place/bin:$PATH
cd "$place"
eventually() {
  local end=$((SECONDS + 20))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || { echo "never: $*" >&2; return 1; }
    sleep 0.05
  done
}
is() { [[ "$1" == $2 ]] || { printf 'is:   %s\nnot:  %s\n' "$1" "$2" >&2; return 1; }; }
ip link add bridge type bridge
ip link set bridge up
number=0
declare -A host
for name in alpha beta gamma; do
  number=$((number + 1))
  unshare -m -n -u --propagation private bash "$place/host" "$name" "$number" &
  host[$name]=$!
  eventually test -e "/proc/$!/ns/net"
  eventually bash -c "[ \"\$(readlink /proc/$!/ns/net)\" != \"\$(readlink /proc/$$/ns/net)\" ]"
  ip link add "to-$name" type veth peer name eth0 netns "$!"
  ip link set "to-$name" master bridge up
  eventually test -e "$place/up.$name"
  nsenter -t "$!" -n ip addr add "10.7.0.$number/24" dev eth0
  nsenter -t "$!" -n ip link set eth0 up
done
at() { local where=$1; shift; nsenter -t "${host[$where]}" -m -n -u -- "$@"; }
status_at() { local s=0; at "$@" >out 2>&1 || s=$?; echo "$s $(cat out)"; }
peers=alpha=10.7.0.1,beta=10.7.0.2,gamma=10.7.0.3
as_service() { # HOST: as the unit starts it
  at "$1" setpriv --reuid coordutils --regid coordutils --clear-groups --inh-caps=+kill,+sys_ptrace --ambient-caps=+kill,+sys_ptrace \
    coordd --config /etc/coordutils/coordd.toml </dev/null >>"$place/$1.log" 2>&1 &
}
leads() { at "$1" dpeers --json | jq -es 'any(.role == "leader")' >/dev/null; }
port_closed() { ! at "$1" bash -c 'exec 3<>/dev/tcp/'"$2"'/7411' 2>/dev/null; }
listener() { at "$1" ls /var/lib/coordutils/setup-listener >/dev/null; }
SH
}

on_hosts() {
  cat "$place/prelude" - >"$place/script"
  run env place="$place" timeout -k 5 150 unshare -m -n -p -f --mount-proc --kill-child --propagation private bash -E "$place/script" 3>&-
  echo "$output"
  cat "$place"/*.log 2>/dev/null || true
  [ "$status" -ne 99 ] || skip "no overlay mounts here"
  [ "$status" -eq 0 ]
}

hosts_teardown() {
  cd /
  [ -z "${place-}" ] || rm -rf "$place"
}
