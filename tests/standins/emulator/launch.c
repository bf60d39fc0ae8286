/*
 * How does a program of another processor start like one of this machine's? This one, a
 * native program, has its name; the program itself lies beside it as NAME.target, and is
 * run by EMULATOR. So whoever starts NAME (a script, a test that starts itself again, an
 * exec with an empty environment) need not know.
 */
#define _XOPEN_SOURCE 700

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CANNOT_START = 126 };

int main(int argc, char **argv)
{
	static const char ending[] = ".target";
	char target[PATH_MAX];
	const ssize_t len = readlink("/proc/self/exe", target, sizeof target - sizeof ending);
	char **words = calloc((size_t)argc + 4, sizeof *words);
	int n = 0;

	if (len < 0 || !words)
		return CANNOT_START;
	(void)snprintf(target + len, sizeof ending, "%s", ending);
	words[n++] = EMULATOR;
	/* By the name under which this one was started. */
	words[n++] = "-0";
	words[n++] = argv[0];
	words[n++] = target;
	for (int i = 1; i < argc; i++)
		words[n++] = argv[i];
	(void)execv(EMULATOR, words);
	perror(EMULATOR);
	return CANNOT_START;
}
