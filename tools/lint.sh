#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Checks the tree: format, shell scripts, licence lines, file length, which room includes which,
# headers that compile alone, links in texts, static analysis. Run it as `make lint`, which hands it
# the compilers and flags of the build.
#
#   tools/lint.sh            check, print what was run, exit 1 on any finding
#   tools/lint.sh --format   rewrite the C sources in the house format

set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

MAX_LINES=500
failed=0
since=$SECONDS
c_flags=()
bpf_flags=()

# files GLOB...: the tree's files of these names, without what is built or fetched.
files() {
	local args=() glob
	for glob; do
		args+=(-o -name "$glob")
	done
	find . \( -path ./build -o -path ./.git \) -prune -o -type f \( "${args[@]:1}" \) -print |
		sed 's|^\./||' | LC_ALL=C sort
}

# Scripts by name, and those without a suffix by their first line.
scripts() {
	{
		files '*.sh' '*.bash'
		find . \( -path ./build -o -path ./.git \) -prune -o \
			-type f ! -name '*.*' -perm -u+x -print | sed 's|^\./||' |
			while read -r file; do
				head -n 1 "$file" | grep -qE '^#!.*\b(ba)?sh\b' && printf '%s\n' "$file"
			done
	} | LC_ALL=C sort -u
}

# report NAME COUNT STATUS: says what was checked, and how it went.
report() {
	local word=ok
	if (($3)); then
		word=FAIL
		failed=1
	fi
	printf 'lint: %-5s %s (%s files, %d s)\n' "$word" "$1" "$2" $((SECONDS - since))
	since=$SECONDS
}

# A script that is sourced is not executable, and sets variables that others use.
check_shell() {
	local file programs=() sourced=() bad=0
	for file; do
		if [[ -x $file ]]; then programs+=("$file"); else sourced+=("$file"); fi
	done
	shellcheck -x -P SCRIPTDIR -S warning "${programs[@]}" || bad=1
	[[ ${#sourced[@]} -eq 0 ]] ||
		shellcheck -x -P SCRIPTDIR -S warning -e SC2034 "${sourced[@]}" || bad=1
	return "$bad"
}

licence_of() {
	case $1 in
	bpf/count_abi.h | bpf/socket_lb/socket_lb_abi.h | programs/handoff/handoff_abi.h)
		echo 'GPL-2.0-only OR LGPL-2.1-or-later'
		;;
	bpf/socket_lb/sl_* | bpf/socket_lb/lib/* | bpf/socket_lb/maps/* | programs/shared/maps.* | \
		programs/handoff/lib/* | programs/handoff/maps/* | programs/handoff/probe/* | programs/handoff/nginx/* | \
		programs/handoff/examples/*) echo 'LGPL-2.1-or-later' ;;
	*.bpf.c | *.bpf.h | bpf/*) echo 'GPL-2.0-only' ;;
	dispatcher/* | loader/lib/*) echo 'LGPL-2.1-or-later' ;;
	*) echo 'GPL-2.0-only' ;;
	esac
}

check_licences() {
	local file line want bad=0
	for file; do
		line=1
		[[ $(head -c 2 "$file") != '#!' ]] || line=2
		want="SPDX-License-Identifier: $(licence_of "$file")"
		sed -n "${line}p" "$file" | grep -qF "$want" && continue
		printf '%s:%d: expected %s\n' "$file" "$line" "$want"
		bad=1
	done
	return "$bad"
}

# check_library_licences SOURCE...: what a library for servers is made of is LGPL down to its last
# header.
check_library_licences() {
	local file made included bad=0
	made=$("$CC" "${c_flags[@]}" -MM "$@") || return 1
	mapfile -t included < <(tr ' ' '\n' <<<"$made" | grep -E '^[^/].*\.[ch]$' | sort -u)
	for file in "${included[@]}"; do
		head -n 1 "$file" | grep -q 'LGPL-2.1-or-later' && continue
		echo "$file: a library includes it, so it has to be LGPL-2.1-or-later as well"
		bad=1
	done
	return "$bad"
}

check_length() {
	local file lines bad=0
	for file; do
		lines=$(wc -l <"$file")
		((lines >= MAX_LINES)) || continue
		printf '%s: %d lines, a file has fewer than %d\n' "$file" "$lines" "$MAX_LINES"
		bad=1
	done
	return "$bad"
}

# Each room, and the others that its files may include (docs/architecture.md): every floor of the
# library those below it.
ROOMS='
bpf/*.h
bpf/fw_egress loader/lib/base programs/(shared|cli.h|firewall) bpf
bpf/handoff_out programs/handoff/(handoff_abi.h|data) programs/(shared|cli.h) bpf
bpf/lb_hc loader/lib/base programs/(shared|cli.h) bpf
bpf/socket_lb loader/lib/base programs/(shared|cli.h) bpf
bpf/socket_lb/cli bpf/socket_lb/(socket_lb_abi.h|sl_words.h|maps|run/sl_run_cli.h|lib/socketlb_paths.h) programs/(shared|cli.h) loader/lib/base bpf/count_abi.h
bpf/socket_lb/data bpf/socket_lb/socket_lb_abi.h bpf/[a-z_]+.h
bpf/socket_lb/examples bpf/socket_lb/lib/socketlb.h
bpf/socket_lb/lib bpf/socket_lb/(socket_lb_abi.h|maps) loader/lib/base
bpf/socket_lb/maps bpf/socket_lb/(socket_lb_abi.h|sl_words.h) programs/shared loader/lib/base bpf/count_abi.h
bpf/socket_lb/run bpf/socket_lb/(lib|maps|sl_words.h|socket_lb_abi.h) programs/(shared|cli.h) loader/lib/base
bpf/sk_steer loader/lib/base programs/(shared|cli.h) bpf
bpf/tc_decap programs/decap bpf
bpf/tc_redirect loader/lib/base programs/(shared|cli.h) bpf
bpf/tcp_server_id loader/lib/base programs/(shared|cli.h) bpf
dispatcher bpf build/gen
loader/lib/base
loader/lib/config loader/lib/base dispatcher
loader/lib/registry loader/lib/(base|config) dispatcher bpf
loader/lib/doctor loader/lib/(base|config)
loader/lib/host loader/lib/(base|config|registry|doctor)
loader/lib/offload loader/lib/(base|config|host)
loader/lib/program loader/lib/(base|config|registry|host) bpf
loader/lib/engine loader/lib/(base|config|registry|host|program) dispatcher
loader/lib/chain loader/lib dispatcher
loader/slotd loader/lib
loader/slotctl loader/lib dispatcher programs/cli.h
programs loader/lib/(base|host|offload) bpf
programs/decap/data programs/decap/decap_abi.h bpf
programs/firewall/cli programs/firewall/(firewall.h|firewall_abi.h|compile|maps|rules) programs/(shared|cli.h) loader/lib/base bpf
programs/firewall/compile programs/firewall/(rules|fw_abi.h) loader/lib/base
programs/firewall/data programs/firewall/(fw_abi.h|firewall_abi.h) bpf
programs/firewall/maps programs/firewall/(compile|rules|fw_abi.h) programs/shared loader/lib/base
programs/firewall/rules programs/firewall/(fw_abi.h|firewall_abi.h) bpf loader/lib/base
programs/handoff/agent programs/handoff/(lib|maps|probe|handoff_abi.h) programs/shared loader/lib/(base|offload)
programs/handoff/repair programs/handoff/lib programs/shared loader/lib/base
programs/handoff/cli programs/handoff/(handoff_abi.h|agent|maps|repair|lib) programs/(shared|cli.h) loader/lib/base bpf/count_abi.h
programs/handoff/data programs/handoff/handoff_abi.h bpf
programs/handoff/lib/*.[ch] loader/lib/base
programs/handoff/lib/peer programs/handoff/(lib|maps|probe|handoff_abi.h) loader/lib/base
programs/handoff/maps programs/handoff/handoff_abi.h programs/shared loader/lib/base
programs/handoff/probe programs/handoff/(lib|maps) loader/lib/base
programs/handoff/nginx programs/handoff/lib/peer/handoff_host.h
programs/handoff/examples
programs/hwmark/agent programs/hwmark/(maps|hwmark_abi.h) programs/(lb|shared) loader/lib/(base|host|offload)
programs/hwmark/cli programs/hwmark/(agent|maps) programs/(lb|shared|cli.h) loader/lib/base
programs/hwmark/data programs/hwmark/hwmark_abi.h programs/lb/(data|lb_abi.h) bpf
programs/hwmark/maps programs/hwmark/hwmark_abi.h programs/(lb|shared) loader/lib/base
programs/lb/cli programs/lb/(lb.h|lb_abi.h|health|maps|model) programs/(shared|cli.h) loader/lib/base
programs/lb/data programs/lb/lb_abi.h bpf
programs/lb/ring programs/lb/lb_abi.h loader/lib/base bpf
programs/lb/model programs/lb/lb_abi.h loader/lib/base
programs/lb/maps programs/lb/(ring|model|lb_abi.h) programs/shared loader/lib/base bpf
programs/lb/health programs/lb/(model|lb.h|lb_abi.h) programs/shared loader/lib/base bpf
programs/shared programs/cli.h loader/lib/base bpf
'

# check_rooms: an include that leads up, or into a room that is none of this one's business
check_rooms() {
	local room below bad=0
	for room in bpf/*/ bpf/*/*/ programs/*/*/; do
		compgen -G "$room*.[ch]" >/dev/null || continue # of units alone
		grep -qE "^${room%/}(/[*][^ ]*)?( |$)" <<<"$ROOMS" || {
			echo "$room has no row in ROOMS"
			bad=1
		}
	done
	while read -r room below; do
		[[ $room ]] || continue
		# shellcheck disable=SC2086 # a room may be a pattern
		! grep -rHnE --include='*.[ch]' '^#include "' $room |
			grep -vE ":#include \"(${room%%/[*]*}${below:+|${below// /|}})(/|\")" || bad=1
	done <<<"$ROOMS"
	return "$bad"
}

# A *_abi.h is included by both sides, bpf/*.h and *.bpf.h by BPF code, the rest by user space.
check_headers() {
	local header side bad=0
	for header; do
		side=both
		case $header in
		*_abi.h) ;;
		bpf/*/*) side=user ;;
		*.bpf.h | bpf/*) side=bpf ;;
		*) side=user ;;
		esac
		[[ $side == user ]] ||
			echo "#include \"$header\"" | "$CLANG" "${bpf_flags[@]}" -fsyntax-only -x c - || bad=1
		[[ $side == bpf ]] ||
			echo "#include \"$header\"" | "$CC" "${c_flags[@]}" -fsyntax-only -x c - || bad=1
	done
	return "$bad"
}

tidy_file() {
	local flags=("${c_flags[@]}") out
	case $1 in
	programs/*.bpf.c | bpf/*.bpf.c) flags=("${bpf_flags[@]}" '-DSLOT_PROGRAM_VERSION="0"') ;;
	*.bpf.c) flags=("${bpf_flags[@]}") ;;
	esac
	out=$("$TIDY" --quiet "$1" -- "${flags[@]}" 2>&1) && return
	printf '%s\n' "$out" | grep -vE '^[0-9]+ (warning|error)s?.* generated|^Suppressed '
	return 1
}

# One process a file: in a second file clang-tidy 16 takes every va_list for uninitialized.
check_tidy() {
	printf '%s\0' "$@" | xargs -0 -r -n 1 -P "$(nproc)" tools/lint.sh --tidy
}

first_of() {
	local tool
	for tool; do
		command -v "$tool" && return
	done
	printf 'lint: none of %s is here: run make deps\n' "$*" >&2
	exit 1
}

FORMAT=$(first_of clang-format-19) || exit 1
TIDY=$(first_of clang-tidy-16 clang-tidy-19) || exit 1

mapfile -t sources < <(files '*.c' '*.h')
mapfile -t headers < <(files '*.h')
mapfile -t bpf_sources < <(files '*.bpf.c')
mapfile -t c_sources < <(files '*.c' | grep -v '\.bpf\.c$')
mapfile -t shell < <(scripts)
mapfile -t texts < <(files '*.md')
mapfile -t others < <(files Makefile '*.mk' '*.service' '*.slice' '.clang-*')

case ${1-} in
--format)
	"$FORMAT" -i "${sources[@]}"
	exit
	;;
--tidy | '') ;;
*)
	printf 'usage: tools/lint.sh [--format]\n' >&2
	exit 2
	;;
esac

[[ ${LINT_C_FLAGS-} ]] || exec make lint
eval "c_flags=($LINT_C_FLAGS) bpf_flags=($LINT_BPF_FLAGS)"

if [[ ${1-} == --tidy ]]; then
	tidy_file "$2"
	exit
fi

"$FORMAT" --dry-run -Werror "${sources[@]}"
report "clang-format" ${#sources[@]} $?

check_shell "${shell[@]}"
report "shellcheck" ${#shell[@]} $?

check_licences "${sources[@]}" "${shell[@]}" "${others[@]}"
report "licence lines" $((${#sources[@]} + ${#shell[@]} + ${#others[@]})) $?

mapfile -t library < <(printf '%s\n' "${c_sources[@]}" | grep -E '^bpf/socket_lb/(lib/|maps/|sl_)|^programs/handoff/(lib|maps|probe|examples)/|^programs/shared/maps\.c$')
check_library_licences "${library[@]}"
report "licences of what libraries include" ${#library[@]} $?

check_length "${sources[@]}" "${shell[@]}"
report "file length" $((${#sources[@]} + ${#shell[@]})) $?

check_rooms
report "what each room includes" ${#sources[@]} $?

check_headers "${headers[@]}"
report "headers compile alone" ${#headers[@]} $?

tools/links.sh "${texts[@]}"
report "links in texts" ${#texts[@]} $?

check_tidy "${c_sources[@]}"
report "${TIDY##*/}, user space" ${#c_sources[@]} $?

check_tidy "${bpf_sources[@]}"
report "${TIDY##*/}, BPF" ${#bpf_sources[@]} $?

exit $failed
