import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { get } from './get.ts';
import { MARKER } from './settings.ts';

const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

interface Running {
  readonly child: ChildProcess;
  readonly output: Promise<string>;
  /** Where `/readyz` answers. */
  readonly health: string;
}

/** Starts one service as its pod would and waits until it is ready. */
async function start(service: string, environment: Readonly<Record<string, string>> = {}): Promise<Running> {
  const healthPort = await freePort();
  const child = spawn(process.execPath, [new URL(`./${service}.ts`, import.meta.url).pathname], {
    env: { HEALTH_PORT: String(healthPort), ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.push(child);
  const health = `http://127.0.0.1:${healthPort}/readyz`;
  while ((await statusOf(health)) !== 200) {
    if (child.exitCode !== null) throw new Error(`${service} ended with ${child.exitCode}`);
    await sleep(20);
  }
  return { child, output: text(child.stdout), health };
}

async function statusOf(url: string): Promise<number> {
  return get(url).then(
    (answer) => answer.status,
    () => 0,
  );
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** The exit code after SIGTERM. */
async function stop(service: Running): Promise<number | null> {
  const ended = once(service.child, 'exit');
  service.child.kill('SIGTERM');
  await ended;
  return service.child.exitCode;
}

describe('the shop', () => {
  it('serves a visit by HTTP, gRPC and raw TCP, and every service stops cleanly', async () => {
    const [shopPort, catalogPort, paymentsPort, feesPort, greeterPort] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const services = await Promise.all([
      start('catalog', { PORT: String(catalogPort) }),
      start('payments', { PORT: String(paymentsPort), HTTP_PORT: String(feesPort), VERSION: 'v2' }),
      start('greeter', { PORT: String(greeterPort) }),
      start('storefront', {
        PORT: String(shopPort),
        CATALOG_URL: `http://127.0.0.1:${catalogPort}`,
        FEES_URL: `http://127.0.0.1:${feesPort}`,
        PAYMENTS_ADDRESS: `127.0.0.1:${paymentsPort}`,
        GREETER_ADDRESS: `127.0.0.1:${greeterPort}`,
      }),
    ]);
    const storefront = `http://127.0.0.1:${shopPort}`;

    const page = await get(`${storefront}/`);
    expect(page.status).toBe(200);
    expect(JSON.parse(page.body)).toMatchObject({
      greeting: `welcome to the shop, guest 1 ${MARKER}`,
      fee: { version: 'v2', cents: 20 },
      receipt: 'order 1: 4920 cents, receipt 1',
    });

    const shopper = await start('shopper', { STOREFRONT_URL: storefront, RATE: '50' });
    await sleep(300);
    expect(await stop(shopper)).toBe(0);
    const summary = JSON.parse(
      (await shopper.output)
        .trim()
        .split('\n')
        .find((line) => line.includes('at the end')) ?? '{}',
    ) as { visits: number; failed: number };
    expect(summary.visits).toBeGreaterThan(5);
    expect(summary.failed).toBe(0);

    const outsider = await start('outsider', { STOREFRONT_URL: storefront });
    await sleep(100);
    expect(await stop(outsider)).toBe(0);
    expect(await outsider.output).toContain('was let in');

    expect(await Promise.all(services.map(stop))).toEqual([0, 0, 0, 0]);
  });

  it('says why a visit fails', async () => {
    const shopPort = await freePort();
    await start('storefront', {
      PORT: String(shopPort),
      CATALOG_URL: 'http://127.0.0.1:1',
      FEES_URL: 'http://127.0.0.1:1',
      GREETER_ADDRESS: '127.0.0.1:1',
    });
    const page = await get(`http://127.0.0.1:${shopPort}/`);
    expect(page.status).toBe(502);
    expect(page.body).toContain('ECONNREFUSED');
  });
});

describe('a service that is told to stop', () => {
  it('is no longer ready, finishes the request it accepted and exits', async () => {
    const slow = createServer((_, response) => {
      setTimeout(() => response.end('[]'), 600);
    }).listen(0, '127.0.0.1');
    await once(slow, 'listening');
    const [shopPort, paymentsPort, feesPort, greeterPort] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    await Promise.all([
      start('payments', { PORT: String(paymentsPort), HTTP_PORT: String(feesPort) }),
      start('greeter', { PORT: String(greeterPort) }),
    ]);
    const storefront = await start('storefront', {
      PORT: String(shopPort),
      CATALOG_URL: `http://127.0.0.1:${(slow.address() as AddressInfo).port}`,
      FEES_URL: `http://127.0.0.1:${feesPort}`,
      PAYMENTS_ADDRESS: `127.0.0.1:${paymentsPort}`,
      GREETER_ADDRESS: `127.0.0.1:${greeterPort}`,
    });

    const page = get(`http://127.0.0.1:${shopPort}/`);
    await sleep(100);
    const ended = stop(storefront);
    await sleep(100);
    expect(await statusOf(storefront.health)).toBe(503);
    expect((await page).status).toBe(200);
    expect(await ended).toBe(0);
    slow.close();
  });
});

describe('payments', () => {
  it('answers every kind of call, with its version behind each answer, and refuses too much', async () => {
    const port = await freePort();
    await start('payments', { PORT: String(port), HTTP_PORT: String(await freePort()), VERSION: 'v2' });
    const teller = spawn(
      process.execPath,
      [new URL('./teller.ts', import.meta.url).pathname, `127.0.0.1:${port}`, '20'],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    running.push(teller);
    const stream = { messages: 50, versions: ['v2'], ending: { code: 0, details: 'OK', trailer: 'v2' } };
    const refusal = { code: 3, details: '1000001 cents are more than 1000000', trailer: 'v2' };
    expect(JSON.parse(await text(teller.stdout))).toMatchObject({
      ...{ singles: { versions: { v2: 20 }, failed: [] }, instalments: stream, talked: stream },
      ...{ refused: refusal, refusedStream: { messages: 0, ending: refusal }, late: { code: 4 } },
    });
  });
});

describe('the greeter', () => {
  it('speaks first, echoes after the guest has ended, and says goodbye when it stops', async () => {
    const port = await freePort();
    const greeter = await start('greeter', { PORT: String(port) });

    const guest = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const [greeting] = (await once(guest, 'data')) as [Buffer];
    expect(greeting.toString()).toContain('welcome to the shop');
    guest.end('the last word\n');
    expect(await text(guest)).toBe('the last word\n');

    const stays = connect({ port, host: '127.0.0.1' });
    await once(stays, 'data');
    const ended = stop(greeter);
    expect(await text(stays)).toContain('goodbye');
    expect(await ended).toBe(0);
  });
});
