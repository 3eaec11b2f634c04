import { createCipheriv, createHash } from 'node:crypto';
import { createServer } from 'node:net';

/** Bytes that cross in each direction. */
export const BODY_BYTES: number = 10_000_000;
export const BODY_PORT: number = 7110;

/** The same bytes for the same seed; no part of them repeats, so that a piece lost, doubled or moved shows. */
export function bodyOf(seed: number): Buffer {
  const key = Buffer.alloc(16, seed);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(BODY_BYTES));
}

export function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Reads until the client ends, then answers with the digest of what it read, a line end, and a body of its own. */
export function serveBodies(answer: Buffer): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const hash = createHash('sha256');
    socket.on('data', (chunk: Buffer) => hash.update(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => {
      socket.write(`${hash.digest('hex')}\n`);
      socket.end(answer);
    });
  });
  server.listen(BODY_PORT, '0.0.0.0');
}

if (process.argv[1] === import.meta.filename) serveBodies(bodyOf(2));
