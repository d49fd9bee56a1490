#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 5400
# timeout of all: 21600
#
# tests.sh KERNEL TEST...: run TESTs under a Debian kernel and print their points as TAP, each
# with [KERNEL] before its name. One boot serves many tests; on two or more CPUs two guests
# share them, each taking the next one when it is done, with one CPU each: QEMU's emulation of
# several CPUs in several threads runs stale instructions after the kernel has patched its own
# (seen as "int3" in bpf_dispatcher_xdp_func), and in one thread a second CPU gains nothing. The
# logs are kept in build/vm/KERNEL/results/tests. SLOTD_VM_ENGINE keeps the guests to one engine.

set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
boot_limit=5300
[[ ${SLOTD_FAULTS:-} != all ]] || boot_limit=21500
test_limit=600

# share_points NUMBER: a guest's points without their numbers. Without its plan it ended early,
# which is a failure unless another one took up what it was at.
share_points() {
	local is_followed=0

	[[ ! -d $logs/$(($1 + 2)) ]] || is_followed=1
	awk -v kernel="$kernel" -v status="$(<"$logs/$1/status")" -v is_followed="$is_followed" '
	/^1\.\.[0-9]+$/ { complete = 1; next }
	/^(not )?ok / {
		bad = /^not /
		sub(/^(not )?ok [0-9]+ - /, "")
		printf "%sok - [%s] %s\n", bad ? "not " : "", kernel, $0
		next
	}
	{ print }
	END {
		if (!complete)
			printf "%s [%s] the guest ended (status %d) in the test after these%s\n", \
				is_followed ? "#" : "not ok -", kernel, status, \
				is_followed ? "; another one began it again" : ""
	}' "$logs/$1/tap"
}

number_points() {
	awk '
	/^(not )?ok - / { sub(/ok - /, "ok " ++points " - ") }
	{ print }
	END { printf "1..%d\n", points }'
}

# order_tests TEST...: the long ones first, so that no guest is left with one at the end: scripts,
# by the time that they ask for.
order_tests() {
	local test seconds

	for test; do
		seconds=0
		[[ $test != *.sh ]] || seconds=1$(sed -n '1,20s/^# timeout: \([0-9]*\)$/\1/p' "$test")
		printf '%s %s\n' "$seconds" "$test"
	done | sort -s -n -r -k 1,1 | cut -d ' ' -f 2-
}

# boot_share NUMBER TEST...: in a guest of its own, those that no other took before.
boot_share() {
	local share=$1

	shift
	mkdir "$logs/$share"
	: >"$logs/$share/tap"
	# shellcheck disable=SC2016
	"$root/tests/vm/boot.sh" --smp 1 --timeout "$boot_limit" "$kernel" bash -c '
		exec tests/run -c "$SLOTD_VM_RESULTS/$0/claims" -o "$SLOTD_VM_RESULTS/$0/$1" "${@:2}"
		' "${logs##*/}" "$share" -t "$test_limit" "$@" >&2
	echo "$?" >"$logs/$share/status"
}

# give_back NUMBER: the test that the guest was at is nobody's again. Fails where there is none.
give_back() {
	local claim

	for claim in "$logs/claims"/*; do
		[[ ! -e $claim/done && -e $claim/by && $(<"$claim/by") == "$1" ]] || continue
		rm -r "$claim"
		return
	done
	return 1
}

# run_share NUMBER TEST...: by boot_share, and once more where the guest itself ended (125).
# QEMU's emulation panics a kernel now and then, as when a double fault shows a pointer's bits in
# EFLAGS; a test that does so by itself does it again.
run_share() {
	boot_share "$@"
	[[ $(<"$logs/$1/status") -ne 125 ]] || ! give_back "$1" ||
		boot_share "$(($1 + 2))" "${@:2}"
}

# The logs of the latest run stay under one name; a run beside this one has its own.
keep_logs() {
	rm -rf "$results/tests"
	mv -T "$logs" "$results/tests" 2>/dev/null
}

if [[ $# -lt 2 ]]; then
	echo "usage: tests.sh KERNEL TEST..." >&2
	exit 2
fi
kernel=$1
shift
if ! reason=$("$root/tests/vm/boot.sh" --check 2>&1); then
	echo "1..0 # SKIP ${reason//$'\n'/; }"
	exit 0
fi

results=$root/build/vm/$kernel/results
mkdir -p "$results"
logs=$(mktemp -d "$results/tests.XXXXXX")
trap keep_logs EXIT
# shellcheck disable=SC2046
trap 'kill $(jobs -p) 2>/dev/null; exit 143' TERM INT
export SLOTD_TIER=vm
[[ -z ${SLOTD_VM_ENGINE:-} ]] || export SLOTD_TEST_ENGINE=$SLOTD_VM_ENGINE
mapfile -t tests < <(order_tests "$@")
mkdir "$logs/claims"
run_share 1 "${tests[@]}" &
[[ $(nproc) -lt 2 || $# -lt 2 ]] || run_share 2 "${tests[@]}"
wait
for share in "$logs"/[1-4]; do
	share_points "${share##*/}"
done >"$logs/tap"
claimed=$(find "$logs/claims" -mindepth 1 -maxdepth 1 | wc -l)
[[ $claimed -eq $# ]] ||
	echo "not ok - [$kernel] $(($# - claimed)) of $# tests were run by no guest" >>"$logs/tap"
number_points <"$logs/tap"
! grep -q '^not ok' "$logs/tap"
