/** `npm run cluster:up|down|in|load`: a Kubernetes cluster on this machine; see e2e/README.md. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from './build.mjs';
import { ROOT } from './runtime.mjs';

const program = join(ROOT, 'e2e', 'dist', 'cluster', 'main.js');

// Commands inside a running cluster come often and must not wait for a compiler: it was compiled to start.
const compiled = process.argv[2] !== 'up' && existsSync(program);
if (compiled || build('e2e')) await import(pathToFileURL(program).href);
else process.exitCode = 1;
