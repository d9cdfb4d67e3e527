/* fork_pair.c: forking, pinning, and memory that both processes see. */
#include "fork_pair.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

void *fork_pair_shared(size_t size) {
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	BENCH_MUST(p != MAP_FAILED);
	return p;
}

void fork_pair_unshare(void *p, size_t size) {
	munmap(p, size);
}

static pid_t start(void (*run)(void *ctx), void *ctx, int cpu, unsigned seconds) {
	pid_t pid = fork();
	BENCH_MUST(pid >= 0);
	if (pid > 0)
		return pid;
	alarm(seconds); /* a child that hangs ends by SIGALRM, and the parent sees it */
	bench_pin(cpu);
	run(ctx);
	_exit(0);
}

void fork_pair_run(void (*tx)(void *ctx), void (*rx)(void *ctx), void *ctx, unsigned seconds) {
	int status[2] = {-1, -1};
	fflush(NULL);
	pid_t receiver = start(rx, ctx, 1, seconds);
	pid_t sender = start(tx, ctx, 0, seconds);
	BENCH_MUST(waitpid(sender, &status[0], 0) == sender);
	BENCH_MUST(waitpid(receiver, &status[1], 0) == receiver);
	BENCH_MUST(status[0] == 0);
	BENCH_MUST(status[1] == 0);
}

static double seconds_of(struct timeval t) {
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

double fork_pair_cpu(void) {
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return seconds_of(r.ru_utime) + seconds_of(r.ru_stime);
}
