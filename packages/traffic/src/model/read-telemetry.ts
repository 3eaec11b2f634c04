import { messageOf } from '@ambit/core/errors';
import type {
  AccessLogging as AccessLoggingMessage,
  LogFormat as FormatMessage,
  MetricOverride as OverrideMessage,
  Telemetry as Message,
  TraceCollector as CollectorMessage,
  TraceTag as TagMessage,
  Tracing as TracingMessage,
} from '@ambit/proto/waypoint';
import { Expression } from '../expression/expression.ts';
import type { ExpressionType } from '../expression/attributes.ts';
import { MILLION } from '../filters/share.ts';
import { MAX_LOG_LABELS, MAX_METRIC_LABELS, MAX_TRACE_TAGS } from '../limits.ts';
import { parseLogTemplate } from '../log-format/log-template.ts';
import type { Problems } from './problems.ts';
import type {
  AccessLogging,
  LogFormat,
  MetricOverride,
  RequestMetric,
  Telemetry,
  TraceCollector,
  TraceTag,
  Tracing,
} from './telemetry.ts';

/** By the numbers of the wire. */
const METRICS: readonly (RequestMetric | undefined)[] = [
  undefined,
  'request-count',
  'request-duration',
  'request-size',
  'response-size',
  'grpc-request-messages',
  'grpc-response-messages',
];
const PROTOCOLS: readonly (TraceCollector['protocol'] | undefined)[] = [undefined, 'otlp', 'zipkin', 'otlp-grpc'];

/** Prometheus' data model; names with two underscores in front are its own. */
const LABEL_NAME = /^(?!__)[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** Null for a message that is absent. */
export function readTelemetry(message: Message | undefined, field: string, problems: Problems): Telemetry | null {
  if (message === undefined) return null;
  problems.refuseRepeated(
    `${field}.metrics`,
    message.metrics.map(({ metric }) => metric),
    'metric',
  );
  return {
    accessLog: readAccessLog(message.accessLog, `${field}.access_log`, problems),
    metrics: message.metrics.map((override, index) => readOverride(override, `${field}.metrics[${index}]`, problems)),
    tracing: readTracing(message.tracing, `${field}.tracing`, problems),
  };
}

function readAccessLog(
  message: AccessLoggingMessage | undefined,
  field: string,
  problems: Problems,
): AccessLogging | null {
  if (message === undefined) return null;
  const { disabled, filter, format } = message;
  if (filter !== '') checkExpression(filter, 'bool', `${field}.filter`, problems);
  return { disabled, filter, format: format === undefined ? null : readLogFormat(format, `${field}.format`, problems) };
}

function readLogFormat({ kind, omitEmptyValues }: FormatMessage, field: string, problems: Problems): LogFormat | null {
  switch (kind.case) {
    case 'text':
      checkLogTemplate(kind.value, `${field}.text`, problems);
      return { kind: 'text', text: kind.value, omitEmptyValues };
    case 'labels': {
      const { labels } = kind.value;
      if (labels.length > MAX_LOG_LABELS) problems.add(`${field}.labels`, `more than ${MAX_LOG_LABELS}`);
      problems.refuseRepeated(
        `${field}.labels`,
        labels.map(({ name }) => name),
        'name',
      );
      for (const { name, value } of labels) checkLogTemplate(value, `${field}.labels.${name}`, problems);
      return { kind: 'labels', labels: labels.map(({ name, value }) => ({ name, value })), omitEmptyValues };
    }
    case undefined:
      problems.add(field, 'is not set, or of a kind that this version does not know');
      return null;
  }
}

function checkLogTemplate(text: string, field: string, problems: Problems): void {
  try {
    parseLogTemplate(text);
  } catch (error) {
    problems.add(field, messageOf(error));
  }
}

function readOverride(message: OverrideMessage, field: string, problems: Problems): MetricOverride {
  const { disabled, removedLabels, labels } = message;
  for (const [list, length] of [
    ['removed_labels', removedLabels.length],
    ['labels', labels.length],
  ] as const) {
    if (length > MAX_METRIC_LABELS) problems.add(`${field}.${list}`, `more than ${MAX_METRIC_LABELS}`);
  }
  for (const [index, { name, value }] of labels.entries()) {
    const place = `${field}.labels[${index}]`;
    if (!LABEL_NAME.test(name) || name === 'le') problems.add(`${place}.name`, `${name} cannot be the name of a label`);
    checkExpression(value, 'string', `${place}.value`, problems);
  }
  const names = [...removedLabels, ...labels.map(({ name }) => name)];
  if (new Set(names).size < names.length) problems.add(field, 'names a label twice');
  return {
    metric: problems.enumName(METRICS, message.metric, `${field}.metric`) ?? 'request-count',
    disabled,
    removedLabels,
    labels: labels.map(({ name, value }) => ({ name, value })),
  };
}

function readTracing(message: TracingMessage | undefined, field: string, problems: Problems): Tracing | null {
  if (message === undefined) return null;
  const { collector, sampledPerMillion, tags, meshTags, serviceName } = message;
  if (sampledPerMillion > MILLION) {
    problems.add(`${field}.sampled_per_million`, `${sampledPerMillion} is more than ${MILLION}`);
  }
  if (tags.length > MAX_TRACE_TAGS) problems.add(`${field}.tags`, `more than ${MAX_TRACE_TAGS}`);
  return {
    collector: collector === undefined ? null : readCollector(collector, `${field}.collector`, problems),
    sampledPerMillion,
    tags: tags.map((tag, index) => readTag(tag, `${field}.tags[${index}]`, problems)),
    meshTags,
    serviceName,
  };
}

function readCollector(message: CollectorMessage, field: string, problems: Problems): TraceCollector {
  const { name, host, port, path } = message;
  problems.checkPort(port, `${field}.port`);
  if (!/^[A-Za-z0-9.:_-]{1,253}$/.test(host)) problems.add(`${field}.host`, 'is neither a name nor an address');
  if (!/^\/[!-~]{0,1023}$/.test(path)) problems.add(`${field}.path`, 'does not begin with a slash, or is no path');
  const protocol = problems.enumName(PROTOCOLS, message.protocol, `${field}.protocol`) ?? 'otlp';
  return { name, protocol, host, port, path };
}

function readTag({ name, value }: TagMessage, field: string, problems: Problems): TraceTag {
  if (name === '') problems.add(`${field}.name`, 'is empty');
  switch (value.case) {
    case 'formatter':
      checkLogTemplate(value.value, `${field}.formatter`, problems);
      return { name, source: 'formatter', text: value.value, defaultValue: '' };
    case 'literal':
      return { name, source: 'literal', text: value.value, defaultValue: '' };
    case 'environment':
    case 'header': {
      const { name: text, defaultValue } = value.value;
      if (text === '') problems.add(`${field}.${value.case}.name`, 'is empty');
      return { name, source: value.case, text: value.case === 'header' ? text.toLowerCase() : text, defaultValue };
    }
    case undefined:
      problems.add(`${field}.value`, 'is not set, or of a kind that this version does not know');
      return { name, source: 'literal', text: '', defaultValue: '' };
  }
}

function checkExpression(text: string, type: ExpressionType, field: string, problems: Problems): void {
  try {
    const expression = Expression.compile(text);
    if (expression.type !== type) problems.add(field, `is of type ${expression.type}, not ${type}`);
  } catch (error) {
    problems.add(field, messageOf(error));
  }
}
