import type { Metadata, PolicyTargetReference, Texts } from './objects.ts';

/** Objects of Istio's telemetry API (`telemetry.istio.io`). */
export interface Telemetry {
  readonly apiVersion: string;
  readonly kind: 'Telemetry';
  readonly metadata: Metadata;
  readonly spec: TelemetrySpec;
}

export interface TelemetrySpec {
  readonly selector?: { readonly matchLabels?: Texts };
  readonly targetRef?: PolicyTargetReference;
  readonly targetRefs?: readonly PolicyTargetReference[];
  readonly accessLogging?: readonly AccessLoggingSpec[];
  readonly metrics?: readonly MetricsSpec[];
  readonly tracing?: readonly TracingSpec[];
}

export type TelemetryMode = 'CLIENT' | 'CLIENT_AND_SERVER' | 'SERVER';

export interface ProviderReference {
  readonly name: string;
}

export interface AccessLoggingSpec {
  readonly match?: { readonly mode?: TelemetryMode };
  readonly providers?: readonly ProviderReference[];
  readonly disabled?: boolean;
  readonly filter?: { readonly expression?: string };
}

export interface MetricsSpec {
  readonly providers?: readonly ProviderReference[];
  readonly overrides?: readonly MetricsOverrideSpec[];
  readonly reportingInterval?: string;
}

export interface MetricsOverrideSpec {
  readonly match?: { readonly mode?: TelemetryMode; readonly metric?: string; readonly customMetric?: string };
  readonly disabled?: boolean;
  readonly tagOverrides?: Readonly<
    Record<string, { readonly operation?: 'REMOVE' | 'UPSERT'; readonly value?: string }>
  >;
}

export interface TracingSpec {
  readonly match?: { readonly mode?: TelemetryMode };
  readonly providers?: readonly ProviderReference[];
  readonly randomSamplingPercentage?: number;
  readonly disableSpanReporting?: boolean;
  readonly customTags?: Readonly<Record<string, CustomTagSpec>>;
  readonly useRequestIdForTraceSampling?: boolean;
  readonly enableIstioTags?: boolean;
  readonly disableContextPropagation?: boolean;
}

export interface CustomTagSpec {
  readonly literal?: { readonly value: string };
  readonly environment?: { readonly name: string; readonly defaultValue?: string };
  readonly header?: { readonly name: string; readonly defaultValue?: string };
  readonly formatter?: { readonly value: string };
}
