# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The bed of system tests and of the demo: client - edge - server, three network
# namespaces joined by veth pairs, slotd at the edge, traffic from the client to the
# server. Source it first of all: it runs the script again in a mount namespace of its own,
# in which the network namespaces, bpffs and all files of the bed live, so that they end
# with the script whatever happens to it.
#
#   client c0 ---------------- eth0 edge eth1 ---------------- s0 server
#          192.0.2.2                                           198.51.100.2
#          2001:db8:1::2                                       2001:db8:2::2
#
# The client also has 203.0.113.66 and 2001:db8:66::66, for sources that a firewall denies.

if [[ ${BED_OWNER:-} != "$$" ]]; then
	[[ $EUID -eq 0 ]] || {
		echo "1..0 # SKIP needs root, for network namespaces and XDP"
		exit 0
	}
	export BED_OWNER=$$
	exec unshare --mount --propagation private -- "$BASH" "$0" "$@"
fi

BED_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/support/tap.sh
. "$BED_ROOT/tests/support/tap.sh"
# shellcheck source=tests/support/objects.sh
. "$BED_ROOT/tests/support/objects.sh"
# shellcheck source=tests/support/traffic.sh
. "$BED_ROOT/tests/support/traffic.sh"

BED=/tmp/slotd-$$-$RANDOM
TAP_OUT=$BED/out
BED_BIN=$BED/build/bin
# Another build of slotd than the product, where a test needs one.
BED_DAEMON=$BED_BIN/slotd
BED_TOOLS=$BED/build/tests/tools
BED_OBJECTS=$BED/build/bpf
BED_PROGS=$BED/build/tests
BED_CTL_SOCKET=$BED/run/slotd.sock
BED_SLOTD=
BED_SLOTD_STATUS=
BED_SPAWNED=

in_ns() {
	nsenter --net="$BED/ns/$1" -- "${@:2}"
}

# spawn NS FILE COMMAND...: in the background, words to FILE, ended with this script.
# Its process is $BED_SPAWNED.
spawn() {
	setpriv --pdeathsig KILL nsenter --net="$BED/ns/$1" -- "${@:3}" \
		</dev/null >>"$2" 2>&1 &
	BED_SPAWNED=$!
}

is_gone() {
	! kill -0 "$1" 2>/dev/null
}

# stop PID [SIGNAL]: end what spawn started, within a deadline. In the shell that started it
# its exit status is the result.
stop() {
	# a shell would tell of a death that it asked for
	[[ ${2:-} != KILL ]] || disown "$1" 2>/dev/null
	kill -"${2:-TERM}" "$1" 2>/dev/null
	wait_for 10 is_gone "$1" || {
		disown "$1" 2>/dev/null
		kill -KILL "$1" 2>/dev/null
		wait_for 10 is_gone "$1"
		return 1
	}
	[[ ${2:-} == KILL ]] || wait "$1" 2>/dev/null
}

# Processes of the bed: those in its mount namespace.
list_processes() {
	local own link

	own=$(readlink /proc/self/ns/mnt)
	for link in /proc/[0-9]*/ns/mnt; do
		[[ $(readlink "$link" 2>/dev/null) == "$own" ]] || continue
		link=${link#/proc/}
		[[ ${link%%/*} == "$$" || ${link%%/*} == "$BASHPID" ]] || echo "${link%%/*}"
	done
}

end_processes() {
	local pids

	mapfile -t pids < <(list_processes)
	[[ ${#pids[@]} -eq 0 ]] || kill -"$1" "${pids[@]}" 2>/dev/null
}

has_no_processes() {
	# the subshell that lists is one itself, and gone when looked at
	local pid

	for pid in $(list_processes); do
		[[ ! -e /proc/$pid ]] || return 1
	done
}

# Ends what was started and removes the rest, once, at any moment.
bed_stop() {
	trap '' INT TERM
	trap - EXIT
	end_processes TERM
	wait_for 3 has_no_processes || end_processes KILL
	if [[ -d $BED ]]; then
		umount -l "$BED" 2>/dev/null
		rmdir "$BED" 2>/dev/null || echo "bed: '$BED' remains" >&2
	fi
}

trap bed_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# make_namespaces NAME...
make_namespaces() {
	local ns

	mkdir -m 0755 "$BED" && mount -t tmpfs -o mode=0755 slotd-bed "$BED" || return 1
	mkdir "$BED"/{ns,bpf,run,state,www,log}
	mount -t bpf bpf "$BED/bpf" || return 1
	for ns; do
		: >"$BED/ns/$ns"
		unshare --net="$BED/ns/$ns" true || return 1
		in_ns "$ns" ip link set lo up
		# a tunnel's packets come in where no route of theirs leads back
		in_ns "$ns" sh -c 'cd /proc/sys/net &&
			for f in ipv4/conf/*/rp_filter ipv6/conf/*/accept_dad; do echo 0 >$f; done &&
			echo 1 >ipv4/ip_forward && echo 1 >ipv6/conf/all/forwarding'
	done
}

# XDP sends and takes frames without a pending checksum: senders fill it in.
# make_wire NS IFACE EDGE_IFACE
make_wire() {
	in_ns edge ip link add "$3" type veth peer name "$2" netns "$BED/ns/$1" || return 1
	in_ns "$1" ethtool -K "$2" tx off >/dev/null || return 1
	in_ns edge ethtool -K "$3" tx off >/dev/null || return 1
	in_ns "$1" ip link set "$2" up
	in_ns edge ip link set "$3" up
}

make_client_wire() {
	make_wire client c0 eth0 || return 1
	in_ns client ip -batch - <<-'END' || return 1
		address add 192.0.2.2/24 dev c0
		address add 203.0.113.66/32 dev c0
		address add 2001:db8:1::2/64 dev c0 nodad
		address add 2001:db8:66::66/128 dev c0 nodad
		route add 198.51.100.0/24 via 192.0.2.1
		route add 2001:db8:2::/64 via 2001:db8:1::1
	END
	in_ns edge ip -batch - <<-'END'
		address add 192.0.2.1/24 dev eth0
		address add 2001:db8:1::1/64 dev eth0 nodad
		route add 203.0.113.66/32 via 192.0.2.2
		route add 2001:db8:66::/64 via 2001:db8:1::2
	END
}

make_server_wire() {
	make_wire server s0 eth1 || return 1
	in_ns edge ip -batch - <<-'END' || return 1
		address add 198.51.100.1/24 dev eth1
		address add 2001:db8:2::1/64 dev eth1 nodad
	END
	in_ns server ip -batch - <<-'END'
		address add 198.51.100.2/24 dev s0
		address add 2001:db8:2::2/64 dev s0 nodad
		route add default via 198.51.100.1
		route add default via 2001:db8:2::1
	END
}

# Copies, so that a build meanwhile does no harm.
copy_build() {
	local from=$BED_ROOT/build

	mkdir -p "$BED_BIN" "$BED_OBJECTS" "$BED_PROGS"/{bpf/progs,system/progs,demo,tools} &&
		cp "$from"/bin/slot{d,ctl} "$BED_BIN" && cp "$from"/bpf/*.o "$BED_OBJECTS" &&
		cp "$from"/tests/tools/* "$BED_TOOLS" &&
		cp "$from"/tests/bpf/progs/*.o "$BED_PROGS/bpf/progs" &&
		cp "$from"/tests/system/progs/*.o "$BED_PROGS/system/progs" &&
		cp "$from"/tests/demo/*.o "$BED_PROGS/demo"
}

bed_start() {
	make_namespaces client edge server || bail "the bed is there"
	copy_build || bail "slotd, its programs and the test tools are built" "run make checks first"
	make_client_wire && make_server_wire || bail "the bed is there"
	wait_for 10 in_ns client ping -c 1 -W 1 198.51.100.2 &&
		wait_for 10 in_ns client ping -c 1 -W 1 2001:db8:2::2 ||
		bail "client and server reach each other"
}

# --- slotd ---------------------------------------------------------------------------------

bed_ctl() {
	"$BED_BIN/slotctl" --socket "$BED_CTL_SOCKET" "$@"
}

# bed_ctl_as USER GROUP WORD...: as somebody who is in no further group
bed_ctl_as() {
	setpriv --reuid "$1" --regid "$2" --clear-groups "$BED_BIN/slotctl" \
		--socket "$BED_CTL_SOCKET" "${@:3}"
}

# Who owns slots in many tests, and who owns none in any.
as_nobody() {
	bed_ctl_as nobody nogroup "$@"
}

as_stranger() {
	bed_ctl_as daemon daemon "$@"
}

# bed_get COMMAND JQ_FILTER: one value out of what slotctl reads
bed_get() {
	bed_ctl "$1" --json 2>/dev/null | jq -r "$2"
}

# of CHAIN JQ_FILTER: one value out of its slots
of() {
	bed_ctl --chain "$1" slots --json 2>/dev/null | jq -r "$2"
}

has_tcx() {
	printf '6.6\n%s\n' "$(uname -r)" | sort -VC
}

is_on() {
	[[ $(of "$1" .attached) == true ]]
}

is_off() {
	[[ $(of "$1" .attached) == false ]]
}

# A socket that a killed slotd left does not count, and a look at it costs less than a question.
# The status fails where a chain is refused.
is_slotd_settled() {
	is_gone "$BED_SLOTD" || [[ -S $BED_CTL_SOCKET && ! $BED_CTL_SOCKET -ef $BED/former.sock &&
		-n $(bed_get status .pid) ]]
}

# Start slotd without waiting for it.
bed_slotd_spawn() {
	[[ ! -S $BED_CTL_SOCKET ]] || ln -f "$BED_CTL_SOCKET" "$BED/former.sock"
	spawn edge "$BED/log/slotd" "$BED_DAEMON" --config "$BED/slots.conf" \
		--object-dir "$BED_OBJECTS" --state-dir "$BED/state" --run-dir "$BED/run" \
		--bpffs "$BED/bpf" "$@"
	BED_SLOTD=$BED_SPAWNED
}

# bed_slotd [OPTION...]: returns 0 when slotd serves; when it ended, $BED_SLOTD_STATUS is how
bed_slotd() {
	BED_SLOTD_STATUS=
	bed_slotd_spawn "$@"
	wait_for 20 is_slotd_settled || return 1
	is_gone "$BED_SLOTD" || return 0
	wait "$BED_SLOTD"
	BED_SLOTD_STATUS=$?
	BED_SLOTD=
	return 1
}

# The socket is the last thing a start makes.
is_start_over() {
	is_gone "$1" || [[ -S $BED_CTL_SOCKET ]]
}

# bed_slotd_killed CALL: starts and is killed at that system call. Returns 1 when it was over before.
bed_slotd_killed() {
	local killer

	: >"$BED/killer"
	rm -f "$BED_CTL_SOCKET"
	spawn edge "$BED/killer" "$BED_TOOLS/kill_at" "$1" "$BED_DAEMON" \
		--config "$BED/slots.conf" --object-dir "$BED_OBJECTS" --state-dir "$BED/state" \
		--run-dir "$BED/run" --bpffs "$BED/bpf"
	killer=$BED_SPAWNED
	wait_for 20 is_start_over "$killer"
	if is_gone "$killer"; then
		wait "$killer"
		return
	fi
	BED_SLOTD=$(bed_get status .pid)
	stop "$killer"
	stop "$BED_SLOTD" KILL
	return 1
}

# bed_slotd_stop [SIGNAL]: its exit status is the result
bed_slotd_stop() {
	local status=0

	[[ -n $BED_SLOTD ]] || return 0
	stop "$BED_SLOTD" "${1:-TERM}" || status=$?
	BED_SLOTD=
	return "$status"
}

# No slotd, and nothing left of its chains. Filters (of TC chains before Linux 6.6) do not end
# with their pins.
bed_slotd_gone() {
	local device

	bed_slotd_stop KILL
	umount "$BED/bpf" 2>/dev/null
	for device in $(in_ns edge tc qdisc show | awk '$2 == "clsact" { print $5 }'); do
		in_ns edge tc qdisc del dev "$device" clsact
	done
	wait_for 10 is_bare eth0 || bail "nothing runs on eth0 before the test"
}

# A chain and a slotd as on the first day: nothing known, nothing pinned.
bed_slotd_fresh() {
	bed_slotd_gone
	rm -rf "$BED/state" "$BED/run" "$BED/log/slotd"
	mkdir "$BED/state" "$BED/run"
	mount -t bpf bpf "$BED/bpf" || bail "a fresh bpffs"
	bed_slotd "$@" || bail "slotd starts" "$(cat "$BED/log/slotd")"
}

# What slotd said since the given line count.
bed_log() {
	tail -n "+$((${1:-0} + 1))" "$BED/log/slotd"
}

bed_log_lines() {
	wc -l <"$BED/log/slotd"
}

# bed_conf [INTERFACE] <SLOTS: slots.conf with one chain, for the engine under test
bed_conf() {
	{
		printf 'chain "%s" {\n\tengine = "%s"\n' "${1:-eth0}" "$BED_ENGINE"
		cat
		echo '}'
	} >"$BED/slots.conf"
}

# changes SENTENCE COMMAND...: slotctl with these words succeeds and another generation runs
changes() {
	local sentence=$1 before out status=0
	shift
	before=$(bed_get slots .generation)
	out=$(bed_ctl "$@" 2>&1) || status=$?
	if [[ $status -eq 0 && $(bed_get slots .generation) != "$before" ]]; then
		ok "$sentence"
	else
		not_ok "$sentence" "exit status $status, generation before: $before" "$out"
	fi
}

# refuses SENTENCE PATTERN COMMAND...: it fails with one line that matches, and what runs goes
# on running: same generation, same program, packets pass.
refuses() {
	local sentence=$1 pattern=$2 before after out status=0
	shift 2
	before=$(chain_state)
	out=$("$@" 2>&1 >/dev/null) || status=$?
	after=$(chain_state)
	if [[ $status -eq 1 && $out =~ $pattern && $out != *$'\n'* && $after == "$before" ]] &&
		ping_once "$SERVER4"; then
		ok "$sentence"
	else
		not_ok "$sentence" "exit status $status" "got:     $out" "pattern: $pattern" \
			"generation and program before: $before, after: $after"
	fi
}

# on_one_line COMMAND...: what it says on stderr, for those who expect one line
on_one_line() {
	local out status=0

	out=$("$@" 2>&1 >/dev/null) || status=$?
	tr '\n' ' ' <<<"$out" >&2
	return "$status"
}

# --- what the kernel has ---------------------------------------------------------------------

# The id of the XDP program that an interface of the edge runs; empty for none.
xdp_id() {
	in_ns edge ip -j link show dev "$1" 2>/dev/null | jq -r '.[0].xdp.prog.id // empty'
}

is_bare() {
	[[ -z $(xdp_id "$1") ]]
}

# What must not change when something is refused: generation and program.
chain_state() {
	echo "$(bed_get slots .generation) $(xdp_id eth0)"
}

# --- engines -------------------------------------------------------------------------------

# The engines that this kernel lets work, or the one that SLOTD_TEST_ENGINE names.
bed_engines() {
	if [[ ${SLOTD_TEST_ENGINE:-auto} != auto ]]; then
		echo "$SLOTD_TEST_ENGINE"
		return
	fi
	"$BED_BIN/slotctl" verify --json "$BED_OBJECTS/pass.bpf.o" |
		jq -r '.engines[] | select(.ok) | .engine'
}

# only_in_vm NAME...: of the functions test_* only these, where everything takes its time: those that
# stand for the others, or that show what the host's kernel cannot. SLOTD_FAULTS=all keeps all.
only_in_vm() {
	local name

	for name; do
		declare -F "test_$name" >/dev/null || bail "there is a test_$name"
	done
	[[ ${SLOTD_TIER:-} == vm && ${SLOTD_FAULTS:-} != all ]] || return 0
	for name in $(compgen -A function test_); do
		[[ " $* " == *" ${name#test_} "* || ${SLOTD_TEST_ONLY:-} == "$name" ]] ||
			unset -f "$name"
	done
}

# bed_run: every function of the script named test_*, once for each engine, on a fresh slotd
# where the function setup_NAME or setup writes a slots.conf for it.
bed_run() {
	local engines tests test

	bed_start
	mapfile -t engines < <(bed_engines)
	[[ ${#engines[@]} -gt 0 ]] || bail "an engine works on this kernel"
	mapfile -t tests < <(compgen -A function test_)
	for BED_ENGINE in "${engines[@]}"; do
		TAP_PREFIX="[$BED_ENGINE] "
		for test in "${tests[@]}"; do
			[[ ${SLOTD_TEST_ONLY:-$test} == "$test" ]] || continue
			setup
			"$test"
			end_traffic
		done
		bed_slotd_stop KILL
	done
	done_testing
}
