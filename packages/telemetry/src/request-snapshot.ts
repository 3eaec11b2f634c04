import type { MetricFamily } from './metric-family.ts';
import { type MetricTags, shapedSample } from './metric-shape.ts';
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
  /** Per series: its place in `tags`, or -1. */
  readonly tagged: Int32Array;
  readonly tags: readonly MetricTags[];
  /** Per outcome: index of its series, status, gRPC status, flags. */
  readonly outcomes: Int32Array;
  /** Per outcome as in `Outcome.values`. */
  readonly values: Float64Array;
}

/** Numbers of one series: of its texts. */
export const SERIES_WIDTH: number = MESSAGE_LABELS.length + 2;
/** Numbers of the key of one outcome. */
export const KEY_WIDTH = 4;

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
  const tagged = new Int32Array(all.length).fill(-1);
  const tags = new Map<MetricTags, number>();
  const keys = new Int32Array(count * KEY_WIDTH);
  const values = new Float64Array(count * OUTCOME_WIDTH);
  let outcomeIndex = 0;
  for (const [index, one] of all.entries()) {
    const { source, destination, service, protocol, requestMessages, responseMessages } = one;
    const labels = [...messageLabelValues(source.labels, destination.labels, service), protocol];
    series.set([...labels, securityPolicy(source.labels)].map(intern), index * SERIES_WIDTH);
    messages.set([requestMessages, responseMessages], index * 2);
    if (one.tags !== undefined) {
      const place = tags.get(one.tags) ?? tags.size;
      tags.set(one.tags, place);
      tagged[index] = place;
    }
    for (const outcome of one.outcomes) {
      keys.set([index, outcome.status, outcome.grpcStatus, outcome.flags], outcomeIndex * KEY_WIDTH);
      values.set(outcome.values, outcomeIndex * OUTCOME_WIDTH);
      outcomeIndex += 1;
    }
  }
  return { texts: [...texts.keys()], series, messages, tagged, tags: [...tags.keys()], outcomes: keys, values };
}

/** The samples of those of `REQUEST_FAMILIES` that have request or message labels, for `MetricsAggregate`. */
export function requestSamples(snapshot: RequestSnapshot): FamilySamples[] {
  const { messages, outcomes, values } = snapshot;
  const samples = new Map<MetricFamily, Sample[]>(
    [REQUESTS, ...HISTOGRAMS, ...MESSAGES].map((family): [MetricFamily, Sample[]] => [family, []]),
  );
  const add = (family: MetricFamily, series: number, labels: readonly string[], sums: readonly number[]): void => {
    const sample = shapedSample(family, labels, sums, snapshot.tags[snapshot.tagged[series] ?? -1]);
    if (sample !== undefined) samples.get(family)?.push(sample);
  };
  for (let at = 0; at * KEY_WIDTH < outcomes.length; at += 1) {
    const series = outcomes[at * KEY_WIDTH] ?? 0;
    const labels = outcomeLabels(snapshot, at);
    const start = at * OUTCOME_WIDTH;
    for (const [index, family] of HISTOGRAMS.entries()) {
      const from = start + index * HISTOGRAM_WIDTH;
      add(family, series, labels, [...values.subarray(from, from + HISTOGRAM_WIDTH)]);
    }
    add(REQUESTS, series, labels, [values[start + OUTCOME_WIDTH - 1] ?? 0]);
  }
  for (let series = 0; series * 2 < messages.length; series += 1) {
    const labels = seriesTexts(snapshot, series).slice(0, MESSAGE_LABELS.length);
    for (const [index, family] of MESSAGES.entries()) {
      const value = messages[series * 2 + index] ?? 0;
      if (value > 0) add(family, series, labels, [value]);
    }
  }
  return Array.from(samples, ([{ name }, of]) => ({ name, samples: of }));
}

const HISTOGRAMS: readonly MetricFamily[] = [REQUEST_DURATION, REQUEST_BYTES, RESPONSE_BYTES];
const MESSAGES: readonly MetricFamily[] = [REQUEST_MESSAGES, RESPONSE_MESSAGES];

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
