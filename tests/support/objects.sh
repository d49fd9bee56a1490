# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Which BPF objects there are, to prove that none is left. Sourced.

# Ids of all programs, maps and links of the machine; others may use BPF as well.
list_objects() {
	local kind

	for kind in prog map link; do
		bpftool -j "$kind" list | jq -r --arg kind "$kind" '.[] | "\($kind) \(.id)"'
	done | sort
}

# have_gone FILE: none of the objects listed in FILE is there any more
have_gone() {
	[[ -z $(comm -12 "$1" <(list_objects)) ]]
}

# objects_since FILE: objects that were not there when FILE was listed
objects_since() {
	comm -13 "$1" <(list_objects)
}
