import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal } from '../run/windows.ts';
import type { LoadReport } from './window.ts';

const GENERATOR = fileURLToPath(new URL('./main.ts', import.meta.url));
const SERVER = fileURLToPath(new URL('../serve/main.ts', import.meta.url));
const ECHO = '127.0.0.1:28080';
const SINK = '127.0.0.1:25201';
const CALLS = '127.0.0.1:28081';
const OTHER_ECHO = '127.0.0.1:28082';

let server: ChildProcess;

beforeAll(async () => {
  server = spawn(
    process.execPath,
    [...process.execArgv, SERVER, ECHO, `${SINK}=sink`, `${CALLS}=grpc:y`, `${OTHER_ECHO}=echo:y`],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  if (server.stdout !== null) await once(server.stdout, 'data');
});

afterAll(() => {
  server.kill();
});

async function load(...rest: string[]): Promise<LoadReport> {
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, GENERATOR, ...rest]);
  return JSON.parse(stdout) as LoadReport;
}

describe('the generator', () => {
  it('keeps an open loop at its rate and reads the processor time of the server', async () => {
    const report = await load(
      ...['keep-alive', '--connections', '8', '--rate', '500', '--warmUp', '200', '--measure', '500'],
      ...['--target', ECHO, '--watch', String(server.pid)],
    );
    expect(report.errors).toBe(0);
    expect(report.latency?.count).toBe(250);
    expect(report.latency?.p50).toBeLessThan(20_000);
    expect(report.cpu[0]).toBeGreaterThan(100_000);
  });

  it('does not hide that a rate was out of reach', async () => {
    const rest = ['--connections', '2', '--rate', '2000000', '--warmUp', '100', '--measure', '300'];
    const report = await load('keep-alive', '--target', ECHO, ...rest);
    expect(refusal(report)).toMatch(/instead of 2000000 requests per second/);
    expect(report.longestQueue).toBeGreaterThan(1000);
  });

  it('drives connections flat out, opens new ones and moves bulk', async () => {
    const times = ['--warmUp', '100', '--measure', '200'];
    const max = await load('keep-alive', '--connections', '8', '--target', ECHO, ...times);
    expect(max).toMatchObject({ errors: 0 });
    expect(max.done).toBeGreaterThan(1000);
    expect(max.others).toBe(0);
    const other = await load('keep-alive', '--target', OTHER_ECHO, ...times);
    expect(other.others).toBe(other.total);
    const fresh = await load('new', '--parallel', '4', '--target', ECHO, ...times);
    expect(fresh).toMatchObject({ errors: 0 });
    expect(fresh.done).toBeGreaterThan(50);
    const bulk = await load('bulk', '--target', SINK, ...times);
    expect(bulk.done).toBeGreaterThan(1_000_000);
  });

  it('calls many at once on one HTTP/2 connection, flat out and at a rate', async () => {
    const times = ['--warmUp', '100', '--measure', '300'];
    const max = await load('grpc', '--streams', '32', '--target', CALLS, ...times);
    expect(max).toMatchObject({ errors: 0 });
    expect(max.done).toBeGreaterThan(1000);
    expect(max.others).toBe(max.total);
    const paced = await load('grpc', '--streams', '32', '--rate', '500', '--target', CALLS, ...times);
    expect(paced).toMatchObject({ errors: 0 });
    expect(paced.latency?.count).toBeGreaterThan(100);
    expect(paced.latency?.count).toBeLessThanOrEqual(150);
  });

  it('takes nothing but gRPC for an answer to a call', async () => {
    await expect(load('grpc', '--streams', '1', '--target', ECHO, '--measure', '100')).rejects.toThrow(
      /closed at once|opened in time/,
    );
  });

  it('holds connections until it is killed', async () => {
    const holder = spawn(
      process.execPath,
      [...process.execArgv, GENERATOR, 'hold', '--connections', '50', '--target', ECHO],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(holder.stdout, 'data')) as [Buffer];
    expect(JSON.parse(line.toString())).toEqual({ held: 50 });
    holder.kill();
    expect(await once(holder, 'exit')).toEqual([null, 'SIGTERM']);
  });

  it('fails when nobody listens', async () => {
    await expect(load('keep-alive', '--target', '127.0.0.1:1')).rejects.toThrow(/ECONNREFUSED/);
  });
});
