import type { EntryPort } from '../../entry-objects.ts';
import type { ServicePort } from '../../objects.ts';

/** Protocols of Istio by what a Service's `appProtocol` calls them. */
const APP_PROTOCOLS: ReadonlyMap<string, string> = new Map([
  ['GRPC', 'grpc'],
  ['GRPC-WEB', 'http'],
  ['HTTP', 'http'],
  ['HTTP2', 'http2'],
  ['HTTPS', 'https'],
  ['MONGO', 'mongo'],
  ['MYSQL', 'mysql'],
  ['REDIS', 'redis'],
  ['TCP', 'tcp'],
  ['TLS', 'tls'],
]);

/** A port as a Service would have it. Without a protocol, or with one that nobody knows, the begin of its name counts. */
export function servicePortOf({ number, name, protocol = '', targetPort }: EntryPort): ServicePort {
  const upper = protocol.toUpperCase();
  const appProtocol = APP_PROTOCOLS.get(upper);
  return {
    port: number,
    name,
    ...(upper === 'UDP' || (upper === '' && /^udp(?:-|$)/.test(name)) ? { protocol: 'UDP' as const } : {}),
    ...(targetPort === undefined ? {} : { targetPort }),
    ...(appProtocol === undefined ? {} : { appProtocol }),
  };
}
