/*
 * pause - the program that holds a pod's namespaces: it reaps children that were handed to it and ends when told to.
 *
 * hack/images builds it statically into the pause image; it is no part of the product's build.
 */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_end(int sig)
{
    _exit(sig == SIGTERM || sig == SIGINT ? 0 : 1);
}

static void on_child(int sig)
{
    (void)sig;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
}

int main(void)
{
    struct sigaction end = {.sa_handler = on_end};
    struct sigaction child = {.sa_handler = on_child, .sa_flags = SA_NOCLDSTOP | SA_RESTART};

    if (sigaction(SIGTERM, &end, NULL) < 0 || sigaction(SIGINT, &end, NULL) < 0 || sigaction(SIGCHLD, &child, NULL) < 0)
        return 2;
    for (;;)
        pause();
}
