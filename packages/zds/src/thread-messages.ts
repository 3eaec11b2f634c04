import type { PodInfo, ZdsRequest } from './messages.ts';

/** Which end of ZDS a control thread plays, and the path of the socket. */
export type ThreadRole =
  | { readonly end: 'agent'; readonly path: string }
  | { readonly end: 'client'; readonly path: string };

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
    }
  | { readonly kind: 'remove'; readonly uid: string; readonly serial: number };

export type FromAgentThread =
  | { readonly kind: 'listening'; readonly inode: number }
  | { readonly kind: 'notListening'; readonly problem: Problem }
  | { readonly kind: 'acknowledged'; readonly uid: string; readonly serial: number; readonly error: string }
  | { readonly kind: 'removed'; readonly uid: string; readonly serial: number }
  | { readonly kind: 'proxies'; readonly greeted: number; readonly synced: number }
  | { readonly kind: 'problem'; readonly problem: Problem };

/** The answer to the one request that is outstanding on a connection; `drop` ends the connection instead. */
export type ToClientThread =
  | {
      readonly kind: 'acknowledge';
      readonly connection: number;
      readonly error: string;
      readonly endsSnapshot: boolean;
    }
  | { readonly kind: 'drop'; readonly connection: number; readonly problem: Problem };

export type FromClientThread =
  | { readonly kind: 'connected'; readonly connection: number }
  | {
      readonly kind: 'request';
      readonly connection: number;
      readonly request: ZdsRequest;
      readonly namespace: number | undefined;
    }
  | { readonly kind: 'disconnected'; readonly connection: number; readonly problem: Problem }
  | { readonly kind: 'problem'; readonly problem: Problem }
  /** An attempt to connect failed; the next one follows after a pause. */
  | { readonly kind: 'unreachable'; readonly problem: Problem };
