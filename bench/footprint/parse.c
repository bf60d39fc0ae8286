/* What does the parser cost by itself, without loop and server? bench/footprint.sh links it. */
#include <string.h>

#include <weir_http.h>

int main(int argc, char **argv)
{
	weir_field fields[16];
	weir_parser parser;
	const char *text = argc > 1 ? argv[1] : "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
	weir_slice piece;
	size_t used;

	weir_parser_init(&parser, NULL, fields, 16);
	return weir_parse(&parser, text, strlen(text), &used, &piece) == WEIR_BAD;
}
