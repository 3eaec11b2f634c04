import type { Clock } from '@ambit/core/clock';
import type { CommandResult } from './command.ts';
import type { Environment } from './environment.ts';
import { GivenCluster } from './given-cluster.ts';
import { OwnCluster } from './own-cluster.ts';
import { placeOf } from './place.ts';

export interface ClusterOptions {
  /** `AMBIT_CACHE`, `AMBIT_CLUSTER`, `KUBECONFIG`, `PATH`. */
  readonly environment: Environment;
  readonly clock: Clock;
  /** Takes a line for whoever waits. */
  readonly say: (line: string) => void;
  /** Cuts short what is under way. */
  readonly signal?: AbortSignal | undefined;
}

export interface RunOptions {
  /** What the command reads on standard input. Default nothing. */
  readonly input?: string;
  /** Milliseconds; default 120,000. The command is killed then, and `AMBIT_CLUSTER_TIMEOUT` thrown. */
  readonly timeout?: number;
}

/** A cluster to test against: one that was made here, or any that `KUBECONFIG` names. */
export interface Cluster {
  readonly kubeconfig: string;
  /** Standard output of kubectl. Rejects with `AMBIT_CLUSTER_COMMAND` and what it said when it fails. */
  kubectl(words: readonly string[], options?: RunOptions): Promise<string>;
  /** Like `kubectl`. */
  helm(words: readonly string[], options?: RunOptions): Promise<string>;
  /** Makes image archives (of `docker save`, or OCI layouts as tar) known to all nodes. */
  loadImages(archives: readonly string[]): Promise<void>;
  /**
   * Runs a command where nodes, pods and Services can be reached; any exit code is a result. Throws
   * `AMBIT_CLUSTER_FOREIGN` on a cluster that was not made here.
   */
  inCluster(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Like `inCluster`, inside a node. */
  inNode(node: string, argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /**
   * For a command that goes on (a watch, a port-forward, a load): what to spawn, and with which variables, so that it
   * runs where `inCluster` runs it. On a given cluster it runs on this machine.
   */
  commandLine(argv: readonly string[]): { readonly argv: readonly string[]; readonly environment: Environment };
  /** Ends a cluster that was made here and removes all of it; leaves any other alone. */
  down(): Promise<void>;
}

/**
 * The cluster that `KUBECONFIG` names or, without it, the one that runs here. Throws `AMBIT_CLUSTER_DOWN` when none does.
 */
export function attachCluster(options: ClusterOptions): Cluster {
  return givenCluster(options) ?? OwnCluster.attach(options);
}

/** The cluster that `KUBECONFIG` names, unless it is that of a cluster made here; undefined without one. */
export function givenCluster(options: ClusterOptions): Cluster | undefined {
  const given = options.environment['KUBECONFIG'];
  if (given === undefined || given === '' || given === OwnCluster.kubeconfigOf(placeOf(options.environment))) {
    return undefined;
  }
  return new GivenCluster(given, options);
}
