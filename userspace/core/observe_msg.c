/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/observe_msg.h"

#include <endian.h>
#include <string.h>
#include <arpa/inet.h>

#include "baton_abi.h"
#include "bpf/siphash.h"

static __be64 mac_of(const struct observe *m, const uint64_t key[2])
{
	__u64 k[2] = { key[0], key[1] };

	return htobe64(siphash(k, (const char *)m + sizeof(m->mac), sizeof(*m) - sizeof(m->mac)));
}

void observe_msg_ask(const struct observe_ask *ask, void *buf)
{
	struct observe m = {
		.magic = htons(PULSE_MAGIC), .version = OBSERVE_VERSION, .type = OBSERVE_QUESTION, .pair_id = ask->pair_id,
		.nonce = htobe64(ask->nonce), .name_hash = htonl(ask->name_hash),
	};

	memcpy(m.at, &ask->at, sizeof(m.at));
	m.mac = mac_of(&m, ask->key);
	memcpy(buf, &m, sizeof(m));
}

/* Out of the buffer: it may lie anywhere there. */
static bool read_answer(const void *data, size_t len, struct observe *ret)
{
	if (len != sizeof(*ret))
		return false;
	memcpy(ret, data, sizeof(*ret));
	return ret->magic == htons(PULSE_MAGIC) && ret->version == OBSERVE_VERSION && ret->type == OBSERVE_ANSWER;
}

uint64_t observe_msg_nonce(const void *data, size_t len)
{
	struct observe m;

	return read_answer(data, len, &m) ? be64toh(m.nonce) : 0;
}

static bool is_sane(const struct observe *m)
{
	uint64_t word = be64toh(m->word);
	bool open = BT_WORD_MODE(word) == BT_OPEN && BT_WORD_OWNER(word) == m->from;

	if (m->from < 1 || m->from > 2 || m->flags & ~OBSERVE_F__ALL || m->zero || m->zero2 || BT_WORD_REST(word))
		return false;
	if (!(m->flags & OBSERVE_F_KNOWN))
		return !word && !m->flags;
	return open || !(m->flags & OBSERVE_F_OPEN);
}

bool observe_msg_answers(const void *data, size_t len, const struct observe_ask *ask, struct observe_said *ret)
{
	struct observe m;

	if (!read_answer(data, len, &m) || m.pair_id != ask->pair_id || m.mac != mac_of(&m, ask->key))
		return false;
	if (m.nonce != htobe64(ask->nonce) || m.name_hash != htonl(ask->name_hash) ||
	    memcmp(m.at, &ask->at, sizeof(m.at)) || !is_sane(&m))
		return false;
	*ret = (struct observe_said){ .from = m.from, .flags = m.flags, .word = be64toh(m.word) };
	return true;
}
