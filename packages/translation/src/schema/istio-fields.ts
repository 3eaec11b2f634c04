const SOURCE_LISTS =
  'principals:text[] notPrincipals:text[] requestPrincipals:text[] notRequestPrincipals:text[] namespaces:text[] ' +
  'notNamespaces:text[] serviceAccounts:account[16] notServiceAccounts:account[16] trustDomains:text[] ' +
  'notTrustDomains:text[] ipBlocks:cidr[] notIpBlocks:cidr[] remoteIpBlocks:cidr[] notRemoteIpBlocks:cidr[]';

const OPERATION_LISTS =
  'hosts:text[] notHosts:text[] ports:port-text[] notPorts:port-text[] methods:text[] notMethods:text[] paths:text[] ' +
  'notPaths:text[]';

/**
 * The objects of Istio's security API that are read (`security.istio.io` v1 and v1beta1, CustomResourceDefinitions of
 * release 1.32), field by field. Notation: field-table.ts.
 */
export const ISTIO_FIELDS: Readonly<Record<string, string>> = {
  AuthorizationPolicy:
    'apiVersion:string! kind:string! metadata:ObjectMeta! spec:AuthorizationPolicySpec status:IstioStatus',
  AuthorizationPolicySpec:
    'selector:WorkloadSelector targetRef:PolicyTargetReference targetRefs:PolicyTargetReference[16] ' +
    'action:ALLOW|DENY|AUDIT|CUSTOM provider:ExtensionProvider rules:PolicyRule[512]',
  WorkloadSelector: 'matchLabels:labels',
  PolicyTargetReference: 'group:string kind:text! name:text! namespace:no-namespace',
  ExtensionProvider: 'name:text!',
  PolicyRule: 'from:RuleFrom[512] to:RuleTo[512] when:RuleCondition[512]',
  RuleFrom: 'source:RuleSource!',
  RuleSource: SOURCE_LISTS,
  RuleTo: 'operation:RuleOperation!',
  RuleOperation: OPERATION_LISTS,
  RuleCondition: 'key:text! values:text[] notValues:text[]',
  PeerAuthentication:
    'apiVersion:string! kind:string! metadata:ObjectMeta! spec:PeerAuthenticationSpec status:IstioStatus',
  PeerAuthenticationSpec: 'selector:WorkloadSelector mtls:MutualTls portLevelMtls:MutualTls{}',
  RequestAuthentication:
    'apiVersion:string! kind:string! metadata:ObjectMeta! spec:RequestAuthenticationSpec status:IstioStatus',
  RequestAuthenticationSpec:
    'selector:WorkloadSelector targetRef:PolicyTargetReference targetRefs:PolicyTargetReference[16] jwtRules:JwtRule[4096]',
  JwtRule:
    'issuer:text audiences:text[] jwksUri:text jwks_uri:text jwks:string fromHeaders:JwtHeader[] fromParams:text[] ' +
    'fromCookies:text[] outputPayloadToHeader:string forwardOriginalToken:boolean outputClaimToHeaders:ClaimToHeader[] ' +
    'timeout:istio-duration spaceDelimitedClaims:text[64]',
  JwtHeader: 'name:text! prefix:string',
  ClaimToHeader: 'header:text! claim:text!',
  MutualTls: 'mode:UNSET|DISABLE|PERMISSIVE|STRICT',
  IstioStatus: 'conditions:anything[] validationMessages:anything[] observedGeneration:anything',
};
