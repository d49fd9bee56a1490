/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/decap/decap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"

static const struct program_map map = {
	.name = DECAP_ADDRESSES_NAME,
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(struct decap_address),
	.value_size = sizeof(__u32),
	.max_entries = DECAP_ADDRESSES_MAX,
};

static const __u8 mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static bool is_mapped(const struct decap_address *address)
{
	return !memcmp(address->addr, mapped_prefix, sizeof(mapped_prefix));
}

static bool is_unicast(const struct decap_address *address)
{
	static const __u8 unspecified[16];

	if (is_mapped(address))
		return address->addr[12] && address->addr[12] < 224;
	return memcmp(address->addr, unspecified, sizeof(unspecified)) != 0 &&
	       address->addr[0] != 0xff;
}

int decap_address_parse(const char *text, struct slot_reason *why,
			struct decap_address *ret_address)
{
	struct decap_address address;

	memcpy(address.addr, mapped_prefix, sizeof(mapped_prefix));
	if (inet_pton(AF_INET, text, address.addr + sizeof(mapped_prefix)) != 1 &&
	    inet_pton(AF_INET6, text, address.addr) != 1)
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected an address such as 192.0.2.1 or "
				       "2001:db8::1",
				       text);
	if (!is_unicast(&address))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': no tunnel ends there, expected a unicast address",
				       text);
	*ret_address = address;
	return 0;
}

void decap_address_format(const struct decap_address *address,
			  char ret_text[DECAP_ADDRESS_TEXT_MAX])
{
	if (is_mapped(address))
		inet_ntop(AF_INET, address->addr + sizeof(mapped_prefix), ret_text,
			  DECAP_ADDRESS_TEXT_MAX);
	else
		inet_ntop(AF_INET6, address->addr, ret_text, DECAP_ADDRESS_TEXT_MAX);
}

int decap_addresses_open(const char *map_dir, bool is_writer, struct slot_reason *why, int *ret_fd)
{
	return program_map_open(map_dir, &map, is_writer, why, ret_fd);
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct decap_address));
}

int decap_addresses_get(int map_fd, struct slot_reason *why, struct decap_address **ret_addresses,
			size_t *ret_count)
{
	_cleanup_free_ struct decap_address *addresses =
		calloc(DECAP_ADDRESSES_MAX, sizeof(*addresses));
	_cleanup_free_ __u32 *values = calloc(DECAP_ADDRESSES_MAX, sizeof(*values));
	__u32 next, count = DECAP_ADDRESSES_MAX;
	int err;

	if (!addresses || !values)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = bpf_map_lookup_batch(map_fd, NULL, &next, addresses, values, &count, NULL);
	if (err && err != -ENOENT) /* which means: no more than these */
		return slot_reason_set(why, err, "cannot read map '%s': %s", map.name,
				       strerror(-err));
	qsort(addresses, count, sizeof(*addresses), compare_addresses);
	*ret_addresses = TAKE_PTR(addresses);
	*ret_count = count;
	return 0;
}

int decap_address_add(int map_fd, const struct decap_address *address, struct slot_reason *why)
{
	char text[DECAP_ADDRESS_TEXT_MAX];
	__u32 value = 1;
	int err = bpf_map_update_elem(map_fd, address, &value, BPF_ANY);

	if (!err)
		return 0;
	if (err == -E2BIG)
		return slot_reason_set(why, err, "%d tunnel addresses are all that fit",
				       DECAP_ADDRESSES_MAX);
	decap_address_format(address, text);
	return slot_reason_set(why, err, "cannot add '%s': %s", text, strerror(-err));
}

int decap_address_del(int map_fd, const struct decap_address *address, struct slot_reason *why)
{
	char text[DECAP_ADDRESS_TEXT_MAX];
	int err = bpf_map_delete_elem(map_fd, address);

	if (!err)
		return 0;
	decap_address_format(address, text);
	if (err == -ENOENT)
		return slot_reason_set(why, err, "'%s' is not one of the tunnel addresses", text);
	return slot_reason_set(why, err, "cannot delete '%s': %s", text, strerror(-err));
}
