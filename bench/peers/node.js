// Node's own http module, for the comparison: one process, its port chosen by the system.
'use strict';
const http = require('http');

const server = http.createServer((request, response) => {
	response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': 12});
	response.end('Hello World\n');
});

// No end of requests on a connection, none of connections that are idle.
server.keepAliveTimeout = 600000;
server.headersTimeout = 0;
server.requestTimeout = 0;
server.maxRequestsPerSocket = 0;
server.listen({host: '127.0.0.1', port: 0, backlog: 4096}, () => {
	console.log(`node: listening on 127.0.0.1:${server.address().port}`);
});
