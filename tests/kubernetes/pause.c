/* What holds the namespaces of a Pod: it waits for its end, and for those whose parent ended. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signal) { _exit(signal == SIGTERM ? 0 : 1); }
static void reap(int signal) { while (waitpid(-1, 0, WNOHANG) > 0) { } (void)signal; }

int main(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
