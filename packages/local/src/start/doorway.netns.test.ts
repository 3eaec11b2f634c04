import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Server, createServer, request } from 'node:http';
import type { Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { IncomingMessage } from 'node:http';
import { openTcpSocket, bind, listen } from '@ambit/native/socket';
import { close } from '@ambit/native/descriptor';
import { createNetworkNamespace, inNamespace } from '@ambit/native/namespace';
import { AF_INET } from '@ambit/native/socket-address';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDoorway } from './doorway.ts';

const PORT = 15000;
let namespace: number;
let server: Server;
let directory: string;
let doorway: NetServer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'doorway-'));
  namespace = createNetworkNamespace();
  const fd = inNamespace(namespace, () => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    const socket = openTcpSocket(AF_INET);
    bind(socket, { ip: '127.0.0.1', port: PORT });
    listen(socket, 16);
    return socket;
  });
  server = createServer((asked, answer) => {
    answer.end(`${asked.method ?? ''} ${asked.url ?? ''}`);
  });
  server.listen({ fd });
  await once(server, 'listening');
  doorway = await openDoorway(join(directory, 'door.sock'), () => namespace, PORT);
});

afterAll(() => {
  doorway.close();
  server.close();
  close(namespace);
  rmSync(directory, { recursive: true });
});

describe('a listener on the loopback of another namespace', () => {
  it('is reached through a Unix socket', async () => {
    const call = request({ socketPath: join(directory, 'door.sock'), path: '/config_dump' }).end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    expect(await text(response)).toBe('GET /config_dump');
  });
});
