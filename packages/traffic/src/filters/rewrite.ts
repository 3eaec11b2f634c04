import type { Rewrite } from '../model/route-filters.ts';
import { CompiledPathRewrite } from './path-rewrite.ts';

/** How a request is changed before it is sent on, made ready. */
export interface CompiledRewrite {
  readonly authority: string | undefined;
  readonly path: CompiledPathRewrite | undefined;
}

/** What a destination says holds in place of what its route says, part by part. Undefined: nothing is changed. */
export function compileRewrite(route: Rewrite | null, destination: Rewrite | null): CompiledRewrite | undefined {
  if (route === null && destination === null) return undefined;
  const path = destination?.path ?? route?.path ?? null;
  return {
    authority: nonEmpty(destination?.authority) ?? nonEmpty(route?.authority),
    path: path === null ? undefined : new CompiledPathRewrite(path),
  };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.length === 0 ? undefined : text;
}
