#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Finds relative links in Markdown that lead to no file, or to no heading of it:
#
#   tools/links.sh FILE.md...     print them as FILE:LINE: LINK, exit 1 on any
set -uo pipefail

# headings FILE: as links name them
headings() {
	sed -nE 's/^#+ +//p' "$1" | tr '[:upper:]' '[:lower:]' |
		sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'
}

leads() {
	local target=${2%%#*} heading=${2#*#}

	[[ $target ]] && target=$(dirname "$1")/$target || target=$1
	[[ -e $target ]] || return
	[[ $2 != *#* ]] || headings "$target" | grep -qxF -- "$heading"
}

bad=0
for file; do
	while IFS=: read -r line link; do
		link=${link#](} link=${link%)}
		[[ $link != *:* ]] || continue
		leads "$file" "$link" && continue
		printf '%s:%s: the link %s leads nowhere\n' "$file" "$line" "$link"
		bad=1
	done < <(grep -noE '\]\([^) ]+\)' "$file")
done
exit "$bad"
