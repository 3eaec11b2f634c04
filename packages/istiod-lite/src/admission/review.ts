import { AmbitError, messageOf } from '@ambit/core/errors';
import type { RawObject } from '../watch/api-object.ts';
import { fieldUnder, textUnder } from '../watch/api-object.ts';

export const REVIEW_VERSION = 'admission.k8s.io/v1';

/** What an AdmissionReview asks, as far as it is looked at (admission.k8s.io/v1 AdmissionRequest). */
export interface AdmissionRequest {
  /** Goes back with the answer. */
  readonly uid: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** `CREATE`, `UPDATE`, `DELETE` or `CONNECT`. */
  readonly operation: string;
  /** Empty: the object itself. */
  readonly subResource: string;
  /** Empty for objects of cluster scope. */
  readonly namespace: string;
  /** Undefined when the operation has none. */
  readonly object: RawObject | undefined;
  readonly oldObject: RawObject | undefined;
}

/** What is answered. */
export interface Verdict {
  readonly allowed: boolean;
  /** Why not. */
  readonly message?: string;
  /** For the user who writes the object; it is taken all the same. */
  readonly warnings: readonly string[];
}

/** Reads a review strictly. Throws `AMBIT_ADMISSION_REVIEW`. */
export function readReview(body: string): AdmissionRequest {
  let review: unknown;
  try {
    review = JSON.parse(body);
  } catch (error) {
    throw wrong(`it is no JSON: ${messageOf(error)}`);
  }
  const apiVersion = textUnder(review, 'apiVersion');
  if (apiVersion !== REVIEW_VERSION || textUnder(review, 'kind') !== 'AdmissionReview') {
    throw wrong(`it is no AdmissionReview of ${REVIEW_VERSION}`);
  }
  const request = fieldUnder(review, 'request');
  const kind = fieldUnder(request, 'kind');
  return {
    uid: required(request, 'uid'),
    // Absent for the core group.
    group: textUnder(kind, 'group') ?? '',
    version: required(kind, 'version'),
    kind: required(kind, 'kind'),
    operation: required(request, 'operation'),
    subResource: textUnder(request, 'subResource') ?? '',
    namespace: textUnder(request, 'namespace') ?? '',
    object: objectUnder(request, 'object'),
    oldObject: objectUnder(request, 'oldObject'),
  };
}

/** The review that answers, as JSON. */
export function writtenAnswer(uid: string, { allowed, message, warnings }: Verdict): string {
  const status = allowed ? {} : { status: { code: 422, reason: 'Invalid', message: message ?? '' } };
  const response = { uid, allowed, ...status, ...(warnings.length === 0 ? {} : { warnings }) };
  return JSON.stringify({ apiVersion: REVIEW_VERSION, kind: 'AdmissionReview', response });
}

function required(value: unknown, field: string): string {
  const text = textUnder(value, field);
  if (text === undefined || text === '') throw wrong(`${field} is missing`);
  return text;
}

function objectUnder(request: unknown, field: string): RawObject | undefined {
  const object = fieldUnder(request, field);
  if (object === undefined || object === null) return undefined;
  const metadata = fieldUnder(object, 'metadata');
  if (typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata)) return object as RawObject;
  throw wrong(`${field} has no metadata`);
}

function wrong(reason: string): AmbitError {
  return new AmbitError('AMBIT_ADMISSION_REVIEW', `the question cannot be read: ${reason}`, { source: 'peer' });
}
