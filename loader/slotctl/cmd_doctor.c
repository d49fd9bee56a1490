/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/doctor/check.h"
#include "loader/lib/doctor/service.h"
#include "loader/lib/engine/engine.h"
#include "loader/lib/host/look.h"
#include "loader/slotctl/doctor_slotd.h"
#include "loader/slotctl/progress.h"
#include "loader/slotctl/slotctl.h"
#include "loader/slotctl/view.h"

#define QUESTIONS_MAX 4096 /* addresses whose way is asked for; those of reals are not */

/* Extensions are asked for by loading one, which needs the right to. */
static void look_at_kernel(struct slot_picture *picture)
{
	slot_look_kernel(&picture->kernel);
	if (!geteuid())
		picture->kernel.freplace = slot_engine_freplace.probe(NULL) ? SLOT_NO : SLOT_YES;
	else
		slot_reasons_add(&picture->unseen,
				 "freplace, tcx and netkit: only root may ask the kernel for them");
}

struct question {
	const struct slot_netns_list *list;
	struct slot_picture *picture;
	size_t asked;
};

static int ask_way(struct question *question, size_t netns, const struct slot_addr *addr)
{
	if (question->asked++ < QUESTIONS_MAX)
		return slot_look_way(question->list, netns, addr, question->picture);
	return question->asked > QUESTIONS_MAX + 1 ?
		       0 :
		       slot_reasons_add(&question->picture->unseen,
					"ways to more than %d addresses", QUESTIONS_MAX);
}

/* To addresses that are served on this host, which packets out of a tunnel may go to. */
static int ask_services(struct question *question, size_t own)
{
	const struct slot_picture *picture = question->picture;
	int err = 0;

	for (size_t i = 0; i < picture->netns_count; i++) {
		const struct slot_picture_netns *netns = &picture->netns[i];

		for (size_t n = 0; !err && i != own && n < netns->address_count; n++)
			if (slot_service_is_address(picture, netns, &netns->addresses[n]))
				err = ask_way(question, own, &netns->addresses[n].addr);
	}
	return err;
}

static bool has_way(enum slot_claim_kind kind)
{
	return kind == SLOT_CLAIM_VIP || kind == SLOT_CLAIM_TUNNEL || kind == SLOT_CLAIM_REDIRECT;
}

/* Where packets go that a chain lets pass: to what its programs claim, and to services. */
static int ask_ways(const struct slot_netns_list *list, struct slot_picture *picture)
{
	struct question question = { .list = list, .picture = picture };
	size_t i, netns;
	int err = 0;

	for (i = 0; !err && i < picture->claim_count; i++) {
		netns = picture->chains[picture->claims[i].chain].netns;
		if (has_way(picture->claims[i].kind) && netns != SLOT_PICTURE_NOWHERE)
			err = ask_way(&question, netns, &picture->claims[i].addr);
	}
	for (i = 0; !err && i < picture->chain_count; i++) {
		netns = picture->chains[i].netns;
		if (netns != SLOT_PICTURE_NOWHERE)
			err = ask_services(&question, netns);
	}
	return err;
}

static int look(struct slot_ctl *ctl, struct slot_netns_list *list, struct slot_picture *picture)
{
	int err = slot_netns_list_get(list, &picture->unseen);

	if (err)
		return slot_reason_set(&ctl->failure.why, err,
				       "cannot look at the own network namespace: %s",
				       strerror(-err));
	err = slot_doctor_ask(ctl, list, picture);
	err = err ? err : slot_look_netns(list, picture);
	if (err)
		return err;
	slot_doctor_place(picture);
	look_at_kernel(picture);
	return ask_ways(list, picture);
}

static json_t *describe_place(const struct slot_finding_place *place)
{
	json_t *json = json_object();

	if (*place->netns)
		json_object_set_new(json, "netns", json_string(place->netns));
	if (*place->interface)
		json_object_set_new(json, "interface", json_string(place->interface));
	if (*place->chain)
		json_object_set_new(json, "chain", json_string(place->chain));
	if (*place->address)
		json_object_set_new(json, "address", json_string(place->address));
	if (place->port)
		json_object_set_new(json, "port", json_integer(place->port));
	if (*place->process)
		json_object_set_new(json, "process", json_string(place->process));
	if (place->sockets)
		json_object_set_new(json, "sockets", json_integer(place->sockets));
	return json;
}

static json_t *list_findings(const struct slot_findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < findings->count; i++) {
		const struct slot_finding *finding = &findings->items[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:o, s:s, s:s}", "severity",
						slot_severity_name(finding->severity), "check",
						finding->check, "what", finding->what, "where",
						describe_place(&finding->place), "why",
						finding->why, "next", finding->next));
	}
	return list;
}

static json_t *describe(const struct slot_picture *picture, const struct slot_findings *findings)
{
	json_t *netns = json_array(), *chains = json_array(), *unseen = json_array();
	size_t i;

	for (i = 0; i < picture->netns_count; i++)
		if (picture->netns[i].is_seen)
			json_array_append_new(netns, json_string(picture->netns[i].name));
	for (i = 0; i < picture->chain_count; i++)
		json_array_append_new(chains, json_string(picture->chains[i].name));
	for (i = 0; i < picture->unseen.count; i++)
		json_array_append_new(unseen, json_string(picture->unseen.lines[i]));
	return json_pack("{s:b, s:o, s:{s:o, s:o, s:I}, s:o}", "clean",
			 !slot_findings_has(findings, SLOT_WARNING), "findings",
			 list_findings(findings), "looked_at", "netns", netns, "chains", chains,
			 "claims", (json_int_t)picture->claim_count, "not_looked_at", unseen);
}

static int print(struct slot_ctl *ctl, const struct slot_picture *picture,
		 const struct slot_findings *findings)
{
	json_auto_t *json = describe(picture, findings);
	int err = json ? 0 : -ENOMEM;

	if (!err && ctl->json)
		slot_ctl_print_json(ctl, json);
	else if (!err)
		err = slot_view_doctor(json, &ctl->look, stdout);
	return err;
}

int cmd_doctor(struct slot_ctl *ctl, int argc, char **argv)
{
	_cleanup_free_ struct slot_netns_list *list = calloc(1, sizeof(*list));
	struct slot_findings findings = { 0 };
	struct slot_picture picture = { 0 };
	struct slot_progress progress;
	bool is_clean;
	int err;

	(void)argc, (void)argv;
	if (ctl->chain)
		return slot_ctl_refuse(ctl, "doctor looks at the whole host and takes no --chain");
	if (!list)
		return -ENOMEM;
	slot_progress_open(&progress, "looking");
	err = look(ctl, list, &picture);
	slot_progress_close(&progress);
	err = err ? err : slot_checks_run(&picture, &findings);
	slot_look_processes(&findings);
	slot_findings_merge(&findings);
	err = err ? err : print(ctl, &picture, &findings);
	is_clean = !slot_findings_has(&findings, SLOT_WARNING);
	slot_findings_free(&findings);
	slot_picture_free(&picture);
	slot_netns_list_free(list);
	return err ? err : is_clean ? 0 : SLOTCTL_EXIT_FAILURE;
}
