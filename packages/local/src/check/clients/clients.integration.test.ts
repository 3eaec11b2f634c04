import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeCuts, failures, firstSuccessAfter, latency } from '../load-report.ts';
import { dial } from './dial.ts';
import { Load } from './load.ts';
import { CHECK_MARKER, LATE_ANSWER_BYTES, SERVER_PORTS } from './options.ts';

const host = '127.0.0.1';
let server: ChildProcess;

async function startServer(): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    ['--conditions=development', new URL('./server.ts', import.meta.url).pathname],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  await once(createInterface(child.stdout), 'line');
  return child;
}

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => {
  server.kill('SIGKILL');
});

describe('the check server, seen by one connection', () => {
  it('greets at once', async () => {
    const result = await dial({ host, port: SERVER_PORTS.greeting, endAfterAnswer: true, timeout: 2_000 });
    expect(result).toMatchObject({ ending: 'fin', received: `hello ${CHECK_MARKER}\n` });
  });

  it('answers after our end, completely', async () => {
    const result = await dial({ host, port: SERVER_PORTS.lateAnswer, send: 'x', endAfterSend: true, timeout: 5_000 });
    expect(result).toMatchObject({ ending: 'fin', receivedBytes: LATE_ANSWER_BYTES });
  });

  it('resets', async () => {
    const result = await dial({ host, port: SERVER_PORTS.reset, send: 'x', timeout: 2_000 });
    expect(result.ending).toBe('reset');
  });

  it('is told apart from nobody, and from silence', async () => {
    expect((await dial({ host, port: 1, timeout: 2_000 })).ending).toBe('refused');
    expect((await dial({ host, port: SERVER_PORTS.echo, timeout: 100 })).ending).toBe('timeout');
  });
});

describe('the load client', () => {
  it.each(['tcp', 'http1', 'http2'] as const)(
    'opens %s connections at its rate and keeps others open',
    async (protocol) => {
      const load = new Load({ host, rate: 200, protocol, held: 5, messageEvery: 20 });
      await load.start();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const report = await load.stop();
      expect(report.attempts.length).toBeGreaterThan(80);
      expect(failures(report)).toEqual([]);
      expect(describeCuts(report)).toMatch(/^0 of 5 open connections were cut, the slowest message took \d+ ms$/);
      expect(report.messages).toBeGreaterThan(50);
      expect(firstSuccessAfter(report, 0)).toBeDefined();
      expect(latency(report, 0.5)).toBeLessThan(100);
    },
  );

  it('reports each failure with its errno, and each connection that was cut', async () => {
    const load = new Load({ host, rate: 200, held: 2, messageEvery: 20, timeout: 500 });
    await load.start();
    server.kill('SIGKILL');
    await once(server, 'exit');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const report = await load.stop();
    server = await startServer();
    expect(failures(report).map((attempt) => attempt.failure)).toContain('ECONNREFUSED while connecting');
    expect(report.cuts).toHaveLength(2);
  });
});
