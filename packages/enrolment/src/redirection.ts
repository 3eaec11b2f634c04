import type { PodRedirection } from '@ambit/capture/pod-rules';

/** What holds on a node for pods that say nothing else. */
export interface RedirectionDefaults {
  /** Redirect DNS queries (Istio's `ambient.dnsCapture`). */
  readonly dns: boolean;
  /** Write IPv6 rules; only sensible where the pod speaks IPv6 at all. */
  readonly ipv6: boolean;
}

/** What a pod's annotations ask for (Istio's names). A value that cannot be read counts as not written. */
export function redirectionOf(
  annotations: Readonly<Record<string, string>> | undefined,
  defaults: RedirectionDefaults,
): PodRedirection {
  const valueOf = (key: string): string | undefined =>
    annotations !== undefined && Object.hasOwn(annotations, key) ? annotations[key] : undefined;
  const interfaces = valueOf('istio.io/reroute-virtual-interfaces') ?? '';
  return {
    ipv6: defaults.ipv6,
    dns: booleanOf(valueOf('ambient.istio.io/dns-capture')) ?? defaults.dns,
    bypassInbound: booleanOf(valueOf('ambient.istio.io/bypass-inbound-capture')) ?? false,
    virtualInterfaces: interfaces
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  };
}

/** The spellings that Go's strconv.ParseBool takes, which is what reads these annotations elsewhere. */
function booleanOf(text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  return undefined;
}
