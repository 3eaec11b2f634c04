import { join, normalize } from 'node:path';
import type { IpAddress } from '@ambit/core/address';
import type { Clock } from '@ambit/core/clock';
import { AmbitError, messageOf } from '@ambit/core/errors';
import { localAddresses } from '@ambit/enrolment/local-addresses';
import { close } from '@ambit/native/descriptor';
import { type NamespaceIdentity, namespaceIdentity, openNamespace } from '@ambit/native/namespace';
import { PROCESS_SCAN_MS } from '../limits.ts';
import { podProcesses } from './process-scan.ts';

export interface PodNamespacesOptions {
  /** Where the node's proc file system is mounted. */
  readonly hostProc: string;
  /** Where the node's folder of named network namespaces is mounted. */
  readonly hostNetns: string;
  /** The node's own network namespace, which no pod is given. */
  readonly host: NamespaceIdentity;
  readonly clock: Clock;
}

/** A pod whose namespace is looked for. */
export interface Sought {
  readonly key: string;
  readonly uid: string;
  readonly ips: readonly IpAddress[];
}

/**
 * Opens the network namespaces of pods. Each is proven to have the pod's addresses before it is given out: a wrong one
 * would have the proxy speak for another pod under this pod's identity (istio#61211).
 */
export class PodNamespaces {
  readonly #options: PodNamespacesOptions;
  #scan: { readonly at: number; readonly processes: Map<string, number[]> } | undefined;

  constructor(options: PodNamespacesOptions) {
    this.#options = options;
  }

  /**
   * The namespace of a pod that runs, by its processes. Names of namespaces are not searched by address: a pod may give
   * itself the address of another. Throws `AMBIT_CNI_NAMESPACE`.
   */
  find(pod: Sought): number {
    if (pod.ips.length === 0) throw problem(pod, 'it has no address yet');
    const processes = this.#processes(pod.uid);
    if (processes.length === 0)
      throw problem(pod, `no process below ${this.#options.hostProc} is in a control group of its uid ${pod.uid}`);
    const tried: NamespaceIdentity[] = [];
    const wrong: string[] = [];
    for (const number of processes) {
      try {
        const found = this.#tryOpen(join(this.#options.hostProc, String(number), 'ns/net'), pod, tried);
        if (found !== undefined) return found;
      } catch (error) {
        wrong.push(`process ${number}: ${messageOf(error)}`);
      }
    }
    throw problem(pod, wrong.slice(0, 3).join('; '));
  }

  /** The namespace at a path of the node, as the container runtime names it for a new pod. Throws `AMBIT_CNI_NAMESPACE`. */
  open(path: string, pod: Sought): number {
    const here = this.#pathHere(path);
    if (here === undefined) throw problem(pod, `${path} is neither in /run/netns nor in /proc`);
    try {
      const found = this.#tryOpen(here, pod, []);
      if (found !== undefined) return found;
    } catch (error) {
      throw problem(pod, `${path}: ${messageOf(error)}`);
    }
    throw problem(pod, `${path} leads nowhere`);
  }

  /** Whether a namespace still has all addresses of a pod. */
  holds(namespace: number, pod: Sought): boolean {
    const present = localAddresses(namespace);
    return pod.ips.every((ip) => present.has(ip));
  }

  #tryOpen(path: string, pod: Sought, tried: NamespaceIdentity[]): number | undefined {
    const namespace = openNamespace(path);
    try {
      const identity = namespaceIdentity(namespace);
      if (tried.some((other) => isSame(other, identity))) {
        close(namespace);
        return undefined;
      }
      tried.push(identity);
      if (isSame(identity, this.#options.host)) throw new Error("it is the node's own network namespace");
      const present = localAddresses(namespace);
      const absent = pod.ips.filter((ip) => !present.has(ip));
      if (absent.length > 0)
        throw new Error(
          `the namespace has not the address ${absent.join(', ')} of the pod, but ${[...present].slice(0, 8).join(', ') || 'none'}`,
        );
      return namespace;
    } catch (error) {
      close(namespace);
      throw error;
    }
  }

  #processes(uid: string): number[] {
    const now = this.#options.clock.now();
    // A namespace that is labelled has many pods looked for at once.
    if (this.#scan === undefined || now - this.#scan.at > PROCESS_SCAN_MS)
      this.#scan = { at: now, processes: podProcesses(this.#options.hostProc) };
    return this.#scan.processes.get(uid) ?? [];
  }

  #pathHere(path: string): string | undefined {
    const named = /^(?:\/var)?\/run\/netns\/([A-Za-z0-9_.-]+)$/.exec(path)?.[1];
    if (named !== undefined && named === normalize(named) && !named.startsWith('.'))
      return join(this.#options.hostNetns, named);
    const process = /^\/proc\/([0-9]+)\/ns\/net$/.exec(path)?.[1];
    return process === undefined ? undefined : join(this.#options.hostProc, process, 'ns/net');
  }
}

function isSame(one: NamespaceIdentity, other: NamespaceIdentity): boolean {
  return one.device === other.device && one.inode === other.inode;
}

function problem(pod: Sought, why: string): AmbitError {
  return new AmbitError('AMBIT_CNI_NAMESPACE', `the network namespace of pod ${pod.key} is not found: ${why}`, {
    source: 'system',
    retryable: true,
  });
}
