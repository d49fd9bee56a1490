#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Installs what the build, the lint, the tests and the demo need, on Debian 12 and 13.
#
#   tools/deps.sh            install what is missing, after naming it; silent when nothing is
#   tools/deps.sh --dry-run  name it and stop; exit 1 if something is missing
#   tools/deps.sh --fuzz     what the fuzz targets need, too
#   tools/deps.sh --quic     a QUIC server and client for make bench-socket and test-all, too
#   tools/deps.sh --iperf    iperf3 for make bench-server-id, too
#   tools/deps.sh --haproxy  HAProxy for make bench-handoff, too
#
# Packages come through the machine's own package sources. The index is fetched into a
# temporary folder, so that the system's lists and sources stay as they are. Debian 12 has
# libbpf 1.1 and the build needs 1.3: there the same sources are read once more with the
# backports suite, for libbpf alone. Nothing installed starts a service or takes a package of the
# user's away: nginx would do the one and busybox-static the other, so they are unpacked below
# build/cache and not installed.

set -euo pipefail
cd "$(dirname "$0")/.."

# "a|b" is satisfied by either and installs a; "a>=v" also by nothing older than v.
PACKAGES=(
	# build
	gcc libc6-dev linux-libc-dev make pkgconf
	'libbpf-dev>=1:1.3' libxdp-dev libelf-dev zlib1g-dev libmnl-dev libconfuse-dev
	libmicrohttpd-dev libjansson-dev 'libcurl4-openssl-dev|libcurl4-gnutls-dev'
	libsystemd-dev libsodium-dev libssl-dev libcmocka-dev
	# lint
	shellcheck clang-format-19
	# tests and demo
	bpftool xdp-tools iproute2 'iputils-ping|inetutils-ping' ethtool procps kmod
	curl wrk jq minisign python3 nftables tcpdump bsdextrautils
	# VM tier
	cpio xz-utils zstd
)

CACHE=build/cache
# Unpacked packages, and what each is asked to see whether it runs here.
declare -A UNPACKED=(
	[nginx]="nginx/usr/sbin/nginx -v"
	# headers, and with them those of the library that nginx's own include
	[nginx-dev]="nginx-dev/usr/bin/pcre2-config --version"
	[busybox-static]="busybox-static/bin/busybox true"
)
work=

say() {
	printf 'deps: %s\n' "$*"
}

die() {
	printf 'deps: %s\n' "$*" >&2
	exit 1
}

# is_installed NAME[>=VERSION]
is_installed() {
	local name=${1%%>=*} version
	version=$(dpkg-query -W -f '${db:Status-Status} ${Version}' "$name" 2>/dev/null) || return 1
	[[ $version == installed\ * ]] || return 1
	[[ $1 != *'>='* ]] || dpkg --compare-versions "${version#* }" ge "${1#*>=}"
}

# Prints those of the given requirements that are not met, one package name a line.
missing_packages() {
	local want choice found
	for want; do
		found=
		for choice in ${want//|/ }; do
			! is_installed "$choice" || found=yes
		done
		want=${want%%|*}
		[[ $found ]] || printf '%s\n' "${want%%>=*}"
	done
}

is_unpacked() {
	local command
	read -ra command <<<"${UNPACKED[$1]}"
	LD_LIBRARY_PATH=$CACHE/$1/usr/lib/$(gcc -print-multiarch 2>/dev/null) \
		"$CACHE/${command[0]}" "${command[@]:1}" >/dev/null 2>&1
}

missing_unpacked() {
	local name
	for name in "${!UNPACKED[@]}"; do
		is_unpacked "$name" || printf '%s\n' "$name"
	done
}

# Prints, from a file of package sources in either format, every entry for this release's main
# component, changed to name the backports suite instead. Options such as signed-by stay.
backports_of() {
	case $1 in
	*.sources) backports_of_deb822 "$1" ;;
	*) backports_of_list "$1" ;;
	esac
}

backports_of_list() {
	awk -v codename="$VERSION_CODENAME" '
		{ sub(/#.*/, "") }
		$1 == "deb" && match($0, /^[ \t]*deb[ \t]+(\[[^]]*\][ \t]+)?[^ \t]+[ \t]+/) {
			head = substr($0, 1, RLENGTH)
			n = split(substr($0, RLENGTH + 1), word, /[ \t]+/)
			if (word[1] != codename && word[1] !~ /^(old)*stable$/)
				next
			for (i = 2; i <= n; i++)
				if (word[i] == "main")
					print head codename "-backports main"
		}' "$1"
}

backports_of_deb822() {
	awk -v codename="$VERSION_CODENAME" '
		function flush(  s) {
			s = " " suites " "
			if (types ~ /(^| )deb( |$)/ && components ~ /(^| )main( |$)/ && !off &&
			    (index(s, " " codename " ") || s ~ / (old)*stable /))
				printf "Types: deb\nSuites: %s-backports\nComponents: main\n%s\n",
					codename, rest
			types = suites = components = rest = field = ""; off = 0
		}
		/^[ \t]*$/ { flush(); next }
		/^#/ { next }
		/^[^ \t]/ { field = tolower($0); sub(/[ \t]*:.*/, "", field) }
		{ value = $0; sub(/^[^ \t:]*:/, "", value); gsub(/[ \t]+/, " ", value) }
		field == "types" { types = types value; next }
		field == "suites" { suites = suites value; next }
		field == "components" { components = components value; next }
		field == "enabled" && tolower(value) ~ /^ ?(no|false|off|without|disable)/ { off = 1 }
		{ rest = rest $0 "\n" }
		END { flush() }' "$1"
}

# A private view of apt: the machine's sources and pins, its own index and package cache.
prepare_apt() {
	local list parts preferences file kind
	[[ ! $work ]] || return 0
	work=$(mktemp -d /var/tmp/slotd-deps.XXXXXX)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	chmod 0755 "$work"
	mkdir -p "$work"/{lists/partial,archives/partial,parts,debs}
	[[ $EUID -ne 0 ]] || chown _apt "$work/debs" 2>/dev/null || true
	# Packages of an earlier run; apt fetches only those that are not what its index says.
	cp "$CACHE"/apt/*.deb "$work/archives/" 2>/dev/null || true

	eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d \
		preferences Dir::Etc::preferences/f)"
	for file in "$list" "$parts"/*.list "$parts"/*.sources; do
		[[ -r $file ]] || continue
		kind=${file##*.}
		cp "$file" "$work/parts/$(basename "${file%.*}")-$kind.$kind"
	done
	grep -qsriE '^[[:space:]]*(deb[[:space:]]|types:)' "$work/parts" ||
		die "this machine names no package sources in ${list%/*}"
	[[ ! -r $preferences ]] || cat "$preferences" >"$work/preferences"
	APT=(
		-o "Dir::Etc::sourcelist=$work/no.list" -o "Dir::Etc::sourceparts=$work/parts"
		-o "Dir::Etc::preferences=$work/preferences"
		-o "Dir::State::lists=$work/lists" -o "Dir::Cache::archives=$work/archives"
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o Acquire::Languages=none -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300
		-o Dpkg::Use-Pty=0 -q
	)
	[[ $VERSION_ID != 12 ]] || add_backports
	: >>"$work/no.list"
	: >>"$work/preferences"
}

# Adds the backports suite to the private sources, and pins it to libbpf. A third party's entry
# for this release becomes one that does not exist; the update goes on without it.
add_backports() {
	local file suite=$VERSION_CODENAME-backports
	printf '\nPackage: libbpf*\nPin: release n=%s\nPin-Priority: 990\n' "$suite" \
		>>"$work/preferences"
	! grep -qsrE "^[^#]*[[:space:]]$suite([[:space:]]|\$)" "$work/parts" || return 0
	for file in "$work"/parts/*; do
		backports_of "$file" >"$work/derived"
		[[ ! -s $work/derived ]] || cp "$work/derived" "$work/parts/backports-${file##*/}"
	done
	rm -f "$work/derived"
}

update_apt() {
	prepare_apt
	apt-get "${APT[@]}" update -q >"$work/update.log" 2>&1 || true
	compgen -G "$work/lists/*_Packages*" >/dev/null || {
		cat "$work/update.log" >&2
		die "the package index could not be read; the lines above say why"
	}
}

install_packages() {
	local candidate
	update_apt
	candidate=$(apt-cache "${APT[@]}" policy libbpf-dev | awk '/Candidate:/ { print $2 }')
	dpkg --compare-versions "$candidate" ge 1:1.3 || {
		cat "$work/update.log" >&2
		die "libbpf-dev here is $candidate and 1.3 is needed: $VERSION_CODENAME-backports" \
			"could not be read through this machine's package sources"
	}
	# needrestart, where a machine has it, would restart services of the user's.
	DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get "${APT[@]}" install -y \
		--no-install-recommends --no-remove -o Dpkg::Options::=--force-confdef \
		-o APT::Keep-Downloaded-Packages=true \
		-o Dpkg::Options::=--force-confold "$@" </dev/null || die "apt-get could not install them"
	mkdir -p "$CACHE/apt"
	cp "$work"/archives/*.deb "$CACHE/apt/" 2>/dev/null || true
}

# Of what a package depends on, and what those do, the libraries that are not installed.
libraries_of() {
	local name
	# The rest of what it depends on is for those who make packages.
	[[ $1 != nginx-dev ]] || {
		echo libpcre2-dev
		return
	}
	apt-cache "${APT[@]}" depends --recurse --important "$1" | awk '/^lib/ && !/-perl$/' | sort -u |
		while read -r name; do
			is_installed "$name" || printf '%s\n' "$name"
		done
}

unpack_packages() {
	local name file files
	[[ -e $work/update.log ]] || update_apt
	mkdir -p "$CACHE"
	for name; do
		rm -rf "${CACHE:?}/$name" "$CACHE/$name.new" "$work/debs/$name"
		install -d -m 0777 "$work/debs/$name"
		mapfile -t files < <(libraries_of "$name")
		(cd "$work/debs/$name" && apt-get "${APT[@]}" download "$name" "${files[@]}" </dev/null) ||
			die "cannot download $name ${files[*]}"
		for file in "$work/debs/$name"/*.deb; do
			dpkg -x "$file" "$CACHE/$name.new"
		done
		[[ -e $CACHE/$name.new/bin ]] || ln -s usr/bin "$CACHE/$name.new/bin"
		mv "$CACHE/$name.new" "$CACHE/$name"
		is_unpacked "$name" || die "$CACHE/${UNPACKED[$name]} does not run on this machine"
	done
}

main() {
	local dry_run='' with_fuzz='' with_quic='' with_iperf='' with_haproxy='' as_root missing unpacked
	case ${1-} in
	'') ;;
	--dry-run) dry_run=yes ;;
	--fuzz) with_fuzz=yes ;;
	--quic) with_quic=yes ;;
	--iperf) with_iperf=yes ;;
	--haproxy) with_haproxy=yes ;;
	*)
		printf 'usage: tools/deps.sh [--dry-run | --fuzz | --quic | --iperf | --haproxy]\n' >&2
		exit 2
		;;
	esac

	# shellcheck source=/dev/null
	. /etc/os-release
	[[ $ID == debian && ${VERSION_ID-} =~ ^(12|13)$ ]] ||
		die "this is ${PRETTY_NAME-$ID}; packages are named for Debian 12 and 13 only"
	# The newest LLVM that both releases have is 19; Debian 12's own choice for BPF is 16.
	[[ $VERSION_ID != 12 ]] || PACKAGES+=(clang-16 llvm-16 clang-tidy-16)
	[[ $VERSION_ID != 13 ]] || PACKAGES+=(clang-19 llvm-19 clang-tidy-19)
	[[ $(uname -m) != x86_64 ]] || PACKAGES+=(qemu-system-x86)
	# clang's fuzzing runtime is large, and nothing else needs it.
	[[ ! $with_fuzz || $VERSION_ID != 12 ]] || PACKAGES+=(libclang-rt-16-dev)
	[[ ! $with_fuzz || $VERSION_ID != 13 ]] || PACKAGES+=(libclang-rt-19-dev)

	[[ ! $with_quic ]] || PACKAGES+=(openssl)
	[[ ! $with_quic ]] || UNPACKED+=(
		[ngtcp2-server]="ngtcp2-server/usr/sbin/gtlsserver --help"
		[ngtcp2-client]="ngtcp2-client/usr/bin/gtlsclient --help"
	)

	# Installed, they might start a server.
	[[ ! $with_iperf ]] || UNPACKED+=([iperf3]="iperf3/usr/bin/iperf3 --version")
	[[ ! $with_haproxy ]] || UNPACKED+=([haproxy]="haproxy/usr/sbin/haproxy -v")

	mapfile -t missing < <(missing_packages "${PACKAGES[@]}")
	if ((${#missing[@]})); then
		say "missing on ${PRETTY_NAME-$ID}: ${missing[*]}"
		[[ " ${missing[*]} " != *' libbpf-dev '* || $VERSION_ID != 12 ]] ||
			say "libbpf comes from $VERSION_CODENAME-backports, as this release's is older than 1.3"
	fi
	mapfile -t unpacked < <(missing_unpacked)
	((${#unpacked[@]} == 0)) || say "unpacked to $CACHE, not installed: ${unpacked[*]}"

	[[ ! $dry_run ]] || exit $((${#missing[@]} + ${#unpacked[@]} > 0))
	if ((${#missing[@]})); then
		as_root=$(command -v sudo >/dev/null && echo "sudo tools/deps.sh" ||
			echo "su -c tools/deps.sh")
		[[ $EUID -eq 0 ]] || die "installing needs root; run: $as_root"
		install_packages "${missing[@]}"
	fi
	((${#unpacked[@]} == 0)) || unpack_packages "${unpacked[@]}"
}

main "$@"
