import type { CertificateSource } from './certificate.ts';

/**
 * A source that is loaded when a certificate is first asked for, so that a start with saved certificates does not pay for
 * gRPC and X.509 libraries. A load that fails counts as a failed fetch and is tried again at the next.
 */
export function lazySource(load: () => Promise<CertificateSource>): CertificateSource {
  let loading: Promise<CertificateSource> | undefined;
  const source = (): Promise<CertificateSource> => {
    loading ??= load().catch((error: unknown) => {
      loading = undefined;
      throw error;
    });
    return loading;
  };
  return { fetch: async (identity, signal) => (await source()).fetch(identity, signal) };
}
