import type { Fault as Message, FaultAbort as AbortMessage, FaultDelay as DelayMessage } from '@ambit/proto/waypoint';
import { MILLION } from '../filters/share.ts';
import { MAX_DEADLINE_MS } from '../limits.ts';
import type { Problems } from './problems.ts';
import type { Fault, FaultAbort, FaultDelay } from './route-filters.ts';

/** UNAUTHENTICATED, the last status of gRPC. */
const LAST_GRPC_STATUS = 16;

/** Null for a message that is absent or says nothing. */
export function readFault(message: Message | undefined, field: string, problems: Problems): Fault | null {
  if (message === undefined) return null;
  const delay = message.delay === undefined ? null : readDelay(message.delay, `${field}.delay`, problems);
  const abort = message.abort === undefined ? null : readAbort(message.abort, `${field}.abort`, problems);
  return delay === null && abort === null ? null : { delay, abort };
}

function readDelay({ delayMs, perMillion }: DelayMessage, field: string, problems: Problems): FaultDelay {
  checkShare(perMillion, field, problems);
  if (delayMs < 1 || delayMs > MAX_DEADLINE_MS) {
    problems.add(`${field}.delay_ms`, `${delayMs} is not from 1 to ${MAX_DEADLINE_MS}`);
  }
  return { delayMs, perMillion };
}

function readAbort({ status, perMillion }: AbortMessage, field: string, problems: Problems): FaultAbort {
  checkShare(perMillion, field, problems);
  switch (status.case) {
    case 'httpStatus':
      problems.checkFinalStatus(status.value, `${field}.http_status`);
      return { kind: 'http', status: status.value, perMillion };
    case 'grpcStatus':
      if (status.value > LAST_GRPC_STATUS) {
        problems.add(`${field}.grpc_status`, `${status.value} is not a status of gRPC (0 to ${LAST_GRPC_STATUS})`);
      }
      return { kind: 'grpc', status: status.value, perMillion };
    case undefined:
      problems.add(`${field}.status`, 'is not set, or of a kind that this version does not know');
      return { kind: 'http', status: 503, perMillion };
  }
}

function checkShare(perMillion: number, field: string, problems: Problems): void {
  if (perMillion > MILLION) problems.add(`${field}.per_million`, `${perMillion} is more than ${MILLION}`);
}
