/**
 * ServiceEntry and WorkloadEntry (`networking.istio.io` v1, v1beta1 and v1alpha3, CustomResourceDefinitions of release 1.32),
 * field by field. Notation: field-table.ts.
 */
export const ENTRY_FIELDS: Readonly<Record<string, string>> = {
  ServiceEntry: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:ServiceEntrySpec! status:EntryStatus',
  ServiceEntrySpec:
    'hosts:text[256]! addresses:text[256] ports:EntryPort[256] location:MESH_EXTERNAL|MESH_INTERNAL ' +
    'resolution:NONE|STATIC|DNS|DNS_ROUND_ROBIN|DYNAMIC_DNS endpoints:WorkloadEntrySpec[4096] ' +
    'workloadSelector:EntrySelector exportTo:text[] subjectAltNames:text[]',
  EntryPort: 'number:port! name:text! protocol:string targetPort:port',
  EntrySelector: 'labels:labels',
  EntryStatus:
    'conditions:anything[] validationMessages:anything[] observedGeneration:anything addresses:EntryAddress[]',
  EntryAddress: 'value:string host:string',
  WorkloadEntry: 'apiVersion:string! kind:string! metadata:ObjectMeta! spec:WorkloadEntrySpec! status:IstioStatus',
  WorkloadEntrySpec:
    'address:string ports:port{} labels:labels network:string locality:string weight:count serviceAccount:string',
};
