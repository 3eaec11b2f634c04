/**
 * The objects of Istio's networking API that are read (`networking.istio.io` v1, v1beta1 and v1alpha3,
 * CustomResourceDefinitions of release 1.32), field by field. Notation: field-table.ts.
 */
export const TRAFFIC_FIELDS: Readonly<Record<string, string>> = {
  VirtualService: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:VirtualServiceSpec! status:IstioStatus',
  VirtualServiceSpec:
    'hosts:text[] gateways:text[] exportTo:text[] http:VirtualHttpRoute[] tls:VirtualTlsRoute[] tcp:VirtualTcpRoute[]',
  VirtualHttpRoute:
    'name:string match:VirtualHttpMatch[] route:VirtualDestination[] redirect:VirtualRedirect ' +
    'directResponse:VirtualDirectResponse delegate:VirtualDelegate rewrite:VirtualRewrite timeout:istio-duration ' +
    'retries:VirtualRetry fault:VirtualFault mirror:Destination mirrors:VirtualMirror[] mirrorPercent:count ' +
    'mirror_percent:count mirrorPercentage:Percent corsPolicy:VirtualCors headers:VirtualHeaders',
  VirtualHttpMatch:
    'name:string statPrefix:string uri:StringMatch scheme:StringMatch method:StringMatch authority:StringMatch ' +
    'headers:StringMatch{} withoutHeaders:StringMatch{} queryParams:StringMatch{} ignoreUriCase:boolean port:port ' +
    'gateways:text[] sourceLabels:labels sourceNamespace:string',
  StringMatch: 'exact:string prefix:string regex:string',
  VirtualDestination: 'destination:Destination! weight:count headers:VirtualHeaders',
  Destination: 'host:text! subset:string port:PortSelector',
  PortSelector: 'number:port',
  VirtualRedirect:
    'uri:string prefixRewrite:string authority:string port:port derivePort:FROM_PROTOCOL_DEFAULT|FROM_REQUEST_PORT ' +
    'scheme:string redirectCode:int',
  VirtualDirectResponse: 'status:int! body:VirtualBody',
  VirtualBody: 'string:string bytes:string',
  VirtualDelegate: 'name:string namespace:string',
  VirtualRewrite: 'uri:string authority:string uriRegexRewrite:RegexRewrite',
  RegexRewrite: 'match:string rewrite:string',
  VirtualRetry:
    'attempts:count perTryTimeout:istio-duration retryOn:string retryRemoteLocalities:boolean ' +
    'retryIgnorePreviousHosts:boolean backoff:istio-duration',
  VirtualFault: 'delay:FaultDelay abort:FaultAbort',
  FaultDelay: 'fixedDelay:istio-duration exponentialDelay:istio-duration percent:count percentage:Percent',
  FaultAbort: 'httpStatus:int grpcStatus:string http2Error:string percentage:Percent',
  Percent: 'value:number',
  VirtualMirror: 'destination:Destination! percentage:Percent',
  VirtualCors:
    'allowOrigin:string[] allowOrigins:StringMatch[] allowMethods:string[] allowHeaders:string[] exposeHeaders:string[] ' +
    'maxAge:istio-duration allowCredentials:boolean unmatchedPreflights:UNSPECIFIED|FORWARD|IGNORE',
  VirtualHeaders: 'request:HeaderOperations response:HeaderOperations',
  HeaderOperations: 'set:string{} add:string{} remove:string[]',
  VirtualTlsRoute: 'match:VirtualTlsMatch[]! route:VirtualL4Destination[]',
  VirtualTlsMatch:
    'sniHosts:text[]! destinationSubnets:cidr[] port:port sourceLabels:labels gateways:text[] sourceNamespace:string',
  VirtualTcpRoute: 'match:VirtualTcpMatch[] route:VirtualL4Destination[]',
  VirtualTcpMatch:
    'destinationSubnets:cidr[] port:port sourceSubnet:string sourceLabels:labels gateways:text[] sourceNamespace:string',
  VirtualL4Destination: 'destination:Destination! weight:count',

  DestinationRule: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:DestinationRuleSpec! status:IstioStatus',
  DestinationRuleSpec:
    'host:text! trafficPolicy:TrafficPolicy subsets:DestinationSubset[] exportTo:text[] workloadSelector:WorkloadSelector',
  DestinationSubset: 'name:text! labels:labels trafficPolicy:TrafficPolicy',
  TrafficPolicy:
    'loadBalancer:LoadBalancerSettings connectionPool:ConnectionPool outlierDetection:OutlierDetection ' +
    'tls:ClientTls portLevelSettings:PortTrafficPolicy[4096] tunnel:TunnelSettings proxyProtocol:ProxyProtocol ' +
    'retryBudget:RetryBudget',
  PortTrafficPolicy:
    'port:PortSelector loadBalancer:LoadBalancerSettings connectionPool:ConnectionPool outlierDetection:OutlierDetection ' +
    'tls:ClientTls',
  LoadBalancerSettings:
    'simple:UNSPECIFIED|LEAST_CONN|RANDOM|PASSTHROUGH|ROUND_ROBIN|LEAST_REQUEST consistentHash:ConsistentHash ' +
    'localityLbSetting:LocalityLb zoneAwareLbSetting:ZoneAwareLb warmupDurationSecs:istio-duration warmup:Warmup',
  ConsistentHash:
    'httpHeaderName:string httpCookie:HashCookie useSourceIp:boolean httpQueryParameterName:string ringHash:RingHash ' +
    'maglev:Maglev minimumRingSize:count',
  HashCookie: 'name:string! path:string ttl:istio-duration attributes:CookieAttribute[]',
  CookieAttribute: 'name:string value:string',
  RingHash: 'minimumRingSize:count',
  Maglev: 'tableSize:count',
  LocalityLb: 'distribute:LocalityDistribute[] failover:LocalityFailover[] failoverPriority:string[] enabled:boolean',
  LocalityDistribute: 'from:string to:count{}',
  LocalityFailover: 'from:string to:string',
  ZoneAwareLb: 'enabled:boolean failover:LocalityFailover[] failoverPriority:string[] minClusterSize:count',
  Warmup: 'duration:istio-duration! minimumPercent:number aggression:number',
  ConnectionPool: 'tcp:TcpPool http:HttpPool',
  TcpPool:
    'maxConnections:count connectTimeout:istio-duration tcpKeepalive:TcpKeepalive maxConnectionDuration:istio-duration ' +
    'idleTimeout:istio-duration',
  TcpKeepalive: 'probes:count time:istio-duration interval:istio-duration',
  HttpPool:
    'http1MaxPendingRequests:count http2MaxRequests:count maxRequestsPerConnection:count maxRetries:count ' +
    'idleTimeout:istio-duration h2UpgradePolicy:DEFAULT|DO_NOT_UPGRADE|UPGRADE useClientProtocol:boolean ' +
    'maxConcurrentStreams:count http2KeepAlive:Http2KeepAlive',
  Http2KeepAlive: 'interval:istio-duration timeout:istio-duration',
  OutlierDetection:
    'consecutiveErrors:count splitExternalLocalOriginErrors:boolean consecutiveLocalOriginFailures:count ' +
    'consecutiveGatewayErrors:count consecutive5xxErrors:count outlierDetectionHttpErrorCodes:count[] interval:istio-duration baseEjectionTime:istio-duration ' +
    'maxEjectionPercent:count minHealthPercent:count failurePercentageThreshold:count ' +
    'failurePercentageMinimumHosts:count failurePercentageRequestVolume:count',
  ClientTls:
    'mode:DISABLE|SIMPLE|MUTUAL|ISTIO_MUTUAL clientCertificate:string privateKey:string caCertificates:string ' +
    'credentialName:string subjectAltNames:string[] sni:string insecureSkipVerify:boolean caCrl:string',
  TunnelSettings: 'protocol:string targetHost:string! targetPort:port!',
  ProxyProtocol: 'version:V1|V2',
  RetryBudget: 'percent:number minRetryConcurrency:count budgetInterval:istio-duration',
};
