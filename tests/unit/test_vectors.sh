#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The load balancer's vectors are what the reference makes, and the reference gives the results of
# others' vectors where those are at hand.

set -u

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/support/tap.sh
source "$root/tests/support/tap.sh"
vectors=$root/tests/vectors
others=${SLOTD_VECTORS:-$root/../shared/vectors}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

if ! command -v python3 >/dev/null; then
	echo "1..0 # SKIP no python3"
	exit 0
fi

if "$vectors/generate.sh" "$dir" 2>"$dir/words"; then
	ok "the reference runs every scenario"
else
	not_ok "the reference runs every scenario" "$(<"$dir/words")"
fi

for file in "$vectors"/*.scenario; do
	for name in "$(basename "$file" .scenario)".{tsv,counts}; do
		[[ -e $vectors/$name || -e $dir/$name ]] || continue
		if cmp "$vectors/$name" "$dir/$name" >"$dir/words" 2>&1; then
			ok "$name is what the reference makes"
		else
			not_ok "$name is what the reference makes" "$(<"$dir/words")"
		fi
	done
done

for file in "$vectors"/shared/*.scenario; do
	name=$(basename "$file" .scenario)
	if [[ ! -e $others/$name.tsv ]]; then
		skip "the reference gives the results of $name" "$others/$name.tsv is not here"
	elif "$vectors/reference.py" --check "$others/$name.tsv" "$file" >"$dir/words" 2>&1; then
		ok "the reference gives the results of $name"
	else
		not_ok "the reference gives the results of $name" "$(grep -v '^ok' "$dir/words")"
	fi
done

echo "1..$TAP_COUNT"
[[ $TAP_FAILED -eq 0 ]]
