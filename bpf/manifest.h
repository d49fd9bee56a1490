/* SPDX-License-Identifier: GPL-2.0-only OR LGPL-2.1-or-later */
/*
 * Manifest of a slot program: who it is, kept in the object itself.
 *
 * Contract: each macro adds one NUL-terminated "key=value" string to the ELF
 * section SLOT_MANIFEST_SECTION, as the kernel's modules do in .modinfo. The
 * section is data: neither libbpf nor the kernel reads it, so an object with a
 * manifest loads anywhere. Version rule: keys are only ever added; a reader
 * ignores keys that it does not know.
 *
 * Keys: name (at most 31 characters), version (at most 31), hook (xdp, tc-ingress,
 * tc-egress, sock_ops, sk_lookup, sk_reuseport; where it is missing what the program is decides), map_abi (decimal:
 * raised when the meaning of a pinned map changes although its layout does not),
 * entry (the function to run, where the object has several programs), migrate
 * (absolute path of the program that converts maps of an older layout, at most 255
 * characters).
 */
#ifndef SLOT_BPF_MANIFEST_H
#define SLOT_BPF_MANIFEST_H

#define SLOT_MANIFEST_SECTION ".slotd.manifest"

#define SLOT_MANIFEST_CAT2(a, b) a##b
#define SLOT_MANIFEST_CAT(a, b) SLOT_MANIFEST_CAT2(a, b)
#define SLOT_MANIFEST_ENTRY(key, value)                                                            \
	static const char SLOT_MANIFEST_CAT(slot_manifest_, __COUNTER__)[]                         \
		__attribute__((section(SLOT_MANIFEST_SECTION), used, aligned(1))) = key "=" value

#define SLOT_NAME(name) SLOT_MANIFEST_ENTRY("name", name)
#define SLOT_VERSION(version) SLOT_MANIFEST_ENTRY("version", version)
#define SLOT_HOOK(hook) SLOT_MANIFEST_ENTRY("hook", hook)
#define SLOT_MAP_ABI(number) SLOT_MANIFEST_ENTRY("map_abi", #number)
#define SLOT_MIGRATE(path) SLOT_MANIFEST_ENTRY("migrate", path)
#define SLOT_ENTRY(function) SLOT_MANIFEST_ENTRY("entry", function)

/*
 * How many entries a map has where a setting says it: SLOT_ENTRIES("rules_max/1024*2")
 * behind the map's name. A setting, then factors and divisors from left to right,
 * divided upwards. What the map's own max_entries says holds where nobody applies
 * settings, so it is to be what the setting's default gives.
 */
#define SLOT_ENTRIES_TAG "slot_entries="
#ifdef __bpf__
#define SLOT_ENTRIES(rule) __attribute__((btf_decl_tag(SLOT_ENTRIES_TAG rule)))
#else
#define SLOT_ENTRIES(rule)
#endif

/*
 * Maps that mean nothing without each other, SLOT_TOGETHER("ruleset") behind the name of each:
 * where one of them starts empty by an order, all do.
 */
#define SLOT_TOGETHER_TAG "slot_together="
#ifdef __bpf__
#define SLOT_TOGETHER(group) __attribute__((btf_decl_tag(SLOT_TOGETHER_TAG group)))
#else
#define SLOT_TOGETHER(group)
#endif

/*
 * A map of another slot of the chain, which `maps_of` of the reservation names: SLOT_BORROWED
 * behind the map's name, which is the other program's for a map of the same shape.
 */
#define SLOT_BORROWED_TAG "slot_borrowed"
#ifdef __bpf__
#define SLOT_BORROWED __attribute__((btf_decl_tag(SLOT_BORROWED_TAG)))
#else
#define SLOT_BORROWED
#endif

#endif
