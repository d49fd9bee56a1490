#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# initramfs.sh KERNEL_DIR: print the path of an initramfs for the kernel that
# kernel.sh unpacked in KERNEL_DIR: busybox, tests/vm/init and the modules that
# reach the host's file system. Made again when a script here has changed.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$(dirname "$here")")
modules=(virtio_pci virtio_console 9p 9pnet_virtio overlay)
work=

# Prints the files to insert, in order. Some releases build virtio in, and say so.
list_modules() {
	local dir=$1 release=$2

	modprobe --dirname "$dir" --set-version "$release" --show-depends --all \
		"${modules[@]}" | sed -En 's,^insmod (.*\.ko(\.[a-z]+)?).*,\1,p' | awk '!seen[$0]++'
}

# busybox inserts plain modules only
copy_module() {
	local from=$1 to=$2

	case $from in
	*.xz)	xz -dc "$from" >"$to" ;;
	*.zst)	zstd -qdc "$from" >"$to" ;;
	*)	cp "$from" "$to" ;;
	esac
}

fill_tree() {
	local dir=$1 tree=$2 release list file n=100

	release=$(<"$dir/release")
	mkdir -p "$tree"/{bin,modules,proc,sys,dev,lower,rw,new}
	cp -L "$root/build/cache/busybox-static/bin/busybox" "$tree/bin/busybox"
	install -m 0755 "$here/init" "$tree/init"
	list=$(list_modules "$dir" "$release")
	while read -r file; do
		copy_module "$file" "$tree/modules/$n.ko"
		n=$((n + 1))
	done <<<"$list"
}

[[ $# -eq 1 ]] || { echo "usage: initramfs.sh KERNEL_DIR" >&2; exit 1; }
dir=$1
image=$(dirname "$dir")/initramfs.cpio
if [[ ! -e $image || $here/init -nt $image || $here/initramfs.sh -nt $image ]]; then
	work=$(mktemp -d "$image.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	fill_tree "$dir" "$work/tree"
	(cd "$work/tree" && find . | cpio --quiet -o -H newc) >"$work/image"
	mv "$work/image" "$image"
fi
echo "$image"
