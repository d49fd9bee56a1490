# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A benchmark of packets: build/tests/bench/NAME run in a VM, where instructions are counted,
# and on this kernel, in nanoseconds. Both go into build/bench/NAME.json by tests/bench/NAME.jq.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
here=$root/tests/bench
out=$root/build/bench
kernel=${SLOTD_BENCH_KERNEL:-6.12}
name=

die() {
	printf 'bench-%s: %s\n' "$name" "$*" >&2
	exit 1
}

# filter OPTION EXPRESSION: jq on stdin, with what tests/bench/NAME.jq defines
filter() {
	jq -L "$here" "$1" "include \"$name\"; $2"
}

columns() {
	column -t -s $'\t' | sed 's/^/  /'
}

# in_guest FILE PROGRAM [OPTION...]: what build/tests/bench/PROGRAM prints in a VM where
# instructions are counted, into build/bench/FILE
in_guest() {
	local result=$name-$$.json

	# shellcheck disable=SC2016 # the guest knows where its results go
	"$root/tests/vm/boot.sh" --icount "$kernel" sh -c \
		"build/tests/bench/${*:2} >\"\$SLOTD_VM_RESULTS/$result\"" ||
		die "nothing from the guest: the VM run of $2 failed"
	mv "$root/build/vm/$kernel/results/$result" "$out/$1"
}

# measure_instructions TRIALS [OPTION...]
# Runs that end before the guest's next timer tick, whose instructions would count as well.
measure_instructions() {
	in_guest "$name-instructions.json" "$name" --instructions --repeat 1000 --trials "$@"
}

# print_packets: what row_lines makes of the rows, under the two kernels that they are from
print_packets() {
	local from=$out/$name.json

	printf '\nA packet, in instructions (kernel %s) and nanoseconds (kernel %s, %s)\n' \
		"$(jq -r '.clocks[0].kernel' "$from")" "$(jq -r '.clocks[1].kernel' "$from")" \
		"$(jq -r '.clocks[1] | "median and minimum of \(.trials) trials"' "$from")"
	filter -r row_lines <"$from" | columns
}

# bench_run NAME TRIALS [OPTION...]: TRIALS in the guest, and what else to tell NAME there
bench_run() {
	name=$1
	shift
	[[ $EUID -eq 0 ]] || die "needs root, for network namespaces and XDP: sudo make bench-$name"
	[[ -x $root/build/tests/bench/$name ]] ||
		die "build/tests/bench/$name is not there: run make bench-$name"
	cd "$root"
	mkdir -p "$out"
	measure_instructions "$@"
	"build/tests/bench/$name" >"$out/$name-ns.json" || die "no native run"
	cat "$out/$name-ns.json" "$out/$name-instructions.json" |
		filter -s merge >"$out/$name.json"
}
