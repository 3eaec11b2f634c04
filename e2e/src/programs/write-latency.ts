// Writes an object through the API, takes it away again, and says how long after each write it showed. Runs in a pod whose
// account may write it.
import { request } from 'node:http';
import { connect } from 'node:net';
import { systemClock } from '@ambit/core/clock';
import { inClusterApiServer } from '@ambit/kube/api-server';
import { KubeClient } from '@ambit/kube/client';
import { AUTHORIZATION_POLICIES, HTTP_ROUTES, type KubeObject } from '@ambit/kube/resource';

/** How it shows that the object is in force. */
type Probe =
  /** A connection to a server that speaks first is not answered. */
  | { readonly kind: 'refused'; readonly host: string; readonly port: number }
  /** The answer to a request has this field. */
  | { readonly kind: 'answer-field'; readonly host: string; readonly port: number; readonly field: string };

/** Parameters. */
export interface WriteLatencyOptions {
  readonly object: KubeObject & {
    readonly kind: 'AuthorizationPolicy' | 'HTTPRoute';
    readonly metadata: { readonly name: string; readonly namespace: string };
  };
  readonly probe: Probe;
  /** Each is one creation and one deletion. */
  readonly rounds: number;
  /** Pause after each, milliseconds. */
  readonly between: number;
}

/** Milliseconds from the begin of each write to the end of the first look that showed it. */
export interface WriteLatencyReport {
  readonly created: readonly number[];
  readonly deleted: readonly number[];
}

const EVERY = 5;
const PATIENCE = 5_000;

const { object, probe, rounds, between } = JSON.parse(process.argv[2] ?? '{}') as WriteLatencyOptions;
const resource = object.kind === 'HTTPRoute' ? HTTP_ROUTES : AUTHORIZATION_POLICIES;
const client = new KubeClient(inClusterApiServer(process.env), { clock: systemClock, userAgent: 'write-latency' });

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => systemClock.setTimeout(resolve, milliseconds));
}

function isRefused(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, noDelay: true });
    const finish = (refused: boolean): void => {
      socket.destroy();
      resolve(refused);
    };
    socket.on('error', () => finish(true));
    socket.on('end', () => finish(true));
    socket.on('data', () => finish(false));
  });
}

function hasField(host: string, port: number, field: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // On a connection of its own: one that is older than a waypoint goes on without it.
    const call = request({ host, port, agent: false }, (response) => {
      response.on('end', () => resolve(response.headers[field] !== undefined));
      response.resume();
    });
    call.on('error', reject);
    call.end();
  });
}

function isInForce(): Promise<boolean> {
  const { host, port } = probe;
  return probe.kind === 'refused' ? isRefused(host, port) : hasField(host, port, probe.field);
}

async function until(inForce: boolean, since: number): Promise<number> {
  for (;;) {
    const begun = systemClock.now();
    if ((await isInForce()) === inForce) return systemClock.now() - since;
    if (begun - since > PATIENCE) throw new Error(`not ${inForce ? 'in force' : 'gone'} after ${PATIENCE} ms`);
    await pause(Math.max(0, EVERY - (systemClock.now() - begun)));
  }
}

const { name, namespace } = object.metadata;
const created: number[] = [];
const deleted: number[] = [];
for (let round = 0; round < rounds; round++) {
  await until(false, systemClock.now());
  let since = systemClock.now();
  const [there] = await Promise.all([until(true, since), client.create(resource, object)]);
  created.push(there);
  await pause(between);
  since = systemClock.now();
  const [gone] = await Promise.all([until(false, since), client.delete(resource, name, namespace)]);
  deleted.push(gone);
  await pause(between);
}
process.stdout.write(`${JSON.stringify({ created, deleted } satisfies WriteLatencyReport)}\n`);
process.exit(0);
