/**
 * The URL of a module that lies beside the caller, with the caller's own ending: `.ts` when the sources run
 * as they are (tests), `.js` when compiled. For `new Worker(...)`, whose URL no compiler rewrites.
 * `sibling` is relative and without ending, e.g. `./worker`.
 */
export function siblingModule(callerUrl: string, sibling: string): URL {
  const ending = callerUrl.endsWith('.ts') ? '.ts' : '.js';
  return new URL(sibling + ending, callerUrl);
}
