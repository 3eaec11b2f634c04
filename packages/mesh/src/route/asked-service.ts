import type { MeshStore } from '../mesh-store.ts';
import type { Service } from '../service.ts';
import type { PortMapping, Workload } from '../workload.ts';

/**
 * The service as whose endpoint a workload is reached at `port`, for telemetry alone. The service that the client's proxy says
 * it dialled (`host`) is believed if the workload belongs to it; else it is the one service of the workload that leads to that
 * port, if there is exactly one.
 */
export function askedService(
  store: MeshStore,
  own: Workload,
  port: number,
  host: string | undefined,
): Service | undefined {
  let found: Service | undefined;
  let ambiguous = false;
  for (const [key, mappings] of own.services) {
    const named = host !== undefined && isOf(key, host);
    if (!named && ambiguous) continue;
    const service = store.services.byKey(key)?.model;
    if (service === undefined) continue;
    if (named) return service;
    if (!leadsTo(service, mappings, port)) continue;
    ambiguous = found !== undefined;
    found = service;
  }
  return ambiguous ? undefined : found;
}

/** Whether a key, `namespace/hostname`, is that of a hostname. */
function isOf(key: string, hostname: string): boolean {
  const at = key.length - hostname.length;
  return at > 0 && key.endsWith(hostname) && key.charAt(at - 1) === '/';
}

function leadsTo(service: Service, mappings: readonly PortMapping[], port: number): boolean {
  for (const { servicePort, targetPort } of mappings) {
    const common =
      targetPort > 0 ? targetPort : service.ports.find((one) => one.servicePort === servicePort)?.targetPort;
    if (common === port) return true;
  }
  return mappings.length === 0 && service.ports.some(({ targetPort }) => targetPort === port);
}
