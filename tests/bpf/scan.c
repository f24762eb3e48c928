// SPDX-License-Identifier: GPL-2.0-or-later
#include "scan.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT	"build/tests/bpf/sip_scan.bpf.o"
#define TEXT_MAX 4000

static struct bpf_object *obj;
static int map;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", OBJECT, what, strerror(errno));
	exit(1);
}

void scan_open(void)
{
	obj = bpf_object__open(OBJECT);
	if (!obj || bpf_object__load(obj))
		die("does not load (run from the top, after make, as root)");
	map = bpf_object__find_map_fd_by_name(obj, "sip");
}

void scan_close(void)
{
	bpf_object__close(obj);
}

static uint32_t run(const char *prog, const void *text, size_t len, struct scan_case *c, int repeat)
{
	static uint8_t frame[SCAN_OFF + TEXT_MAX], out[SCAN_OFF + TEXT_MAX];
	int fd = bpf_program__fd(bpf_object__find_program_by_name(obj, prog));
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = SCAN_OFF + len, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = repeat);
	uint32_t zero = 0;

	if (len > TEXT_MAX)
		die("text too long");
	memcpy(frame + SCAN_OFF, text, len);
	if (bpf_map_update_elem(map, &zero, c, BPF_ANY) || bpf_prog_test_run_opts(fd, &opts) ||
	    bpf_map_lookup_elem(map, &zero, c))
		die("test run");
	return opts.duration;
}

uint32_t scan_kernel(const char *prog, const void *text, size_t len, struct sip_msg *m, int repeat)
{
	struct scan_case c = { .msg = *m, .end = SCAN_OFF + len };
	uint32_t ns = run(prog, text, len, &c, repeat);

	*m = c.msg;
	return ns;
}

enum sip_quick scan_kernel_quick(const void *text, size_t len, struct sip_msg *m)
{
	struct scan_case c = { .msg = *m, .end = SCAN_OFF + len };

	run("quick", text, len, &c, 1);
	*m = c.msg;
	return c.quick;
}

/* Allocated to the byte: what is read beyond its end is seen by ASan. */
static uint8_t *frame_of(const void *text, size_t len)
{
	uint8_t *frame = malloc(SCAN_OFF + len);

	if (!frame)
		die("out of memory");
	memset(frame, 'x', SCAN_OFF);
	memcpy(frame + SCAN_OFF, text, len);
	return frame;
}

enum sip_quick scan_host_quick(const void *text, size_t len, struct sip_msg *m)
{
	uint8_t *frame = frame_of(text, len);
	struct sip_text t = { .data = frame, .data_end = frame + SCAN_OFF + len, .off = SCAN_OFF, .end = SCAN_OFF + len };
	enum sip_quick is = sip_quick_text(&t, m);

	free(frame);
	return is;
}

void scan_host(const void *text, size_t len, struct sip_msg *m)
{
	uint8_t *frame = frame_of(text, len);

	sip_scan_text(frame, frame + SCAN_OFF + len, SCAN_OFF, SCAN_OFF + len, m);
	free(frame);
}
