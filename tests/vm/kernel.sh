#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh KERNEL: have a Debian kernel (x86-64) unpacked under build/vm/KERNEL/kernel
# and print that directory. KERNEL is 6.1 or 6.12.
#
# The package comes from the archive that this machine's own apt uses, through
# an apt state of its own: nothing is installed, no system file is read for
# writing. Once the directory exists it is complete, and is used as it is.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
work=

die() {
	printf 'kernel.sh: %s\n' "$*" >&2
	exit 1
}

say() {
	printf 'kernel.sh: %s\n' "$*" >&2
}

# Suites that hold the kernel, the nearest to the running release first.
list_suites() {
	local kernel=$1 codename=$2

	case $kernel in
	6.1)	echo bookworm ;;
	6.12)	[[ $codename != bookworm ]] || echo bookworm-backports
		echo trixie ;;
	*)	die "unknown kernel '$kernel' (known: 6.1, 6.12)" ;;
	esac
}

# Base addresses of the archives that carry the running release. apt itself reads
# the sources (one-line and deb822) and names every index it would fetch.
list_archives() {
	local codename=$1

	mkdir -p "$work/none/partial"
	apt-get -o Dir::State::lists="$work/none" update --print-uris |
		sed -En "s,^'(.*)/dists/($codename|stable|oldstable|testing)/InRelease' .*,\1,p" |
		awk '!seen[$0]++'
}

# apt with every piece of state under $work, and its words kept for the failure.
apt_private() {
	local program=$1
	shift
	"$program" -qq \
		-o APT::Architecture=amd64 -o APT::Architectures::=amd64 \
		-o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3 \
		-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State="$work/state" -o Dir::State::status="$work/status" \
		-o Dir::Cache="$work/cache" "$@" 2>>"$work/log"
}

# Fetches the newest KERNEL image that SUITE of ARCHIVE has; prints the file's name.
fetch_image() {
	local kernel=$1 archive=$2 suite=$3 image

	rm -rf "$work/state" "$work/cache"
	mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
	: >"$work/status"
	printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$archive" "$suite" \
		>"$work/sources.list"
	apt_private apt-get update || return 1
	# the plain flavour only: names with -rt- or -cloud- in them do not match
	image=$(apt_private apt-cache pkgnames "linux-image-$kernel" |
		grep -E "^linux-image-${kernel//./\\.}\.[0-9]+([+-][0-9a-z.+]*)?-amd64$" |
		sort -V | tail -n 1) || return 1
	[[ -n $image ]] || return 1
	say "fetching $image from $suite"
	(cd "$work" && apt_private apt-get download "$image") || return 1
	find "$work" -maxdepth 1 -name 'linux-image-*.deb'
}

# Unpacks DEB into $work/kernel: vmlinuz, release (as uname -r prints it), lib/modules.
unpack_image() {
	local deb=$1 release

	dpkg -x "$deb" "$work/kernel"
	rm -f "$deb"
	if [[ -d $work/kernel/usr/lib/modules && ! -e $work/kernel/lib ]]; then
		ln -s usr/lib "$work/kernel/lib"
	fi
	release=$(basename "$work"/kernel/lib/modules/*)
	depmod -b "$work/kernel" "$release"
	printf '%s\n' "$release" >"$work/kernel/release"
	ln -s "boot/vmlinuz-$release" "$work/kernel/vmlinuz"
	[[ -s $work/kernel/vmlinuz ]] || die "no boot/vmlinuz-$release in the package"
}

fetch_kernel() {
	local kernel=$1 codename archives suites archive suite deb

	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	archives=$(list_archives "$codename")
	suites=$(list_suites "$kernel" "$codename")
	[[ -n $archives ]] || die "apt's sources name no archive for Debian '$codename'"
	for suite in $suites; do
		for archive in $archives; do
			deb=$(fetch_image "$kernel" "$archive" "$suite") || continue
			unpack_image "$deb"
			return
		done
	done
	tail -n 5 "$work/log" >&2
	die "no archive that apt uses has kernel $kernel in:" "$suites"
}

kernel=${1:-}
[[ $# -eq 1 ]] || die "usage: kernel.sh 6.1|6.12"
list_suites "$kernel" '' >/dev/null

dir=$root/build/vm/$kernel
mkdir -p "$dir"
exec 9>"$dir/lock"
flock 9
if [[ ! -d $dir/kernel ]]; then
	[[ -r $keyring ]] || die "$keyring is missing (package debian-archive-keyring)"
	rm -rf "$dir"/fetch.*
	work=$(mktemp -d "$dir/fetch.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	fetch_kernel "$kernel"
	mv "$work/kernel" "$dir/kernel"
fi
echo "$dir/kernel"
