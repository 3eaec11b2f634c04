import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bed } from '../bed/bed.ts';

/** Path of the OpenTelemetry collector. Files `*.collector.netns.test.ts` run only where it is named. */
const PROGRAM = process.env['AMBIT_PEER_COLLECTOR'] ?? '';

/** Its ports, as its protocols have them. */
export const COLLECTOR_PORTS = { otlpHttp: 4318, otlpGrpc: 4317, zipkin: 9411 } as const;

/** The name of its Service. */
export const COLLECTOR_HOST: string = 'collector.observability.svc.cluster.local';

/** A span as the collector writes it (OTLP in JSON). */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** `SpanKind`: 2 server, 3 client. */
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code?: number };
  /** Of the resource. */
  readonly service: string;
  readonly tags: Readonly<Record<string, string>>;
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string; readonly boolValue?: boolean };
}

interface Batch {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes?: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<CollectedSpan, 'service' | 'tags'> & {
        readonly attributes?: readonly Attribute[];
      })[];
    }[];
  }[];
}

/** An OpenTelemetry collector in a pod outside of the mesh, which writes what it gets to a file. */
export class TestCollector {
  readonly #file: string;

  private constructor(file: string) {
    this.#file = file;
  }

  static async open(bed: Bed, directory: string): Promise<TestCollector> {
    const file = join(directory, 'spans.json');
    const settings = join(directory, 'collector.yaml');
    writeFileSync(settings, configuration(file));
    bed.apply('collector', SERVICE);
    await bed.node('b').pod({
      ...{ name: 'collector', namespace: 'observability', labels: { app: 'collector' } },
      command: [PROGRAM, '--config', settings],
      readinessProbe: { tcpSocket: { port: COLLECTOR_PORTS.otlpHttp }, periodSeconds: 1 },
    });
    await bed.settled();
    return new TestCollector(file);
  }

  /** What it has of a trace. */
  spans(traceId: string): CollectedSpan[] {
    if (!existsSync(this.#file)) return [];
    // A line that is not whole yet is one that is being written.
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    return lines.flatMap(spansOf).filter((span) => span.traceId === traceId);
  }
}

function spansOf(line: string): CollectedSpan[] {
  return (JSON.parse(line) as Batch).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = textsOf(resource.attributes)['service.name'] ?? '';
    const spans = scopeSpans.flatMap((scope) => scope.spans);
    return spans.map(({ attributes, ...span }) => ({ ...span, service, tags: textsOf(attributes) }));
  });
}

function textsOf(attributes: readonly Attribute[] = []): Record<string, string> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? value.intValue ?? String(value.boolValue)]),
  );
}

const SERVICE = `
{ apiVersion: v1, kind: Namespace, metadata: { name: observability } }
---
apiVersion: v1
kind: Service
metadata: { name: collector, namespace: observability }
spec:
  selector: { app: collector }
  ports:
${Object.entries(COLLECTOR_PORTS)
  .map(([name, port]) => `    - { name: ${name.toLowerCase()}, port: ${port} }`)
  .join('\n')}
`;

const configuration = (file: string): string => `
receivers:
  otlp:
    protocols:
      grpc: { endpoint: '0.0.0.0:${COLLECTOR_PORTS.otlpGrpc}' }
      http: { endpoint: '0.0.0.0:${COLLECTOR_PORTS.otlpHttp}' }
  zipkin: { endpoint: '0.0.0.0:${COLLECTOR_PORTS.zipkin}' }
exporters:
  file: { path: ${file}, flush_interval: 100ms }
service:
  telemetry: { metrics: { level: none } }
  pipelines:
    traces: { receivers: [otlp, zipkin], exporters: [file] }
`;
