import { type Server, createServer } from 'node:net';
import { connectInside } from './node-request.ts';

/**
 * A Unix socket at `path` that leads to a loopback port inside a node: `curl --unix-socket PATH http://node/config_dump`
 * works from any terminal, although the node has no address there. Resolves when it listens.
 */
export function openDoorway(path: string, namespace: number, port: number): Promise<Server> {
  const server = createServer((visitor) => {
    visitor.on('error', () => undefined);
    let inside;
    try {
      inside = connectInside(namespace, { ip: '127.0.0.1', port });
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
      resolve(server);
    });
  });
}
