import { toJson } from '@bufbuild/protobuf';
import type { SocketAddress } from '@ambit/core/address';
import { AuthorizationSchema } from '@ambit/proto/authorization';
import { ServedServiceSchema } from '@ambit/proto/waypoint';
import { AddressSchema } from '@ambit/proto/workload';
import { formatProblem } from '@ambit/translation/manifest/problem';
import type { MeshState } from '../model/mesh-state.ts';
import type { StatusPage } from './status-server.ts';

/** What the status server shows. */
export function statusPages(parts: {
  readonly mesh: MeshState;
  readonly clients: () => readonly string[];
  readonly metrics: () => string;
  readonly listening: () => SocketAddress | undefined;
  /** Objects on which nobody acts, beside those of the mesh, one line each. */
  readonly notHonoured: () => readonly string[];
  readonly further: ReadonlyMap<string, () => StatusPage>;
}): ReadonlyMap<string, () => StatusPage> {
  return new Map<string, () => StatusPage>([
    [
      '/ready',
      () => {
        const missing =
          parts.mesh.translation === undefined
            ? 'objects are still being read'
            : parts.listening() === undefined
              ? 'ADS and CA do not listen yet'
              : '';
        const body = missing === '' ? 'ready\n' : `not ready: ${missing}\n`;
        return { status: missing === '' ? 200 : 503, contentType: 'text/plain', body };
      },
    ],
    ['/metrics', () => ({ contentType: 'text/plain; version=0.0.4', body: parts.metrics() })],
    ['/debug/resources', () => json(resourcesAsJson(parts.mesh))],
    [
      '/debug/problems',
      () =>
        json({
          refused: parts.mesh.problems.map((problem) => formatProblem(problem)),
          notHonoured: [...parts.mesh.notHonoured, ...parts.notHonoured()],
        }),
    ],
    ['/debug/clients', () => json(parts.clients())],
    ...parts.further,
  ]);
}

/** A page of indented JSON. */
export function json(value: unknown): StatusPage {
  return { body: `${JSON.stringify(value, null, 2)}\n` };
}

function resourcesAsJson({ translation }: MeshState): Record<string, unknown> {
  if (translation === undefined) return {};
  return {
    addresses: Object.fromEntries(
      Array.from(translation.addresses, ([name, value]) => [name, toJson(AddressSchema, value)]),
    ),
    authorizations: Object.fromEntries(
      Array.from(translation.authorizations, ([name, value]) => [name, toJson(AuthorizationSchema, value)]),
    ),
    servedServices: Object.fromEntries(
      Array.from(translation.servedServices, ([name, value]) => [name, toJson(ServedServiceSchema, value)]),
    ),
    conditions: translation.conditions,
  };
}
