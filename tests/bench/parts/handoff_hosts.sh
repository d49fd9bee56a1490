# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The hosts of bench-handoff: those of handoff.sh, one more to move connections to, and one that
# relays them, without any program of slotd. Each receives its packets in kernel threads of its
# own, which so can be charged with them. Sourced after bed.sh and handoff.sh.

# shellcheck disable=SC2034 # read in handoff.sh
HOSTS=(home near far third relay)
HOST4+=([third]=198.51.103.10 [relay]=198.51.104.10)
HOST6+=([third]=2001:db8:d::10 [relay]=2001:db8:e::10)
BACKS=(near far third)

die() {
	printf 'bench-handoff: %s\n' "$*" >&2
	exit 1
}

# receive_in_threads NS INTERFACE: with GRO, which brings NAPI along
receive_in_threads() {
	in_ns "$1" ethtool -K "$2" gro on >/dev/null &&
		in_ns "$1" unshare --mount sh -c \
			"mount -t sysfs none /sys && echo 1 >/sys/class/net/$2/threaded"
}

# make_device NS INTERFACE on|off: a veth hands what TSO left whole to the receiver's stack in
# the sender's own time, and frames of a wire to NAPI.
make_device() {
	in_ns "$1" ethtool -K "$2" tx "$3" tso off gso on >/dev/null
	receive_in_threads "$1" "$2" || die "no thread of NAPI for $2"
}

# Only home sends by XDP, which wants some at the other end; XDP wants finished checksums.
hosts_start() {
	local host

	handoff_start >&2
	bed_ctl --chain relay:relay:tc-egress detach >&2 || die "the relay keeps a program"
	bed_ctl --chain relay:relay detach >&2 || die "the relay keeps a program"
	make_device client c0 on
	make_device edge eth0 on
	for host in "${HOSTS[@]}"; do
		[[ $host == home ]] || in_ns edge bpftool net detach xdpdrv dev "to_$host"
		make_device "$host" "$host" on
		make_device edge "to_$host" off
	done
	in_ns edge ethtool -K to_relay tx on >/dev/null
}

# list_threads INTERFACE: they do not tell their namespace, but they were not there before.
list_threads() {
	local comm name pid

	for comm in /proc/[0-9]*/comm; do
		read -r name 2>/dev/null <"$comm" || continue
		pid=${comm#/proc/}
		pid=${pid%/comm}
		[[ $name != napi/$1-[0-9]* || $OTHERS == *" $pid "* ]] || echo "$pid"
	done
}
OTHERS=
OTHERS=" $(list_threads '*' | tr '\n' ' ')"

list_processes_of() {
	local inode

	inode=$(stat -L -c %i "$BED/ns/$1")
	stat -L -c '%i %n' /proc/[0-9]*/ns/net 2>/dev/null |
		awk -v inode="$inode" -F'[ /]' '$1 == inode { print $4 }'
}

# cpu_ns HOST: that its processes and its receiving have run so far
cpu_ns() {
	{
		list_processes_of "$1"
		list_threads "$1"
	} | while read -r pid; do cat "/proc/$pid"/task/*/schedstat 2>/dev/null; done |
		awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# device_bytes HOST: that it has received and sent
device_bytes() {
	{
		in_ns "$1" cat /proc/net/dev
		in_ns edge cat /proc/net/dev
	} | awk -v own="$1:" -v other="to_$1:" '$1 == own || $1 == other { sum += $2 }
		END { printf "%.0f\n", sum }'
}
