/**
 * The numbers and names that node agent, proxy and kubelet share on a node. They are the ones of Istio ambient, so that
 * either agent can drive either proxy.
 */

/** TCP ports on which the proxy listens inside a pod. 15008 is reached directly, the others by redirection. */
export const OUTBOUND_PORT: number = 15001;
export const INBOUND_PLAINTEXT_PORT: number = 15006;
export const INBOUND_HBONE_PORT: number = 15008;
export const DNS_PORT: number = 15053;

/** Packet mark (SO_MARK) of every socket that the proxy opens in a pod, and the bits that count. */
export const PROXY_MARK: number = 0x539;
/** Connection mark of connections that the proxy opened towards the application, and its mask. */
export const REPLY_MARK: number = 0x111;
export const MARK_MASK: number = 0xfff;

/** Routing table whose only route delivers marked replies locally, and the preference of the rule that leads to it. */
export const REPLY_TABLE: number = 100;
export const REPLY_RULE_PREFERENCE: number = 32764;

/** Conntrack zone of the proxy's own DNS queries, so that they never share a port with a redirected query (istio#33469). */
export const DNS_CONNTRACK_ZONE: number = 1;

/** Source addresses that kubelet's probes wear inside a pod. */
export const PROBE_ADDRESS_V4: string = '169.254.7.127';
export const PROBE_ADDRESS_V6: string = 'fd16:9254:7127:1337:ffff:ffff:ffff:ffff';

/** Tables of family `inet`; the nat table is also the one on the host. */
export const NAT_TABLE: string = 'istio-ambient-nat';
export const MANGLE_TABLE: string = 'istio-ambient-mangle';
export const RAW_TABLE: string = 'istio-ambient-raw';

/** Sets on the host with the addresses of enrolled pods; an element's comment is the pod's uid. */
export const PROBE_SET_V4: string = 'istio-inpod-probes-v4';
export const PROBE_SET_V6: string = 'istio-inpod-probes-v6';
