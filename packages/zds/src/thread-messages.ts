import type { PodInfo } from './messages.ts';

/** An error as it crosses threads. */
export interface Problem {
  readonly code: string;
  readonly message: string;
}

export type ToAgentThread =
  | {
      readonly kind: 'add';
      readonly uid: string;
      readonly serial: number;
      readonly info: PodInfo;
      readonly namespace: number | undefined;
      readonly plaintextRedirected: boolean;
    }
  | { readonly kind: 'remove'; readonly uid: string; readonly serial: number }
  | { readonly kind: 'admit' };

export type FromAgentThread =
  | { readonly kind: 'listening'; readonly inode: number }
  | { readonly kind: 'notListening'; readonly problem: Problem }
  | { readonly kind: 'acknowledged'; readonly uid: string; readonly serial: number; readonly error: string }
  | { readonly kind: 'removed'; readonly uid: string; readonly serial: number }
  | { readonly kind: 'connectionsReset'; readonly uid: string; readonly message: string }
  | { readonly kind: 'proxies'; readonly greeted: number; readonly synced: number }
  | { readonly kind: 'problem'; readonly problem: Problem };
