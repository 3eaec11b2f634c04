import {
  REQUEST_BYTES,
  REQUEST_DURATION,
  REQUEST_MESSAGES,
  REQUESTS,
  RESPONSE_BYTES,
  RESPONSE_MESSAGES,
} from './request-families.ts';
import { MESSAGE_LABELS, messageLabelValues, securityPolicy } from './request-labels.ts';
import { HISTOGRAM_WIDTH, NO_GRPC_STATUS, OUTCOME_WIDTH, type RequestSeries } from './request-series.ts';
import { formatFlags } from './response-flag-set.ts';
import type { FamilySamples, Sample } from './snapshot.ts';

/** The request counters of one thread: texts once, all else numbers; plain data for structured clone. */
export interface RequestSnapshot {
  readonly texts: readonly string[];
  /** Per series, indices of texts: `MESSAGE_LABELS`, protocol, security policy. */
  readonly series: Uint32Array;
  /** Per series: messages of requests, of responses. */
  readonly messages: Float64Array;
  /** Per outcome: index of its series, status, gRPC status, flags. */
  readonly outcomes: Int32Array;
  /** Per outcome as in `Outcome.values`. */
  readonly values: Float64Array;
}

const SERIES_WIDTH = MESSAGE_LABELS.length + 2;
const KEY_WIDTH = 4;

export function takeRequestSnapshot(all: readonly RequestSeries[]): RequestSnapshot {
  const texts = new Map<string, number>();
  const intern = (text: string): number => {
    const known = texts.get(text);
    if (known !== undefined) return known;
    texts.set(text, texts.size);
    return texts.size - 1;
  };
  const count = all.reduce((sum, { outcomes }) => sum + outcomes.length, 0);
  const series = new Uint32Array(all.length * SERIES_WIDTH);
  const messages = new Float64Array(all.length * 2);
  const keys = new Int32Array(count * KEY_WIDTH);
  const values = new Float64Array(count * OUTCOME_WIDTH);
  let outcomeIndex = 0;
  for (const [index, one] of all.entries()) {
    const { source, destination, service, protocol, requestMessages, responseMessages } = one;
    const labels = [...messageLabelValues(source.labels, destination.labels, service), protocol];
    series.set([...labels, securityPolicy(source.labels)].map(intern), index * SERIES_WIDTH);
    messages.set([requestMessages, responseMessages], index * 2);
    for (const outcome of one.outcomes) {
      keys.set([index, outcome.status, outcome.grpcStatus, outcome.flags], outcomeIndex * KEY_WIDTH);
      values.set(outcome.values, outcomeIndex * OUTCOME_WIDTH);
      outcomeIndex += 1;
    }
  }
  return { texts: [...texts.keys()], series, messages, outcomes: keys, values };
}

/** The samples of those of `REQUEST_FAMILIES` that have request or message labels, for `MetricsAggregate`. */
export function requestSamples(snapshot: RequestSnapshot): FamilySamples[] {
  const { messages, outcomes, values } = snapshot;
  const requests: Sample[] = [];
  const histograms: readonly Sample[][] = [[], [], []];
  for (let at = 0; at * KEY_WIDTH < outcomes.length; at += 1) {
    const labels = outcomeLabels(snapshot, at);
    const start = at * OUTCOME_WIDTH;
    for (const [index, samples] of histograms.entries()) {
      const from = start + index * HISTOGRAM_WIDTH;
      samples.push({ labels, values: [...values.subarray(from, from + HISTOGRAM_WIDTH)] });
    }
    requests.push({ labels, values: [values[start + OUTCOME_WIDTH - 1] ?? 0] });
  }
  const messageSamples = (offset: number): Sample[] => {
    const samples: Sample[] = [];
    for (let index = 0; index * 2 < messages.length; index += 1) {
      const value = messages[index * 2 + offset] ?? 0;
      if (value > 0)
        samples.push({ labels: seriesTexts(snapshot, index).slice(0, MESSAGE_LABELS.length), values: [value] });
    }
    return samples;
  };
  const [durations = [], requestBytes = [], responseBytes = []] = histograms;
  return [
    { name: REQUESTS.name, samples: requests },
    { name: REQUEST_DURATION.name, samples: durations },
    { name: REQUEST_BYTES.name, samples: requestBytes },
    { name: RESPONSE_BYTES.name, samples: responseBytes },
    { name: REQUEST_MESSAGES.name, samples: messageSamples(0) },
    { name: RESPONSE_MESSAGES.name, samples: messageSamples(1) },
  ];
}

/** The values of `REQUEST_LABELS`. */
function outcomeLabels(snapshot: RequestSnapshot, at: number): string[] {
  const { outcomes } = snapshot;
  const key = at * KEY_WIDTH;
  const grpcStatus = outcomes[key + 2] ?? NO_GRPC_STATUS;
  const texts = seriesTexts(snapshot, outcomes[key] ?? 0);
  const policy = texts.pop() ?? '';
  return [
    ...texts,
    String(outcomes[key + 1] ?? 0),
    grpcStatus === NO_GRPC_STATUS ? '' : String(grpcStatus),
    formatFlags(outcomes[key + 3] ?? 0),
    policy,
  ];
}

function seriesTexts({ texts, series }: RequestSnapshot, index: number): string[] {
  const start = index * SERIES_WIDTH;
  return [...series.subarray(start, start + SERIES_WIDTH)].map((text) => texts[text] ?? '');
}
