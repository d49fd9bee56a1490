#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a packet pays for being taken out of its tunnel, and what a round trip of TCP does, by
# who does it: XDP, TC, and on the VM's kernel its own tunnel device and FOU. Writes
# build/bench/decap.json and prints it as tables. See docs/benchmarks.md.

# shellcheck source=tests/bench/parts/bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/parts/bench.sh"

# measure_round_trips: on this kernel, and in the guest
measure_round_trips() {
	local result=decap-rtt-$$.json

	"$here/decap_rtt.sh" >"$out/decap-rtt.json" || die "no round trips"
	"$here/redirect_rtt.sh" >>"$out/decap-rtt.json" || die "no round trips into a container"
	# shellcheck disable=SC2016 # the guest knows where its results go
	"$root/tests/vm/boot.sh" "$kernel" sh -c \
		"tests/bench/decap_rtt.sh 150 3 >\"\$SLOTD_VM_RESULTS/$result\"" ||
		die "no round trips in the guest"
	mv "$root/build/vm/$kernel/results/$result" "$out/decap-rtt-vm.json"
}

# measure_ways: from the device to the inner packet's routing, on this kernel and in the guest
measure_ways() {
	build/tests/bench/decap_way >"$out/decap-way.json" || die "no ways on this kernel"
	in_guest decap-way-vm.json decap_way --instructions --repeat 3200 --trials 5
}

report() {
	printf '\nA packet above one without a tunnel (kernel %s; in the VM %s), and round trips\n' \
		"$(jq -r .kernel "$out/decap.json")" "$(jq -r .vm_kernel "$out/decap.json")"
	filter -r row_lines <"$out/decap.json" | columns
}

bench_run decap 3
measure_ways
measure_round_trips
jq --slurpfile way "$out/decap-way.json" --slurpfile vm_way "$out/decap-way-vm.json" \
	--slurpfile trips "$out/decap-rtt.json" --slurpfile vm_trips "$out/decap-rtt-vm.json" \
	-L "$here" 'include "decap"; whole($way[0]; $vm_way[0]; $trips; $vm_trips)' \
	"$out/decap.json" >"$out/decap-whole.json"
mv "$out/decap-whole.json" "$out/decap.json"
report
