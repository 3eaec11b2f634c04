import { createHash, type X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { parseIp } from '@ambit/core/address';
import { AmbitError } from '@ambit/core/errors';
import type { Ledger } from '@ambit/native/ledger';
import type { TlsContext } from '@ambit/native/tls-context';
import { createUpstreamTlsContext } from '@ambit/native/upstream-tls-context';
import type { AcceptedName, UpstreamTls } from '@ambit/traffic/model/served-service';
import { UPSTREAM_TLS_CONTEXTS } from '../limits.ts';
import type { ClientCertificate } from '../messages.ts';

/** What TLS with endpoints needs: contexts, made when they are first used, and the certificates of clients. One per data thread. */
export class UpstreamTlsContexts {
  readonly #ledger: Ledger;
  readonly #contexts = new Map<string, TlsContext>();
  readonly #certificates = new Map<string, ClientCertificate>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  put(certificate: ClientCertificate): void {
    this.#certificates.set(certificate.name, certificate);
  }

  remove(name: string): void {
    this.#certificates.delete(name);
  }

  /** The version of the client certificate that is shown now; '' without one. */
  versionOf({ clientCertificate }: UpstreamTls): string {
    return clientCertificate === '' ? '' : (this.#certificates.get(clientCertificate)?.version ?? '');
  }

  /** Throws `AMBIT_UPSTREAM_TLS`, which says what is missing, and `AMBIT_TLS_CONTEXT`. */
  contextOf(tls: UpstreamTls): TlsContext {
    const { trust, crlPem, clientCertificate } = tls;
    if (trust.kind === 'unavailable') throw unavailable(trust.reason);
    const own = clientCertificate === '' ? undefined : this.#certificates.get(clientCertificate);
    if (clientCertificate !== '' && own === undefined) {
      throw unavailable(`the client certificate of Secret ${clientCertificate} is not here`);
    }
    const key = digest([
      trust.kind,
      trust.kind === 'ca' ? trust.pem : '',
      crlPem,
      clientCertificate,
      own?.version ?? '',
    ]);
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const made = createUpstreamTlsContext({
      rootsPem: trust.kind === 'unverified' ? undefined : trust.kind === 'ca' ? trust.pem : rootCertificates.join('\n'),
      crlPem,
      ...(own === undefined ? {} : { own }),
      ledger: this.#ledger,
    });
    const [oldest] = this.#contexts;
    if (oldest !== undefined && this.#contexts.size >= UPSTREAM_TLS_CONTEXTS) {
      this.#contexts.delete(oldest[0]);
      // Connections hold what they need of it.
      oldest[1].free();
    }
    this.#contexts.set(key, made);
    return made;
  }
}

/** A text for each way to make connections: two that are alike may share one. */
export function digest(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}

/** What is asked for by SNI: names, never addresses (RFC 6066 3). */
export function sniOf(serverName: string): string {
  return parseIp(serverName) === undefined ? serverName : '';
}

/** Why a certificate is not the one of an endpoint that is asked for as `serverName`; undefined when it is. */
export function objectionTo(
  certificate: X509Certificate | undefined,
  { trust, acceptedNames }: UpstreamTls,
  serverName: string,
): string | undefined {
  if (trust.kind === 'unverified') return undefined;
  const accepted = acceptedNames.length > 0 ? acceptedNames : [nameOf(serverName)];
  if (certificate === undefined) return 'no usable certificate';
  if (accepted.some((name) => isFor(certificate, name))) return undefined;
  const wanted = accepted.map(({ name }) => name).join(', ');
  return `it is for ${(certificate.subjectAltName ?? 'nobody').slice(0, 200)}, wanted is ${wanted.slice(0, 200)}`;
}

function nameOf(name: string): AcceptedName {
  const ip = parseIp(name);
  return ip === undefined ? { kind: 'dns', name } : { kind: 'ip', name: ip };
}

/** Names of the certificate as OpenSSL parses them; `*` stands for one whole label (RFC 9525 6.3), and the subject is not looked at. */
function isFor(certificate: X509Certificate, { kind, name }: AcceptedName): boolean {
  switch (kind) {
    case 'dns':
      return certificate.checkHost(name, { subject: 'never', partialWildcards: false }) !== undefined;
    case 'ip':
      return certificate.checkIP(name) !== undefined;
    case 'uri':
      // Node quotes what holds a comma, so that one name cannot be smuggled in as two.
      return (certificate.subjectAltName ?? '').split(', ').includes(`URI:${name}`);
  }
}

function unavailable(reason: string): AmbitError {
  return new AmbitError('AMBIT_UPSTREAM_TLS', reason, { source: 'configuration' });
}
