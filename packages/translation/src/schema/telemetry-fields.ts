const METRICS =
  'ALL_METRICS|REQUEST_COUNT|REQUEST_DURATION|REQUEST_SIZE|RESPONSE_SIZE|TCP_OPENED_CONNECTIONS|TCP_CLOSED_CONNECTIONS|' +
  'TCP_SENT_BYTES|TCP_RECEIVED_BYTES|GRPC_REQUEST_MESSAGES|GRPC_RESPONSE_MESSAGES';

const MODES = 'CLIENT_AND_SERVER|CLIENT|SERVER';

/**
 * The objects of Istio's telemetry API (`telemetry.istio.io` v1 and v1alpha1, CustomResourceDefinitions of release 1.32), field
 * by field. Notation: field-table.ts.
 */
export const TELEMETRY_FIELDS: Readonly<Record<string, string>> = {
  Telemetry: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:TelemetrySpec status:IstioStatus',
  TelemetrySpec:
    'selector:WorkloadSelector targetRef:PolicyTargetReference targetRefs:PolicyTargetReference[16] ' +
    'accessLogging:TelemetryLogging[] metrics:TelemetryMetrics[] tracing:TelemetryTracing[]',
  TelemetryLogging: 'match:TelemetryMode providers:TelemetryProvider[] disabled:boolean filter:TelemetryFilter',
  TelemetryMode: `mode:${MODES}`,
  TelemetryProvider: 'name:text!',
  TelemetryFilter: 'expression:string',
  TelemetryMetrics: 'providers:TelemetryProvider[] overrides:TelemetryOverride[] reportingInterval:istio-duration',
  TelemetryOverride: 'match:TelemetryMetric disabled:boolean tagOverrides:TelemetryLabel{}',
  TelemetryMetric: `mode:${MODES} metric:${METRICS} customMetric:text`,
  TelemetryLabel: 'operation:UPSERT|REMOVE value:string',
  TelemetryTracing:
    'match:TelemetryMode providers:TelemetryProvider[] randomSamplingPercentage:number disableSpanReporting:boolean ' +
    'customTags:TelemetryTag{} useRequestIdForTraceSampling:boolean enableIstioTags:boolean ' +
    'disableContextPropagation:boolean',
  TelemetryTag: 'literal:TelemetryLiteral environment:TelemetryNamed header:TelemetryNamed formatter:TelemetryLiteral',
  TelemetryLiteral: 'value:text!',
  TelemetryNamed: 'name:text! defaultValue:string',
};
