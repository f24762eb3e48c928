/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/tune.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/conf.h"
#include "sys/sysctl.h"

#define PATH_BYTES	96
#define SETTINGS_MAX	(2 + 2 * CONF_IFACES_MAX)

struct setting {
	char path[PATH_BYTES];
	char rival[PATH_BYTES];	/* the kernel goes by the greater of both; "" when alone */
	int wanted;
	bool optional;		/* a kernel without IPv6 has none, and needs none */
};

/* A value as it was before we came, one line of the file: "PATH OLD OURS". */
struct kept {
	char path[PATH_BYTES];
	int old, ours;
};

struct book {
	struct kept kept[SETTINGS_MAX * 2];	/* twice: a reload may have named other interfaces */
	uint32_t n;
};

static char why[CONF_PATH_MAX + 128];

const char *tune_why(void)
{
	return why;
}

static int fail(const char *what, int err)
{
	snprintf(why, sizeof(why), "%.*s: %s", CONF_PATH_MAX + 16, what, strerror(-err));
	return err;
}

static struct setting per_device(const char *dev, const char *name, int wanted)
{
	struct setting s = { .wanted = wanted };

	snprintf(s.path, sizeof(s.path), "net/ipv4/conf/%.*s/%s", IF_NAMESIZE - 1, dev, name);
	snprintf(s.rival, sizeof(s.rival), "net/ipv4/conf/all/%s", name);
	return s;
}

static uint32_t list_settings(const char (*devs)[IF_NAMESIZE], uint32_t n_devs,
			      struct setting list[SETTINGS_MAX])
{
	uint32_t n = 0;

	list[n++] = (struct setting){ .path = "net/ipv4/ip_nonlocal_bind", .wanted = 1 };
	list[n++] = (struct setting){
		.path = "net/ipv6/ip_nonlocal_bind", .wanted = 1, .optional = true,
	};
	for (uint32_t i = 0; i < n_devs && i < CONF_IFACES_MAX; i++) {
		list[n++] = per_device(devs[i], "arp_ignore", 1);
		list[n++] = per_device(devs[i], "arp_announce", 2);
	}
	return n;
}

static void file_name(const char *run_dir, const char *suffix, char file[CONF_PATH_MAX + 16])
{
	snprintf(file, CONF_PATH_MAX + 16, "%.*s/settings%s", CONF_PATH_MAX - 1, run_dir, suffix);
}

/* No file: nothing was kept. Lines that nobody of ours wrote are passed over. */
static int read_book(const char *run_dir, struct book *book)
{
	char file[CONF_PATH_MAX + 16], line[256];
	struct kept k;
	FILE *f;

	book->n = 0;
	file_name(run_dir, "", file);
	f = fopen(file, "re");
	if (!f)
		return errno == ENOENT ? 0 : fail(file, -errno);
	while (book->n < SETTINGS_MAX * 2 && fgets(line, sizeof(line), f))
		if (sscanf(line, "%95s %d %d", k.path, &k.old, &k.ours) == 3 &&
		    !strncmp(k.path, "net/", 4) && !strstr(k.path, "/../"))
			book->kept[book->n++] = k;
	fclose(f);
	return 0;
}

static int write_lines(FILE *f, const struct book *book)
{
	for (uint32_t i = 0; i < book->n; i++)
		fprintf(f, "%s %d %d\n", book->kept[i].path, book->kept[i].old, book->kept[i].ours);
	if (fflush(f) || ferror(f))
		return errno ? -errno : -EIO;
	return 0;
}

/* Whole or not at all: a batond killed while writing must not lose the old values. */
static int write_book(const char *run_dir, const struct book *book)
{
	char file[CONF_PATH_MAX + 16], fresh[CONF_PATH_MAX + 16];
	FILE *f;
	int err;

	file_name(run_dir, "", file);
	file_name(run_dir, ".new", fresh);
	f = fopen(fresh, "we");
	if (!f)
		return fail(fresh, -errno);
	err = write_lines(f, book);
	fclose(f);
	if (!err && rename(fresh, file))
		err = -errno;
	if (!err)
		return 0;
	unlink(fresh);
	return fail(file, err);
}

static struct kept *find_kept(struct book *book, const char *path)
{
	for (uint32_t i = 0; i < book->n; i++)
		if (!strcmp(book->kept[i].path, path))
			return &book->kept[i];
	return NULL;
}

/* Remember @s as it is now, unless an earlier life has done so already. */
static int keep(struct book *book, const struct setting *s)
{
	struct kept *k = find_kept(book, s->path);
	int now, err;

	err = sysctl_read(s->path, &now);
	if (err)
		return err == -ENOENT && s->optional ? 0 : fail(s->path, err);
	if (k || now == s->wanted)
		return 0;
	if (book->n == SETTINGS_MAX * 2)
		return fail(s->path, -ENOSPC);
	k = &book->kept[book->n++];
	snprintf(k->path, sizeof(k->path), "%s", s->path);
	k->old = now;
	k->ours = s->wanted;
	return 0;
}

static int keep_all(const char *run_dir, const struct setting *list, uint32_t n)
{
	struct book book;
	int err = read_book(run_dir, &book);

	for (uint32_t i = 0; i < n && !err; i++)
		err = keep(&book, &list[i]);
	return err ? err : write_book(run_dir, &book);
}

/* Where /proc/sys is read-only, but set up as we need it, nothing is missing. */
static int set(const struct setting *s)
{
	int now, err = sysctl_read(s->path, &now);

	if (!err && now == s->wanted)
		return 0;
	if (err == -ENOENT && s->optional)
		return 0;
	err = sysctl_write(s->path, s->wanted);
	return err ? fail(s->path, err) : 0;
}

int tune_set(const char *run_dir, const char (*devs)[IF_NAMESIZE], uint32_t n_devs)
{
	struct setting list[SETTINGS_MAX];
	uint32_t n = list_settings(devs, n_devs, list);
	int err;

	why[0] = '\0';
	err = keep_all(run_dir, list, n);
	for (uint32_t i = 0; i < n && !err; i++)
		err = set(&list[i]);
	return err;
}

static int give_back(const struct kept *k)
{
	int now, err = sysctl_read(k->path, &now);

	if (err == -ENOENT)
		return 0;	/* the interface is gone, its settings with it */
	if (!err && now == k->ours)
		err = sysctl_write(k->path, k->old);
	return err ? fail(k->path, err) : 0;
}

int tune_restore(const char *run_dir)
{
	char file[CONF_PATH_MAX + 16];
	struct book book;
	int err, first;

	why[0] = '\0';
	first = read_book(run_dir, &book);
	for (uint32_t i = 0; i < book.n; i++) {
		err = give_back(&book.kept[i]);
		first = first ? first : err;
	}
	file_name(run_dir, "", file);
	if (!first && unlink(file) && errno != ENOENT)
		first = fail(file, -errno);
	return first;
}

/* The path as people know it; sysctl(8) writes a dot inside an interface's name as '/'. */
static void human_name(const char *path, char name[PATH_BYTES])
{
	size_t i;

	for (i = 0; path[i] && i < PATH_BYTES - 1; i++)
		name[i] = path[i] == '/' ? '.' : path[i] == '.' ? '/' : path[i];
	name[i] = '\0';
}

static void tell(const struct setting *s, tune_row_fn *row, void *arg)
{
	char name[PATH_BYTES], wanted[16], found[64];
	int now, rival = 0, err = sysctl_read(s->path, &now);
	bool ok, ruled = false;

	if (!err && s->rival[0])
		err = sysctl_read(s->rival, &rival);
	if (!err && rival > now) {
		ruled = true;
		now = rival;
	}
	if (err)
		snprintf(found, sizeof(found), "%s", strerror(-err));
	else
		snprintf(found, sizeof(found), "%d%s", now, ruled ? " by net.ipv4.conf.all" : "");
	ok = err ? err == -ENOENT && s->optional : now == s->wanted;
	snprintf(wanted, sizeof(wanted), "%d", s->wanted);
	human_name(s->path, name);
	row(arg, ok, name, wanted, found);
}

void tune_rows(const char (*devs)[IF_NAMESIZE], uint32_t n_devs, tune_row_fn *row, void *arg)
{
	struct setting list[SETTINGS_MAX];
	uint32_t n = list_settings(devs, n_devs, list);

	for (uint32_t i = 0; i < n; i++)
		tell(&list[i], row, arg);
}
