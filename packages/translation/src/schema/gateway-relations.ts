import type { Gateway } from '../gateway-objects.ts';
import type { ReportAt } from './relations.ts';

export function checkGateway({ spec }: Gateway, report: ReportAt): void {
  if (spec.listeners.length === 0) report(['spec', 'listeners'], 'needs one listener at least');
  const names = new Set<string>();
  spec.listeners.forEach(({ name, allowedRoutes }, index) => {
    const path = ['spec', 'listeners', index];
    if (names.has(name)) report([...path, 'name'], `another listener is called ${name} too`);
    names.add(name);
    const namespaces = allowedRoutes?.namespaces;
    if (namespaces?.from === 'Selector' && namespaces.selector === undefined) {
      report([...path, 'allowedRoutes', 'namespaces'], 'needs a selector', 'an empty one, {}, selects all namespaces');
    }
  });
}
