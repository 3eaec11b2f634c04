import type { PeerCertificate } from './tunnel-options.ts';

/** A server of HTTP/1.1 over TLS; see `tls-server`. */
export interface TlsServerOptions extends PeerCertificate {
  readonly port: number;
  /** Who connects must show a certificate of this authority, PEM. Default: nobody is asked for one. */
  readonly clientsRoot?: string;
  /** Said in `x-version`. */
  readonly version: string;
}

/** What a TLS server has seen. */
export interface TlsServerReport {
  /** Names that clients asked for (SNI), each once; `false` for none. */
  readonly serverNames: readonly string[];
  /** Alternative names of the certificates that clients showed, each once. */
  readonly clients: readonly string[];
}
