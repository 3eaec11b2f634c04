import { parseIp } from '@ambit/core/address';
import { PROXY_PORTS } from '@ambit/mesh/ports';
import type { Gateway, GatewayClass, GatewayListener } from '../../gateway-objects.ts';
import { valueOf } from '../../labels.ts';
import type { Service } from '../../objects.ts';
import type { TranslationSettings } from '../settings.ts';
import { GATEWAY_NAME_LABEL } from './deployed-names.ts';

// A sandwiched waypoint is a Gateway that another controller runs and programs, with node proxies before and behind it: they
// end the tunnels, and hand its pods plain connections.

/** Annotation of a Gateway, or of its class, that makes it one: how its pods take what comes in tunnels. */
export const INBOUND_BINDING = 'ambient.istio.io/waypoint-inbound-binding';

/** How a pod takes what comes in tunnels. */
export interface InboundBinding {
  /** `PROXY`: a header of PROXY protocol stands before the bytes. */
  readonly protocol: 'NONE' | 'PROXY';
  /** 0: the one that was asked for. */
  readonly port: number;
}

/** The protocol of a listener that takes PROXY headers at its own port, whatever that is (Istio's name). */
const PROXY_LISTENER = 'istio.io/PROXY';

/** What the annotation says, the Gateway's before its class's; `invalid`: nothing that is understood. */
export function inboundBindingOf(
  gateway: Gateway,
  gatewayClass: GatewayClass | undefined,
): 'invalid' | InboundBinding | undefined {
  const text =
    valueOf(gateway.metadata.annotations, INBOUND_BINDING) ??
    valueOf(gatewayClass?.metadata.annotations, INBOUND_BINDING);
  if (text === undefined) return undefined;
  const [, protocol, port = '0'] = /^(NONE|PROXY)(?:\/([1-9][0-9]{0,4}))?$/.exec(text) ?? [];
  const number = Number(port);
  if ((protocol !== 'NONE' && protocol !== 'PROXY') || number > 65_535 || PROXY_PORTS.has(number)) return 'invalid';
  return { protocol, port: number };
}

/** The listener whose `allowedRoutes` say who may be bound; undefined: its own namespace alone (as in Istio). */
export function boundListener({ spec }: Gateway, { protocol, port }: InboundBinding): GatewayListener | undefined {
  if (port > 0) return spec.listeners.find((listener) => listener.port === port);
  return protocol === 'PROXY' ? spec.listeners.find((listener) => listener.protocol === PROXY_LISTENER) : undefined;
}

/**
 * The Service in front of a Gateway's pods, of its own namespace: the one that its status names by address or hostname, else the
 * first that is labelled with its name. Undefined: none is there.
 */
export function serviceInFront(
  gateway: Gateway,
  services: Iterable<Service>,
  { clusterDomain }: Pick<TranslationSettings, 'clusterDomain'>,
): Service | undefined {
  const { name, namespace } = gateway.metadata;
  const own = [...services].filter(({ metadata }) => metadata.namespace === namespace);
  for (const value of (gateway.status?.addresses ?? []).map(addressValue)) {
    const ip = parseIp(value);
    const found = own.find(({ metadata, spec }) =>
      ip === undefined
        ? `${metadata.name}.${namespace}.svc.${clusterDomain}` === value
        : [spec.clusterIP ?? '', ...(spec.clusterIPs ?? [])].some((text) => parseIp(text) === ip),
    );
    if (found !== undefined) return found;
  }
  return own.find(({ metadata }) => valueOf(metadata.labels, GATEWAY_NAME_LABEL) === name);
}

function addressValue(address: unknown): string {
  const value: unknown = typeof address === 'object' && address !== null && 'value' in address ? address.value : '';
  return typeof value === 'string' ? value : '';
}
