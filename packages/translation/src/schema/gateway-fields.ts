const ROUTE_REFERENCES = 'parentRefs:ParentReference[32] useDefaultGateways:All|None hostnames:string[16]';

/**
 * The objects of the Gateway API that are read (`gateway.networking.k8s.io`, CustomResourceDefinitions of release 1.7,
 * experimental channel), field by field. Notation: field-table.ts.
 */
export const GATEWAY_FIELDS: Readonly<Record<string, string>> = {
  GatewayClass: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:GatewayClassSpec! status:GatewayClassStatus',
  GatewayClassSpec: 'controllerName:text! parametersRef:ParametersReference description:string',
  ParametersReference: 'group:string! kind:text! name:text! namespace:dns-label',
  GatewayClassStatus: 'conditions:anything[] supportedFeatures:anything[]',
  Gateway: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:GatewaySpec! status:GatewayStatus',
  GatewaySpec:
    'gatewayClassName:text! listeners:GatewayListener[64]! addresses:GatewaySpecAddress[16] ' +
    'infrastructure:GatewayInfrastructure allowedListeners:AllowedListeners tls:GatewayTls defaultScope:All|None',
  GatewaySpecAddress: 'type:string value:string',
  GatewayInfrastructure: 'labels:labels annotations:annotations parametersRef:LocalReference',
  LocalReference: 'group:string! kind:text! name:text!',
  AllowedListeners: 'namespaces:RouteNamespaces',
  GatewayTls: 'backend:GatewayBackendTls frontend:GatewayFrontendTls',
  GatewayBackendTls: 'clientCertificateRef:ObjectLink',
  GatewayFrontendTls: 'default:FrontendTlsConfig! perPort:FrontendTlsPort[64]',
  FrontendTlsPort: 'port:port! tls:FrontendTlsConfig!',
  FrontendTlsConfig: 'validation:FrontendTlsValidation',
  FrontendTlsValidation: 'caCertificateRefs:ObjectLink[8] mode:AllowValidOnly|AllowInsecureFallback',
  ObjectLink: 'group:string kind:string name:text! namespace:dns-label',
  GatewayListener:
    'name:dns-name! hostname:string port:port! protocol:text! tls:ListenerTls allowedRoutes:AllowedRoutes',
  ListenerTls: 'mode:Terminate|Passthrough certificateRefs:ObjectLink[64] options:string{}',
  AllowedRoutes: 'namespaces:RouteNamespaces kinds:RouteGroupKind[8]',
  RouteNamespaces: 'from:All|Selector|Same|None selector:LabelSelector',
  RouteGroupKind: 'group:string kind:text!',
  GatewayStatus: 'addresses:anything[] conditions:anything[] listeners:anything[] attachedListenerSets:anything',
  BackendTLSPolicy:
    'apiVersion:string! kind:string! metadata:ObjectMeta! spec:BackendTLSPolicySpec! status:PolicyStatus',
  BackendTLSPolicySpec: 'targetRefs:BackendTLSTarget[16]! validation:BackendTLSValidation! options:string{}',
  BackendTLSTarget: 'group:string! kind:text! name:text! sectionName:dns-name',
  BackendTLSValidation:
    'caCertificateRefs:LocalReference[8] wellKnownCACertificates:string hostname:dns-name! ' +
    'subjectAltNames:BackendTLSName[5]',
  BackendTLSName: 'type:Hostname|URI! hostname:string uri:string',
  PolicyStatus: 'ancestors:anything[]',
  ReferenceGrant: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:ReferenceGrantSpec!',
  ReferenceGrantSpec: 'from:ReferenceGrantFrom[16]! to:ReferenceGrantTo[16]!',
  ReferenceGrantFrom: 'group:string! kind:text! namespace:dns-label!',
  ReferenceGrantTo: 'group:string! kind:text! name:string',

  ParentReference: 'group:string kind:string namespace:dns-label name:text! sectionName:dns-name port:port',
  RouteStatus: 'parents:anything[]',
  SessionPersistence:
    'sessionName:string absoluteTimeout:gateway-duration idleTimeout:gateway-duration type:Cookie|Header ' +
    'cookieConfig:SessionCookie',
  SessionCookie: 'lifetimeType:Permanent|Session',
  BackendRef: 'group:string kind:string name:text! namespace:dns-label port:port weight:weight',
  HeaderFilter: 'set:HeaderValue[16] add:HeaderValue[16] remove:text[16]',
  HeaderValue: 'name:text! value:string!',
  MirrorFilter: 'backendRef:ObjectLinkWithPort! percent:int fraction:Fraction',
  ObjectLinkWithPort: 'group:string kind:string name:text! namespace:dns-label port:port',
  Fraction: 'numerator:count! denominator:count',
  ValueMatch: 'type:Exact|RegularExpression name:text! value:text!',

  HTTPRoute: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:HTTPRouteSpec! status:RouteStatus',
  HTTPRouteSpec: `${ROUTE_REFERENCES} rules:HTTPRouteRule[16]`,
  HTTPRouteRule:
    'name:dns-name matches:HTTPRouteMatch[64] filters:HTTPRouteFilter[16] backendRefs:HTTPBackendRef[16] ' +
    'timeouts:HTTPRouteTimeouts retry:HTTPRouteRetry sessionPersistence:SessionPersistence',
  HTTPRouteMatch:
    'path:HTTPPathMatch headers:ValueMatch[16] queryParams:ValueMatch[16] ' +
    'method:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH',
  HTTPPathMatch: 'type:Exact|PathPrefix|RegularExpression value:string',
  HTTPBackendRef:
    'group:string kind:string name:text! namespace:dns-label port:port weight:weight filters:HTTPRouteFilter[16]',
  HTTPRouteTimeouts: 'request:gateway-duration backendRequest:gateway-duration',
  HTTPRouteRetry: 'codes:int[] attempts:count backoff:gateway-duration',
  HTTPRouteFilter:
    'type:RequestHeaderModifier|ResponseHeaderModifier|RequestMirror|RequestRedirect|URLRewrite|CORS|ExternalAuth|' +
    'ExtensionRef! requestHeaderModifier:HeaderFilter responseHeaderModifier:HeaderFilter requestMirror:MirrorFilter ' +
    'requestRedirect:RequestRedirect urlRewrite:URLRewrite cors:CorsFilter externalAuth:ExternalAuth ' +
    'extensionRef:LocalReference',
  RequestRedirect: 'scheme:http|https hostname:string path:PathModifier port:port statusCode:int',
  URLRewrite: 'hostname:string path:PathModifier',
  PathModifier: 'type:ReplaceFullPath|ReplacePrefixMatch! replaceFullPath:string replacePrefixMatch:string',
  CorsFilter:
    'allowOrigins:string[64] allowCredentials:boolean allowMethods:string[9] allowHeaders:string[64] ' +
    'exposeHeaders:string[64] maxAge:count',
  ExternalAuth:
    'protocol:HTTP|GRPC! backendRef:ObjectLinkWithPort! grpc:ExternalAuthGrpc http:ExternalAuthHttp ' +
    'forwardBody:ForwardBody',
  ExternalAuthGrpc: 'allowedHeaders:string[64]',
  ExternalAuthHttp: 'path:string allowedHeaders:string[64] allowedResponseHeaders:string[64]',
  ForwardBody: 'maxSize:count',

  GRPCRoute: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:GRPCRouteSpec! status:RouteStatus',
  GRPCRouteSpec: `${ROUTE_REFERENCES} rules:GRPCRouteRule[16]`,
  GRPCRouteRule:
    'name:dns-name matches:GRPCRouteMatch[64] filters:GRPCRouteFilter[16] backendRefs:GRPCBackendRef[16] ' +
    'sessionPersistence:SessionPersistence',
  GRPCRouteMatch: 'method:GRPCMethodMatch headers:ValueMatch[16]',
  GRPCMethodMatch: 'type:Exact|RegularExpression service:string method:string',
  GRPCBackendRef:
    'group:string kind:string name:text! namespace:dns-label port:port weight:weight filters:GRPCRouteFilter[16]',
  GRPCRouteFilter:
    'type:RequestHeaderModifier|ResponseHeaderModifier|RequestMirror|ExtensionRef! requestHeaderModifier:HeaderFilter ' +
    'responseHeaderModifier:HeaderFilter requestMirror:MirrorFilter extensionRef:LocalReference',

  TCPRoute: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:TCPRouteSpec! status:RouteStatus',
  TCPRouteSpec: 'parentRefs:ParentReference[32] useDefaultGateways:All|None rules:ConnectionRouteRule[1]!',
  TLSRoute: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:TLSRouteSpec! status:RouteStatus',
  TLSRouteSpec:
    'parentRefs:ParentReference[32] useDefaultGateways:All|None hostnames:string[1024] rules:ConnectionRouteRule[1]!',
  ConnectionRouteRule: 'name:dns-name backendRefs:BackendRef[16]!',
};
