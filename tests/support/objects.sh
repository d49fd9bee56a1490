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

# Ids of what the processes of the machine hold open, as list_objects has them: a link also holds
# its program, a program its maps.
list_held() {
	grep -hsE '^(prog|map|link)_id:' /proc/[0-9]*/fdinfo/* | sed -E 's/_id:[[:space:]]*/ /' |
		jq -rRn --slurpfile progs <(bpftool -j prog list) \
			--slurpfile links <(bpftool -j link list) '
			[inputs] as $open |
			($open + [$links[0][] | select("link \(.id)" | IN($open[])) | "prog \(.prog_id)"])
				as $running |
			($running + [$progs[0][] | select("prog \(.id)" | IN($running[])) |
				.map_ids[]? | "map \(.)"]) | unique[]'
}

# left_since FILE: objects that were not there when FILE was listed and that no process holds.
# Other tests' objects are held by other tests' slotd.
left_since() {
	comm -23 <(objects_since "$1") <(list_held | sort)
}

is_nothing_left_since() {
	[[ -z $(left_since "$1") ]]
}
