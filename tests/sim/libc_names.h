/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libc_names: the functions of libc.c, one row each; sim.mk makes the list of renames from this file. */
#ifndef SIM_LIBC_NAMES_H
#define SIM_LIBC_NAMES_H

#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

void *sim_malloc(size_t size);
void sim_free(void *p);
int sim_clock_gettime(clockid_t id, struct timespec *ts);
int sim_pthread_mutex_lock(pthread_mutex_t *m);
int sim_pthread_mutex_unlock(pthread_mutex_t *m);
int sim_pthread_mutex_init(pthread_mutex_t *m, const void *attr);
int sim_pthread_cond_init(pthread_cond_t *c, const void *attr);
int sim_pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m);
int sim_pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t id, const struct timespec *ts);
int sim_pthread_cond_broadcast(pthread_cond_t *c);
int sim_pthread_cond_signal(pthread_cond_t *c);
int sim_pthread_join(pthread_t thread, void **ret);
int sim_pthread_clockjoin_np(pthread_t thread, void **ret, clockid_t id, const struct timespec *ts);
int sim_pthread_detach(pthread_t thread);
int sim_eventfd(unsigned initial, int flags);
int sim_close(int fd);
ssize_t sim_read(int fd, void *buf, size_t len);
ssize_t sim_write(int fd, const void *buf, size_t len);
int sim_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *ts, const sigset_t *mask);
unsigned sim_if_nametoindex(const char *name);
char *sim_if_indextoname(unsigned i, char *name);
int sim_socket(int family, int type, int proto);
int sim_setsockopt(int fd, int level, int opt, const void *val, socklen_t len);
int sim_bind(int fd, const struct sockaddr *sa, socklen_t len);
int sim_connect(int fd, const struct sockaddr *sa, socklen_t len);
int sim_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
ssize_t sim_send(int fd, const void *buf, size_t len, int flags);
ssize_t sim_recv(int fd, void *buf, size_t len, int flags);
ssize_t sim_getrandom(void *buf, size_t len, unsigned flags);
int sim_mkdir(const char *path, mode_t mode);
int sim_unlink(const char *path);
int sim_access(const char *path, int mode);
int sim_rename(const char *from, const char *to);
int sim_getpid(void);

#endif
