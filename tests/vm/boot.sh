#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# boot.sh [OPTION...] KERNEL COMMAND...: run COMMAND as root under a Debian kernel
# (6.1 or 6.12) in QEMU. See usage() and docs/testing.md.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/vm
limit=900
memory=2048
cpus=2
accel=${SLOTD_VM_ACCEL:-tcg,thread=multi}
icount=()
run=
pids=()

usage() {
	cat <<'EOF'
usage: boot.sh [--icount] [--memory MB] [--smp N] [--timeout SECONDS] KERNEL COMMAND...
       boot.sh --check

Boots KERNEL (6.1 or 6.12) and runs COMMAND in it as root, in this checkout, over
the host's root file system. Writes vanish with the guest, except those under
$SLOTD_VM_RESULTS, which the host keeps in build/vm/KERNEL/results.
  --icount   one CPU whose clock advances one nanosecond for each instruction
  --memory   megabytes of memory, 2048 if not given
  --smp      number of CPUs, 2 if not given
  --timeout  seconds until the guest is ended, 900 if not given
  --check    boot nothing; tell what this machine lacks for it, if anything
Environment: SLOTD_VM_ACCEL, the argument of QEMU's -accel (tcg,thread=multi).
Exit status: COMMAND's; 124 when the time was over, 125 when the guest failed.
EOF
}

die() {
	printf 'boot.sh: %s\n' "$*" >&2
	exit 125
}

end_guest() {
	local pid

	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	[[ -z $run ]] || rm -rf "$run"
}

check_host() {
	local tool

	[[ $(uname -m) == x86_64 ]] || die "the VM tier runs on x86-64 only, this is $(uname -m)"
	for tool in qemu-system-x86_64 cpio modprobe depmod \
		"$root/build/cache/busybox-static/bin/busybox"; do
		command -v "$tool" >/dev/null || die "$tool is missing (make deps installs it)"
	done
}

parse_number() {
	[[ ${2:-} =~ ^[1-9][0-9]*$ ]] || die "$1 takes a number above 0, not '${2:-}'"
	echo "$2"
}

# What the guest's init and guest.sh read: where things are, and the job itself.
write_job() {
	local dir=$1 variable
	shift
	printf '%s\n' "$root" >"$run/share/checkout"
	printf '%s\n' "$dir/lib/modules" >"$run/share/modules"
	{
		for variable in "${!SLOTD_@}"; do
			printf 'export %s=%q\n' "$variable" "${!variable}"
		done
		echo 'export SLOTD_VM_RESULTS=/run/slotd-vm/results'
		printf 'cd %q && exec' "$root"
		printf ' %q' "$@"
		echo
	} >"$run/share/run"
}

# share_arguments TAG DIR [readonly=on]: what exports DIR to the guest over 9p. QEMU
# takes a doubled comma for a comma.
share_arguments() {
	printf '%s\n' -fsdev \
		"local,id=$1,path=${2//,/,,},security_model=none,multidevs=remap${3:+,$3}" \
		-device "virtio-9p-pci,fsdev=$1,mount_tag=$1"
}

run_qemu() {
	local dir=$1 initramfs=$2 console=$3 shares append ports=${run//,/,,}

	mapfile -t shares < <(
		share_arguments root / readonly=on
		share_arguments checkout "$root" readonly=on
		share_arguments results "$results"
		share_arguments job "$run/share"
	)
	# without norandmaps every exec is translated anew: three times slower
	append="console=ttyS0 loglevel=5 panic=-1 nowatchdog audit=0 tsc=reliable norandmaps"
	exec timeout --foreground --kill-after=10 "$limit" qemu-system-x86_64 \
		-nodefaults -no-user-config -display none -monitor none -no-reboot \
		-machine q35 -accel "$accel" "${icount[@]}" \
		-cpu max -smp "$cpus" -m "$memory" \
		-kernel "$dir/vmlinuz" -initrd "$initramfs" -append "$append" \
		-serial "file:$console" "${shares[@]}" \
		-device virtio-serial-pci \
		-chardev "file,id=out,path=$ports/out" -device virtserialport,chardev=out,name=slotd.out \
		-chardev "file,id=err,path=$ports/err" -device virtserialport,chardev=err,name=slotd.err
}

# Earlier boots' remains: all but the newest consoles, and what a killed boot left.
clean_remains() {
	local dir=$1 consoles

	find "$dir" -maxdepth 1 -name 'run.*' -mmin +1440 -exec rm -rf {} +
	mapfile -t consoles < <(find "$dir" -maxdepth 1 -name 'console-*.log' -printf '%T@ %p\n' |
		sort -rn | tail -n +21 | cut -d' ' -f2-)
	[[ ${#consoles[@]} -eq 0 ]] || rm -f "${consoles[@]}"
}

# report_failure STATUS CONSOLE: why there is no exit status of the command
report_failure() {
	local why="the guest ended without a result"

	[[ $1 -ne 124 && $1 -ne 137 ]] || why="ended after $limit seconds without a result"
	{
		printf 'boot.sh: kernel %s: %s; console, in %s:\n' "$kernel" "$why" "$2"
		tail -n 20 "$2" | tr -d '\r'
	} >&2
}

boot() {
	local dir initramfs console status=0

	dir=$("$here/kernel.sh" "$kernel") || exit 125
	clean_remains "$root/build/vm/$kernel"
	initramfs=$("$here/initramfs.sh" "$dir") || exit 125
	results=$root/build/vm/$kernel/results
	run=$(mktemp -d "$root/build/vm/$kernel/run.XXXXXX")
	console=$root/build/vm/$kernel/console-${run##*.}.log
	mkdir -p "$results" "$run/share"
	mkfifo "$run/out" "$run/err"
	write_job "$dir" "$@"

	cat "$run/out" &
	pids+=($!)
	cat "$run/err" >&2 &
	pids+=($!)
	run_qemu "$dir" "$initramfs" "$console" </dev/null >"$run/qemu.log" 2>&1 &
	pids+=($!)
	wait "${pids[2]}" || status=$?
	# end the readers, also when QEMU never opened its side
	: <>"$run/out" <>"$run/err"
	wait "${pids[0]}" "${pids[1]}"
	cat "$run/qemu.log" >>"$console"
	[[ ! -e $run/share/dmesg ]] || cat "$run/share/dmesg" >>"$console"
	if [[ ! -s $run/share/status ]]; then
		report_failure "$status" "$console"
		[[ $status -ne 124 && $status -ne 137 ]] || return 124
		return 125
	fi
	return "$(<"$run/share/status")"
}

while [[ ${1:-} == --* ]]; do
	case $1 in
	--help)		usage; exit 0 ;;
	--check)	check_host; exit 0 ;;
	--icount)	accel=tcg,thread=single cpus=1 icount=(-icount "shift=0,sleep=off") ;;
	--memory)	memory=$(parse_number "$@"); shift ;;
	--smp)		cpus=$(parse_number "$@"); shift ;;
	--timeout)	limit=$(parse_number "$@"); shift ;;
	*)		die "unknown option '$1' (see --help)" ;;
	esac
	shift
done
[[ $# -ge 2 ]] || { usage >&2; exit 125; }
kernel=$1
shift
check_host
trap end_guest EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
boot "$@"
