/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pulse_msg.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

#include "bpf/siphash.h"

static void write_head(const struct pulse_say *say, struct pulse_head *h)
{
	*h = (struct pulse_head){
		.magic = htons(PULSE_MAGIC), .version = PULSE_VERSION, .type = PULSE_PROBE,
		.pair_id = say->node->pair_id, .from = say->node->my_id, .to = say->node->peer_id,
		.n_groups = (uint8_t)say->n_groups,
		.seq = htobe64(say->seq), .boot = htobe64(say->node->boot), .to_boot = htobe64(say->to_boot),
		.nonce = htobe64(say->nonce), .echo = htobe64(say->echo), .heard_ms = htonl(say->heard_ms),
		.flags = htonl(say->flags),
	};
}

static void write_group(const struct pulse_say_group *say, struct pulse_group *g)
{
	*g = (struct pulse_group){
		.name_hash = say->name_hash, .digest = say->digest,
		.word = htobe64(say->word), .echo = htobe64(say->echo),
		.lease_left_us = htonl(say->lease_left_us), .resp_age_ms = htonl(say->resp_age_ms),
		.flags = htonl(say->flags), .requests = htonl(say->requests),
		.accept_age_us = htonl(say->accept_age_us), .unanswered = htonl(say->unanswered),
	};
}

size_t pulse_msg_probe(const struct pulse_say *say, void *buf)
{
	size_t len = PULSE_HEAD_BYTES + say->n_groups * PULSE_GROUP_BYTES;
	struct pulse_group g;
	struct pulse_head h;

	write_head(say, &h);
	for (uint32_t i = 0; i < say->n_groups; i++) {
		write_group(&say->group[i], &g);
		memcpy((char *)buf + PULSE_HEAD_BYTES + i * PULSE_GROUP_BYTES, &g, sizeof(g));
	}
	memcpy(buf, &h, sizeof(h));
	h.mac = htobe64(siphash(say->node->key_out, (char *)buf + sizeof(h.mac), len - sizeof(h.mac)));
	memcpy(buf, &h.mac, sizeof(h.mac));
	return len;
}

uint32_t pulse_us(uint64_t ns)
{
	return ns / 1000 < UINT32_MAX - 1 ? (uint32_t)(ns / 1000) : UINT32_MAX - 1;
}

uint32_t pulse_ms(uint64_t ns)
{
	return ns / 1000000 < UINT32_MAX - 1 ? (uint32_t)(ns / 1000000) : UINT32_MAX - 1;
}
