/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of sockets in words. Pure. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "programs/handoff/lib/peer/handoff_host.h"

#define DIGITS "0123456789"
#define DIGITS_MAX 5
#define PORT_MAX 65535

static int parse_port(const char *text, in_port_t *ret_port)
{
	size_t digits = strspn(text, DIGITS);
	uint32_t port = 0;

	if (!digits || digits > DIGITS_MAX || text[digits])
		return -EINVAL;
	while (*text)
		port = 10 * port + (uint32_t)(*text++ - '0');
	if (port > PORT_MAX)
		return -EINVAL;
	*ret_port = htons((uint16_t)port);
	return 0;
}

/* Into the address and the port, which is NULL where there is none. */
static int split(const char *text, char ret_address[INET6_ADDRSTRLEN], const char **ret_port)
{
	const char *colon = strchr(text, ':');
	bool has_brackets = *text == '[';
	size_t length = strlen(text);

	*ret_port = NULL;
	if (has_brackets) {
		length = strcspn(++text, "]");
		if (text[length] != ']' || text[length + 1] != ':')
			return -EINVAL;
		*ret_port = text + length + 2;
	} else if (colon && colon == strrchr(text, ':')) {
		length = (size_t)(colon - text);
		*ret_port = colon + 1;
	}
	if (length >= INET6_ADDRSTRLEN)
		return -EINVAL;
	memcpy(ret_address, text, length);
	ret_address[length] = '\0';
	return has_brackets && !strchr(ret_address, ':') ? -EINVAL : 0;
}

int handoff_host_parse(const char *text, struct sockaddr_storage *ret_address,
		       socklen_t *ret_length)
{
	struct sockaddr_storage at = {};
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&at;
	struct sockaddr_in *four = (struct sockaddr_in *)&at;
	char address[INET6_ADDRSTRLEN];
	const char *port_text;
	in_port_t port = 0;
	int err = split(text, address, &port_text);

	if (!err && port_text)
		err = parse_port(port_text, &port);
	if (err)
		return err;
	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = port;
		*ret_length = sizeof(*four);
	} else if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = port;
		*ret_length = sizeof(*six);
	} else {
		return -EINVAL;
	}
	*ret_address = at;
	return 0;
}

int handoff_host_parse_port(const char *text, struct sockaddr_storage *ret_address,
			    socklen_t *ret_length)
{
	struct sockaddr_storage at;
	socklen_t length;
	int err = handoff_host_parse(text, &at, &length);

	if (err)
		return err;
	/* It is at the same place for both families. */
	if (!((const struct sockaddr_in *)&at)->sin_port)
		return -EINVAL;
	*ret_address = at;
	*ret_length = length;
	return 0;
}
