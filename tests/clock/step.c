/* The wall clock of a process, set off by what a file says: the machine's clock steps, for one process alone.
 *
 *   LD_PRELOAD=<this> BEIDOU_CLOCK_FILE=<path> program
 *
 * The file holds one number of eight bytes, nanoseconds, which a test changes while the process runs. The monotonic clocks go
 * on as they are: so it is with a real step. What waits until a moment of the wall clock waits as long as it meant to when it
 * began: the kernel's clock has not stepped.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static const volatile int64_t *offset;

__attribute__((constructor)) static void find_offset(void) {
    const char *path = getenv("BEIDOU_CLOCK_FILE");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *place = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    if (place != MAP_FAILED) offset = place;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t nanos = now->tv_sec * SECOND + now->tv_nsec + *offset;
        now->tv_sec = nanos / SECOND;
        now->tv_nsec = nanos % SECOND;
    }
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &exact);
    if (result == 0) {
        now->tv_sec = exact.tv_sec;
        now->tv_usec = exact.tv_nsec / 1000;
    }
    return result;
}

time_t time(time_t *now) {
    struct timespec exact;
    if (clock_gettime(CLOCK_REALTIME, &exact) != 0) return (time_t)-1;
    if (now) *now = exact.tv_sec;
    return exact.tv_sec;
}

/* The same moment by the kernel's clock; one that is no moment of these years is none of the wall clock. */
static struct timespec kernels(const struct timespec *until) {
    struct timespec moment = *until;
    if (offset && moment.tv_sec > 1000000000) {
        int64_t nanos = moment.tv_sec * SECOND + moment.tv_nsec - *offset;
        moment.tv_sec = nanos / SECOND;
        moment.tv_nsec = nanos % SECOND;
    }
    return moment;
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict lock, const struct timespec *restrict until) {
    int (*wait)(cnd_t *, mtx_t *, const struct timespec *) = dlsym(RTLD_NEXT, "cnd_timedwait");
    struct timespec moment = kernels(until);
    return wait(condition, lock, &moment);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict lock,
                           const struct timespec *restrict until) {
    int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec moment = kernels(until);
    return wait(condition, lock, &moment);
}
