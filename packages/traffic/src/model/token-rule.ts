// Whose tokens are good, read from `ambit.waypoint.TokenRule` with everything checked.

/** Where the public keys of an issuer come from. */
export type KeySource =
  | { readonly kind: 'inline'; readonly jwks: string }
  | { readonly kind: 'uri'; readonly uri: string }
  /** Its OpenID configuration says where. */
  | { readonly kind: 'discovery'; readonly issuer: string };

export interface TokenRule {
  /** `namespace/name` of the object, for logs. */
  readonly policy: string;
  /** Empty: whichever. */
  readonly issuer: string;
  /** Empty: whichever. */
  readonly audiences: readonly string[];
  readonly keys: KeySource;
  /** Of one answer with keys, milliseconds. */
  readonly fetchTimeoutMs: number;
  readonly headers: readonly TokenHeader[];
  /** Names, decoded. */
  readonly parameters: readonly string[];
  readonly cookies: readonly string[];
  readonly forwardToken: boolean;
  /** In lower case; empty: none. */
  readonly payloadHeader: string;
  readonly claimHeaders: readonly ClaimHeader[];
  /** Beside `scope` and `permission`. */
  readonly spaceDelimitedClaims: readonly string[];
}

export interface TokenHeader {
  /** In lower case. */
  readonly name: string;
  readonly prefix: string;
}

export interface ClaimHeader {
  /** In lower case. */
  readonly header: string;
  /** Dots lead into claims. */
  readonly claim: string;
}

/** Tells sources of keys apart. The same for rules that ask for the same. */
export function keySourceName(source: KeySource): string {
  switch (source.kind) {
    case 'inline':
      return `inline ${source.jwks}`;
    case 'uri':
      return `uri ${source.uri}`;
    case 'discovery':
      return `discovery ${source.issuer}`;
  }
}
