import type { ThreadCommand, ThreadReport, ThreadStart } from '@ambit/proxy/thread/messages';
import type { DescriptorBudgetMemory } from '@ambit/reactor/descriptor-budget';
import type { Config } from './config.ts';
import type { AcceptedAt } from './unanswered.ts';

/** What the node agent says about a pod; the identity of everything that the pod does. */
export interface PodInfo {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** The listening descriptors of a pod. The control side owns them; data threads only watch them. */
export interface PodListeners {
  readonly outbound: number;
  readonly plaintext: number;
  readonly hbone: number;
  /** Empty when the DNS proxy is off. One entry for each address family. */
  readonly dnsUdp: readonly number[];
  readonly dnsTcp: readonly number[];
}

export interface Pod {
  /** Unique in this process; names the pod in memory that threads share. */
  readonly number: number;
  readonly info: PodInfo;
  /** Network namespace of the pod. */
  readonly namespace: number;
  readonly listeners: PodListeners;
  /** Memory of `DescriptorCounts`: what its connections hold. */
  readonly descriptors: SharedArrayBuffer;
}

/** From the control side to a data thread. */
export type Command =
  | ThreadCommand
  | { readonly kind: 'add-pod'; readonly pod: Pod; readonly ticket: number }
  /**
   * Stop accepting for a pod, say GOAWAY, let connections finish; cut what is left after `deadline` milliseconds
   * (undefined: never). Answered as soon as nothing of the pod's descriptors is used any more.
   */
  | {
      readonly kind: 'remove-pod';
      readonly number: number;
      readonly deadline: number | undefined;
      readonly ticket: number;
    }
  /** Takes over a connection that a thread which died had accepted and not touched. */
  | { readonly kind: 'resume'; readonly fd: number; readonly pod: number; readonly acceptedAt: AcceptedAt }
  /** Answered when no pod is left that is on its way out, at the latest after `deadline` milliseconds. */
  | { readonly kind: 'drain'; readonly deadline: number; readonly ticket: number }
  | { readonly kind: 'connections'; readonly ticket: number };

/** One live connection, as shown by the admin listener. */
export interface LiveConnection {
  readonly direction: 'inbound' | 'outbound';
  readonly src: string;
  readonly originalDst: string;
  readonly actualDst: string;
  readonly protocol: 'HBONE' | 'TCP';
}

/** From a data thread to the control side. `ticket` is that of the command it answers. */
export type Report =
  | ThreadReport
  | {
      readonly kind: 'listed';
      readonly ticket: number;
      readonly connections: Readonly<Record<string, readonly LiveConnection[]>>;
    };

/** What the program adds to what its threads are started with. */
export interface NodeStart {
  readonly config: Config;
  /** Memory of `UnansweredConnections`. */
  readonly unanswered: SharedArrayBuffer;
  /** What connections may hold, the same for all threads. */
  readonly descriptors: DescriptorBudgetMemory;
}

export type NodeThreadStart = NodeStart & ThreadStart;
