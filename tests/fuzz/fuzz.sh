#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 3600
#
# fuzz.sh TARGET...: run libFuzzer targets for FUZZ_SECONDS (60) each, as TAP. A target starts
# from its seeds (tests/fuzz/seeds/TARGET, and for objects what the build made) and from what
# earlier runs found worth keeping: build/fuzz/TARGET.corpus. An input that breaks a promise is
# kept beside it, as crash-*, timeout-* or oom-*.

set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/support/tap.sh
. "$root/tests/support/tap.sh"

seconds=${FUZZ_SECONDS:-60}

# Folders of inputs to start from that no run writes to.
list_seeds() {
	local seeds=$root/tests/fuzz/seeds/$1

	[[ ! -d $seeds ]] || printf '%s\n' "$seeds"
	[[ $1 != fuzz_manifest ]] || printf '%s\n' "$root/build/bpf"
}

# fuzz TARGET: one point
fuzz() {
	local name=${1##*/} corpus=$1.corpus log=$1.log seeds

	mkdir -p "$corpus"
	mapfile -t seeds < <(list_seeds "$name")
	if "$1" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 \
		-artifact_prefix="$1." "$corpus" "${seeds[@]}" >"$log" 2>&1; then
		ok "$name keeps its promises for $seconds s"
		printf '# %s inputs, %s kept\n' \
			"$(sed -n 's/^stat::number_of_executed_units: //p' "$log")" \
			"$(find "$corpus" -type f | wc -l)"
	else
		not_ok "$name keeps its promises for $seconds s" "$(tail -n 40 "$log")"
	fi
}

for target in "$@"; do
	fuzz "$target"
done
printf '1..%d\n' "$#"
exit $((TAP_FAILED > 0))
