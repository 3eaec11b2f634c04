import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { certificatesOf, configurationError, readCredential, renewedCredential, tokenOf } from './credential-file.ts';
import { readKubeconfig } from './kubeconfig.ts';

/** The environment of a process, or a part of it. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Where the API server is and how a client proves who it is. Fields may be getters: they are read for every connection. */
export interface ApiServer {
  readonly url: URL;
  /** PEM, roots for the server's certificate. Default: those that Node comes with. */
  readonly ca?: string;
  /** Name that the server's certificate must carry. Default: the host of `url`. */
  readonly serverName?: string;
  /** PEM. */
  readonly client?: { readonly certificate: string; readonly key: string };
  /** The bearer token as it is now; called for every request. */
  readonly token?: () => string;
}

/**
 * The API server as a pod finds it: `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, and in `root` (default: where
 * kubelet puts them) the files `ca.crt` and `token`, both read anew as they change. Throws `AMBIT_KUBE_CONFIG`.
 */
export function inClusterApiServer(
  environment: Env,
  root = '/var/run/secrets/kubernetes.io/serviceaccount',
): ApiServer {
  const host = environment.KUBERNETES_SERVICE_HOST ?? '';
  const port = environment.KUBERNETES_SERVICE_PORT_HTTPS ?? environment.KUBERNETES_SERVICE_PORT ?? '';
  if (host === '' || port === '') {
    throw configurationError(
      'KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set: this is no pod of a cluster; name a kubeconfig file instead',
    );
  }
  const url = URL.parse(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`);
  if (url === null) throw configurationError(`KUBERNETES_SERVICE_HOST=${host} with port ${port} is no address`);
  const [tokenFile, rootsFile] = [join(root, 'token'), join(root, 'ca.crt')];
  const token = renewedCredential(
    tokenFile,
    'the service account token (does the pod have automountServiceAccountToken: false?)',
    (text) => tokenOf(text, tokenFile),
  );
  const roots = renewedCredential(rootsFile, "the roots of the API server's certificate", (text) =>
    certificatesOf(text, rootsFile),
  );
  return {
    url,
    token,
    get ca(): string {
      return roots();
    },
  };
}

/**
 * The API server of a kubeconfig file's context (default: its current one). Relative paths in it are relative to it.
 * Throws `AMBIT_KUBE_CONFIG`, also for what would need another program (exec, auth-provider) or give up security.
 */
export function apiServerOfKubeconfig(path: string, context?: string): ApiServer {
  return readKubeconfig(readCredential(path, 'the kubeconfig'), path, context);
}
