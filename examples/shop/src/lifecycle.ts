import { createServer } from 'node:http';
import type { Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { DRAIN_DELAY, HEALTH_PORT, log } from './settings.ts';

/** What a service has to say about its life. */
export interface Service {
  readonly name: string;
  /** Resolves when requests can be served. */
  start(): Promise<void>;
  /** Accepts nothing more and resolves when everything that was accepted is answered. */
  finish(): Promise<void>;
}

/**
 * Runs a service until SIGTERM or SIGINT: `/readyz` answers 200 while it serves and 503 from the signal on; new
 * work is taken for `DRAIN_DELAY` more, then the rest is finished and the process exits 0.
 */
export async function run(service: Service): Promise<void> {
  let ready = false;
  const health = createServer((request, response) => {
    response.writeHead(request.url !== '/readyz' ? 404 : ready ? 200 : 503, { connection: 'close' }).end();
  });
  await listen(health, HEALTH_PORT);
  await service.start();
  ready = true;
  log(service.name, 'ready');

  const signal = await new Promise<string>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  ready = false;
  log(service.name, 'finishing', { signal });
  await sleep(DRAIN_DELAY);
  await service.finish();
  await closed(health);
  log(service.name, 'stopped');
}

/** Resolves when the server listens on all addresses of the machine. */
export function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, () => {
      resolve();
    });
  });
}

/** Stops listening and resolves when the last open connection has ended. */
export function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
