# SPDX-License-Identifier: MIT
# Hosts with a systemd of their own, in namespaces: a copy of this system's files, a cgroup, a network on one bridge. They vanish
# with the process that made them. The script in on_systemd runs beside them: `at HOST COMMAND...` is a command on one.
# shellcheck shell=bash disable=SC2154

. "${BASH_SOURCE[0]%/*}/traps.bash"

systemd_setup() {
  [ "$(id -u)" = 0 ] || skip "needs root"
  [ -x /lib/systemd/systemd ] && command -v systemctl >/dev/null || skip "no systemd"
  command -v unshare >/dev/null && command -v nsenter >/dev/null && command -v ip >/dev/null || skip "no namespaces here"
  cgroups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
  [ -n "$cgroups" ] && mkdir "$cgroups/coordutils-systemd.$$" 2>/dev/null || skip "no cgroups to be had here"
  cgroups=$cgroups/coordutils-systemd.$$
  place=$(mktemp -d /tmp/coordutils-systemd.XXXXXX)
  chmod 755 "$place"
  cat >"$place/host" <<'SH'
# NAME: becomes that host
set -e
hostname "$1"
ip link set lo up
mount -t tmpfs none /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root || exit 99
cd /mnt/root
mount -t proc proc proc
mount -t tmpfs -o mode=755 none run
mount -t tmpfs none tmp
mount -t tmpfs -o mode=755 none var/lib/private
mount -t tmpfs -o mode=755 none dev
for device in null zero full random urandom tty; do
  : >dev/$device
  mount --bind /dev/$device dev/$device
done
mkdir dev/pts dev/shm place
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 none sys/fs/cgroup || exit 99
mount --bind "$place" place
echo "$1" >etc/hostname
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
rm -rf etc/coordutils var/lib/coordutils* usr/sbin/policy-rc.d var/lib/man-db/auto-update
# No more than journal and units: what else this system starts is not started here.
find etc/systemd/system usr/lib/systemd/system -name '*.wants' -prune -exec rm -rf {} +
for unit in systemd-udevd systemd-udev-trigger systemd-networkd systemd-resolved systemd-logind systemd-timesyncd dbus console-getty; do
  ln -sf /dev/null "etc/systemd/system/$unit.service"
done
printf '[Unit]\nRequires=systemd-journald.service\nAfter=systemd-journald.service\nAllowIsolate=yes\n' >etc/systemd/system/test.target
# The name is known before any network is there, as on a host with a line for it in /etc/hosts.
exec chroot . env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=test.target --show-status=no \
  </dev/null >"$place/$1.console" 2>&1
SH
  cat >"$place/prelude" <<'SH'
set -e
cd "$place"
eventually() {
  local end=$((SECONDS + 30))
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || { echo "never: $*" >&2; return 1; }
    sleep 0.05
  done
}
is() { [[ "$1" == $2 ]] || { printf 'is:   %s\nnot:  %s\n' "$1" "$2" >&2; return 1; }; }
declare -A host
# at HOST COMMAND...: as root who has just logged in there
at() {
  local where=$1
  shift
  nsenter -t "${host[$where]}" -m -n -u -i -C -p -r -w -- \
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
status_at() { local s=0; at "$@" >out 2>&1 || s=$?; echo "$s $(cat out)"; }
boots() { [ -n "$(cat "/proc/$1/task/$1/children" 2>/dev/null)" ]; }
is_up() { at "$1" systemctl is-active -q test.target 2>/dev/null; }
# boot NAME...: the first has 192.0.2.1
boot() {
  local name number=0 shell
  ip link add bridge type bridge
  ip link set bridge up
  for name in "$@"; do
    number=$((number + 1))
    mkdir "$cgroups/$name"
    (echo "$BASHPID" >"$cgroups/$name/cgroup.procs" && exec unshare -m -n -u -i -C -p -f --propagation private bash "$place/host" "$name") &
    shell=$!
    eventually boots "$shell" || exit 99
    host[$name]=$(tr -d ' ' <"/proc/$shell/task/$shell/children")
    ip link add "to-$name" type veth peer name eth0 netns "${host[$name]}"
    ip link set "to-$name" master bridge up
    nsenter -t "${host[$name]}" -n ip addr add "192.0.2.$number/24" dev eth0
    nsenter -t "${host[$name]}" -n ip link set eth0 up
  done
  for name in "$@"; do eventually is_up "$name" || { cat "$place/$name.console"; exit 99; }; done
}
SH
}

on_systemd() {
  cat "$place/prelude" - >"$place/script"
  run env place="$place" cgroups="$cgroups" timeout -k 5 "${LIMIT:-170}" \
    unshare -m -n -p -f --mount-proc --kill-child --propagation private bash -E "$place/script" 3>&-
  echo "$output"
  [ "$status" -ne 99 ] || skip "no systemd can be started here"
  [ "$status" -eq 0 ]
}

systemd_teardown() {
  cd /
  [ -z "${place-}" ] || rm -rf "$place"
  [ -z "${cgroups-}" ] || find "$cgroups" -depth -type d -exec rmdir {} + 2>/dev/null || true
}
