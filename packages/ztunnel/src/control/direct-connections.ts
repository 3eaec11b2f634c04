import { formatSocketAddress } from '@ambit/core/address';
import type { Clock, Timer } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import type { MeshStore } from '@ambit/mesh/mesh-store';
import { authorize } from '@ambit/mesh/policy/authorize';
import type { Decision } from '@ambit/mesh/policy/decision';
import type { PolicySet } from '@ambit/mesh/policy/policy-set';
import type { StoreChanges } from '@ambit/mesh/store/changes';
import type { Workload } from '@ambit/mesh/workload';
import { destroyTcpSocket, type TcpSocket, tcpSocketsOf } from '@ambit/native/tcp-sockets';
import { DIRECT_LOOK_SHARE, PENDING_POLICY_WAIT } from '../limits.ts';
import type { Pod } from '../messages.ts';
import { directSockets } from './direct-sockets.ts';

/** A connection that is open past the proxy and that the policies in force forbid. */
export interface ForbiddenConnection {
  readonly pod: Pod;
  /** The application's end of it. */
  readonly socket: TcpSocket;
  readonly decision: Decision;
}

export interface DirectConnectionsOptions {
  readonly clock: Clock;
  /** The mesh as the data threads have it. */
  readonly store: () => MeshStore;
  /** The pod of this uid, if it is served. */
  readonly pod: (uid: string) => Pod | undefined;
  readonly onReset: (connection: ForbiddenConnection) => void;
  /** `AMBIT_DIRECT_CONNECTIONS`: they could not be looked at, or `count` of them could not be reset. */
  readonly onFailed: (pod: Pod, error: AmbitError, count: number) => void;
  /** All of one look, for people. */
  readonly onSummary: (pod: Pod, summary: string) => void;
}

interface Watched {
  timer: Timer | undefined;
  /** Not looked at before; milliseconds of the clock. */
  notBefore: number;
  /** Since when a policy is waited for; milliseconds of the clock. */
  doubtfulSince: number | undefined;
}

/**
 * What a pod accepted in plaintext before it was enrolled goes past the proxy as long as it lives, because only the first
 * SYN of a connection is redirected. It is judged all the same, by what judges plaintext that is redirected: when the pod
 * is enrolled, and whenever the policies change. What they forbid is reset, in the pod's kernel.
 */
export class DirectConnections {
  readonly #options: DirectConnectionsOptions;
  /** By uid: pods to which plaintext comes through the proxy now. Of others nothing may be said. */
  readonly #watched = new Map<string, Watched>();

  constructor(options: DirectConnectionsOptions) {
    this.#options = options;
  }

  /** The node agent says whether plaintext that comes to the pod is redirected; also when it was not, and is again. */
  redirected(uid: string, redirected: boolean): void {
    if (!redirected) {
      this.forget(uid);
      return;
    }
    const known = this.#watched.get(uid);
    const watched = known ?? { timer: undefined, notBefore: Number.NEGATIVE_INFINITY, doubtfulSince: undefined };
    this.#watched.set(uid, watched);
    this.#lookSoon(uid, watched);
  }

  forget(uid: string): void {
    this.#watched.get(uid)?.timer?.cancel();
    this.#watched.delete(uid);
  }

  /** The mesh changed, for the data threads too. */
  meshChanged(changes: StoreChanges): void {
    for (const [uid, watched] of this.#watched) {
      const pod = this.#options.pod(uid);
      const workload = pod === undefined ? undefined : this.#workload(pod);
      if (workload !== undefined && changes.concern(workload)) this.#lookSoon(uid, watched);
    }
  }

  #lookSoon(uid: string, watched: Watched, pause = 0): void {
    const { clock } = this.#options;
    watched.timer?.cancel();
    watched.timer = clock.setTimeout(
      () => {
        watched.timer = undefined;
        const begin = clock.now();
        this.#look(uid, watched);
        // A pod with very many connections must not keep this thread looking.
        watched.notBefore = clock.now() + (clock.now() - begin) * DIRECT_LOOK_SHARE;
      },
      Math.max(pause, watched.notBefore - clock.now()),
      { background: true },
    );
  }

  #look(uid: string, watched: Watched): void {
    const pod = this.#options.pod(uid);
    // A pod that is not described yet is looked at when it is.
    const workload = pod === undefined ? undefined : this.#workload(pod);
    if (pod === undefined || workload === undefined) return;
    const policies = this.#options.store().policiesFor(workload);
    if (!mayForbid(policies)) return;
    try {
      this.#judge(uid, pod, watched, policies, directSockets(tcpSocketsOf(pod.namespace)));
    } catch (error) {
      this.#options.onFailed(pod, failure(pod, error), 0);
    }
  }

  #judge(uid: string, pod: Pod, watched: Watched, policies: PolicySet, sockets: readonly TcpSocket[]): void {
    const { clock } = this.#options;
    const decided = sockets.map((socket) => ({ pod, socket, decision: authorize(factsOf(socket), policies) }));
    const isDoubtful = decided.some(({ decision }) => decision.pending);
    watched.doubtfulSince = isDoubtful ? (watched.doubtfulSince ?? clock.now()) : undefined;
    // As any connection, they wait for a policy that is named and has not arrived, but not for ever.
    const left = watched.doubtfulSince === undefined ? 0 : watched.doubtfulSince + PENDING_POLICY_WAIT - clock.now();
    if (isDoubtful && left > 0) this.#lookSoon(uid, watched, left);
    this.#reset(
      pod,
      decided.filter(({ decision }) => !decision.allowed && !(decision.pending && left > 0)),
    );
  }

  #reset(pod: Pod, forbidden: readonly ForbiddenConnection[]): void {
    const { onReset, onFailed, onSummary } = this.#options;
    const reset: ForbiddenConnection[] = [];
    let trouble: unknown;
    for (const connection of forbidden) {
      try {
        if (!destroyTcpSocket(pod.namespace, connection.socket)) continue;
        reset.push(connection);
        onReset(connection);
      } catch (error) {
        trouble = error;
      }
    }
    if (trouble !== undefined) {
      const error = failure(pod, trouble);
      onFailed(pod, error, forbidden.length - reset.length);
      onSummary(pod, error.message);
    }
    const [first] = reset;
    if (first === undefined) return;
    const from = formatSocketAddress(first.socket.remote);
    const which =
      reset.length === 1
        ? `a plaintext connection from ${from}`
        : `${reset.length} plaintext connections, one from ${from},`;
    onSummary(pod, `${which} older than the enrolment of the pod: reset, ${first.decision.message}`);
  }

  #workload({ info }: Pod): Workload | undefined {
    return this.#options.store().findOwn(info.namespace, info.name, info.serviceAccount);
  }
}

/** False when every connection would be allowed. */
function mayForbid({ denies, allows, missing }: PolicySet): boolean {
  return denies.length + allows.length + missing.length > 0;
}

function factsOf({ local, remote }: TcpSocket): Parameters<typeof authorize>[0] {
  return { identity: undefined, sourceIp: remote.ip, destinationIp: local.ip, destinationPort: local.port };
}

function failure({ info }: Pod, cause: unknown): AmbitError {
  const message = `plaintext connections of ${info.namespace}/${info.name} that are older than its enrolment are not judged, or forbidden and still open: ${messageOf(cause)}; resetting them needs CAP_NET_ADMIN and a kernel with CONFIG_INET_DIAG_DESTROY. Restart the pod`;
  return new AmbitError('AMBIT_DIRECT_CONNECTIONS', message, { source: 'system', cause });
}
