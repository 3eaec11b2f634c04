import type { MessageInitShape } from '@bufbuild/protobuf';
import type { FaultAbortSchema, FaultDelaySchema, FaultSchema } from '@ambit/proto/waypoint';
import { istioDurationMs } from '../../schema/durations.ts';
import { GRPC_STATUSES } from '../../schema/grpc-statuses.ts';
import type { VirtualFault } from '../../traffic-objects.ts';
import { perMillion } from './virtual-percent.ts';

/** A fault; undefined when no request would meet it: without a percentage none does, as in Istio. */
export function faultOf({ delay, abort }: VirtualFault): MessageInitShape<typeof FaultSchema> | undefined {
  const [ofDelay, ofAbort] = [delayOf(delay), abortOf(abort)];
  if (ofDelay === undefined && ofAbort === undefined) return undefined;
  return {
    ...(ofDelay === undefined ? {} : { delay: ofDelay }),
    ...(ofAbort === undefined ? {} : { abort: ofAbort }),
  };
}

function delayOf(delay: VirtualFault['delay']): MessageInitShape<typeof FaultDelaySchema> | undefined {
  if (delay === undefined) return undefined;
  const share = perMillion(delay.percentage, delay.percent ?? 0);
  return share === 0 ? undefined : { delayMs: istioDurationMs(delay.fixedDelay ?? '') ?? 0, perMillion: share };
}

function abortOf(abort: VirtualFault['abort']): MessageInitShape<typeof FaultAbortSchema> | undefined {
  const share = perMillion(abort?.percentage, 0);
  if (abort === undefined || share === 0) return undefined;
  const { httpStatus, grpcStatus } = abort;
  return {
    status:
      grpcStatus === undefined
        ? { case: 'httpStatus', value: httpStatus ?? 0 }
        : { case: 'grpcStatus', value: GRPC_STATUSES.get(grpcStatus) ?? 0 },
    perMillion: share,
  };
}
