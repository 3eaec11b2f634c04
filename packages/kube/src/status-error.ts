import { KubeError, type StatusDetails } from './kube-error.ts';

const CODES: ReadonlyMap<number, string> = new Map([
  [400, 'AMBIT_KUBE_INVALID'],
  [401, 'AMBIT_KUBE_UNAUTHORIZED'],
  [403, 'AMBIT_KUBE_FORBIDDEN'],
  [404, 'AMBIT_KUBE_NOT_FOUND'],
  [409, 'AMBIT_KUBE_CONFLICT'],
  [410, 'AMBIT_KUBE_GONE'],
  [413, 'AMBIT_KUBE_INVALID'],
  [415, 'AMBIT_KUBE_INVALID'],
  [422, 'AMBIT_KUBE_INVALID'],
  [429, 'AMBIT_KUBE_UNREACHABLE'],
  [502, 'AMBIT_KUBE_UNREACHABLE'],
  [503, 'AMBIT_KUBE_UNREACHABLE'],
  [504, 'AMBIT_KUBE_UNREACHABLE'],
]);

/** What helps whoever reads the message of some statuses. */
const HINTS: ReadonlyMap<number, string> = new Map([
  [401, '; was the token renewed, and is it meant for this cluster?'],
  [403, '; does a ClusterRole or Role grant this verb to the ServiceAccount?'],
]);

/** Characters of an answer without a Status that a message quotes. */
const QUOTED = 200;

/** The error for an answer of 300 or more. `action` is what was asked: `list pods in all namespaces`. */
export function errorOfAnswer(action: string, status: number, body: Buffer): KubeError {
  return errorOfStatus(action, status, parsed(body) ?? body.toString('utf8', 0, QUOTED));
}

/** The error for a Status object (of an answer, or the ERROR event of a watch), or for text where there was none. */
export function errorOfStatus(action: string, fallbackStatus: number, value: unknown): KubeError {
  const fields = isMap(value) && value.kind === 'Status' ? value : {};
  const status = typeof fields.code === 'number' ? fields.code : fallbackStatus;
  const reason = typeof fields.reason === 'string' && fields.reason !== '' ? fields.reason : `Status${status}`;
  const said = typeof fields.message === 'string' ? fields.message : typeof value === 'string' ? value.trim() : '';
  const code = CODES.get(status) ?? (reason === 'Expired' ? 'AMBIT_KUBE_GONE' : 'AMBIT_KUBE_REQUEST');
  const details = detailsOf(fields.details);
  return new KubeError(
    code,
    `${action}: ${status} ${reason}: ${said === '' ? 'no message' : said}${HINTS.get(status) ?? ''}`,
    {
      status,
      reason,
      details,
      retryable: status === 429 || status >= 500,
    },
  );
}

/** An answer that is not what the API promises: `reason` is `MalformedResponse` or `ResponseTooLarge`. */
export function unusableAnswer(
  action: string,
  reason: 'MalformedResponse' | 'ResponseTooLarge',
  what: string,
): KubeError {
  return new KubeError('AMBIT_KUBE_REQUEST', `${action}: ${what}`, { status: 0, reason });
}

/** No answer, or none in time. */
export function unreachable(action: string, reason: string, what: string, cause?: unknown): KubeError {
  return new KubeError('AMBIT_KUBE_UNREACHABLE', `${action}: ${what}`, { status: 0, reason, retryable: true, cause });
}

/** The resourceVersion is from a future that this API server does not know: another replica's, or a store restored from a backup. */
export function isFutureVersion({ details }: KubeError): boolean {
  return details.causes?.some(({ reason }) => reason === 'ResourceVersionTooLarge') === true;
}

/** 404 because the API server does not serve the kind, rather than something between that does not know the path. */
export function isUnknownKind({ status, reason, message }: KubeError): boolean {
  return status === 404 && (reason !== 'Status404' || message.includes('404 page not found'));
}

function detailsOf(value: unknown): StatusDetails {
  if (!isMap(value)) return {};
  const { name, group, kind, retryAfterSeconds } = value;
  const causes: readonly unknown[] = Array.isArray(value.causes) ? value.causes : [];
  return {
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof group === 'string' ? { group } : {}),
    ...(typeof kind === 'string' ? { kind } : {}),
    ...(typeof retryAfterSeconds === 'number' ? { retryAfterSeconds } : {}),
    causes: causes.filter(isMap).map(({ reason, message, field }) => ({
      ...(typeof reason === 'string' ? { reason } : {}),
      ...(typeof message === 'string' ? { message } : {}),
      ...(typeof field === 'string' ? { field } : {}),
    })),
  };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
