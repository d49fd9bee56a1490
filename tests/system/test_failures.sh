#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1800
#
# Whatever the kernel or the disk refuses, at whatever step of an operation: one clear error, the
# chain runs on as it was, nothing of the attempt is left, and the same operation works when the
# cause is gone. SLOTD_FAULTS=all has each step fail in each way, otherwise each in one.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/faults.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/faults.sh"

# ENOSPC, EIO and ENOMEM for slotd's own steps, ENOMEM, EPERM and EINVAL for bpf().
STEP_ERRORS=(28 5 12)
BPF_ERRORS=(12 1 22)
STRIDE=4
MOST=1000
[[ ${SLOTD_TIER:-} != vm ]] || STRIDE=12

setup_steps() {
	BED_DAEMON=$BED_TOOLS/slotd_faults
	faults_start
}

# The product itself, with bpf() calls that fail.
setup_bpf() {
	BED_DAEMON=$BED_BIN/slotd
	export LD_PRELOAD=$BED_TOOLS/fail_bpf.so
	faults_start
	unset LD_PRELOAD
}

setup() {
	:
}

list_pins() {
	find "$BED/bpf/slotd" | sort
}

# A refusal says what stays, and is no longer than a verifier's words make it.
is_clear() {
	[[ $1 =~ (stays active|nothing was changed|nothing runs|runs, but) ]] &&
		[[ $(wc -l <<<"$1") -le 12 ]]
}

# fail_at POINT COUNT ERRNO OPERATION...: carried out all the same, or refused without a trace
fail_at() {
	local at="$1 $2 errno $3" out status=0 pins now

	pins=$(list_pins)
	fault_arm "$1" "$2" "$3"
	out=$("${@:4}" 2>&1 >/dev/null) || status=$?
	fault_disarm
	now=$(describe)
	if [[ $status -eq 0 ]]; then
		TOLERATED=$((TOLERATED + 1))
		[[ $now == "$AFTER" ]] || complain "$at" "it reports success: $now"
		return
	fi
	REFUSED=$((REFUSED + 1))
	[[ $now == "$BEFORE" ]] || complain "$at" "refused, and yet: $now; $out" || return
	is_clear "$out" || complain "$at" "unclear: $out" || return
	[[ $(list_pins) == "$pins" ]] || {
		diff <(echo "$pins") <(list_pins)
		complain "$at" "pins of a refused change: $out"
	}
}

# fails_at_every_step UNDO OPERATION...
fails_at_every_step() {
	local undo=$1 point count err i=0
	shift
	BEFORE=$(describe)
	fault_trace "$@" >/dev/null || complain "no step" "the operation itself fails" || return
	AFTER=$(describe)
	bring_back "$undo" || return
	while read -r point count; do
		for err in $(choose_errors $((i++))); do
			fail_at "$point" "$count" "$err" "$@" && bring_back "$undo" || return
		done
	done < <(choose_points)
	"$@" >/dev/null || complain "no step" "the operation fails after all that" || return
	bring_back "$undo"
}

# choose_errors N: of $ERRORS
choose_errors() {
	if [[ ${SLOTD_FAULTS:-} == all ]]; then
		echo "${ERRORS[@]}"
	else
		echo "${ERRORS[$1 % ${#ERRORS[@]}]}"
	fi
}

# Pins that could not be removed go at the next start.
nothing_is_littered() {
	bed_slotd_stop
	bed_slotd || not_ok "slotd starts after all that" "$(bed_log | tail -n 3)"
	is "no file or pin is left over, $1" "$(list_litter)" ""
	is "the chain is as it was, $1" "$(describe)" "$BEFORE"
}

# bears NAME UNDO OPERATION...: fails_at_every_step under traffic, and the points about it
bears() {
	local REFUSED=0 TOLERATED=0 BEFORE AFTER

	start_streams
	succeeds "when any step of $1 fails, it is refused or carried out whole" \
		fails_at_every_step "${@:2}"
	matches "steps failed: $REFUSED refused, $TOLERATED did not matter ($1)" \
		$((REFUSED + TOLERATED)) '^([3-9]|[1-9][0-9]+)$'
	nothing_is_littered "$1"
	check_streams "$1"
	nothing_is_left "$1"
	end_traffic
}

test_steps() {
	local ERRORS=("${STEP_ERRORS[@]}")

	setup_steps
	bears "a deploy with a new map" run_undeploy run_deploy
	setup_steps
	bears "an apply of two new versions" run_apply_first run_apply_next
	setup_steps
	run_deploy >/dev/null
	bears "a rollback" run_rollback run_rollback
}

test_deploy() {
	local ERRORS=("${BPF_ERRORS[@]}")

	setup_bpf
	bears "a deploy with a new map, by bpf()," run_undeploy run_deploy
}

test_bpf() {
	local ERRORS=("${BPF_ERRORS[@]}")

	setup_bpf
	bears "an apply of two new versions, by bpf()," run_apply_first run_apply_next
	setup_bpf
	run_deploy >/dev/null
	bears "a rollback, by bpf()," run_rollback run_rollback
}

# --- counts that cannot be added to the totals --------------------------------------------------

dropped() {
	bed_get stats .slots[0].drop
}

has_dropped() {
	[[ $(dropped) == "$1" ]]
}

drop_packets() {
	local wanted=$(($(dropped) + $1))

	send_udp "$1" "$DENIED4" "$SERVER4" 7001 -r "$RATE" >/dev/null
	in_time "$1 packets more are counted" 5 has_dropped "$wanted"
}

# are_gone NUMBER...: what these generations counted is in the totals, they are gone
are_gone() {
	local number

	for number; do
		[[ ! -e $(echo "$BED"/bpf/slotd/*-eth0)/gen/$number ]] || return
	done
}

test_fold() {
	local before out

	setup_steps
	run_deploy >/dev/null
	drop_packets 20
	run_disable >/dev/null
	before=$(dropped)
	fault_arm totals.fold 1 12
	out=$(run_enable 2>&1)
	fault_disarm
	matches "a change says when counts cannot be added to the totals" "$out" \
		'in force, but: what generation 2 counted cannot be added .* it is kept'
	is "they are shown all the same" "$(dropped)" "$before"
	bed_slotd_stop KILL
	fault_arm totals.fold 1 12
	bed_slotd || not_ok "slotd starts" "$(bed_log)"
	fault_disarm
	matches "a start that cannot add them says so" "$(bed_log)" 'what generation 2 counted cannot be'
	matches "the status, too" "$(bed_ctl status)" 'what generation 2 counted cannot be'
	is "and keeps them" "$(dropped)" "$before"
	run_disable >/dev/null
	succeeds "the next change adds them" are_gone 2 3
	is "once" "$(dropped)" "$before"
	matches "and nobody is told of them any more" "$(bed_ctl status | grep -c counted)" '^0$'
	drop_packets 5
	nothing_is_left "counts that waited"
}

# --- memory -------------------------------------------------------------------------------------

BIG=$BED_PROGS/system/progs/big.bpf.o

# make_cgroup: $GROUP, and in $LIMIT the file that says how much memory it has
make_cgroup() {
	local root

	for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
		grep -qsw memory "$root/cgroup.controllers" || continue
		echo +memory >"$root/cgroup.subtree_control" || continue
		GROUP=$root/slotd-test-$$ LIMIT=memory.max
		mkdir "$GROUP" && return
	done
	GROUP=/sys/fs/cgroup/memory/slotd-test-$$ LIMIT=memory.limit_in_bytes
	[[ -e /sys/fs/cgroup/memory/$LIMIT ]] && mkdir "$GROUP"
}

drop_cgroup() {
	rmdir "$GROUP"
}

test_memory() {
	local before pins out status=0 GROUP LIMIT

	setup_bpf
	make_cgroup || {
		skip "what does not fit into slotd's memory is refused" "no memory cgroup can be made here"
		return
	}
	start_streams
	echo "$BED_SLOTD" >"$GROUP/cgroup.procs"
	echo 16M >"$GROUP/$LIMIT"
	before=$(describe) pins=$(list_pins)
	out=$(bed_ctl deploy guest "$BIG" 2>&1 >/dev/null) || status=$?
	matches "what does not fit into slotd's memory is refused" "$status $out" \
		"^1 .*(stays active|nothing was changed)"
	is "in a few words" "$([[ $(wc -l <<<"$out") -le 3 ]] || echo "$out")" ""
	is "the chain is as it was" "$(describe)" "$before"
	is "with its pins" "$(list_pins)" "$pins"
	succeeds "slotd serves on, and what fits is deployed" run_deploy
	echo 512M >"$GROUP/$LIMIT"
	succeeds "with more memory the same is deployed" bed_ctl deploy guest "$BIG"
	check_streams "too little memory"
	nothing_is_left "too little memory"
	in_time "the cgroup goes" 10 drop_cgroup
}

only_in_vm deploy fold memory
bed_run
