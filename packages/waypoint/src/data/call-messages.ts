import type { RequestSeries } from '@ambit/telemetry/request-series';
import { GrpcMessageCount } from '@ambit/traffic/grpc-message-count';

/** The messages of one gRPC call, both ways. */
export class CallMessages {
  readonly requests: GrpcMessageCount = new GrpcMessageCount();
  readonly responses: GrpcMessageCount = new GrpcMessageCount();

  /** Those since the last time. */
  countIn(series: RequestSeries): void {
    series.requestMessages += this.requests.take();
    series.responseMessages += this.responses.take();
  }
}
