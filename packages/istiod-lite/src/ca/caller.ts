/** Who presents a token: a pod on a node, and the ServiceAccount it runs as. */
export interface Caller {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
  readonly nodeName: string;
}

/** Tells who presents a token. */
export interface TokenVerifier {
  /** Rejects with `AMBIT_TOKEN_REFUSED`, whose reason is for the log, or with a retryable error when nobody can tell now. */
  verify(token: string): Promise<Caller>;
}
