#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Objects, configurations and surroundings that slotd cannot work with: one clear line each,
# and the chain that runs is left as it is.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"

PROGS=$BED_PROGS/bpf/progs
OWN_PROGS=$BED_PROGS/system/progs
RUN_AS=()
STAYS='generation [0-9]+ stays active$'

setup() {
	umount /sys/kernel/btf 2>/dev/null
	bed_conf <<-'END'
		slot 2 { name = "firewall" object = "firewall.bpf.o" }
		slot 5 { name = "guest" }
		slot 6 { name = "lenient" denied_as = "pass" }
	END
	bed_slotd_fresh
}

# make_object NAME OFFSET BYTES: the firewall's object with some bytes replaced
make_object() {
	cp "$BED_OBJECTS/firewall.bpf.o" "$BED/$1"
	printf '%b' "$3" | dd of="$BED/$1" bs=1 seek="$2" conv=notrunc status=none
}

test_files_that_are_no_objects() {
	: >"$BED/empty.o"
	refuses "an empty object is refused" "'empty.o': empty file; $STAYS" \
		bed_ctl deploy guest "$BED/empty.o"
	echo "not an object" >"$BED/text.o"
	refuses "a text is refused" "'text.o': not an ELF file; $STAYS" \
		bed_ctl deploy guest "$BED/text.o"
	head -c 1000 "$BED_OBJECTS/firewall.bpf.o" >"$BED/short.o"
	refuses "a truncated object is refused" "'short.o': truncated or damaged ELF file; $STAYS" \
		bed_ctl deploy guest "$BED/short.o"
	# the place of the section headers
	make_object offset.o 40 '\xff\xff\xff\xff\xff\xff'
	refuses "an object with a wild offset is refused" "'offset.o': .*ELF file; $STAYS" \
		bed_ctl deploy guest "$BED/offset.o"
	refuses "a program for the host's own CPU is refused" "'true': ELF for .*, not BPF; $STAYS" \
		bed_ctl deploy guest /bin/true
	head -c $((17 << 20)) /dev/zero >"$BED/large.o"
	refuses "an object over 16 MiB is refused" "large.o.*an object may have 16777216" \
		bed_ctl deploy guest "$BED/large.o"
	refuses "one that does not exist is refused" "cannot read .*No such file" \
		bed_ctl deploy guest "$BED/nothing.o"
}

# Wherever bytes are wrong, slotd answers and goes on; a change that does no harm may pass.
test_damaged_objects() {
	local at size rounds=$((MANY * 3)) bad=0

	size=$(stat -c %s "$BED_OBJECTS/firewall.bpf.o")
	for ((at = 64; at < size; at += size / rounds)); do
		make_object damaged.o "$at" '\x00\xff\xa5\x5a\xff\xff\xff\xff\x7f\x80\x01\x00'
		bed_ctl deploy guest "$BED/damaged.o" >/dev/null 2>&1
		[[ $? -le 1 ]] && bed_ctl status >/dev/null || bad=$((bad + 1))
	done
	is "objects with damage in $rounds places are answered, one by one" "$bad" 0
	is "slotd that was asked is the one that was started" "$(bed_get status .pid)" "$BED_SLOTD"
	bed_ctl undeploy guest >/dev/null
	in_time "packets pass" 3 ping_once "$SERVER4"
}

test_objects_of_the_wrong_kind() {
	refuses "an object without an XDP program is refused" \
		"'socket' has no program that a chain takes: .*SEC\(.xdp.\).*; $STAYS" \
		bed_ctl deploy guest "$PROGS/socket.bpf.o"
	refuses "a TC program is refused by a chain of XDP programs" \
		"'classifier' is a program of TC, and this is a chain of the hook xdp; $STAYS" \
		bed_ctl deploy guest "$PROGS/classifier.bpf.o"
	refuses "an object with several programs is refused, and they are named" \
		"2 XDP programs \(several_pass, several_drop\).*; $STAYS" \
		bed_ctl deploy guest "$PROGS/several.bpf.o"
	refuses "a program that answers any frame with no verdict is refused" \
		"slot 5 \(guest\) answers .* with a verdict it may not return; $STAYS" \
		bed_ctl deploy guest "$PROGS/badverdict.bpf.o"
}

test_verifier_rejects() {
	local before out log

	before=$(chain_state)
	out=$(bed_ctl deploy guest "$PROGS/toolong.bpf.o" 2>&1)
	is "a program that the verifier rejects is refused" $? 1
	matches "the first line names the program and the file of the whole log" "${out%%$'\n'*}" \
		"cannot load 'toolong': verifier rejected it \(whole log in '.*/toolong.verifier.log'\)"
	matches "the last lines of the log follow" "$out" "invalid access to packet"
	is "they are few" $(($(wc -l <<<"$out") <= 10)) 1
	log=${out#*whole log in \'}
	log=${log%%\'*}
	is "the whole log has thousands of lines" $(($(wc -l <"$log") > 3000)) 1
	matches "with the verifier's closing words" "$(tail -n 3 "$log")" "processed [0-9]+ insns"
	is "the chain is as it was" "$(chain_state)" "$before"
	succeeds "packets pass" ping_once "$SERVER4"
}

test_verdict_at_run_time() {
	changes "a program that is ordinary at first takes the slot" \
		deploy guest "$OWN_PROGS/late.bpf.o"
	in_ns client ping -c 3 -i 0.01 -W "$SILENCE" "$SERVER4" >/dev/null
	is "what it answers with no verdict is aborted" $? 1
	is "and counted as denied" "$(bed_get slots .slots[5].packets.denied)" 3
	bed_ctl undeploy guest >/dev/null
	changes "the same in a slot that treats it as pass" deploy lenient "$OWN_PROGS/late.bpf.o"
	in_ns client ping -c 3 -i 0.01 -W "$TAP_SCALE" "$SERVER4" >/dev/null
	is "such packets go on" $? 0
	is "and are counted as denied" "$(bed_get slots .slots[6].packets.denied)" 3
}

# config_refused SENTENCE PATTERN: the slots.conf as it now is
config_refused() {
	refuses "$1" "$2" bed_ctl apply
}

test_configurations() {
	local before

	cp "$BED/slots.conf" "$BED/good.conf"
	head -c $((10 << 20)) /dev/zero | tr '\0' '#' >"$BED/slots.conf"
	config_refused "a slots.conf of 10 MB is refused" \
		"slots.conf:1: text: too long: at most 1048576 bytes"
	head -c 4096 /dev/urandom >"$BED/slots.conf"
	before=$(chain_state)
	bed_ctl apply >"$BED/out" 2>&1
	is "a slots.conf of random bytes is refused" $? 1
	is "the chain is as it was" "$(chain_state)" "$before"
	: >"$BED/slots.conf"
	config_refused "an empty slots.conf is refused" "slots.conf"
	rm "$BED/slots.conf"
	config_refused "a slots.conf that is gone is refused" "slots.conf: cannot read it: No such file"
	sed 's/slot 5/slot 20/' "$BED/good.conf" >"$BED/slots.conf"
	config_refused "a slot beyond the last is refused, with its line" \
		"slots.conf:4: slot: .20.: expected a number from 0 to 19"
	cp "$BED/good.conf" "$BED/slots.conf"
	is "then the good one finds nothing to do" "$(bed_get plan .has_changes)" false
}

# slotd_refuses SENTENCE PATTERN [OPTION...]: slotd, run by $RUN_AS, ends with 1 after one line
slotd_refuses() {
	local sentence=$1 pattern=$2 out status=0
	shift 2
	out=$(in_ns edge timeout $((5 * TAP_SCALE)) "${RUN_AS[@]}" "$BED_BIN/slotd" \
		--config "$BED/slots.conf" --object-dir "$BED_OBJECTS" --bpffs "$BED/bpf" \
		--state-dir "$BED/state" --run-dir "$BED/run" "$@" 2>&1) || status=$?
	if [[ $status -eq 1 && $out =~ $pattern && $out != *$'\n'* ]]; then
		ok "$sentence"
	else
		not_ok "$sentence" "exit status $status" "got:     $out" "pattern: $pattern"
	fi
}

test_surroundings() {
	local RUN_AS=() running

	running=$(xdp_id eth0)
	bed_slotd_stop
	RUN_AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	slotd_refuses "slotd without root ends at once" "must run as root"
	RUN_AS=(setpriv --bounding-set -sys_admin)
	mkdir "$BED/plain"
	slotd_refuses "slotd that may not mount a bpffs says how to" \
		"no bpffs at '$BED/plain' and cannot mount one: .*mount -t bpf bpf $BED/plain" \
		--bpffs "$BED/plain"
	RUN_AS=()
	: >"$BED/file"
	slotd_refuses "slotd whose state folder is a file says so" "state folder '$BED/file'" \
		--state-dir "$BED/file"
	slotd_refuses "slotd without a slots.conf says so" "slots.conf: cannot read it" \
		--config "$BED/no/slots.conf"
	is "the chain runs on" "$(xdp_id eth0)" "$running"
	succeeds "slotd starts again" bed_slotd
}

test_check_only() {
	local running

	running=$(chain_state)
	in_ns edge "$BED_BIN/slotd" --check --config "$BED/slots.conf" \
		--object-dir "$BED_OBJECTS" >"$BED/out" 2>&1
	is "slotd --check accepts a good slots.conf" $? 0
	sed -i 's/guest/guest!/; s/slot 6/slot 60/' "$BED/slots.conf"
	in_ns edge "$BED_BIN/slotd" --check --config "$BED/slots.conf" \
		--object-dir "$BED_OBJECTS" >"$BED/out" 2>&1
	is "slotd --check refuses a bad one" $? 1
	is "with a line for each error" "$(grep -cE "slots.conf:[45]: " "$BED/out")" 2
	is "the chain is as it was" "$(chain_state)" "$running"
}

# What cannot be recorded has not happened.
test_full_disk() {
	bed_slotd_stop
	mv "$BED/state" "$BED/kept"
	mkdir "$BED/state"
	mount -t tmpfs -o size=2m full "$BED/state"
	cp -a "$BED/kept/." "$BED/state"
	rm -r "$BED/kept"
	succeeds "slotd starts on a small disk" bed_slotd
	dd if=/dev/zero of="$BED/state/filler" bs=64k status=none 2>/dev/null
	refuses "a deploy is refused when the disk is full" "No space left on device; $STAYS" \
		bed_ctl deploy guest "$BED_PROGS/demo/firewall_next.bpf.o"
	refuses "so is a change without a new object" "No space left on device; $STAYS" \
		bed_ctl disable firewall
	rm "$BED/state/filler"
	changes "with room again, the deploy is carried out" \
		deploy guest "$BED_PROGS/demo/firewall_next.bpf.o"
	bed_slotd_stop
	umount "$BED/state"
}

test_no_bpffs() {
	bed_slotd_stop
	umount "$BED/bpf"
	in_time "without pins nothing runs" 5 is_bare eth0
	is "no bpffs is mounted" "$(stat -f -c %T "$BED/bpf")" tmpfs
	succeeds "slotd starts" bed_slotd
	is "it has mounted one" "$(stat -f -c %T "$BED/bpf")" bpf_fs
	matches "its chain runs" "$(xdp_id eth0)" '^[0-9]+$'
	succeeds "and is pinned" test -e "$(echo "$BED"/bpf/slotd/*-eth0/link)"
}

hide_btf() {
	mkdir -p "$BED/nothing"
	mount --bind "$BED/nothing" /sys/kernel/btf
}

test_no_btf() {
	local running

	hide_btf
	refuses "an object that asks for the kernel's types is refused without them" \
		"cannot load 'core': .*BTF is missing.*; $STAYS" \
		bed_ctl deploy guest "$OWN_PROGS/core.bpf.o"
	running=$(xdp_id eth0)
	bed_slotd_stop
	slotd_refuses "slotd on a kernel without BTF ends at once" \
		"this kernel has no BTF .*slotd needs"
	is "the chain runs on" "$(xdp_id eth0)" "$running"
	umount /sys/kernel/btf
	succeeds "with it slotd starts" bed_slotd
	changes "and takes the object" deploy guest "$OWN_PROGS/core.bpf.o"
}

strip_btf() {
	local tool

	for tool in llvm-objcopy-{19,18,17,16} llvm-objcopy; do
		command -v "$tool" >/dev/null || continue
		"$tool" --remove-section .BTF --remove-section .BTF.ext "$1" "$2"
		return
	done
	return 1
}

test_object_without_btf() {
	strip_btf "$BED_OBJECTS/pass.bpf.o" "$BED/plain.o" || {
		skip "an object without BTF" "no llvm-objcopy on this machine"
		return
	}
	if [[ $BED_ENGINE == freplace ]]; then
		refuses "an object without BTF is refused by freplace" "'pass' has no BTF.*-g; $STAYS" \
			bed_ctl deploy guest "$BED/plain.o"
	else
		changes "an object without BTF is taken by fused" deploy guest "$BED/plain.o"
	fi
}

only_in_vm damaged_objects objects_of_the_wrong_kind verifier_rejects verdict_at_run_time no_btf object_without_btf
bed_run
