import { dirname } from 'node:path';
import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { CONTROL_ADDRESS, DNS_SERVICE_ADDRESS } from './address-plan.ts';
import type { CommandResult } from './command.ts';
import type { OwnCluster } from './own-cluster.ts';

/** How long the API server, or the way to DNS, may take, in milliseconds. */
const PATIENCE_MS = 90_000;

/** How often to look whether a program ended, in milliseconds. */
const LOOK_MS = 300;

/** Asks until it is answered with 200: one process, because every start of kubectl takes time from what it waits for. */
const ASK_API_SERVER = `
const { get } = require('node:https');
const { readFileSync } = require('node:fs');
const [host, pki] = process.argv.slice(1);
const read = (name) => readFileSync(pki + '/' + name);
const options = { host, port: 6443, path: '/readyz', ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key'), timeout: 2000 };
const again = () => setTimeout(ask, 50);
function ask() {
  const request = get(options, (answer) => { answer.resume(); if (answer.statusCode === 200) process.exit(0); again(); });
  request.once('timeout', () => request.destroy(new Error('timeout'))).once('error', again);
}
ask();`;

/** Dials until a connection is accepted. */
const DIAL = `
const { connect } = require('node:net');
const [host, port] = process.argv.slice(1);
const again = () => setTimeout(dial, 50);
function dial() {
  const socket = connect({ host, port }).setTimeout(1000);
  socket.once('connect', () => process.exit(0)).once('timeout', () => socket.destroy(new Error('timeout'))).once('error', again);
}
dial();`;

/** Resolves when the API server says that it is ready. */
export async function untilReady(cluster: OwnCluster): Promise<void> {
  const argv = [process.execPath, '-e', ASK_API_SERVER, CONTROL_ADDRESS, dirname(cluster.kubeconfig)];
  await patiently(
    () => cluster.inCluster(argv, { timeout: PATIENCE_MS }),
    () => `the API server is not ready: ${cluster.log('kube-apiserver')}`,
  );
}

/** Resolves when the Service of DNS can be reached from every node: kube-proxy, routes and pods work there. */
export async function untilDnsAnswers(cluster: OwnCluster): Promise<void> {
  const argv = [process.execPath, '-e', DIAL, DNS_SERVICE_ADDRESS, '53'];
  await Promise.all(
    cluster.nodes.map(({ name }) =>
      patiently(
        () => cluster.inNode(name, argv, { timeout: PATIENCE_MS }),
        () => `DNS cannot be reached from node ${name}: ${cluster.log(`kube-proxy-${name}`)}`,
      ),
    ),
  );
}

/**
 * `work`, cut short when a program of the cluster ends meanwhile: what waits for it would wait long and say less. Rejects
 * with `AMBIT_CLUSTER_NOT_READY` and the end of the program's log then.
 */
export async function whilePrograms<T>(cluster: OwnCluster, clock: Clock, work: Promise<T>): Promise<T> {
  let timer: Timer | undefined;
  const watch = new Promise<never>((_, reject) => {
    const look = (): void => {
      try {
        const [name] = cluster.ended;
        if (name !== undefined) throw notReady(`${name} ended: ${cluster.log(name, 1_500)}`);
        timer = clock.setTimeout(look, LOOK_MS);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    look();
  });
  // What is cut short fails when the cluster is removed, and nobody asks any more.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, watch]);
  } finally {
    timer?.cancel();
  }
}

async function patiently(ask: () => Promise<CommandResult>, why: () => string): Promise<void> {
  try {
    if ((await ask()).code === 0) return;
  } catch (error) {
    if (!(error instanceof AmbitError && error.code === 'AMBIT_CLUSTER_TIMEOUT')) throw error;
  }
  throw notReady(why());
}

function notReady(why: string): AmbitError {
  return new AmbitError('AMBIT_CLUSTER_NOT_READY', why, { source: 'system' });
}
