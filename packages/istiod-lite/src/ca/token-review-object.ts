import type { Caller } from './caller.ts';
import { TOKEN_AUDIENCE } from './service-account-token.ts';

export const TOKEN_REVIEWS_PATH = '/apis/authentication.k8s.io/v1/tokenreviews';

/** A TokenReview (authentication.k8s.io/v1), as far as it is used. */
export interface TokenReview {
  readonly apiVersion: string;
  readonly kind: string;
  readonly spec: { readonly token: string; readonly audiences: readonly string[] };
  readonly status?: {
    readonly authenticated?: boolean;
    readonly audiences?: readonly string[];
    readonly error?: string;
    readonly user?: {
      readonly username?: string;
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
  };
}

export function tokenReviewOf(token: string): TokenReview {
  const spec = { token, audiences: [TOKEN_AUDIENCE] };
  return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec };
}

/** Who an answered review says it is, or why it is nobody. */
export function callerOfReview({ status = {} }: TokenReview): Caller | string {
  const { authenticated, audiences = [], error = '', user = {} } = status;
  if (authenticated !== true) return error === '' ? 'the API server does not know it' : error;
  // An authenticator that knows no audiences says none: the token may be meant for anybody then.
  if (!audiences.includes(TOKEN_AUDIENCE)) return `its audience is not ${TOKEN_AUDIENCE}`;
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user.username ?? '');
  if (account === null) return 'it is of no service account';
  const [, namespace = '', serviceAccount = ''] = account;
  const said = (name: string): string => user.extra?.[`authentication.kubernetes.io/${name}`]?.[0] ?? '';
  const caller = {
    ...{ namespace, serviceAccount },
    ...{ podName: said('pod-name'), podUid: said('pod-uid'), nodeName: said('node-name') },
  };
  if (caller.podName === '' || caller.podUid === '') return 'it is bound to no pod';
  if (caller.nodeName === '')
    return 'the API server does not say on which node its pod is (Kubernetes 1.30 or newer does)';
  return caller;
}

/** When a token that was found genuine expires, milliseconds since the epoch; undefined when it does not say. */
export function expiryOf(token: string): number | undefined {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    if (typeof payload !== 'object' || payload === null || !('exp' in payload)) return undefined;
    return typeof payload.exp === 'number' && Number.isFinite(payload.exp) ? payload.exp * 1_000 : undefined;
  } catch {
    return undefined;
  }
}
