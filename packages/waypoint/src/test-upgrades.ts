import { createHash } from 'node:crypto';
import { type Answer, application, Client, Raw, type Seen } from './test-application.ts';
import type { EndpointBehaviour } from './test-endpoint.ts';
import type { TestWaypoint } from './test-waypoint.ts';

// Both sides of upgrades, in either version of HTTP.

export function proofOf(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** An application of HTTP/1 that agrees to any WebSocket, as RFC 6455 wants it, and notes its connections. */
export function switching(servers: Raw[], proof: (key: string) => string = proofOf, more = ''): EndpointBehaviour {
  return (tunnel) => {
    const server = new Raw();
    servers.push(server);
    server.endpoint = tunnel.open([], server);
    server.onText = (): void => {
      if (!server.text.includes('\r\n\r\n')) return;
      server.onText = undefined;
      const key = /sec-websocket-key: (.*)\r\n/.exec(server.text)?.[1] ?? '';
      server.write(
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
          `Sec-WebSocket-Accept: ${proof(key)}\r\nSec-WebSocket-Protocol: chat\r\n\r\n${more}`,
      );
    };
  };
}

/** An application of HTTP/1 that answers every head with the same. */
export function saying(answer: string, servers: Raw[] = []): EndpointBehaviour {
  return (tunnel) => {
    const server = new Raw();
    servers.push(server);
    server.endpoint = tunnel.open([], server);
    server.onText = (): void => {
      if (!server.text.endsWith('\r\n\r\n')) return;
      server.text = '';
      server.write(answer);
    };
  };
}

export const ASK = { ':path': '/chat', 'sec-websocket-version': '13', upgrade: 'websocket' };

/** A client of HTTP/2 that knows what the waypoint offers. */
export function http2Client(bed: TestWaypoint): Client {
  const client = new Client(bed, 'HTTP/2');
  bed.loop.until(() => client.http.upgrades !== undefined);
  return client;
}

export function ask(client: Client, fields: Readonly<Record<string, string>> = {}): Answer {
  return client.send({ ...ASK, ...fields }, undefined, true);
}

export function say(answer: Answer, text: string, last = false): void {
  const bytes = Buffer.from(text, 'latin1');
  if (answer.exchange?.sendData(bytes, 0, bytes.length, last) !== bytes.length) throw new Error('not taken at once');
}

/** An application of HTTP/2 that agrees to every upgrade, says back what it hears, and ends when the client does. */
export function echoing(seen: Seen[]): EndpointBehaviour {
  return application('HTTP/2', {
    onRequest: (one) => {
      seen.push(one);
      const { exchange } = one;
      exchange.respond([':status', '101', 'upgrade', exchange.upgrade ?? ''], false);
      exchange.receiver = {
        onData: (bytes, start, end, last) => {
          one.body += bytes.toString('latin1', start, end);
          exchange.sendData(bytes, start, end, last);
          exchange.release(end - start);
        },
        onTrailers: () => undefined,
        onReset: (reset) => {
          one.reset = reset;
        },
        onWritable: () => undefined,
      };
    },
  });
}
