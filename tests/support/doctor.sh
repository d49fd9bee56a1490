# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A bed for slotctl doctor, which looks at the whole host: that is the script's own processes and
# namespaces. Sourced in place of bed.sh, first of all.

if [[ ! -v DOCTOR_ALONE && $EUID -eq 0 ]]; then
	DOCTOR_ALONE=1 exec unshare --net --pid --fork --kill-child --mount-proc -- \
		"$BASH" "$0" "$@"
fi

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/bed.sh"

# Namespaces with names, as an operator's have.
name_namespaces() {
	local ns

	mkdir -p /run/netns && mount -t tmpfs -o mode=0755 slotd-netns /run/netns || return 1
	for ns in client edge server; do
		: >"/run/netns/$ns"
		mount --bind "$BED/ns/$ns" "/run/netns/$ns" || return 1
	done
}

# find CHECK NETNS [SEVERITY]: what of it, one line a finding; '' for a netns: of none
find_trouble() {
	bed_ctl doctor --json 2>/dev/null | jq -r --arg check "$1" --arg netns "$2" \
		--arg severity "${3:-.}" '.findings[] |
		select(.check == $check and (.where.netns // "") == $netns and
			(.severity | test($severity))) | .what'
}

# finds SENTENCE CHECK NETNS SEVERITY PATTERN
finds() {
	matches "$1" "$(find_trouble "$2" "$3" "$4")" "$5"
}

# gone SENTENCE CHECK NETNS
gone() {
	is "$1" "$(find_trouble "$2" "$3")" ""
}
