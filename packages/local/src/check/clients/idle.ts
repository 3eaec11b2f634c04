import { createServer } from 'node:net';

// Keeps a pod alive until SIGTERM; what the checks do happens in programs that join it. An open listener that nobody
// asks is what keeps the process running.
createServer().listen(0, '127.0.0.1');
