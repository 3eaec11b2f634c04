/** The objects of this project's own API (`policy.ambit.io`), field by field. Notation: field-table.ts. */
export const RATE_LIMIT_FIELDS: Readonly<Record<string, string>> = {
  LocalRateLimitPolicy:
    'apiVersion:string! kind:string! metadata:ObjectMeta! spec:LocalRateLimitPolicySpec! status:PolicyStatus',
  LocalRateLimitPolicySpec:
    'targetRefs:LocalRateLimitTarget[16]! mode:Enforce|DryRun responseHeaders:RateLimit|XRateLimit|None ' +
    'rules:LocalRateLimitRule[16]!',
  LocalRateLimitTarget: 'group:string! kind:text! name:text!',
  LocalRateLimitRule:
    'name:dns-label! matches:HTTPRouteMatch[16] key:LocalRateLimitKey[4] limit:LocalRateLimitAmount! maxKeys:count',
  LocalRateLimitKey:
    'type:SourcePrincipal|SourceNamespace|SourceServiceAccount|SourceAddress|Header|Path|Method|Claim! name:text ' +
    'claim:text[8]',
  LocalRateLimitAmount: 'requests:count! interval:gateway-duration burst:count',
};
