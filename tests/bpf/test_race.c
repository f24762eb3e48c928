// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_race: kernel and controller change one word at the same moment: does the later of two decisions on
 * the same reading ever go through? (protocol notes H3)
 *
 * A thread plays the controller on the real map: armed, shut by compare-and-swap, and a look whether it
 * stays so. Meanwhile the program is shown marked frames that open an armed gate.
 */
#include "rig.h"

#include <bpf/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "bpf/mark.h"

#define ARMED	BT_WORD(7, 2, BT_ARMED)
#define CLOSED	BT_WORD(7, 2, BT_SHUT)
#define OPENED	BT_WORD(8, 1, BT_OPEN)
#define ENOUGH	300			/* of each: shut in time, opened in time */
#define BATCHES	200

static _Atomic uint64_t *word;
static atomic_bool over;
static atomic_ulong shut, opened, broken;
static _Atomic uint64_t became;

/* Nothing may change a shut word here; a decision made while it was armed comes within microseconds. */
static void watch_shut(void)
{
	for (int i = 0; i < 300; i++) {
		uint64_t now = atomic_load(word);

		if (now == CLOSED)
			continue;
		atomic_store(&became, now);
		atomic_fetch_add(&broken, 1);
		return;
	}
}

static void *controller(void *unused)
{
	uint64_t was;

	for (unsigned turn = 0; !atomic_load(&over); turn++) {
		atomic_store(word, ARMED);
		for (unsigned i = 0; i < turn % 97 * 7; i++)
			atomic_signal_fence(memory_order_seq_cst);
		was = ARMED;
		if (atomic_compare_exchange_strong(word, &was, CLOSED)) {
			atomic_fetch_add(&shut, 1);
			watch_shut();
		} else if (was == OPENED) {
			atomic_fetch_add(&opened, 1);
		}
	}
	return unused;
}

static void marked_frame(struct packet *p)
{
	struct packet_spec spec = { .from = "10.77.0.50", .to = RIG_VIP4, .text = "OPTIONS sip:x SIP/2.0\r\n\r\n" };
	struct mark_of of = { MARK_RELAY, rig_name_hash(0), BT_WORD_NUMBER(ARMED), RIG_PEER_BOOT, RIG_BOOT };

	packet_make(p, &spec);
	mark_write(p->data + 6, mark_number(rig_node()->key_in, &of));
}

static void show(const struct packet *p)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->data, .data_size_in = p->len, .repeat = 1000);

	CHECK(!bpf_prog_test_run_opts(rig_prog("xdp"), &opts), "test run");
}

static void test_one_reading_one_change(void **state)
{
	pthread_t thread;
	struct packet p;

	(void)state;
	rig_reset();
	rig_believe();
	rig_set_lease(0, rig_now() + 600 * RIG_SEC);
	marked_frame(&p);
	word = mmap(NULL, BT_GROUPS_MAX * sizeof(*word), PROT_READ | PROT_WRITE, MAP_SHARED, rig_map("st_word"), 0);
	CHECK(word != MAP_FAILED, "mmap of st_word");
	CHECK(!pthread_create(&thread, NULL, controller, NULL), "no thread");
	for (int i = 0; i < BATCHES && !atomic_load(&broken); i++)
		show(&p);
	for (int i = 0; i < 50 * BATCHES && (atomic_load(&shut) < ENOUGH || atomic_load(&opened) < ENOUGH); i++)
		show(&p);
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	CHECK(!atomic_load(&broken), "shut by the controller, yet it became %lx", (long)atomic_load(&became));
	CHECK(atomic_load(&shut) >= ENOUGH && atomic_load(&opened) >= ENOUGH, "no race: %lu times shut, %lu times opened",
	      atomic_load(&shut), atomic_load(&opened));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_one_reading_one_change) };

	return cmocka_run_group_tests(tests, rig_open, rig_close);
}
