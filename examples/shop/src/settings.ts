import { env } from 'node:process';

/** The header that carries the marker in HTTP. */
export const MARKER_HEADER = 'x-shop-marker';

/** Travels with every request and answer, so that a capture can show whether a wire was readable. */
export const MARKER: string = env['SHOP_MARKER'] ?? 'shop-marker-in-plain-sight';

/** Which version of a service this process is; answers carry it. Default v1. */
export const VERSION: string = env['VERSION'] ?? 'v1';

/** Where `/readyz` answers. Default 8081. */
export const HEALTH_PORT: number = port('HEALTH_PORT', 8081);

/** How long a service that was told to stop goes on accepting, in milliseconds: others learn late that it is leaving. Default 300. */
export const DRAIN_DELAY: number = Number(env['DRAIN_DELAY_MS'] ?? '300');

/** A port from the environment. */
export function port(name: string, fallback: number): number {
  return Number(env[name] ?? fallback);
}

/** The address of another service from the environment. */
export function address(name: string, fallback: string): string {
  return env[name] ?? fallback;
}

/** One JSON line on standard output. */
export function log(service: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
  console.log(JSON.stringify({ service, message, ...fields }));
}
