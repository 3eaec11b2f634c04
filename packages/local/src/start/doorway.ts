import { type Server, createServer } from 'node:net';
import { dialInside } from '../bed/dial.ts';

/**
 * A Unix socket at `path` that leads to a loopback port inside a network namespace: `curl --unix-socket PATH
 * http://localhost/config_dump` works from any terminal, although nothing outside has a way in. `namespace` is asked for
 * each visitor, so that a listener that moves is found again. Resolves when it listens.
 */
export function openDoorway(path: string, namespace: () => number, port: number): Promise<Server> {
  const server = createServer((visitor) => {
    visitor.on('error', () => undefined);
    let inside;
    try {
      inside = dialInside(namespace(), { ip: '127.0.0.1', port });
    } catch {
      visitor.destroy();
      return;
    }
    inside.on('error', () => visitor.destroy());
    visitor.on('close', () => inside.destroy());
    visitor.pipe(inside).pipe(visitor);
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}
