import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { request as requestSecurely } from 'node:https';
import { connect as connectSecurely } from 'node:tls';
import type { IpAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import { AmbitError } from '@ambit/core/errors';
import { close } from '@ambit/native/descriptor';
import { EINPROGRESS, SystemCallError } from '@ambit/native/errno';
import { inNamespace } from '@ambit/native/namespace';
import { connect, openTcpSocket, peerAddress } from '@ambit/native/socket';
import { AF_INET } from '@ambit/native/socket-address';
import { takeError } from '@ambit/native/socket-option';
import type { Container, Pod, Probe } from '@ambit/translation/objects';
import { dialInside } from './dial.ts';

/** Where a probe starts and what it reaches. */
export interface ProbeTarget {
  /** The node's network namespace: kubelet's probes come from the node. */
  readonly node: number;
  readonly ip: IpAddress;
  readonly clock: Clock;
  readonly container: Container;
  /** Runs a command inside the container; resolves with its exit code. */
  readonly exec: (command: readonly string[], timeout: number) => Promise<number | undefined>;
}

/** Milliseconds between two looks at a connection that is being made. */
const CONNECT_POLL_MS = 2;

/** Tries a probe once. Resolves when it succeeds, rejects with what went wrong. */
export async function tryProbe(probe: Probe, target: ProbeTarget): Promise<void> {
  const timeout = (probe.timeoutSeconds ?? 1) * 1_000;
  if (probe.httpGet !== undefined) {
    await tryHttp(probe.httpGet, target, timeout);
    return;
  }
  if (probe.tcpSocket !== undefined) {
    await tryTcp(portOf(probe.tcpSocket.port, target.container), target, timeout);
    return;
  }
  const command = probe.exec?.command;
  if (command === undefined) throw unsupported();
  const code = await target.exec(command, timeout);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code ?? 'a signal'}`);
}

/** Throws `AMBIT_BED_PROBE` for a probe that cannot be tried here, so that it is said before the pod waits for it. */
export function checkProbes(pod: Pod): void {
  for (const { readinessProbe, livenessProbe, startupProbe } of pod.spec.containers) {
    for (const probe of [readinessProbe, livenessProbe, startupProbe]) {
      if (
        probe !== undefined &&
        probe.httpGet === undefined &&
        probe.tcpSocket === undefined &&
        probe.exec === undefined
      )
        throw unsupported();
    }
  }
}

function unsupported(): AmbitError {
  return new AmbitError('AMBIT_BED_PROBE', 'only httpGet, tcpSocket and exec probes are tried here', {
    source: 'configuration',
  });
}

async function tryTcp(port: number, { node, ip, clock }: ProbeTarget, timeout: number): Promise<void> {
  const fd = inNamespace(node, () => openTcpSocket(AF_INET));
  try {
    const result = connect(fd, { ip, port });
    if (result < 0 && result !== -EINPROGRESS) throw new SystemCallError('connect', -result, `${ip}:${port}`);
    await connected(fd, `${ip}:${port}`, clock, timeout);
  } finally {
    close(fd);
  }
}

/** Waits for a connection that is under way; a socket that Node adopts does not tell when it is made. */
async function connected(fd: number, subject: string, clock: Clock, timeout: number): Promise<void> {
  const end = clock.now() + timeout;
  for (;;) {
    const errno = takeError(fd);
    if (errno !== 0) throw new SystemCallError('connect', errno, subject);
    try {
      peerAddress(fd);
      return;
    } catch {
      // Not yet.
    }
    if (clock.now() > end) throw new Error(`${subject}: no connection within ${timeout} ms`);
    await new Promise<void>((resolve) => clock.setTimeout(resolve, CONNECT_POLL_MS));
  }
}

async function tryHttp(get: NonNullable<Probe['httpGet']>, target: ProbeTarget, timeout: number): Promise<void> {
  const port = portOf(get.port, target.container);
  const dial = (): ReturnType<typeof dialInside> => dialInside(target.node, { ip: get.host ?? target.ip, port });
  const common = {
    path: get.path ?? '/',
    headers: {
      host: `${get.host ?? target.ip}:${port}`,
      'user-agent': 'kube-probe/1.36',
      connection: 'close',
      ...headersOf(get),
    },
    signal: AbortSignal.timeout(timeout),
  };
  const call =
    get.scheme === 'HTTPS'
      ? // As kubelet: a probe does not judge the certificate.
        requestSecurely({
          ...common,
          createConnection: () => connectSecurely({ socket: dial(), rejectUnauthorized: false }),
        })
      : request({ ...common, createConnection: dial });
  call.end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.on('error', () => undefined);
  response.destroy();
  const status = response.statusCode ?? 0;
  if (status < 200 || status >= 400) throw new Error(`answered with ${status}`);
}

function headersOf(get: NonNullable<Probe['httpGet']>): Record<string, string> {
  return Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value]));
}

function portOf(port: number | string, { name, ports }: Container): number {
  if (typeof port === 'number') return port;
  const named = ports?.find((candidate) => candidate.name === port)?.containerPort;
  if (named !== undefined) return named;
  throw new AmbitError('AMBIT_BED_PROBE', `container ${name} has no port called ${port}`, { source: 'configuration' });
}
